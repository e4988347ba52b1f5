//! Which of several pieces of collateral is used: the one for this platform, and of those the newest that holds now.

use std::cmp::Reverse;

use strongroom_crypto::time::UnixTime;

use super::chain::PckChain;
use super::collateral::Collateral;
use super::{endorsed, step, times};
use crate::cache::SignatureCache;
use crate::endorsements::Endorsements;
use crate::platform::Platform;
use crate::report::Report;

/// All collateral on hand, in the order in which it was given: the verifier's own comes first.
pub(super) struct Given<'a> {
    count: usize,
    unreadable: Option<&'a str>,
    readable: Vec<Readable<'a>>,
}

struct Readable<'a> {
    collateral: &'a Collateral,
    /// It speaks of this platform, and whom the root certified signed it.
    genuine: bool,
}

/// What tells one piece of collateral from another, the most important first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fitness {
    kind: bool,
    family: bool,
    genuine: bool,
    valid: bool,
    evaluation_number: u32,
    issued_at: UnixTime,
}

impl<'a> Given<'a> {
    /// Reads it. `signatures` is there where the chain holds and its root is accepted; under others nothing is genuine.
    pub(super) fn read(
        endorsements: &'a Endorsements,
        platform: Platform,
        chain: Option<&PckChain>,
        signatures: Option<&SignatureCache>,
    ) -> Self {
        let trusted = chain.zip(signatures);
        let mut given = Self {
            count: 0,
            unreadable: None,
            readable: Vec::new(),
        };
        for text in endorsements.dcap() {
            given.count += 1;
            match text.read() {
                Ok(collateral) => given.readable.push(Readable {
                    collateral,
                    genuine: trusted.is_some_and(|(chain, signatures)| {
                        speaks_of(collateral, platform, chain)
                            && endorsed::is_signed(collateral, chain, signatures)
                    }),
                }),
                Err(why) => given.unreadable = given.unreadable.or(Some(why)),
            }
        }
        given
    }

    /// Chooses the collateral for a platform, and reports what there is.
    pub(super) fn choose(
        &self,
        platform: Platform,
        chain: Option<&PckChain>,
        now: UnixTime,
        report: &mut Report,
    ) -> Option<&'a Collateral> {
        if self.count == 0 {
            let wanted = match chain {
                Some(chain) => format!("collateral for FMSPC {}", chain.identity.fmspc),
                None => "collateral".to_owned(),
            };
            report.fail(step::MISSING, wanted, "none");
            report.skip(step::FORMAT, "there is no collateral");
            return None;
        }
        report.pass(step::MISSING, format!("{} given", self.count));
        // The first of equals.
        let best = self
            .readable
            .iter()
            .min_by_key(|readable| Reverse(Fitness::of(readable, platform, chain, now)));
        match (best, self.unreadable) {
            (Some(Readable { collateral, .. }), _) => {
                let info = &collateral.tcb_info.says;
                let of = format!(
                    "{} FMSPC {}, issued at {}",
                    info.id, info.fmspc, info.issue_date.0
                );
                report.pass(step::FORMAT, of);
            }
            (None, Some(why)) => report.fail(step::FORMAT, "QuoteCollateralV3 as JSON", why),
            (None, None) => {}
        }
        best.map(|readable| readable.collateral)
    }

    /// The highest evaluation number of genuine collateral beside the one that is used. What ended counts: Intel
    /// published it. What is of a time to come at `now` could not have been seen then, and archives hold such.
    pub(super) fn evaluation_floor(&self, used: &Collateral, now: UnixTime) -> Option<u32> {
        let others = self.readable.iter();
        others
            .filter(|other| other.genuine && !std::ptr::eq(other.collateral, used))
            .filter(|other| other.collateral.tcb_info.says.issue_date.0 <= now)
            .map(|other| other.collateral.evaluation_number())
            .max()
    }
}

impl Fitness {
    fn of(readable: &Readable<'_>, platform: Platform, chain: Option<&PckChain>, now: UnixTime) -> Self {
        let collateral = readable.collateral;
        let info = &collateral.tcb_info.says;
        Self {
            kind: info.is_of(platform),
            family: chain.is_some_and(|chain| chain.identity.fmspc == info.fmspc),
            genuine: readable.genuine,
            valid: times::is_valid(collateral, now),
            evaluation_number: collateral.evaluation_number(),
            issued_at: collateral.issued_at(),
        }
    }
}

fn speaks_of(collateral: &Collateral, platform: Platform, chain: &PckChain) -> bool {
    let info = &collateral.tcb_info.says;
    info.is_of(platform) && info.fmspc == chain.identity.fmspc
}
