//! How well the platform of a quote is patched, as a report tells it.

use super::chain::PckChain;
use super::collateral::Collateral;
use super::facts::TcbFacts;
use super::quote::{Body, Quote};
use super::status::TcbStatus;
use super::step;
use super::tcb::{self, Level};
use crate::platform::tdx::report::TdReport;
use crate::report::Report;

pub(super) fn evaluate(
    quote: &Quote,
    chain: Option<&PckChain>,
    collateral: Option<&Collateral>,
    qe_level: Option<&Level>,
    report: &mut Report,
) -> Option<TcbFacts> {
    let (Some(chain), Some(collateral)) = (chain, collateral) else {
        for step in [step::NO_MATCHING_LEVEL, step::TDX_MODULE, step::TCB_REVOKED] {
            report.skip(step, "there is no PCK certificate, or no readable collateral");
        }
        return None;
    };
    let info = &collateral.tcb_info.says;
    let (launch_svn, current_svn) = tee_tcb_svns(&quote.body);
    let launch = tcb::platform_level(info, &chain.identity, launch_svn);
    let current = current_svn.map(|svn| tcb::platform_level(info, &chain.identity, Some(svn)));
    let matched = match &current {
        Some(current) => launch
            .clone()
            .zip(current.clone())
            .map(|(launch, current)| (launch, Some(current))),
        None => launch.map(|launch| (launch, None)),
    };
    match &matched {
        Some((level, _)) => report.pass(
            step::NO_MATCHING_LEVEL,
            format!("{}, the level of {}", level.status, level.date),
        ),
        None => report.fail(
            step::NO_MATCHING_LEVEL,
            "security versions that meet a TCB level",
            describe_svns(chain, launch_svn, current_svn),
        ),
    }
    let modules = check_module(quote, collateral, report);
    let (Some((launch, current)), Some(qe_level), Ok(modules)) = (matched, qe_level, modules) else {
        report.skip(step::TCB_REVOKED, "there is no status");
        return None;
    };
    let launch = launch.with_part(modules.launch.as_ref()).with(qe_level);
    let current = current.map(|level| level.with_part(modules.current.as_ref()).with(qe_level).status);
    let revoked = launch.status == TcbStatus::Revoked || current == Some(TcbStatus::Revoked);
    let status = if revoked {
        TcbStatus::Revoked
    } else {
        current.map_or(launch.status, |current| launch.status.relaunch(current))
    };
    report.check(step::TCB_REVOKED, !revoked, "not Revoked", status.name());
    Some(TcbFacts {
        status,
        advisories: launch.advisories.into_iter().collect(),
        date: launch.date,
        evaluation_number: collateral.evaluation_number(),
        issued_at: collateral.issued_at(),
    })
}

/// Levels of the TDX module, at launch and now.
#[derive(Default)]
struct ModuleLevels {
    launch: Option<Level>,
    current: Option<Level>,
}

/// `Err` where a module is none that Intel knows.
fn check_module(quote: &Quote, collateral: &Collateral, report: &mut Report) -> Result<ModuleLevels, ()> {
    let Body::Td(body) = &quote.body else {
        report.skip(step::TDX_MODULE, "an enclave has no TDX module");
        return Ok(ModuleLevels::default());
    };
    match module_levels(body, collateral) {
        Ok(levels) => {
            let [svn, version, ..] = body.tee_tcb_svn.0;
            report.pass(
                step::TDX_MODULE,
                format!("version {version}, security version {svn}"),
            );
            Ok(levels)
        }
        Err(why) => {
            let expected = "a module that the TCB information knows, its signer and its attributes";
            report.fail(step::TDX_MODULE, expected, why);
            Err(())
        }
    }
}

fn module_levels(body: &TdReport, collateral: &Collateral) -> Result<ModuleLevels, String> {
    let info = &collateral.tcb_info.says;
    let (signer, launch) = tcb::module_level(info, &body.tee_tcb_svn.0)?;
    tcb::check_module(body, signer)?;
    let current = match &body.td15 {
        Some(td15) => tcb::module_level(info, &td15.tee_tcb_svn2.0)?.1,
        None => None,
    };
    Ok(ModuleLevels { launch, current })
}

/// TEE_TCB_SVN at launch, and now.
fn tee_tcb_svns(body: &Body) -> (Option<&[u8; 16]>, Option<&[u8; 16]>) {
    match body {
        Body::Sgx(_) => (None, None),
        Body::Td(report) => (
            Some(&report.tee_tcb_svn.0),
            report.td15.as_ref().map(|td15| &td15.tee_tcb_svn2.0),
        ),
    }
}

fn describe_svns(chain: &PckChain, launch: Option<&[u8; 16]>, current: Option<&[u8; 16]>) -> String {
    let pck = &chain.identity;
    let mut found = format!("SGX {}, PCE {}", pck.sgx_tcb_svns, pck.pce_svn);
    for (name, svn) in [("TEE_TCB_SVN", launch), ("TEE_TCB_SVN2", current)] {
        if let Some(svn) = svn {
            found += &format!(", {name} {}", hex::encode(svn));
        }
    }
    found
}
