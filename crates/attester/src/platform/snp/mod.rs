//! AMD SEV-SNP: reports through the kernel's `configfs-tsm`, or through `/dev/sev-guest` where the kernel is older than
//! that (Linux 5.19 to 6.6).
//!
//! The launch measurement covers the machine's image. SEV-SNP has no register that a running program extends: evidence
//! says nothing of a workload beside it.

mod certificates;
mod device;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use strongroom_attest::parts::{Parts, Tag};
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_crypto::secret::SealKey;

use self::device::{Guest, SevGuest};
use super::tsm;
use crate::attester::{Attester, CounterName, SealPolicy, Workload};
use crate::error::AttesterError;
use crate::files::{Files, System};

/// The older kernels' device.
pub(crate) const DEVICE: &str = "/dev/sev-guest";

/// The platform of an SEV-SNP machine.
#[derive(Debug)]
pub struct SnpAttester(Arc<Source>);

/// What gives reports.
#[derive(Debug)]
enum Source {
    Tsm { files: Box<dyn Files>, root: PathBuf },
    Device(Box<dyn Guest>),
}

/// Evidence of an SEV-SNP machine, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnpReport {
    /// The attestation report.
    pub report: Vec<u8>,
    /// Certificates that the host put beside it, DER: the versioned endorsement key's, and its issuers'. May be empty.
    pub certificates: Vec<Vec<u8>>,
}

impl SnpReport {
    /// The evidence, in our envelope.
    ///
    /// # Errors
    /// [`AttesterError::Evidence`] where it does not fit.
    pub fn into_evidence(self) -> Result<Evidence, AttesterError> {
        let mut parts = Parts::new(self.report);
        for certificate in self.certificates {
            parts = parts.with(Tag::Endorsement, certificate);
        }
        Ok(Evidence::from_parts(Platform::Snp, &parts)?)
    }
}

impl SnpAttester {
    /// Opens what this kernel offers.
    ///
    /// # Errors
    /// [`AttesterError::Unreachable`] where it offers nothing.
    pub fn start() -> Result<Self, AttesterError> {
        if Path::new(tsm::ROOT).exists() {
            return Ok(Self(Arc::new(Source::Tsm {
                files: Box::new(System::here()?),
                root: tsm::ROOT.into(),
            })));
        }
        let device = SevGuest::open(Path::new(DEVICE)).map_err(|source| AttesterError::Unreachable {
            path: DEVICE.into(),
            source,
        })?;
        Ok(Self(Arc::new(Source::Device(Box::new(device)))))
    }

    /// A report over the report data, with the certificates that the host put beside it.
    ///
    /// # Errors
    /// [`AttesterError`].
    pub async fn report(&self, report_data: &[u8; 64]) -> Result<SnpReport, AttesterError> {
        let (source, report_data) = (self.0.clone(), *report_data);
        super::blocking(Path::new(DEVICE), move || source.report(&report_data)).await
    }
}

impl Source {
    fn report(&self, report_data: &[u8; 64]) -> Result<SnpReport, AttesterError> {
        let (report, table) = match self {
            Self::Tsm { files, root } => {
                let report = tsm::report(&**files, root, Platform::Snp, report_data)?;
                (report.outblob, report.auxblob)
            }
            Self::Device(guest) => device::report(&**guest, report_data)?,
        };
        if report.len() != REPORT_BYTES {
            return Err(AttesterError::Protocol {
                path: DEVICE.into(),
                what: "its report has not 1184 bytes",
            });
        }
        Ok(SnpReport {
            report,
            certificates: certificates::read(&table),
        })
    }
}

#[async_trait]
impl Attester for SnpAttester {
    fn platform(&self) -> Platform {
        Platform::Snp
    }

    fn protection(&self) -> Protection {
        Protection::Confidential
    }

    fn devices(&self) -> Vec<PathBuf> {
        [tsm::ROOT, DEVICE].map(PathBuf::from).to_vec()
    }

    async fn evidence(
        &self,
        report_data: &[u8; 64],
        _: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError> {
        let evidence = self.report(report_data).await?.into_evidence()?;
        super::of_this_session(evidence, report_data)
    }

    async fn seal_key(&self, _: SealPolicy) -> Result<SealKey, AttesterError> {
        Err(unsupported(
            "a sealing key",
            "the kernel's common interface has none",
        ))
    }

    async fn counter_read(&self, _: &CounterName) -> Result<u64, AttesterError> {
        Err(unsupported("a monotonic counter", NO_COUNTER))
    }

    async fn counter_advance(&self, _: &CounterName) -> Result<u64, AttesterError> {
        Err(unsupported("a monotonic counter", NO_COUNTER))
    }
}

fn unsupported(what: &'static str, why: &'static str) -> AttesterError {
    AttesterError::Unsupported {
        platform: Platform::Snp,
        what,
        why,
    }
}

const NO_COUNTER: &str = "the processor has nothing that outlives the machine";
const REPORT_BYTES: usize = 1184;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Answering(usize);

    impl Guest for Answering {
        fn ask(&self, request: &device::Request) -> std::io::Result<device::Answer> {
            let mut response = vec![0; 32];
            response[4..8].copy_from_slice(&u32::try_from(self.0).expect("small").to_le_bytes());
            response.extend(vec![request.report_data[0]; self.0]);
            Ok(device::Answer {
                response,
                certificates: Vec::new(),
            })
        }
    }

    #[tokio::test]
    async fn a_report_has_its_one_length() {
        let asked = async |bytes| {
            let attester = SnpAttester(Arc::new(Source::Device(Box::new(Answering(bytes)))));
            attester.report(&[7; 64]).await.map_err(|error| error.code())
        };
        let report = asked(1184).await.expect("a report");
        assert_eq!(report.report, vec![7; 1184]);
        assert_eq!(asked(1183).await, Err("attester.protocol"));
        assert_eq!(asked(0).await, Err("attester.protocol"));
    }
}
