//! What others sign about a platform: the roots that a verifier accepts, and the collateral that hangs on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::x509::crl::Crl;
use strongroom_crypto::x509::{Certificate, X509Error};

use crate::cache::SignatureCache;
use crate::platform::Platform;
use crate::platform::dcap::CollateralText;

/// What vendors sign: certificate chains, revocation lists, TCB information. Evidence never names a place to fetch them
/// from. All of it is untrusted until a platform's checks have followed it to a root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endorsements {
    collateral: Vec<Arc<CollateralText>>,
    /// Shared by clones: each verification makes one.
    certificates: Arc<Vec<Certificate>>,
    crls: Vec<Arc<Crl>>,
    evaluation_floors: BTreeMap<String, u32>,
    signatures: SignatureCache,
}

/// The member that every version of collateral has; the rest is for the check that uses it.
#[derive(Deserialize)]
struct CollateralMark {
    #[serde(rename = "tcb_info")]
    _tcb_info: IgnoredAny,
}

/// Bytes are no endorsement of any platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no endorsement: expected DCAP collateral (QuoteCollateralV3 JSON), or certificates or revocation lists in PEM or DER"
)]
pub struct NotAnEndorsement;

/// An endorsement cannot be taken in. Nothing of its file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndorsementError {
    /// It is none.
    #[error(transparent)]
    Other(#[from] NotAnEndorsement),
    /// What says of itself that it is a certificate cannot be read as one.
    #[error("no endorsement: a certificate in it cannot be read: {0}")]
    Certificate(X509Error),
    /// What says of itself that it is a revocation list cannot be read as one.
    #[error("no endorsement: a revocation list in it cannot be read: {0}")]
    RevocationList(X509Error),
    /// There is no room for it.
    #[error("one endorsement too many: {max} of a kind are used", max = Endorsements::COUNT_MAX)]
    Full,
}

impl Endorsements {
    /// Most bytes of one endorsement.
    pub const BYTES_MAX: usize = 1024 * 1024;
    /// Most endorsements of one kind.
    pub const COUNT_MAX: usize = 256;

