//! Collateral as `QuoteCollateralV3` in JSON, the form that Intel's library, PCCS tools and `dcap-qvl` share: TCB
//! information and QE identity as the very texts that Intel signed, certificate chains in PEM, revocation lists, all by
//! name. Times, names and signatures are checked elsewhere.
//!
//! The form has room for a PCK certificate chain of its own. It is not read: the quote's is the one that counts.

use std::sync::OnceLock;

use serde::{Deserialize, Deserializer};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_crypto::x509::crl::Crl;

use super::status::TcbStatus;
use crate::hex_bytes::HexBytes;
use crate::platform::Platform;

/// One piece of collateral as it was given, read when it is first needed.
#[derive(Debug)]
pub(crate) struct CollateralText {
    text: Box<str>,
    read: OnceLock<Result<Collateral, String>>,
}

impl CollateralText {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            read: OnceLock::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What it says, or a half sentence about why it cannot be read.
    pub(crate) fn read(&self) -> &Result<Collateral, String> {
        self.read.get_or_init(|| Collateral::parse(&self.text))
    }
}

impl PartialEq for CollateralText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CollateralText {}

/// Collateral, read and not trusted.
#[derive(Debug, Clone)]
pub(crate) struct Collateral {
    pub(crate) tcb_info: Signed<TcbInfo>,
    pub(crate) qe_identity: Signed<QeIdentity>,
    /// Revocation list of the root. None where the collateral has none.
    pub(crate) root_crl: Option<Crl>,
    /// Revocation list of the authority that issued the PCK certificate. None where the collateral has none.
    pub(crate) pck_crl: Option<Crl>,
}

/// What a text says, the text, and its signature.
#[derive(Debug, Clone)]
pub(crate) struct Signed<T> {
    pub(crate) says: T,
    /// The signature covers exactly these bytes.
    pub(crate) text: String,
    /// `r || s`.
    pub(crate) signature: Vec<u8>,
    /// The certificate of the key that signed.
    pub(crate) signer: Certificate,
}

#[derive(Deserialize)]
struct Json {
    root_ca_crl: String,
    pck_crl: String,
    tcb_info_issuer_chain: String,
    tcb_info: String,
    tcb_info_signature: String,
    qe_identity_issuer_chain: String,
    qe_identity: String,
    qe_identity_signature: String,
}

impl Collateral {
    fn parse(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| format!("it cannot be read: {error}"))?;
        let tcb_info = TcbInfo::parse(&json.tcb_info)?;
        let qe_identity = QeIdentity::parse(&json.qe_identity)?;
        Ok(Self {
            tcb_info: Signed {
                says: tcb_info,
                text: json.tcb_info,
                signature: from_hex("its signature of the TCB information", &json.tcb_info_signature)?,
                signer: signer("TCB information", &json.tcb_info_issuer_chain)?,
            },
            qe_identity: Signed {
                says: qe_identity,
                text: json.qe_identity,
                signature: from_hex("its signature of the QE identity", &json.qe_identity_signature)?,
                signer: signer("QE identity", &json.qe_identity_issuer_chain)?,
            },
            root_crl: crl("the root's revocation list", &json.root_ca_crl)?,
            pck_crl: crl("the PCK revocation list", &json.pck_crl)?,
        })
    }

    /// Which round of Intel's evaluation it is of: the earlier, where its two texts are of two.
    pub(crate) fn evaluation_number(&self) -> u32 {
        let (info, identity) = (&self.tcb_info.says, &self.qe_identity.says);
        info.tcb_evaluation_data_number
            .min(identity.tcb_evaluation_data_number)
    }

    /// When the older of its two texts was issued.
    pub(crate) fn issued_at(&self) -> UnixTime {
        let (info, identity) = (&self.tcb_info.says, &self.qe_identity.says);
        info.issue_date.0.min(identity.issue_date.0)
    }
}

/// The first certificate of an issuer chain; the root behind it is found by its key, not here.
fn signer(of: &str, chain: &str) -> Result<Certificate, String> {
    Certificate::parse_pem(chain).map_err(|_| format!("the issuer chain of its {of} cannot be read"))
}

fn crl(name: &str, digits: &str) -> Result<Option<Crl>, String> {
    if digits.is_empty() {
        return Ok(None);
    }
    let list = Crl::parse(&from_hex(name, digits)?);
    list.map(Some).map_err(|_| format!("{name} in it cannot be read"))
}

fn from_hex(name: &str, digits: &str) -> Result<Vec<u8>, String> {
    hex::decode(digits).map_err(|_| format!("{name} is not hexadecimal"))
}

/// TCB information, version 3 (Intel PCS API, "Get TCB info").
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TcbInfo {
    /// `SGX` or `TDX`.
    pub(crate) id: String,
    pub(crate) issue_date: Instant,
    pub(crate) next_update: Instant,
    pub(crate) fmspc: HexBytes<6>,
    pub(crate) pce_id: HexBytes<2>,
    tcb_type: u32,
    pub(crate) tcb_evaluation_data_number: u32,
    pub(crate) tcb_levels: Vec<TcbLevel>,
    #[serde(default)]
    pub(crate) tdx_module: Option<ModuleSigner>,
    #[serde(default)]
    pub(crate) tdx_module_identities: Vec<ModuleIdentity>,
}

/// QE identity (Intel PCS API, "Get QE identity").
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QeIdentity {
    /// `QE` or `TD_QE`.
    pub(crate) id: String,
    pub(crate) version: u32,
    pub(crate) issue_date: Instant,
    pub(crate) next_update: Instant,
    pub(crate) tcb_evaluation_data_number: u32,
    /// Little-endian, as in a report.
    pub(crate) miscselect: HexBytes<4>,
    pub(crate) miscselect_mask: HexBytes<4>,
    pub(crate) attributes: HexBytes<16>,
    pub(crate) attributes_mask: HexBytes<16>,
    pub(crate) mrsigner: HexBytes<32>,
    pub(crate) isvprodid: u16,
    pub(crate) tcb_levels: Vec<EnclaveLevel<u16>>,
}

