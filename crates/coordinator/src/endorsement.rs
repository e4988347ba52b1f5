//! One endorsement as a file: what it says of itself. Nothing of it is believed here; the platforms' checks follow each to
//! a root when evidence is verified.

use serde::Deserialize;
use strongroom_attest::{Endorsements, NotAnEndorsement};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::crl::Crl;

/// What an endorsement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// DCAP collateral.
    Collateral,
    /// Certificates, perhaps with revocation lists.
    Certificates,
    /// A revocation list.
    RevocationList,
}

/// An endorsement that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsement {
    bytes: Vec<u8>,
    digest: Digest32,
    kind: Kind,
    from: UnixTime,
    until: Option<UnixTime>,
    /// What a newer one of the same subject replaces: a platform family's TCB information, an issuer's list.
    subject: Option<String>,
    evaluation: Option<(String, u32)>,
}

impl Endorsement {
    /// Reads one.
    ///
    /// # Errors
    /// [`NotAnEndorsement`].
    pub fn read(bytes: Vec<u8>) -> Result<Self, NotAnEndorsement> {
        let mut read = Endorsements::none();
        read.add(&bytes).map_err(|_| NotAnEndorsement)?;
        let digest = sha256(&bytes);
        let mut endorsement = Self {
            bytes,
            digest,
            kind: Kind::Certificates,
            from: UnixTime(0),
            until: None,
            subject: None,
            evaluation: None,
        };
        for certificate in read.certificates() {
            endorsement.within(certificate.not_before(), Some(certificate.not_after()));
        }
        for crl in read.crls() {
            let crl = Crl::parse(crl).map_err(|_| NotAnEndorsement)?;
            endorsement.within(crl.this_update(), crl.next_update());
            if read.certificates().is_empty() {
                endorsement.kind = Kind::RevocationList;
                endorsement.subject = Some(format!("list of {}", sha256(crl.issuer_raw())));
            }
        }
        if let Some(collateral) = read.collateral().next() {
            endorsement.kind = Kind::Collateral;
            endorsement.describe_collateral(collateral)?;
        }
        Ok(endorsement)
    }

    fn within(&mut self, from: UnixTime, until: Option<UnixTime>) {
        self.from = self.from.max(from);
        self.until = match (self.until, until) {
            (Some(own), Some(until)) => Some(own.min(until)),
            (own, until) => own.or(until),
        };
    }

    fn describe_collateral(&mut self, json: &str) -> Result<(), NotAnEndorsement> {
        let collateral: Collateral = serde_json::from_str(json).map_err(|_| NotAnEndorsement)?;
        let tcb: TcbInfo = serde_json::from_str(&collateral.tcb_info).map_err(|_| NotAnEndorsement)?;
        let time = |text: &str| UnixTime::parse_rfc3339(text).ok_or(NotAnEndorsement);
        self.within(time(&tcb.issue_date)?, Some(time(&tcb.next_update)?));
        let family = tcb.fmspc.to_ascii_lowercase();
        if family.len() != FAMILY_DIGITS || !family.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotAnEndorsement);
        }
        let id: String = tcb
            .id
            .chars()
            .take(8)
            .filter(char::is_ascii_alphanumeric)
            .collect();
        self.subject = Some(format!("{id} {family}"));
        self.evaluation = Some((family, tcb.evaluation));
        Ok(())
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the file.
    pub const fn digest(&self) -> Digest32 {
        self.digest
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// When it begins to hold, by its own word.
    pub const fn from(&self) -> UnixTime {
        self.from
    }

    /// When the first part of it ends, by its own word.
    pub const fn until(&self) -> Option<UnixTime> {
        self.until
    }

    /// What it speaks of, where only its newest form counts.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The platform family (FMSPC) and the number of the evaluation that TCB information stands on.
    pub fn evaluation(&self) -> Option<(&str, u32)> {
        self.evaluation
            .as_ref()
            .map(|(family, number)| (family.as_str(), *number))
    }

    /// Whether nobody needs `other` any more once this is there.
    pub fn replaces(&self, other: &Self) -> bool {
        self.subject.is_some() && self.subject == other.subject && other.from <= self.from
    }
}

impl Kind {
    /// The word for it on the wire and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collateral => "collateral",
            Self::Certificates => "certificates",
            Self::RevocationList => "revocation_list",
        }
    }
}

/// Digits of an FMSPC in hexadecimal.
const FAMILY_DIGITS: usize = 12;

#[derive(Deserialize)]
struct Collateral {
    tcb_info: String,
}

/// Intel's TCB information, as far as it says what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TcbInfo {
    #[serde(default)]
    id: String,
    fmspc: String,
    issue_date: String,
    next_update: String,
    #[serde(rename = "tcbEvaluationDataNumber")]
    evaluation: u32,
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::issue::{Template, Usage, self_signed};
    use strongroom_crypto::random::SystemRandom;
    use strongroom_crypto::sign::SigningKey;
    use strongroom_crypto::x509::Names;

    use super::*;

    pub(crate) fn collateral(family: &str, evaluation: u32, issued: &str) -> Vec<u8> {
        let tcb = serde_json::json!({
            "id": "TDX", "fmspc": family, "issueDate": issued, "nextUpdate": "2100-01-01T00:00:00Z",
            "tcbEvaluationDataNumber": evaluation,
        });
        serde_json::json!({ "tcb_info": tcb.to_string() })
            .to_string()
            .into_bytes()
    }

    #[test]
    fn collateral_says_what_it_is() {
        let read =
            Endorsement::read(collateral("00906ED50000", 17, "2026-01-01T00:00:00Z")).expect("collateral");
        assert_eq!(read.kind(), Kind::Collateral);
        assert_eq!(read.evaluation(), Some(("00906ed50000", 17)));
        assert_eq!(read.from().to_string(), "2026-01-01T00:00:00Z");
        let newer =
            Endorsement::read(collateral("00906ed50000", 17, "2026-02-01T00:00:00Z")).expect("collateral");
        assert!(newer.replaces(&read) && !read.replaces(&newer));
        let other =
            Endorsement::read(collateral("00906ed50001", 17, "2026-02-01T00:00:00Z")).expect("collateral");
        assert!(!other.replaces(&read), "another family's");
    }

    #[test]
    fn what_is_no_endorsement_is_refused() {
        let refused = |bytes: &[u8]| Endorsement::read(bytes.to_vec()).is_err();
        assert!(refused(b""));
        assert!(refused(b"{}"));
        assert!(refused(br#"{"tcb_info": "{}"}"#));
        assert!(refused(&collateral("../etc", 1, "2026-01-01T00:00:00Z")));
        assert!(refused(&collateral("00906ed50000", 1, "yesterday")));
    }

    #[test]
    fn a_chain_ends_with_its_first_certificate() {
        let certificate = |days: u64| {
            let template = Template {
                common_name: "vendor".into(),
                names: Names::default(),
                not_before: UnixTime(1_000),
                not_after: UnixTime(1_000).plus(days * 86_400),
                usage: Usage::Authority,
                extensions: Vec::new(),
            };
            self_signed(&template, &SigningKey::generate_p384(), &SystemRandom).expect("a certificate")
        };
        let chain = certificate(9).to_pem() + &certificate(3).to_pem();
        let read = Endorsement::read(chain.into_bytes()).expect("a chain");
        assert_eq!((read.kind(), read.subject()), (Kind::Certificates, None));
        assert_eq!(read.until(), Some(UnixTime(1_000).plus(3 * 86_400)));
    }
}
