//! Intel SGX, for a program that runs under Gramine: its `/dev/attestation` gives quotes and a key of the enclave.
//!
//! The enclave's measurement covers the program and every file that Gramine's manifest trusts. A workload beside it has
//! no register of its own: evidence says nothing of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use strongroom_attest::parts::Parts;
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_crypto::kdf::hkdf_sha256;
use strongroom_crypto::label;
use strongroom_crypto::secret::{SealKey, SecretBytes};

use crate::attester::{Attester, CounterName, SealPolicy, Workload};
use crate::error::AttesterError;
use crate::files::{Files, System};

/// Where Gramine offers it.
pub(crate) const ROOT: &str = "/dev/attestation";
/// The file that says of which kind quotes are.
pub(crate) const TYPE: &str = "/dev/attestation/attestation_type";

/// The platform of an enclave.
#[derive(Debug)]
pub struct SgxAttester(Arc<Enclave>);

#[derive(Debug)]
struct Enclave {
    files: Box<dyn Files>,
    /// Report data and quote are two files of the whole process: one question at a time.
    turn: Mutex<()>,
}

/// Evidence of an enclave, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SgxQuote {
    /// The DCAP quote.
    pub quote: Vec<u8>,
}

impl SgxQuote {
    /// The evidence, in our envelope.
    ///
    /// # Errors
    /// [`AttesterError::Evidence`] where it does not fit.
    pub fn into_evidence(self) -> Result<Evidence, AttesterError> {
        Ok(Evidence::from_parts(Platform::Sgx, &Parts::new(self.quote))?)
    }
}

impl SgxAttester {
    /// Asks Gramine of which kind its quotes are. Blocks.
    ///
    /// # Errors
    /// [`AttesterError::Protocol`] where it makes none; others.
    pub fn start() -> Result<Self, AttesterError> {
        Self::over(Box::new(System::here()?))
    }

    fn over(files: Box<dyn Files>) -> Result<Self, AttesterError> {
        let enclave = Enclave {
            files,
            turn: Mutex::new(()),
        };
        if enclave.read(TYPE, TYPE_BYTES_MAX)?.trim_ascii() != b"dcap" {
            return Err(AttesterError::Protocol {
                path: path(TYPE),
                what: "Gramine makes no DCAP quotes: its manifest needs `sgx.remote_attestation = \"dcap\"`",
            });
        }
        Ok(Self(Arc::new(enclave)))
    }

    /// A quote over the report data.
    ///
    /// # Errors
    /// [`AttesterError`].
    pub async fn quote(&self, report_data: &[u8; 64]) -> Result<SgxQuote, AttesterError> {
        let (enclave, report_data) = (self.0.clone(), *report_data);
        super::blocking(Path::new(ROOT), move || enclave.quote(&report_data)).await
    }
}

impl Enclave {
    fn quote(&self, report_data: &[u8; 64]) -> Result<SgxQuote, AttesterError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let data = path("user_report_data");
        let written = self.files.write(&data, report_data);
        written.map_err(|source| AttesterError::Unreachable { path: data, source })?;
        // Made when the file is opened, over what was written last.
        let quote = self.read("quote", QUOTE_BYTES_MAX)?;
        if quote.is_empty() {
            return Err(AttesterError::Protocol {
                path: path("quote"),
                what: "its quote is empty",
            });
        }
        Ok(SgxQuote { quote })
    }

    /// The key of `EGETKEY` for this measurement (16 bytes), which debug enclaves get another one of.
    fn seal_key(&self) -> Result<SealKey, AttesterError> {
        let name = "keys/_sgx_mrenclave";
        let key = SecretBytes::new(self.read(name, KEY_BYTES)?);
        if key.len() != KEY_BYTES {
            return Err(AttesterError::Protocol {
                path: path(name),
                what: "its key has not 16 bytes",
            });
        }
        Ok(SealKey::init_with(|out| {
            hkdf_sha256(key.expose(), &[], label::SGX_SEAL.as_bytes(), out)
                .expect("32 bytes are within HKDF's limit");
        }))
    }

    fn read(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, AttesterError> {
        let path = path(name);
        let read = self.files.read(&path, bytes_max);
        read.map_err(|source| AttesterError::Unreachable { path, source })
    }
}

