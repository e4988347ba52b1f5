//! Steps 3 to 6 for TDX: those of every quote (`platform::dcap`), and what RTMR3 proves of program and workload. What the
//! quote then says of the TD becomes claims.

use super::evidence::TdxEvidence;
use super::facts::Facts;
use super::log;
use crate::claims::{Claims, Protection};
use crate::platform::{self, Platform, dcap};
use crate::report::Report;
use crate::verify::Context;

pub(super) fn verify(evidence: &TdxEvidence, context: &Context<'_>, report: &mut Report) -> Claims {
    let provisioned = dcap::verify(Platform::Tdx, &evidence.inner.quote, context, report);
    let td = evidence.td.clone();
    let event_log = evidence.inner.event_log.clone();
    let log = log::parse(event_log.as_deref(), report); // 5
    let runtime = log::check_runtime(log.as_ref(), &td, report); // 5
    Claims {
        platform: Platform::Tdx,
        protection: Protection::Confidential,
        measurement: td.mrtd.0.into(),
        signer: None,
        product: None,
        security_version: None,
        workload: runtime.workload,
        debug: super::attributes::debug(td.td_attributes),
        issued_at: provisioned.issued_at,
        root: provisioned.root,
        anchor: provisioned.anchor,
        facts: platform::Facts::Tdx(Box::new(Facts {
            quote_version: evidence.inner.quote.version,
            td,
            platform: provisioned.platform,
            program: runtime.program,
            event_log,
        })),
    }
}