    /// No collateral.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes in one file: DCAP collateral as JSON, or certificates and revocation lists in PEM or DER. All of it, or
    /// nothing: who thinks that a revocation list is used, and it is not, trusts what is revoked.
    ///
    /// # Errors
    /// [`EndorsementError`].
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), EndorsementError> {
        if bytes.is_empty() || bytes.len() > Self::BYTES_MAX {
            return Err(NotAnEndorsement.into());
        }
        let held = (self.collateral.len(), self.certificates.len(), self.crls.len());
        let added = self.add_each(bytes);
        if added.is_err() {
            self.collateral.truncate(held.0);
            Arc::make_mut(&mut self.certificates).truncate(held.1);
            self.crls.truncate(held.2);
        }
        added
    }

    fn add_each(&mut self, bytes: &[u8]) -> Result<(), EndorsementError> {
        if let Ok(certificate) = Certificate::parse(bytes) {
            return self.add_certificate(&certificate);
        }
        if let Ok(crl) = Crl::parse(bytes) {
            return self.add_crl(&Arc::new(crl));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NotAnEndorsement)?;
        // Collateral has PEM inside, too.
        if !text.trim_start().starts_with('{') {
            return self.add_pem(text);
        }
        serde_json::from_str::<CollateralMark>(text).map_err(|_| NotAnEndorsement)?;
        self.add_collateral(&Arc::new(CollateralText::new(text)))
    }

    /// These endorsements and others; of the others, those that there is room for.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        // Each that finds no room is left out: these stay, whoever brings the others.
        for collateral in &other.collateral {
            let _ = self.add_collateral(collateral);
        }
        for certificate in other.certificates() {
            let _ = self.add_certificate(certificate);
        }
        for crl in &other.crls {
            let _ = self.add_crl(crl);
        }
        for (fmspc, number) in &other.evaluation_floors {
            self.raise_evaluation_floor(fmspc, *number);
        }
        self
    }

    /// Remembers that TCB information of this evaluation number was seen for a platform family (FMSPC, hexadecimal):
    /// older information stays validly signed for weeks and hides what was found since.
    pub fn raise_evaluation_floor(&mut self, fmspc: &str, number: u32) {
        let floor = self
            .evaluation_floors
            .entry(fmspc.to_ascii_lowercase())
            .or_default();
        *floor = number.max(*floor);
    }

    /// Least evaluation number of TCB information that is used for a platform family.
    #[must_use]
    pub fn evaluation_floor(&self, fmspc: &str) -> Option<u32> {
        self.evaluation_floors.get(&fmspc.to_ascii_lowercase()).copied()
    }

    /// DCAP collateral, each a `QuoteCollateralV3` as JSON.
    pub fn collateral(&self) -> impl Iterator<Item = &str> {
        self.collateral.iter().map(|collateral| collateral.text())
    }

    /// The same, each read once for all clones of these endorsements.
    pub(crate) fn dcap(&self) -> impl Iterator<Item = &CollateralText> {
        self.collateral.iter().map(AsRef::as_ref)
    }

    /// Certificates, in no order.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Revocation lists, DER.
    pub fn crls(&self) -> impl Iterator<Item = &[u8]> {
        self.lists().map(Crl::der)
    }

    /// The same, read.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &Crl> {
        self.crls.iter().map(AsRef::as_ref)
    }

    /// Whether this revocation list is among them.
    pub(crate) fn has_crl(&self, der: &[u8]) -> bool {
        self.crls().any(|known| known == der)
    }

    /// Signatures over certificates and lists that were found right with these endorsements.
    pub(crate) const fn signatures(&self) -> &SignatureCache {
        &self.signatures
    }

    fn add_pem(&mut self, text: &str) -> Result<(), EndorsementError> {
        let unreadable = |why, of: fn(X509Error) -> EndorsementError| match why {
            X509Error::NoPem => NotAnEndorsement.into(),
            why => of(why),
        };
        let certificates = Certificate::parse_pem_chain(text)
            .map_err(|why| unreadable(why, EndorsementError::Certificate))?;
        let crls =
            Crl::parse_pem_all(text).map_err(|why| unreadable(why, EndorsementError::RevocationList))?;
        if certificates.is_empty() && crls.is_empty() {
            return Err(NotAnEndorsement.into());
        }
        for certificate in &certificates {
            self.add_certificate(certificate)?;
        }
        for crl in crls {
            self.add_crl(&Arc::new(crl))?;
        }
        Ok(())
    }

    fn add_collateral(&mut self, collateral: &Arc<CollateralText>) -> Result<(), EndorsementError> {
        if self.collateral.contains(collateral) {
            return Ok(());
        }
        has_room(self.collateral.len())?;
        self.collateral.push(Arc::clone(collateral));
        Ok(())
    }

    fn add_certificate(&mut self, certificate: &Certificate) -> Result<(), EndorsementError> {
        let mut known = self.certificates.iter();
        if known.any(|known| known.der() == certificate.der()) {
            return Ok(());
        }
        has_room(self.certificates.len())?;
        Arc::make_mut(&mut self.certificates).push(certificate.clone());
        Ok(())
    }

    fn add_crl(&mut self, crl: &Arc<Crl>) -> Result<(), EndorsementError> {
        let mut known = self.crls.iter();
        if known.any(|known| known.der() == crl.der()) {
            return Ok(());
        }
        has_room(self.crls.len())?;
        self.crls.push(Arc::clone(crl));
        Ok(())
    }
}

const fn has_room(held: usize) -> Result<(), EndorsementError> {
    if held < Endorsements::COUNT_MAX {
        Ok(())
    } else {
        Err(EndorsementError::Full)
    }
}

/// The roots that a verifier accepts, each for one platform. The software platform has no default root, a TPM neither:
/// anybody may make one.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    named: Vec<(Platform, Certificate)>,
    vendors: Vec<Platform>,
    enrolment: Vec<Certificate>,
    attestation_keys: Vec<AttestationKey>,
}