#[async_trait]
impl Attester for SgxAttester {
    fn platform(&self) -> Platform {
        Platform::Sgx
    }

    fn protection(&self) -> Protection {
        Protection::Confidential
    }

    fn devices(&self) -> Vec<PathBuf> {
        vec![ROOT.into()]
    }

    async fn evidence(
        &self,
        report_data: &[u8; 64],
        _: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError> {
        let evidence = self.quote(report_data).await?.into_evidence()?;
        super::of_this_session(evidence, report_data)
    }

    async fn seal_key(&self, policy: SealPolicy) -> Result<SealKey, AttesterError> {
        let SealPolicy::Measurement = policy;
        let enclave = self.0.clone();
        super::blocking(Path::new(ROOT), move || enclave.seal_key()).await
    }

    async fn counter_read(&self, _: &CounterName) -> Result<u64, AttesterError> {
        Err(NO_COUNTER)
    }

    async fn counter_advance(&self, _: &CounterName) -> Result<u64, AttesterError> {
        Err(NO_COUNTER)
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(ROOT).join(name)
}

const NO_COUNTER: AttesterError = AttesterError::Unsupported {
    platform: Platform::Sgx,
    what: "a monotonic counter",
    why: "today's processors have none",
};
const TYPE_BYTES_MAX: usize = 64;
/// Largest quote that Gramine gives.
const QUOTE_BYTES_MAX: usize = 8192;
const KEY_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::Done::{self, Read, Write};
    use crate::files::tests::Recorded;

    const DATA: [u8; 64] = [7; 64];

    fn enclave(done: Vec<Done>) -> Result<SgxAttester, AttesterError> {
        let begin = vec![Read("/dev/attestation/attestation_type", Ok(b"dcap".to_vec()))];
        SgxAttester::over(Box::new(Recorded::new([begin, done].concat())))
    }

    #[tokio::test]
    async fn a_quote_is_over_the_report_data_that_was_written_before() {
        let written = || Write("/dev/attestation/user_report_data", DATA.to_vec(), Ok(()));
        let quote = |quote: &[u8]| Read("/dev/attestation/quote", Ok(quote.to_vec()));
        let good = enclave(vec![written(), quote(b"quote")]).expect("an enclave");
        assert_eq!(good.quote(&DATA).await.expect("a quote").quote, b"quote");
        let empty = enclave(vec![written(), quote(b"")]).expect("an enclave");
        assert_eq!(
            empty.quote(&DATA).await.expect_err("empty").code(),
            "attester.protocol"
        );
        let denied = Read(
            "/dev/attestation/quote",
            Err(std::io::ErrorKind::PermissionDenied),
        );
        let failing = enclave(vec![written(), denied]).expect("an enclave");
        assert_eq!(
            failing.quote(&DATA).await.expect_err("no quote").code(),
            "attester.unreachable"
        );
    }

    #[test]
    fn a_program_outside_an_enclave_is_told_so() {
        for (kind, code) in [
            (Ok(b"none".to_vec()), "attester.protocol"),
            (Err(std::io::ErrorKind::NotFound), "attester.unreachable"),
        ] {
            let done = vec![Read("/dev/attestation/attestation_type", kind)];
            let error = SgxAttester::over(Box::new(Recorded::new(done))).expect_err("no quotes");
            assert_eq!(error.code(), code);
        }
    }

    #[tokio::test]
    async fn the_sealing_key_is_of_the_enclave() {
        let key = |bytes: Vec<u8>| Read("/dev/attestation/keys/_sgx_mrenclave", Ok(bytes));
        let seal = async |bytes: Vec<u8>| {
            let sealed = enclave(vec![key(bytes)]).expect("an enclave");
            let sealed = sealed.seal_key(SealPolicy::Measurement).await;
            sealed.map(|key| *key.expose()).map_err(|error| error.code())
        };
        let first = seal(vec![1; 16]).await.expect("a key");
        assert_eq!(seal(vec![1; 16]).await, Ok(first));
        assert_ne!(seal(vec![2; 16]).await, Ok(first));
        assert_eq!(seal(Vec::new()).await, Err("attester.protocol"), "not set");
        let name = "state".parse().expect("a name");
        let none = enclave(Vec::new()).expect("an enclave").counter_read(&name).await;
        assert_eq!(none.expect_err("none").code(), "attester.unsupported");
    }
}
