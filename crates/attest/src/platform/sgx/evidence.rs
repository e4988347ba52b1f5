//! The form of SGX evidence: a quote of version 3, and collateral that came with it.

use crate::claims::{Claims, Measurement, Protection};
use crate::endorsements::Endorsements;
use crate::evidence::{ParseError, PlatformEvidence};
use crate::platform::Platform;
use crate::platform::dcap::{Body, DcapEvidence, EnclaveReport};
use crate::report::Report;
use crate::verify::Context;
use strongroom_crypto::digest::Digest32;

/// SGX evidence that was read, and is not trusted yet.
#[derive(Debug)]
pub(crate) struct SgxEvidence {
    pub(super) inner: DcapEvidence,
    pub(super) enclave: EnclaveReport,
}

impl SgxEvidence {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let inner = DcapEvidence::parse(Platform::Sgx, body)?;
        match &inner.quote.body {
            Body::Sgx(enclave) => Ok(Self {
                enclave: (**enclave).clone(),
                inner,
            }),
            Body::Td(_) => Err(ParseError::Body {
                platform: Platform::Sgx,
                what: "its body is that of a TD",
            }),
        }
    }
}

impl PlatformEvidence for SgxEvidence {
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
        Digest32(self.enclave.mr_enclave.0).into()
    }

    fn endorsements(&self) -> Endorsements {
        self.inner.endorsements.clone()
    }

    fn verify(&self, context: &Context<'_>, report: &mut Report) -> Option<Claims> {
        Some(super::verify::verify(self, context, report))
    }
}
