//! Revocation lists. AMD publishes one for each product and kind of key, signed by the root; verifying needs none, unless
//! the policy requires the checks.
//!
//! Which list is for which kind of key, a list does not say. So those that came with the evidence can revoke, but answer
//! nothing: the sender would send the one that says nothing of its key.

use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_crypto::x509::crl::Crl;

use super::chain::Chain;
use super::step;
use crate::report::Report;
use crate::verify::{Context, TOLERANCE_SECONDS};

/// A list, and the authority of the chain that it names as its issuer.
struct Given<'a> {
    list: Crl,
    issuer: &'a Certificate,
    /// Whether the verifier has it, and not only the sender.
    own: bool,
}

/// Checks the lists that name an authority of the chain. Gives the time of the newest of our own that is signed.
pub(super) fn check(chain: &Chain<'_>, context: &Context<'_>, report: &mut Report) -> Option<UnixTime> {
    let given = given(chain, context);
    let checks = [step::LIST_SIGNATURE, step::LIST_TIME, step::REVOKED];
    if given.is_empty() {
        for check in checks {
            report.skip(check, "no revocation list of this chain is given");
        }
        return None;
    }
    let signed: Vec<&Given<'_>> = given
        .iter()
        .filter(|given| {
            let may = given.issuer.allows_crl_sign() && given.issuer.is_ca();
            may && context
                .endorsements
                .signatures()
                .signed_list(given.issuer, &given.list)
        })
        .collect();
    report.check(
        step::LIST_SIGNATURE,
        signed.len() == given.len(),
        "every list signed by the authority that it names",
        format!("{} of {} signed", signed.len(), given.len()),
    );
    let own = signed.iter().filter(|given| given.own);
    let newest = own.max_by_key(|given| given.list.this_update());
    const ONLY_SENT: &str = "the verifier has no signed list of its own";
    match newest {
        Some(newest) => check_time(&newest.list, context.now, report),
        None => report.skip(step::LIST_TIME, ONLY_SENT),
    }
    // An older list can be used against somebody, and never for: what any of them revokes is revoked.
    let revoked = chain
        .certificates()
        .find(|certificate| signed.iter().any(|given| given.revokes(certificate)));
    match revoked {
        None if newest.is_none() => report.skip(step::REVOKED, ONLY_SENT),
        None => report.pass(
            step::REVOKED,
            format!(
                "none of the chain, by the list of {}",
                newest.map(|newest| newest.list.this_update()).unwrap_or_default()
            ),
        ),
        Some(certificate) => report.fail(
            step::REVOKED,
            "a chain of which nothing is revoked",
            format!(
                "{:?}, serial number {}",
                certificate.subject_cn().unwrap_or_default(),
                hex::encode(certificate.serial())
            ),
        ),
    }
    newest.map(|newest| newest.list.this_update())
}

fn given<'a>(chain: &Chain<'a>, context: &Context<'_>) -> Vec<Given<'a>> {
    let authorities = || [chain.root, chain.intermediate].into_iter().flatten();
    let lists = context.endorsements.crls().filter_map(|der| Crl::parse(der).ok());
    lists
        .filter_map(|list| {
            let issuer = authorities().find(|authority| authority.subject_raw() == list.issuer_raw())?;
            let own = context.own.has_crl(list.der());
            Some(Given { list, issuer, own })
        })
        .collect()
}

impl Given<'_> {
    /// Whether the list revokes `certificate`. The root's list speaks for all that hangs on the root; but number 0 is that
    /// of every VCEK and VLEK, and names none of them.
    fn revokes(&self, certificate: &Certificate) -> bool {
        let numbered = certificate.serial().iter().any(|byte| *byte != 0);
        numbered && self.list.is_revoked(certificate.serial())
    }
}

fn check_time(list: &Crl, now: UnixTime, report: &mut Report) {
    let (from, until) = (list.this_update(), list.next_update());
    let holds = from <= now.plus(TOLERANCE_SECONDS) && until.is_some_and(|until| now <= until);
    let until = until.map_or_else(|| "no time".to_owned(), |until| until.to_string());
    report.check(
        step::LIST_TIME,
        holds,
        format!("a list in force at {now}"),
        format!("one from {from} until {until}"),
    );
}
