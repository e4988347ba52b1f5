//! Intel TDX: quotes through the kernel's `configfs-tsm`; this program and its workload in RTMR3.
//!
//! RTMR3 is extended through the kernel's measurement registers (Linux 6.16). An older kernel offers no way that every
//! program may use: there a workload cannot be measured, and evidence says of the machine's image only.

mod rtmr;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use strongroom_attest::event_log::runtime::{EVENT_TYPE, WORKLOAD_CCEL_INDEX};
use strongroom_attest::event_log::{Algorithm, LogWriter};
use strongroom_attest::parts::{Parts, Tag};
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_crypto::digest::{Digest32, sha384};
use strongroom_crypto::secret::SealKey;

pub(crate) use self::rtmr::PATH as RTMR3;
use self::rtmr::Rtmr3;
use super::measured::Measurements;
use super::{blocking, tsm};
use crate::attester::{Attester, CounterName, SealPolicy, Workload};
use crate::error::AttesterError;
use crate::files::{Files, System, read_if_there};

/// The platform of a TDX machine.
#[derive(Debug)]
pub struct TdxAttester(Arc<Mutex<Machine>>);

/// Evidence of a TD, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TdxQuote {
    /// The DCAP quote, as the kernel gave it.
    pub quote: Vec<u8>,
    /// The firmware's event log (CCEL), and our events behind it; `None` where there are neither.
    pub event_log: Option<Vec<u8>>,
}

impl TdxQuote {
    /// The evidence, in our envelope.
    ///
    /// # Errors
    /// [`AttesterError::Evidence`] where it does not fit.
    pub fn into_evidence(self) -> Result<Evidence, AttesterError> {
        let mut parts = Parts::new(self.quote);
        if let Some(event_log) = self.event_log {
            parts = parts.with(Tag::EventLog, event_log);
        }
        Ok(Evidence::from_parts(Platform::Tdx, &parts)?)
    }
}

#[derive(Debug)]
struct Machine {
    files: Box<dyn Files>,
    root: PathBuf,
    measurements: Measurements,
}

impl TdxAttester {
    /// Measures the program into RTMR3 where the kernel lets it, and where that has not happened since the machine
    /// started. Blocks.
    ///
    /// # Errors
    /// [`AttesterError`].
    pub fn start() -> Result<Self, AttesterError> {
        let measurements = Measurements::of_program(Path::new(super::OWN_EXECUTABLE))?;
        Self::over(Box::new(System::here()?), tsm::ROOT.into(), measurements)
    }

    fn over(files: Box<dyn Files>, root: PathBuf, measurements: Measurements) -> Result<Self, AttesterError> {
        match Rtmr3::find(&*files)? {
            Some(mut register) => measurements.begin(&mut register)?,
            None => tracing::warn!(
                path = RTMR3,
                "the kernel lets no program extend RTMR3 (Linux 6.16 does): evidence is of the machine's image only"
            ),
        }
        Ok(Self(Arc::new(Mutex::new(Machine {
            files,
            root,
            measurements,
        }))))
    }

    /// A quote with everything that stands behind it. `workload` is the digest of the workload's description.
    ///
    /// # Errors
    /// [`AttesterError::Unsupported`] for a workload where RTMR3 cannot be extended; others.
    pub async fn quote(
        &self,
        report_data: &[u8; 64],
        workload: Option<Digest32>,
    ) -> Result<TdxQuote, AttesterError> {
        let (machine, report_data) = (self.0.clone(), *report_data);
        blocking(Path::new(tsm::ROOT), move || {
            let mut machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
            machine.quote(&report_data, workload)
        })
        .await
    }
}

impl Machine {
    fn quote(
        &mut self,
        report_data: &[u8; 64],
        workload: Option<Digest32>,
    ) -> Result<TdxQuote, AttesterError> {
        let events = match Rtmr3::find(&*self.files)? {
            Some(mut register) => {
                self.measurements.measure(&mut register, workload)?;
                self.measurements.events()
            }
            None if workload.is_some() => {
                return Err(AttesterError::Unsupported {
                    platform: Platform::Tdx,
                    what: "evidence of a workload",
                    why: "the kernel lets no program extend RTMR3 (Linux 6.16 does)",
                });
            }
            None => Vec::new(),
        };
        let quote = tsm::report(&*self.files, &self.root, Platform::Tdx, report_data)?.outblob;
        let event_log = self.event_log(&events)?;
        Ok(TdxQuote { quote, event_log })
    }

