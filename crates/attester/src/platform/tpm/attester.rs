//! The attester: every question opens the TPM, asks, and lets it go, so that others get their turn.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::secret::{SealKey, SecretBytes};
use strongroom_crypto::tpm_credential::CredentialBlob;

use super::quote::{self, Logs, TpmQuote};
use super::register::WorkloadPcr;
use super::{counter, identity, seal};
use crate::attester::{Attester, CounterName, SealPolicy, Workload};
use crate::enrolment::{Enrolment, EnrolmentRequest};
use crate::error::AttesterError;
use crate::files::System;
use crate::platform::measured::Measurements;
use crate::platform::{OWN_EXECUTABLE, blocking, of_this_session};
use crate::tpm::{Tpm, TpmAddress, TpmError};

/// Where things are on this machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The TPM.
    pub address: TpmAddress,
    /// The running program, to be measured.
    pub program: PathBuf,
    /// The firmware's event log; where there is none, the log begins with what this program measures.
    pub firmware_log: PathBuf,
    /// The kernel's log of what it measured at run time (IMA, binary form); left out of evidence where there is none,
    /// or where it does not fit.
    pub ima_log: PathBuf,
}

impl Settings {
    /// The usual places, with the TPM at `address`.
    #[must_use]
    pub fn at(address: TpmAddress) -> Self {
        Self {
            address,
            program: OWN_EXECUTABLE.into(),
            firmware_log: FIRMWARE_LOG.into(),
            ima_log: IMA_LOG.into(),
        }
    }
}

/// The platform of a machine with a TPM.
#[derive(Debug)]
pub struct TpmAttester {
    machine: Arc<Mutex<Machine>>,
    address: TpmAddress,
    certificates: Mutex<Vec<Vec<u8>>>,
}

/// What questions share. One is asked at a time.
#[derive(Debug)]
struct Machine {
    settings: Settings,
    system: System,
    measurements: Measurements,
}

impl TpmAttester {
    /// Measures the program into the TPM, where that has not happened since the machine started. Blocks.
    ///
    /// A register that already holds something else is a refusal here, unless it may be this program and a workload:
    /// which, the first question about a workload shows.
    ///
    /// # Errors
    /// [`AttesterError`].
    pub fn start(settings: Settings) -> Result<Self, AttesterError> {
        let measurements = Measurements::of_program(&settings.program)?;
        if let TpmAddress::Tcp(address) = &settings.address {
            tracing::warn!(
                address,
                "a TPM that is reached by TCP cannot be hidden from a workload: for tests only"
            );
        }
        let mut machine = Machine {
            settings,
            system: System::here()?,
            measurements,
        };
        let address = machine.settings.address.clone();
        machine.ask(|tpm, machine| machine.measurements.begin(&mut WorkloadPcr(tpm)))?;
        Ok(Self {
            machine: Arc::new(Mutex::new(machine)),
            address,
            certificates: Mutex::default(),
        })
    }

    /// A quote with everything that stands behind it. `workload` is the digest of the workload's description.
    ///
    /// # Errors
    /// [`AttesterError`].
    pub async fn quote(
        &self,
        report_data: &[u8; 64],
        workload: Option<Digest32>,
    ) -> Result<TpmQuote, AttesterError> {
        let report_data = *report_data;
        let quote = self.ask(move |tpm, machine| {
            machine.measurements.measure(&mut WorkloadPcr(tpm), workload)?;
            let logs = Logs {
                firmware: &machine.settings.firmware_log,
                ima: &machine.settings.ima_log,
            };
            quote::take(tpm, &report_data, &machine.measurements, &logs)
        });
        let certificates = self
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(TpmQuote {
            certificates,
            ..quote.await?
        })
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Tpm, &mut Machine) -> Result<T, AttesterError> + Send + 'static,
    ) -> Result<T, AttesterError> {
        let machine = self.machine.clone();
        blocking(&self.address.as_path(), move || {
            let mut machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
            machine.ask(question)
        })
        .await
    }
}

impl Machine {
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Tpm, &mut Self) -> Result<T, AttesterError>,
    ) -> Result<T, AttesterError> {
        let unreachable = |source| AttesterError::Unreachable {
            path: self.settings.address.as_path(),
            source,
        };
        let address = self.settings.address.through(&self.system).map_err(unreachable)?;
        let mut tpm = Tpm::open(&address).map_err(|error| match error {
            TpmError::Io(source) => unreachable(source),
            other => other.into(),
        })?;
        question(&mut tpm, self)
    }
}

#[async_trait]
impl Attester for TpmAttester {
    fn platform(&self) -> Platform {
        Platform::Tpm
    }

    fn protection(&self) -> Protection {
        Protection::IntegrityOnly
    }

    fn devices(&self) -> Vec<PathBuf> {
        self.address.devices()
    }

    async fn evidence(
        &self,
        report_data: &[u8; 64],
        workload: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError> {
        let workload = workload.map(|workload| workload.digest);
        let evidence = self
            .quote(report_data, workload)
            .await?
            .into_evidence(report_data)?;
        of_this_session(evidence, report_data)
    }

    async fn seal_key(&self, policy: SealPolicy) -> Result<SealKey, AttesterError> {
        let SealPolicy::Measurement = policy;
        self.ask(|tpm, machine| {
            machine.measurements.measure(&mut WorkloadPcr(tpm), None)?;
            seal::key(tpm, &machine.measurements)
        })
        .await
    }

    async fn counter_read(&self, name: &CounterName) -> Result<u64, AttesterError> {
        let name = name.clone();
        self.ask(move |tpm, _| counter::read(tpm, &name)).await
    }

    async fn counter_advance(&self, name: &CounterName) -> Result<u64, AttesterError> {
        let name = name.clone();
        self.ask(move |tpm, _| counter::advance(tpm, &name)).await
    }

    fn enrolment(&self) -> Option<&dyn Enrolment> {
        Some(self)
    }
}

#[async_trait]
impl Enrolment for TpmAttester {
    async fn request(&self) -> Result<EnrolmentRequest, AttesterError> {
        self.ask(|tpm, _| identity::request(tpm)).await
    }

    async fn activate(&self, challenge: &CredentialBlob) -> Result<SecretBytes, AttesterError> {
        let challenge = challenge.clone();
        self.ask(move |tpm, _| identity::activate(tpm, &challenge)).await
    }

    fn set_certificates(&self, certificates: Vec<Vec<u8>>) {
        *self.certificates.lock().unwrap_or_else(PoisonError::into_inner) = certificates;
    }
}

const FIRMWARE_LOG: &str = "/sys/kernel/security/tpm0/binary_bios_measurements";
const IMA_LOG: &str = "/sys/kernel/security/ima/binary_runtime_measurements";