/// A level that a platform may have.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TcbLevel {
    pub(crate) tcb: Components,
    pub(crate) tcb_date: Instant,
    pub(crate) tcb_status: TcbStatus,
    #[serde(rename = "advisoryIDs", default)]
    pub(crate) advisory_ids: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Components {
    #[serde(rename = "sgxtcbcomponents")]
    pub(crate) sgx: [Component; 16],
    #[serde(rename = "tdxtcbcomponents", default)]
    pub(crate) tdx: Option<[Component; 16]>,
    pub(crate) pcesvn: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Component {
    pub(crate) svn: u8,
}

/// A level of an enclave or of a TDX module.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnclaveLevel<Svn> {
    pub(crate) tcb: IsvSvn<Svn>,
    pub(crate) tcb_date: Instant,
    pub(crate) tcb_status: TcbStatus,
    #[serde(rename = "advisoryIDs", default)]
    pub(crate) advisory_ids: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IsvSvn<Svn> {
    pub(crate) isvsvn: Svn,
}

/// Who signs a TDX module, and what its attributes are.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModuleSigner {
    pub(crate) mrsigner: HexBytes<48>,
    pub(crate) attributes: HexBytes<8>,
    pub(crate) attributes_mask: HexBytes<8>,
}

/// The modules of one major version.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModuleIdentity {
    /// `TDX_` and two hexadecimal digits of the major version.
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) signer: ModuleSigner,
    pub(crate) tcb_levels: Vec<EnclaveLevel<u8>>,
}

/// A time in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) UnixTime);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        UnixTime::parse_rfc3339(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("expected a time such as 2027-01-31T00:00:00Z"))
    }
}

impl TcbInfo {
    fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let unreadable = |error: serde_json::Error| format!("its TCB information cannot be read: {error}");
        let Head { version } = serde_json::from_str(text).map_err(unreadable)?;
        if version != 3 {
            return Err(format!(
                "its TCB information is of version {version}; version 3 is read"
            ));
        }
        let mut info: Self = serde_json::from_str(text).map_err(unreadable)?;
        if info.tcb_type != 0 {
            return Err(format!(
                "its TCB information is of type {}; type 0 is known",
                info.tcb_type
            ));
        }
        if info.id == "TDX" {
            let complete = info.tcb_levels.iter().all(|level| level.tcb.tdx.is_some());
            if !complete || info.tdx_module.is_none() {
                return Err("its TCB information for TDX lacks what only TDX has".to_owned());
            }
        }
        check_statuses(
            "its TCB information",
            info.tcb_levels.iter().map(|level| level.tcb_status),
            OF_PLATFORMS,
        )?;
        for identity in &info.tdx_module_identities {
            let statuses = identity.tcb_levels.iter().map(|level| level.tcb_status);
            check_statuses("a TDX module in its TCB information", statuses, OF_MODULES)?;
        }
        info.sort_levels();
        Ok(info)
    }

    /// The first level that a platform meets is its own. Intel lists the best first; its library does not rely on that.
    fn sort_levels(&mut self) {
        self.tcb_levels.sort_by(|one, other| {
            let (one, other) = (&one.tcb, &other.tcb);
            (&other.sgx, other.pcesvn, &other.tdx).cmp(&(&one.sgx, one.pcesvn, &one.tdx))
        });
    }

    /// Whether it speaks of this platform: by its own word, which the checks hold against the rest.
    pub(crate) fn is_of(&self, platform: Platform) -> bool {
        self.id == tcb_info_id(platform)
    }
}

impl QeIdentity {
    fn parse(text: &str) -> Result<Self, String> {
        let identity: Self =
            serde_json::from_str(text).map_err(|error| format!("its QE identity cannot be read: {error}"))?;
        let statuses = identity.tcb_levels.iter().map(|level| level.tcb_status);
        check_statuses("its QE identity", statuses, OF_QUOTING_ENCLAVES)?;
        Ok(identity)
    }
}

/// Statuses that a level of a platform may have. Advice to relaunch is for who compares two levels.
const OF_PLATFORMS: &[TcbStatus] = &[
    TcbStatus::UpToDate,
    TcbStatus::SWHardeningNeeded,
    TcbStatus::ConfigurationNeeded,
    TcbStatus::ConfigurationAndSWHardeningNeeded,
    TcbStatus::OutOfDate,
    TcbStatus::OutOfDateConfigurationNeeded,
    TcbStatus::Revoked,
];
const OF_MODULES: &[TcbStatus] = &[TcbStatus::UpToDate, TcbStatus::OutOfDate, TcbStatus::Revoked];
const OF_QUOTING_ENCLAVES: &[TcbStatus] = &[
    TcbStatus::UpToDate,
    TcbStatus::ConfigurationNeeded,
    TcbStatus::OutOfDate,
    TcbStatus::OutOfDateConfigurationNeeded,
    TcbStatus::Revoked,
];

fn check_statuses(
    of: &str,
    mut found: impl Iterator<Item = TcbStatus>,
    known: &[TcbStatus],
) -> Result<(), String> {
    match found.find(|status| !known.contains(status)) {
        None => Ok(()),
        Some(status) => Err(format!("{of} has a level that is {status}")),
    }
}

/// The `id` of TCB information for this platform.
pub(crate) fn tcb_info_id(platform: Platform) -> &'static str {
    match platform {
        Platform::Tdx => "TDX",
        _ => "SGX",
    }
}
