//! Whether collateral counts: it hangs on the root of the PCK certificate, nothing in between is revoked, its texts are
//! signed as they stand and speak of this platform, and no newer ones were seen.

pub(super) mod lists;

use self::lists::Lists;
use super::chain::{self, PckChain};
use super::choose::Given;
use super::collateral::{Collateral, tcb_info_id};
use super::{qe, step};
use crate::cache::SignatureCache;
use crate::platform::Platform;
use crate::report::Report;
use crate::step::Step;
use crate::verify::Context;

pub(super) fn check_revocation(
    chain: Option<&PckChain>,
    collateral: Option<&Collateral>,
    lists: &Lists<'_>,
    report: &mut Report,
) {
    let (Some(chain), Some(collateral)) = (chain, collateral) else {
        skip(
            report,
            &[step::PCK_CRL, step::PCK_REVOKED, step::CA_CRL, step::CA_REVOKED],
        );
        return;
    };
    let authorities = [
        (&lists.ca, &chain.ca, step::PCK_CRL, step::PCK_REVOKED),
        (&lists.root, &chain.root, step::CA_CRL, step::CA_REVOKED),
    ];
    let below_root = [
        ("the PCK CA", &chain.ca),
        ("the signer of TCB information", &collateral.tcb_info.signer),
        ("the signer of QE identity", &collateral.qe_identity.signer),
        ("the root", &chain.root),
    ];
    let below_ca = [("the PCK certificate", &chain.leaf)];
    for ((lists, issuer, present, revoked), below) in
        authorities.into_iter().zip([&below_ca[..], &below_root[..]])
    {
        let name = issuer.subject_cn().unwrap_or_default();
        match lists.newest() {
            Ok(made) => {
                report.pass(present, format!("a list of {made}"));
                let found = below.iter().find(|(_, certificate)| lists.revoke(certificate));
                let found = found.map_or("none", |(name, _)| name);
                report.check(revoked, found == "none", "none revoked", found);
            }
            Err(why) => {
                report.fail(present, format!("a list signed by {name:?}"), why);
                report.skip(revoked, "there is no usable list");
            }
        }
    }
}

/// Whether both texts are signed as they stand by whom the root of `chain` certified. Only what hangs on that root is
/// remembered among the signatures.
pub(super) fn is_signed(collateral: &Collateral, chain: &PckChain, signatures: &SignatureCache) -> bool {
    let (info, identity) = (&collateral.tcb_info, &collateral.qe_identity);
    certify(collateral, chain, Some(signatures)).is_ok()
        && chain::check_raw(
            &info.signer,
            info.text.as_bytes(),
            &info.signature,
            Some(signatures),
        )
        && chain::check_raw(
            &identity.signer,
            identity.text.as_bytes(),
            &identity.signature,
            Some(signatures),
        )
}

fn certify(
    collateral: &Collateral,
    chain: &PckChain,
    signatures: Option<&SignatureCache>,
) -> Result<(), String> {
    let by_root = |name, signer| chain::check_signer(name, signer, &chain.root, signatures);
    by_root("the signer of TCB information", &collateral.tcb_info.signer)?;
    by_root("the signer of QE identity", &collateral.qe_identity.signer)
}

pub(super) fn check_signatures(
    chain: Option<&PckChain>,
    collateral: Option<&Collateral>,
    signatures: Option<&SignatureCache>,
    report: &mut Report,
) {
    let texts = [step::TCB_INFO_SIGNATURE, step::QE_IDENTITY_SIGNATURE];
    let Some(collateral) = collateral else {
        skip(report, &[step::SIGNER, texts[0], texts[1]]);
        return;
    };
    let (info, identity) = (&collateral.tcb_info, &collateral.qe_identity);
    let certified = chain.map(|chain| certify(collateral, chain, signatures));
    // Anybody can make any number of signers of his own, and right signatures by them.
    let signatures = signatures.filter(|_| matches!(certified, Some(Ok(()))));
    match certified {
        None => report.skip(step::SIGNER, "there is no PCK certificate"),
        Some(Ok(())) => report.pass(step::SIGNER, "certified by the root"),
        Some(Err(why)) => report.fail(step::SIGNER, "certified by the root", why),
    }
    let good = [
        chain::check_raw(&info.signer, info.text.as_bytes(), &info.signature, signatures),
        chain::check_raw(
            &identity.signer,
            identity.text.as_bytes(),
            &identity.signature,
            signatures,
        ),
    ];
    for (step, good) in texts.into_iter().zip(good) {
        let found = if good { "its signature" } else { "another" };
        report.check(step, good, "its signature, over the text as it stands", found);
    }
}

pub(super) fn check_subject(
    platform: Platform,
    chain: Option<&PckChain>,
    collateral: Option<&Collateral>,
    report: &mut Report,
) {
    let Some(collateral) = collateral else {
        let all = [
            step::TCB_INFO_ID,
            step::TCB_INFO_FMSPC,
            step::TCB_INFO_PCE_ID,
            step::QE_IDENTITY_ID,
        ];
        skip(report, &all);
        return;
    };
    let (info, identity) = (&collateral.tcb_info.says, &collateral.qe_identity.says);
    report.check(
        step::TCB_INFO_ID,
        info.is_of(platform),
        tcb_info_id(platform),
        info.id.clone(),
    );
    match chain.map(|chain| &chain.identity) {
        None => skip(report, &[step::TCB_INFO_FMSPC, step::TCB_INFO_PCE_ID]),
        Some(pck) => {
            report.check(
                step::TCB_INFO_FMSPC,
                info.fmspc == pck.fmspc,
                format!("collateral for FMSPC {}, which the platform is of", pck.fmspc),
                format!("collateral for FMSPC {}", info.fmspc),
            );
            report.check(
                step::TCB_INFO_PCE_ID,
                info.pce_id == pck.pce_id,
                pck.pce_id.to_string(),
                info.pce_id.to_string(),
            );
        }
    }
    let (id, versions) = qe::identity_of(platform);
    report.check(
        step::QE_IDENTITY_ID,
        identity.id == id && versions.contains(&identity.version),
        format!(
            "{id}, version {}",
            versions
                .iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(" or ")
        ),
        format!("{}, version {}", identity.id, identity.version),
    );
}

/// Holds evaluation numbers against the highest that was seen, before and among all collateral on hand: older collateral
/// stays validly signed for weeks.
pub(super) fn check_rollback(
    context: &Context<'_>,
    given: &Given<'_>,
    collateral: Option<&Collateral>,
    report: &mut Report,
) {
    let Some(collateral) = collateral else {
        skip(report, &[step::ROLLBACK]);
        return;
    };
    let family = collateral.tcb_info.says.fmspc.to_string();
    let before = context.endorsements.evaluation_floor(&family);
    let found = collateral.evaluation_number();
    match before.max(given.evaluation_floor(collateral, context.now)) {
        None => report.skip(step::ROLLBACK, "none was seen before"),
        Some(floor) => report.check(
            step::ROLLBACK,
            found >= floor,
            format!("evaluation number {floor} or more"),
            format!("evaluation number {found}"),
        ),
    }
}

fn skip(report: &mut Report, steps: &[Step]) {
    for step in steps {
        report.skip(*step, "there is no PCK certificate, or no readable collateral");
    }
}
