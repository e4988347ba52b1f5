//! Steps 3 to 6 for a quote of SGX or TDX, in the order in which they are made. What depends on the policy comes later.
//!
//! 1. Zeros alone stand behind the quote, and Intel's quoting enclave is named as its maker.
//! 3. The quote carries the platform's PCK certificate, and there is collateral that can be read.
//! 4. Collateral, PCK certificate and everything that vouches for them are of now.
//! 3. PCK certificate and collateral hang on an accepted root, nothing in between is revoked, the texts of the collateral
//!    are signed as they stand, and speak of this platform; no newer ones were seen.
//! 5. The PCK key vouches for the quoting enclave, the enclave is Intel's and vouches for the attestation key, and that
//!    key signed header and body.
//! 6. A quote has no time of its own.
//! 9. The platform meets one of Intel's TCB levels, its TDX module is known, and neither is revoked.

use strongroom_crypto::digest::Digest32;
use strongroom_crypto::sign::{Curve, VerifyingKey};
use strongroom_crypto::time::UnixTime;

use super::chain::{self, PckChain};
use super::choose::Given;
use super::enclave::EnclaveReport;
use super::endorsed::lists::Lists;
use super::facts::PlatformFacts;
use super::quote::{INTEL_QE_VENDOR_ID, Quote};
use super::{endorsed, evaluate, qe, step, times};
use crate::endorsements::Anchor;
use crate::platform::Platform;
use crate::report::{Outcome, Report, TcbSummary};
use crate::step as common;
use crate::verify::Context;

/// What vouches for a quote, and for what. Holds only as far as the report says so.
pub(crate) struct Provisioned {
    pub(crate) anchor: Anchor,
    pub(crate) root: Digest32,
    pub(crate) issued_at: UnixTime,
    pub(crate) platform: Option<PlatformFacts>,
}

pub(crate) fn verify(
    platform: Platform,
    quote: &Quote,
    context: &Context<'_>,
    report: &mut Report,
) -> Provisioned {
    check_form(quote, report); // 1
    let chain = read_chain(quote, report); // 3
    let chain = chain.as_ref();
    let accepted = chain.and_then(|chain| chain.accepted_root(context.roots, platform));
    // Right signatures that hang on no accepted root are not remembered: anybody can make any number of them.
    let signatures = accepted.as_ref().map(|_| context.endorsements.signatures());
    let holds = chain.map(|chain| chain.check(signatures));
    let signatures = signatures.filter(|_| matches!(holds, Some(Ok(()))));
    let given = Given::read(context.endorsements, platform, chain, signatures);
    let lists = Lists::gather(chain, context.endorsements, signatures);
    let collateral = given.choose(platform, chain, context.now, report); // 3
    times::check_collateral(collateral, &lists, context.now, report); // 4
    times::check_chain(chain, context.now, report); // 4
    report_chain(holds, report); // 3
    match &accepted {
        Some(root) => report.pass(common::ROOT, format!("root {}", chain::named(root))),
        None => report.fail(common::ROOT, "a root that is accepted", describe_root(chain)),
    }
    endorsed::check_revocation(chain, collateral, &lists, report); // 3
    endorsed::check_signatures(chain, collateral, signatures, report); // 3
    endorsed::check_subject(platform, chain, collateral, report); // 3
    endorsed::check_rollback(context, &given, collateral, report); // 4
    qe::check_signature(quote, chain, signatures, report); // 5
    let enclave = EnclaveReport::parse(&quote.qe_report);
    qe::check_report_data(quote, &enclave, report); // 5
    let identity = collateral.map(|collateral| &collateral.qe_identity.says);
    let qe_level = qe::check_identity(&enclave, identity, report); // 5
    check_quote_signature(quote, report); // 5
    report.skip(
        common::FRESHNESS,
        "a quote says no time; what it is bound to does",
    ); // 6
    let sound = is_sound(report);
    let tcb = evaluate::evaluate(quote, chain, collateral, qe_level.as_ref(), report); // 9
    if let Some(tcb) = tcb.as_ref().filter(|_| sound) {
        report.set_tcb(TcbSummary {
            status: tcb.status.name().to_owned(),
            advisories: tcb.advisories.clone(),
        });
    }
    Provisioned {
        anchor: accepted.as_ref().map_or(Anchor::Vendor, |root| root.anchor),
        root: accepted.as_ref().map_or(Digest32([0; 32]), chain::named),
        issued_at: times::newest(chain, collateral, &lists, context.now),
        platform: chain.map(|chain| PlatformFacts {
            pck: chain.identity.clone(),
            tcb,
        }),
    }
}

fn check_form(quote: &Quote, report: &mut Report) {
    let trailing = quote.trailing;
    let found = match (trailing.bytes, trailing.not_zero) {
        (0, _) => "nothing".to_owned(),
        (bytes, 0) => format!("{bytes} zeros"),
        (bytes, other) => format!("{bytes} bytes, {other} of them not zero"),
    };
    report.check(
        step::TRAILING_BYTES,
        trailing.not_zero == 0,
        "nothing, or zeros",
        found,
    );
    report.check(
        step::QE_VENDOR,
        quote.qe_vendor_id == INTEL_QE_VENDOR_ID,
        hex::encode(INTEL_QE_VENDOR_ID),
        hex::encode(quote.qe_vendor_id),
    );
}

fn read_chain(quote: &Quote, report: &mut Report) -> Option<PckChain> {
    match PckChain::parse(quote) {
        Ok(chain) => {
            let identity = &chain.identity;
            let of = format!("FMSPC {}, PPID {}", identity.fmspc, identity.ppid);
            report.pass(step::PCK_CERTIFICATE, of);
            Some(chain)
        }
        Err(why) => {
            let expected = "a PCK certificate, the authority that issued it, and the root, in PEM";
            report.fail(step::PCK_CERTIFICATE, expected, why);
            None
        }
    }
}

fn report_chain(holds: Option<Result<(), String>>, report: &mut Report) {
    match holds {
        None => report.skip(step::PCK_CHAIN, "there is no PCK certificate"),
        Some(Ok(())) => report.pass(step::PCK_CHAIN, "each issued by the next"),
        Some(Err(why)) => report.fail(step::PCK_CHAIN, "each issued by the next", why),
    }
}

fn describe_root(chain: Option<&PckChain>) -> String {
    match chain {
        Some(chain) => format!("root {}", crate::endorsements::root_id(&chain.root)),
        None => "none".to_owned(),
    }
}

fn check_quote_signature(quote: &Quote, report: &mut Report) {
    let key = VerifyingKey::from_point(Curve::P256, &quote.attestation_key);
    let good = key.is_ok_and(|key| key.verify_raw(&quote.signed, &quote.signature).is_ok());
    let found = if good {
        "the attestation key's signature"
    } else {
        "another"
    };
    report.check(common::SIGNATURE, good, "the attestation key's signature", found);
}

/// Whether what Intel says may be repeated: nothing failed but what stands behind the quote.
fn is_sound(report: &Report) -> bool {
    let mut checks = report.checks().iter();
    checks.all(|check| {
        !matches!(check.outcome, Outcome::Failed { .. }) || check.id == step::TRAILING_BYTES.id()
    })
}
