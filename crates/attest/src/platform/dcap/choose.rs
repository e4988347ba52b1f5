//! Which of several pieces of collateral is used: the one for this platform, and of those the newest that holds now.

use strongroom_crypto::time::UnixTime;

use super::chain::PckChain;
use super::collateral::{Collateral, CollateralText};
use super::step;
use super::times;
use crate::platform::Platform;
use crate::report::Report;

/// What tells one piece of collateral from another, the most important first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fitness {
    kind: bool,
    family: bool,
    authority: bool,
    valid: bool,
    evaluation_number: u32,
    issued_at: UnixTime,
}

/// Chooses the collateral for a platform, and reports what there is.
pub(super) fn choose<'a>(
    given: impl Iterator<Item = &'a CollateralText>,
    platform: Platform,
    chain: Option<&PckChain>,
    now: UnixTime,
    report: &mut Report,
) -> Option<&'a Collateral> {
    let given: Vec<_> = given.map(CollateralText::read).collect();
    let wanted = match chain {
        Some(chain) => format!("collateral for FMSPC {}", chain.identity.fmspc),
        None => "collateral".to_owned(),
    };
    if given.is_empty() {
        report.fail(step::MISSING, wanted, "none");
        report.skip(step::FORMAT, "there is no collateral");
        return None;
    }
    report.pass(step::MISSING, format!("{} given", given.len()));
    let readable = given.iter().filter_map(|collateral| collateral.as_ref().ok());
    let best = readable.max_by_key(|collateral| Fitness::of(collateral, platform, chain, now));
    match (best, given.first()) {
        (Some(collateral), _) => {
            let info = &collateral.tcb_info.says;
            let of = format!(
                "{} FMSPC {}, issued at {}",
                info.id, info.fmspc, info.issue_date.0
            );
            report.pass(step::FORMAT, of);
        }
        (None, Some(Err(why))) => report.fail(step::FORMAT, "QuoteCollateralV3 as JSON", why.clone()),
        (None, _) => {}
    }
    best
}

impl Fitness {
    fn of(collateral: &Collateral, platform: Platform, chain: Option<&PckChain>, now: UnixTime) -> Self {
        let info = &collateral.tcb_info.says;
        let list = collateral.pck_crl.as_ref();
        Self {
            kind: info.is_of(platform),
            family: chain.is_some_and(|chain| chain.identity.fmspc == info.fmspc),
            authority: chain
                .is_some_and(|chain| list.is_some_and(|list| list.issuer_raw() == chain.ca.subject_raw())),
            valid: times::is_valid(collateral, now),
            evaluation_number: info.tcb_evaluation_data_number,
            issued_at: info.issue_date.0,
        }
    }
}