/// What a root is to a verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The hardware vendor's, pinned in this crate.
    Vendor,
    /// One that the verifier's policy names.
    Named,
    /// None: the attestation key itself is known.
    AttestationKey,
}

/// A TPM's attestation key that the verifier knows, because it is pinned or was enrolled on this very connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationKey {
    /// `TPMT_PUBLIC`; or what a pin has of it: its name, or a SubjectPublicKeyInfo in DER.
    pub public: Vec<u8>,
    /// SHA-256 of the root certificate (DER) of the endorsement key that it was seen to live beside; none if pinned.
    pub endorsement_root: Option<Digest32>,
}

impl Roots {
    /// Accepts nothing yet.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            named: Vec::new(),
            vendors: Vec::new(),
            enrolment: Vec::new(),
            attestation_keys: Vec::new(),
        }
    }

    /// Accepts `root` for evidence of `platform` as well.
    #[must_use]
    pub fn with(mut self, platform: Platform, root: Certificate) -> Self {
        let known = |(of, other): &(Platform, Certificate)| *of == platform && other.der() == root.der();
        if !self.named.iter().any(known) {
            self.named.push((platform, root));
        }
        self
    }

    /// Accepts the vendor's own root for evidence of `platform`, by the key pinned in this crate. A platform without a
    /// vendor's root gains nothing by it.
    #[must_use]
    pub fn with_vendor(mut self, platform: Platform) -> Self {
        if platform.has_vendor_root() && !self.vendors.contains(&platform) {
            self.vendors.push(platform);
        }
        self
    }

    /// Accepts certificates of TPM attestation keys that this authority issued after it saw the key beside its
    /// endorsement key.
    #[must_use]
    pub fn with_enrolment(mut self, authority: Certificate) -> Self {
        if !self.enrolment.iter().any(|known| known.der() == authority.der()) {
            self.enrolment.push(authority);
        }
        self
    }

    /// Accepts a TPM's attestation key itself.
    #[must_use]
    pub fn with_attestation_key(mut self, key: AttestationKey) -> Self {
        if !self.attestation_keys.contains(&key) {
            self.attestation_keys.push(key);
        }
        self
    }

    /// Accepts what `other` accepts as well. [`crate::ReferenceValues::appraise`] holds the root that was used
    /// against its own list again, so joining the roots of several packages lends none of them another's root.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (platform, root) in &other.named {
            self = self.with(*platform, root.clone());
        }
        for platform in &other.vendors {
            self = self.with_vendor(*platform);
        }
        for authority in &other.enrolment {
            self = self.with_enrolment(authority.clone());
        }
        for key in &other.attestation_keys {
            self = self.with_attestation_key(key.clone());
        }
        self
    }

    /// The certificates named for `platform`.
    pub fn of(&self, platform: Platform) -> impl Iterator<Item = &Certificate> {
        self.named
            .iter()
            .filter(move |(of, _)| *of == platform)
            .map(|(_, root)| root)
    }

    /// Whether the vendor's pinned root is accepted for `platform`.
    #[must_use]
    pub fn accepts_vendor(&self, platform: Platform) -> bool {
        self.vendors.contains(&platform)
    }

    /// Authorities whose certificates of attestation keys are accepted.
    #[must_use]
    pub fn enrolment(&self) -> &[Certificate] {
        &self.enrolment
    }

    /// Attestation keys that are known themselves.
    #[must_use]
    pub fn attestation_keys(&self) -> &[AttestationKey] {
        &self.attestation_keys
    }

    /// Whether anything at all is accepted for `platform`.
    #[must_use]
    pub fn accepts(&self, platform: Platform) -> bool {
        let keys =
            platform == Platform::Tpm && !(self.attestation_keys.is_empty() && self.enrolment.is_empty());
        keys || self.accepts_vendor(platform) || self.of(platform).next().is_some()
    }
}

/// How a root is named in claims and reports: SHA-256 of its DER.
#[must_use]
pub fn root_id(root: &Certificate) -> Digest32 {
    sha256(root.der())
}
