//! Times of what Intel signs: when each thing was issued, and when the next one is due.

use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::crl::Crl;

use super::chain::PckChain;
use super::collateral::Collateral;
use super::endorsed::lists::Lists;
use super::step;
use crate::report::Report;

/// One thing with its time.
struct Window {
    name: &'static str,
    from: UnixTime,
    until: Until,
}

#[derive(Clone, Copy)]
enum Until {
    /// Its last second.
    Last(UnixTime),
    /// The second at which another takes its place.
    Next(UnixTime),
    /// It does not say, so nobody knows.
    Unsaid,
}

/// Checks that collateral, revocation lists and the certificates of those who signed them are of now.
pub(super) fn check_collateral(
    collateral: Option<&Collateral>,
    lists: &Lists<'_>,
    now: UnixTime,
    report: &mut Report,
) {
    let Some(collateral) = collateral else {
        for step in [step::NOT_YET_VALID, step::EXPIRED] {
            report.skip(step, "there is no readable collateral");
        }
        return;
    };
    let mut windows = windows(collateral);
    windows.extend(lists.timed(collateral).into_iter().filter_map(window_of_lists));
    let early: Vec<_> = windows.iter().filter(|window| now < window.from).collect();
    let newest = windows.iter().map(|window| window.from).max().unwrap_or_default();
    let found = early
        .iter()
        .map(|window| format!("{} is of {}", window.name, window.from));
    report.check(
        step::NOT_YET_VALID,
        early.is_empty(),
        format!("issued by {now}"),
        told(found, || format!("issued by {newest}")),
    );
    let late = windows.iter().filter(|window| window.until.is_over(now));
    let found: Vec<_> = late
        .map(|window| format!("{} {}", window.name, window.until.describe()))
        .collect();
    let first = windows
        .iter()
        .filter_map(|window| window.until.time())
        .min()
        .unwrap_or_default();
    report.check(
        step::EXPIRED,
        found.is_empty(),
        format!("valid at {now}"),
        told(found.into_iter(), || format!("valid until {first}")),
    );
}

/// Checks that the PCK certificate chain is of now.
pub(super) fn check_chain(chain: Option<&PckChain>, now: UnixTime, report: &mut Report) {
    let Some(chain) = chain else {
        report.skip(step::PCK_TIME, "there is no PCK certificate");
        return;
    };
    let outside = chain
        .certificates()
        .into_iter()
        .filter(|(_, certificate)| !certificate.is_valid_at(now))
        .map(|(name, certificate)| {
            let (from, until) = (certificate.not_before(), certificate.not_after());
            format!("{name} is valid from {from} to {until}")
        });
    let found: Vec<_> = outside.collect();
    report.check(
        step::PCK_TIME,
        found.is_empty(),
        format!("valid at {now}"),
        told(found.into_iter(), || {
            format!("valid until {}", chain.leaf.not_after())
        }),
    );
}

/// Whether the collateral is of now, but for its lists, which are not used alone: it is preferred where there is a choice.
pub(super) fn is_valid(collateral: &Collateral, now: UnixTime) -> bool {
    let windows = windows(collateral);
    windows
        .iter()
        .all(|window| now >= window.from && !window.until.is_over(now))
}

/// The newest time that something here shows, and that has come.
pub(super) fn newest(
    chain: Option<&PckChain>,
    collateral: Option<&Collateral>,
    lists: &Lists<'_>,
    now: UnixTime,
) -> UnixTime {
    let issued = collateral.map(windows).into_iter().flatten();
    let issued = issued.map(|window| window.from);
    let lists = collateral
        .into_iter()
        .flat_map(|collateral| lists.timed(collateral))
        .flat_map(|(_, lists)| lists)
        .map(Crl::this_update);
    let leaf = chain.map(|chain| chain.leaf.not_before());
    let shown = issued.chain(lists).chain(leaf);
    shown.filter(|time| *time <= now).max().unwrap_or_default()
}

fn windows(collateral: &Collateral) -> Vec<Window> {
    let (tcb_info, qe_identity) = (&collateral.tcb_info, &collateral.qe_identity);
    let mut windows = vec![
        Window {
            name: "TCB information",
            from: tcb_info.says.issue_date.0,
            until: Until::Last(tcb_info.says.next_update.0),
        },
        Window {
            name: "QE identity",
            from: qe_identity.says.issue_date.0,
            until: Until::Last(qe_identity.says.next_update.0),
        },
    ];
    for (name, signer) in [
        ("the signer of TCB information", &tcb_info.signer),
        ("the signer of QE identity", &qe_identity.signer),
    ] {
        windows.push(Window {
            name,
            from: signer.not_before(),
            until: Until::Last(signer.not_after()),
        });
    }
    windows
}

/// The time of an authority's lists: until all have ended, since an older one takes nothing from what the newest says.
fn window_of_lists((name, lists): (&'static str, Vec<&Crl>)) -> Option<Window> {
    let last = lists.into_iter().map(Crl::next_update).max()?;
    Some(Window {
        name,
        // A list made later revokes no less than one made now, and lists are made more often than they are due
        // (RFC 5280 §5.1.2.5): only the next one makes it useless.
        from: UnixTime::default(),
        until: last.map_or(Until::Unsaid, Until::Next),
    })
}

impl Until {
    fn is_over(self, now: UnixTime) -> bool {
        match self {
            Self::Last(last) => now > last,
            Self::Next(next) => now >= next,
            Self::Unsaid => true,
        }
    }

    const fn time(self) -> Option<UnixTime> {
        match self {
            Self::Last(time) | Self::Next(time) => Some(time),
            Self::Unsaid => None,
        }
    }

    fn describe(self) -> String {
        match self.time() {
            Some(time) => format!("ended at {time}"),
            None => "does not say when it ends".to_owned(),
        }
    }
}

fn told(found: impl Iterator<Item = String>, otherwise: impl FnOnce() -> String) -> String {
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        otherwise()
    } else {
        found.join("; ")
    }
}
