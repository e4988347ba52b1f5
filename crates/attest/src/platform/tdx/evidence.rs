//! The form of TDX evidence: a quote of version 4 or 5, collateral and an event log that came with it.

use super::report::TdReport;
use crate::claims::{Claims, Measurement, Protection};
use crate::endorsements::Endorsements;
use crate::evidence::{ParseError, PlatformEvidence};
use crate::platform::Platform;
use crate::platform::dcap::{Body, DcapEvidence};
use crate::report::Report;
use crate::verify::Context;

/// TDX evidence that was read, and is not trusted yet.
#[derive(Debug)]
pub(crate) struct TdxEvidence {
    pub(super) inner: DcapEvidence,
    pub(super) td: TdReport,
}

impl TdxEvidence {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let inner = DcapEvidence::parse(Platform::Tdx, body)?;
        match &inner.quote.body {
            Body::Td(td) => Ok(Self {
                td: (**td).clone(),
                inner,
            }),
            Body::Sgx(_) => Err(ParseError::Body {
                platform: Platform::Tdx,
                what: "its body is that of an SGX enclave",
            }),
        }
    }
}

impl PlatformEvidence for TdxEvidence {
    fn body(&self) -> &[u8] {
        &self.inner.body
    }

    fn report_data(&self) -> &[u8; 64] {
        self.inner.quote.report_data()
    }

    fn protection(&self) -> Protection {
        Protection::Confidential
    }

    fn measurement(&self) -> Measurement {
        self.td.mrtd.0.into()
    }

    fn endorsements(&self) -> Endorsements {
        self.inner.endorsements.clone()
    }

    fn verify(&self, context: &Context<'_>, report: &mut Report) -> Option<Claims> {
        Some(super::verify::verify(self, context, report))
    }
}
