//! What collateral says, where an accepted root vouches for it, without a quote to hold it against: for who keeps collateral
//! and remembers how new it was.

use serde::Deserialize;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;

use super::chain::{self, INTEL_ROOT_KEY};
use crate::endorsements::Roots;
use crate::hex_bytes::HexBytes;
use crate::platform::Platform;

/// The platform family (FMSPC) and the `tcbEvaluationDataNumber` of the TCB information in a `QuoteCollateralV3`, if a
/// signer that a root of `roots` for SGX or TDX certified has signed it. Times are not looked at, and nothing is asked of
/// the rest of the collateral.
#[must_use]
pub fn vouched_evaluation(collateral: &str, roots: &Roots) -> Option<(HexBytes<6>, u32)> {
    let collateral: Collateral = serde_json::from_str(collateral).ok()?;
    let chain = Certificate::parse_pem_chain(&collateral.tcb_info_issuer_chain).ok()?;
    let [signer, root] = chain.as_slice() else {
        return None;
    };
    if !is_accepted(root, roots) {
        return None;
    }
    chain::issued("the root", root, root, None).ok()?;
    chain::check_signer("the signer of TCB information", signer, root, None).ok()?;
    let signature = hex::decode(&collateral.tcb_info_signature).ok()?;
    if !chain::check_raw(signer, collateral.tcb_info.as_bytes(), &signature, None) {
        return None;
    }
    let info: TcbInfo = serde_json::from_str(&collateral.tcb_info).ok()?;
    Some((info.fmspc, info.tcb_evaluation_data_number))
}

/// By its key alone, whatever it calls itself.
fn is_accepted(root: &Certificate, roots: &Roots) -> bool {
    [Platform::Sgx, Platform::Tdx].into_iter().any(|platform| {
        let named = || {
            roots
                .of(platform)
                .any(|known| known.spki_der() == root.spki_der())
        };
        (roots.accepts_vendor(platform) && sha256(root.spki_der()) == INTEL_ROOT_KEY) || named()
    })
}

#[derive(Deserialize)]
struct Collateral {
    tcb_info_issuer_chain: String,
    tcb_info: String,
    tcb_info_signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TcbInfo {
    fmspc: HexBytes<6>,
    tcb_evaluation_data_number: u32,
}
