//! What DCAP proves of a platform.

use serde::Serialize;
use strongroom_crypto::time::UnixTime;

use super::pck::PckIdentity;
use super::status::TcbStatus;

/// The platform, and how well it is patched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformFacts {
    /// The platform as its PCK certificate names it.
    pub pck: PckIdentity,
    /// What Intel says of its patches, where that could be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcb: Option<TcbFacts>,
}

/// What Intel says of a platform's patches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TcbFacts {
    /// The status of platform, TDX module and quoting enclave together.
    pub status: TcbStatus,
    /// Advisories that are open, in order.
    pub advisories: Vec<String>,
    /// Date of the oldest of the levels that the status is made of.
    pub date: UnixTime,
    /// The lower `tcbEvaluationDataNumber` of TCB information and QE identity.
    pub evaluation_number: u32,
    /// When the older of TCB information and QE identity was issued.
    pub issued_at: UnixTime,
}
