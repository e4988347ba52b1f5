//! The quoting enclave: the PCK key signs its report, the report vouches for the attestation key, and Intel's QE identity
//! says which enclaves may do so. Without the last, any enclave on a genuine machine could sign quotes.

use strongroom_crypto::digest::Sha256;

use super::chain::{self, PckChain};
use super::collateral::QeIdentity;
use super::enclave::EnclaveReport;
use super::quote::Quote;
use super::step;
use super::tcb::Level;
use crate::cache::SignatureCache;
use crate::platform::Platform;
use crate::report::Report;

/// Checks that the PCK key signed the quoting enclave's report.
pub(super) fn check_signature(
    quote: &Quote,
    chain: Option<&PckChain>,
    signatures: Option<&SignatureCache>,
    report: &mut Report,
) {
    let Some(chain) = chain else {
        report.skip(step::QE_REPORT_SIGNATURE, "there is no PCK certificate");
        return;
    };
    let signed = [&quote.qe_report[..], &quote.qe_report_signature];
    let good = chain::check_raw(&chain.leaf, signed[0], signed[1], signatures);
    let found = if good {
        "the PCK key's signature"
    } else {
        "another"
    };
    report.check(step::QE_REPORT_SIGNATURE, good, "the PCK key's signature", found);
}

/// Checks that the quoting enclave vouches for the attestation key.
pub(super) fn check_report_data(quote: &Quote, qe: &EnclaveReport, report: &mut Report) {
    let mut hasher = Sha256::new();
    hasher.update(&quote.attestation_key);
    hasher.update(&quote.qe_authentication_data);
    let mut expected = [0; 64];
    expected[..32].copy_from_slice(hasher.finish().as_bytes());
    report.check(
        step::QE_REPORT_DATA,
        qe.report_data == expected,
        hex::encode(&expected[..32]),
        hex::encode(&qe.report_data[..32]),
    );
}

/// Holds the quoting enclave against its identity, and gives its level.
pub(super) fn check_identity(
    qe: &EnclaveReport,
    identity: Option<&QeIdentity>,
    report: &mut Report,
) -> Option<Level> {
    let debug = if qe.debug() { "debug mode" } else { "no debug mode" };
    report.check(step::QE_DEBUG, !qe.debug(), "no debug mode", debug);
    let Some(identity) = identity else {
        for step in [
            step::QE_SIGNER,
            step::QE_PRODUCT,
            step::QE_MISC_SELECT,
            step::QE_ATTRIBUTES,
            step::QE_LEVEL,
        ] {
            report.skip(step, "there is no QE identity");
        }
        return None;
    };
    report.check(
        step::QE_SIGNER,
        qe.mr_signer == identity.mrsigner,
        identity.mrsigner.to_string(),
        qe.mr_signer.to_string(),
    );
    report.check(
        step::QE_PRODUCT,
        qe.product_id == identity.isvprodid,
        identity.isvprodid.to_string(),
        qe.product_id.to_string(),
    );
    let misc_select = qe.misc_select.to_le_bytes();
    check_masked(
        step::QE_MISC_SELECT,
        (&misc_select, &identity.miscselect.0, &identity.miscselect_mask.0),
        report,
    );
    check_masked(
        step::QE_ATTRIBUTES,
        (
            &qe.attributes.0,
            &identity.attributes.0,
            &identity.attributes_mask.0,
        ),
        report,
    );
    check_level(qe, identity, report)
}

fn check_level(qe: &EnclaveReport, identity: &QeIdentity, report: &mut Report) -> Option<Level> {
    let svn = qe.security_version;
    let level = identity.tcb_levels.iter().find(|level| svn >= level.tcb.isvsvn);
    match level {
        Some(level) => report.pass(
            step::QE_LEVEL,
            format!("{}, security version {svn}", level.tcb_status),
        ),
        None => report.fail(
            step::QE_LEVEL,
            "a security version that the QE identity knows",
            svn.to_string(),
        ),
    }
    level.map(Level::of_enclave)
}

fn check_masked<const N: usize>(
    step: crate::step::Step,
    (found, expected, mask): (&[u8; N], &[u8; N], &[u8; N]),
    report: &mut Report,
) {
    report.check(
        step,
        equal_under(found, expected, mask),
        format!("{} under {}", hex::encode(expected), hex::encode(mask)),
        hex::encode(found),
    );
}

/// Whether the bits that are set in `mask` are the same in both.
pub(crate) fn equal_under<const N: usize>(found: &[u8; N], expected: &[u8; N], mask: &[u8; N]) -> bool {
    let mut bytes = found.iter().zip(expected).zip(mask);
    bytes.all(|((found, expected), mask)| found & mask == expected & mask)
}

/// The QE identities that may speak for a platform's quoting enclave: `id`, and the versions that are read.
pub(super) const fn identity_of(platform: Platform) -> (&'static str, &'static [u32]) {
    match platform {
        Platform::Tdx => ("TD_QE", &[2, 3]),
        _ => ("QE", &[2]),
    }
}