    fn event_log(&self, events: &[Vec<u8>]) -> Result<Option<Vec<u8>>, AttesterError> {
        let path = Path::new(CCEL);
        let firmware = read_if_there(&*self.files, path, LOG_BYTES_MAX).map_err(file(path))?;
        let written = match &firmware {
            Some(log) => LogWriter::resume(log),
            None if events.is_empty() => return Ok(None),
            None => LogWriter::new(&[Algorithm::Sha384]),
        };
        let mut log = written.map_err(|error| AttesterError::EventLog {
            path: path.to_owned(),
            what: error.to_string(),
        })?;
        for event in events {
            let digest = sha384(event);
            log = log.event_with(
                WORKLOAD_CCEL_INDEX,
                EVENT_TYPE,
                &[(Algorithm::Sha384, &digest)],
                event,
            );
        }
        Ok(Some(log.finish()))
    }
}

#[async_trait]
impl Attester for TdxAttester {
    fn platform(&self) -> Platform {
        Platform::Tdx
    }

    fn protection(&self) -> Protection {
        Protection::Confidential
    }

    fn devices(&self) -> Vec<PathBuf> {
        [tsm::ROOT, super::TDX_DEVICE, RTMR3].map(PathBuf::from).to_vec()
    }

    async fn evidence(
        &self,
        report_data: &[u8; 64],
        workload: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError> {
        let workload = workload.map(|workload| workload.digest);
        let evidence = self.quote(report_data, workload).await?.into_evidence()?;
        super::of_this_session(evidence, report_data)
    }

    async fn seal_key(&self, _: SealPolicy) -> Result<SealKey, AttesterError> {
        Err(unsupported("a sealing key"))
    }

    async fn counter_read(&self, _: &CounterName) -> Result<u64, AttesterError> {
        Err(unsupported("a monotonic counter"))
    }

    async fn counter_advance(&self, _: &CounterName) -> Result<u64, AttesterError> {
        Err(unsupported("a monotonic counter"))
    }
}

fn unsupported(what: &'static str) -> AttesterError {
    AttesterError::Unsupported {
        platform: Platform::Tdx,
        what,
        why: "the TDX module has nothing that outlives the machine",
    }
}

fn file(path: &Path) -> impl Fn(std::io::Error) -> AttesterError {
    |source| AttesterError::File {
        path: path.to_owned(),
        source,
    }
}

const CCEL: &str = "/sys/firmware/acpi/tables/data/CCEL";
const LOG_BYTES_MAX: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::NotFound;

    use strongroom_attest::event_log::EventLog;
    use strongroom_attest::event_log::runtime::{self, Measured, RuntimeEvents};
    use strongroom_crypto::digest::sha256;

    use super::*;

    /// A kernel: one register, one quote, a folder for each report.
    #[derive(Debug)]
    struct Kernel {
        rtmr3: Mutex<Option<Vec<u8>>>,
        ccel: Option<Vec<u8>>,
        written: Mutex<Vec<u8>>,
    }

    impl Files for Arc<Kernel> {
        fn read(&self, path: &Path, _: usize) -> std::io::Result<Vec<u8>> {
            let name = path
                .file_name()
                .and_then(std::ffi::OsStr::to_str)
                .unwrap_or_default();
            match name {
                "rtmr3:sha384" => self
                    .rtmr3
                    .lock()
                    .expect("not poisoned")
                    .clone()
                    .ok_or(NotFound.into()),
                "CCEL" => self.ccel.clone().ok_or(NotFound.into()),
                "provider" => Ok(b"tdx_guest".to_vec()),
                "generation" => Ok(b"1".to_vec()),
                "outblob" => Ok([b"quote of ", &self.written.lock().expect("not poisoned")[..]].concat()),
                _ => Err(NotFound.into()),
            }
        }

        fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
            if path.ends_with("inblob") {
                *self.written.lock().expect("not poisoned") = bytes.to_vec();
            } else {
                let mut register = self.rtmr3.lock().expect("not poisoned");
                let before = register.clone().ok_or(NotFound)?;
                *register = Some(sha384(&[&before, bytes].concat()).to_vec());
            }
            Ok(())
        }

        fn make_folder(&self, _: &Path) -> std::io::Result<()> {
            Ok(())
        }

        fn remove_folder(&self, _: &Path) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn kernel(rtmr3: Option<Vec<u8>>, ccel: Option<Vec<u8>>) -> Arc<Kernel> {
        Arc::new(Kernel {
            rtmr3: Mutex::new(rtmr3),
            ccel,
            written: Mutex::default(),
        })
    }

    fn start(kernel: &Arc<Kernel>) -> TdxAttester {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let program = folder.path().join("program");
        std::fs::write(&program, b"program").expect("a program");
        let measurements = Measurements::of_program(&program).expect("read");
        TdxAttester::over(Box::new(kernel.clone()), "/tsm".into(), measurements).expect("a machine")
    }

    const DATA: [u8; 64] = [7; 64];

    #[tokio::test]
    async fn program_and_workload_go_to_rtmr3_once_and_stand_in_the_log() {
        let kernel = kernel(Some(vec![0; 48]), None);
        let workload = Some(sha256(b"workload"));
        for _ in 0..2 {
            let quote = start(&kernel).quote(&DATA, workload).await.expect("a quote");
            assert_eq!(quote.quote, [&b"quote of "[..], &DATA].concat());
            let log = quote.event_log.expect("a log");
            let log = EventLog::parse(&log).expect("a log");
            let expected = RuntimeEvents {
                program: Some(sha256(b"program")),
                workload,
            };
            assert_eq!(runtime::read(&log, WORKLOAD_CCEL_INDEX), Ok(expected));
        }
        let held = [
            Measured::Program(sha256(b"program")),
            Measured::Workload(sha256(b"workload")),
        ]
        .iter()
        .fold(vec![0; 48], |value, measured| {
            sha384(&[&value[..], &sha384(&runtime::event_data(measured))].concat()).to_vec()
        });
        assert_eq!(
            *kernel.rtmr3.lock().expect("not poisoned"),
            Some(held),
            "extended by two events"
        );
    }

    #[tokio::test]
    async fn the_firmwares_log_comes_first() {
        let firmware = LogWriter::new(&[Algorithm::Sha384])
            .expect("a log")
            .event(1, EVENT_TYPE, b"firmware")
            .finish();
        let padded = [&firmware[..], &[0xFF; 64]].concat();
        let kernel = kernel(Some(vec![0; 48]), Some(padded));
        let log = start(&kernel)
            .quote(&DATA, None)
            .await
            .expect("a quote")
            .event_log;
        assert!(log.expect("a log").starts_with(&firmware));
    }

    #[tokio::test]
    async fn an_older_kernel_measures_no_workload_and_says_so() {
        let kernel = kernel(None, None);
        let attester = start(&kernel);
        let quote = attester.quote(&DATA, None).await.expect("a quote");
        assert_eq!(quote.event_log, None);
        let error = attester
            .quote(&DATA, Some(sha256(b"workload")))
            .await
            .expect_err("nowhere to");
        assert_eq!(error.code(), "attester.unsupported");
        let error = attester
            .seal_key(SealPolicy::Measurement)
            .await
            .expect_err("none");
        assert_eq!(error.code(), "attester.unsupported");
    }

    #[tokio::test]
    async fn a_register_that_somebody_else_extended_is_refused() {
        let kernel = kernel(Some(vec![9; 48]), None);
        let error = start(&kernel)
            .quote(&DATA, None)
            .await
            .expect_err("somebody else");
        assert_eq!(error.code(), "attester.measurements");
        assert_eq!(
            *kernel.rtmr3.lock().expect("not poisoned"),
            Some(vec![9; 48]),
            "untouched"
        );
    }
}
