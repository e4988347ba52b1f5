//! Steps 3 to 6 for SGX: those of every quote (`platform::dcap`). What the quote then says of the enclave becomes claims.

use strongroom_crypto::digest::Digest32;

use super::evidence::SgxEvidence;
use super::facts::Facts;
use crate::claims::{Claims, Protection};
use crate::platform::{self, Platform, dcap};
use crate::report::Report;
use crate::verify::Context;

pub(super) fn verify(evidence: &SgxEvidence, context: &Context<'_>, report: &mut Report) -> Claims {
    let provisioned = dcap::verify(Platform::Sgx, &evidence.inner.quote, context, report);
    let enclave = evidence.enclave.clone();
    Claims {
        platform: Platform::Sgx,
        protection: Protection::Confidential,
        measurement: Digest32(enclave.mr_enclave.0).into(),
        signer: Some(Digest32(enclave.mr_signer.0)),
        product: Some(enclave.product_id.into()),
        security_version: Some(enclave.security_version.into()),
        // What runs in an enclave is measured with it.
        workload: None,
        debug: enclave.debug(),
        issued_at: provisioned.issued_at,
        root: provisioned.root,
        anchor: provisioned.anchor,
        facts: platform::Facts::Sgx(Box::new(Facts {
            quote_version: evidence.inner.quote.version,
            enclave,
            platform: provisioned.platform,
        })),
    }
}
