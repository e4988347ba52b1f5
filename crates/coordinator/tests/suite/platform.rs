//! A platform under a root of the test: what the simulator does, without a process of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use strongroom_attest::platform::software::{Authority, Statement};
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_attester::{Attester, AttesterError, CounterName, SealPolicy, Workload};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::SealKey;
use strongroom_crypto::time::UnixTime;

/// When the tests take place.
pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);

/// A machine: one root, one seal secret, its counters.
#[derive(Clone, Debug)]
pub(crate) struct Machine(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    authority: Authority,
    seal: u8,
    counters: Mutex<HashMap<String, u64>>,
}

impl Machine {
    pub(crate) fn new(seal: u8) -> Self {
        let authority = Authority::generate(NOW, &SystemRandom).expect("a root");
        Self(Arc::new(Parts {
            authority,
            seal,
            counters: Mutex::default(),
        }))
    }

    pub(crate) fn root_pem(&self) -> String {
        self.0.authority.root().to_pem()
    }

    /// The platform as a program with this measurement sees it.
    pub(crate) fn for_program(&self, program: &str) -> Arc<dyn Attester> {
        Arc::new(Program {
            machine: self.clone(),
            measurement: sha256(program.as_bytes()),
        })
    }

    /// Evidence that the machine would give to a launcher.
    pub(crate) fn evidence(
        &self,
        program: &str,
        workload: Option<Digest32>,
        report_data: [u8; 64],
        at: UnixTime,
    ) -> Evidence {
        self.0.authority.issue(&Statement {
            simulator_version: "test".to_owned(),
            report_data,
            measurement: sha256(program.as_bytes()),
            workload,
            issued_at: at,
            debug: false,
        })
    }

    /// Sets a counter, as nobody can on real hardware.
    pub(crate) fn set_counters(&self, mut change: impl FnMut(u64) -> u64) {
        self.0
            .counters
            .lock()
            .expect("counters")
            .values_mut()
            .for_each(|value| *value = change(*value));
    }
}

#[derive(Debug)]
struct Program {
    machine: Machine,
    measurement: Digest32,
}

#[async_trait]
impl Attester for Program {
    fn platform(&self) -> Platform {
        Platform::Software
    }

    fn protection(&self) -> Protection {
        Protection::Simulated
    }

    async fn evidence(
        &self,
        report_data: &[u8; 64],
        _: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError> {
        Ok(self.machine.0.authority.issue(&Statement {
            simulator_version: "test".to_owned(),
            report_data: *report_data,
            measurement: self.measurement,
            workload: None,
            issued_at: NOW,
            debug: false,
        }))
    }

    async fn seal_key(&self, _: SealPolicy) -> Result<SealKey, AttesterError> {
        let bound = [&[self.machine.0.seal][..], self.measurement.as_bytes()].concat();
        Ok(SealKey::init_with(|key| {
            key.copy_from_slice(sha256(&bound).as_bytes())
        }))
    }

    async fn counter_read(&self, name: &CounterName) -> Result<u64, AttesterError> {
        Ok(self
            .machine
            .0
            .counters
            .lock()
            .expect("counters")
            .get(name.as_str())
            .copied()
            .unwrap_or(0))
    }

    async fn counter_advance(&self, name: &CounterName) -> Result<u64, AttesterError> {
        let mut counters = self.machine.0.counters.lock().expect("counters");
        let value = counters.entry(name.as_str().to_owned()).or_insert(0);
        *value += 1;
        Ok(*value)
    }
}
