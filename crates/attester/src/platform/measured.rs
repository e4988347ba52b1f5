//! This program and its workload, measured into a register of the platform: each once, in this order, and nothing else.
//!
//! A register says by its value how far that got, so a program that is started again, or that tries again after an
//! error, extends what is missing and nothing twice.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use strongroom_attest::event_log::runtime::{self, Measured};
use strongroom_crypto::digest::{Digest32, Sha256};

use crate::error::{AttesterError, OtherMeasurements};

/// A register that only grows until the machine starts again, when it is all zeros.
pub(super) trait Register {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// What it holds.
    fn value(&mut self) -> Result<Vec<u8>, AttesterError>;

    /// Extends it by an event.
    fn extend(&mut self, event: &[u8]) -> Result<(), AttesterError>;

    /// What it holds after an event, where it held `value` before.
    fn after(&self, value: &[u8], event: &[u8]) -> Vec<u8>;
}

/// What is measured, or about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measurements {
    program: Digest32,
    workload: Option<Digest32>,
}

impl Measurements {
    /// Of the program in this file.
    pub(super) fn of_program(path: &Path) -> Result<Self, AttesterError> {
        let program = hash_file(path).map_err(|source| AttesterError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            program,
            workload: None,
        })
    }

    /// The events, in their order: what stands in the log, and is hashed into the register.
    pub(super) fn events(&self) -> Vec<Vec<u8>> {
        let program = Some(Measured::Program(self.program));
        let workload = self.workload.map(Measured::Workload);
        program.iter().chain(&workload).map(runtime::event_data).collect()
    }

    /// Measures the program where nothing was measured yet. A register that holds more may hold a workload that was
    /// measured by this program before it was started again; nothing is answered until that is known.
    pub(super) fn begin(&self, register: &mut dyn Register) -> Result<(), AttesterError> {
        let found = register.value()?;
        if found.iter().all(|byte| *byte == 0) {
            self.bring(register, found)
        } else {
            Ok(())
        }
    }

    /// Measures what is missing, the workload included where there is one. Afterwards the register holds this program,
    /// and its workload, and nothing else.
    pub(super) fn measure(
        &mut self,
        register: &mut dyn Register,
        workload: Option<Digest32>,
    ) -> Result<(), AttesterError> {
        if let (Some(measured), Some(asked)) = (self.workload, workload)
            && measured != asked
        {
            return Err(AttesterError::OtherWorkload { measured, asked });
        }
        let wanted = Self {
            workload: workload.or(self.workload),
            ..*self
        };
        let found = register.value()?;
        wanted.bring(register, found)?;
        *self = wanted;
        Ok(())
    }

    /// The value is the one that these measurements leave in the register.
    pub(super) fn expect(&self, register: &dyn Register, found: &[u8]) -> Result<(), AttesterError> {
        let values = self.values(register, found.len());
        let expected = values.last().expect("it begins with nothing");
        if found == expected.as_slice() {
            return Ok(());
        }
        let other = OtherMeasurements {
            register: register.name(),
            found: hex::encode(found),
            expected: hex::encode(expected),
            program: self.program,
            workload: self.workload,
        };
        Err(Box::new(other).into())
    }

    /// Extends the register by the events that come after the value `found`.
    fn bring(&self, register: &mut dyn Register, found: Vec<u8>) -> Result<(), AttesterError> {
        let values = self.values(register, found.len());
        let Some(done) = values.iter().position(|value| *value == found) else {
            return self.expect(register, &found);
        };
        let events = self.events();
        let missing = &events[done..];
        for event in missing {
            register.extend(event)?;
        }
        if missing.is_empty() {
            return Ok(());
        }
        // Somebody else may have extended it at the same time.
        let reached = register.value()?;
        self.expect(register, &reached)
    }

    /// The register's values, from none of the events to all of them.
    fn values(&self, register: &dyn Register, bytes: usize) -> Vec<Vec<u8>> {
        let mut value = vec![0; bytes];
        let mut values = vec![value.clone()];
        for event in self.events() {
            value = register.after(&value, &event);
            values.push(value.clone());
        }
        values
    }
}

fn hash_file(path: &Path) -> std::io::Result<Digest32> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(hash.finish());
        }
        hash.update(&buffer[..length]);
    }
}

const READ_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use strongroom_crypto::digest::sha256;

    use super::*;

    /// A register in memory; `failing` extensions do not happen, `lost` ones happen and are reported as failed.
    #[derive(Default)]
    struct Memory {
        value: [u8; 32],
        extended: usize,
        failing: usize,
        lost: usize,
        intruder: bool,
    }

    impl Register for Memory {
        fn name(&self) -> &'static str {
            "register"
        }

        fn value(&mut self) -> Result<Vec<u8>, AttesterError> {
            Ok(self.value.to_vec())
        }

        fn extend(&mut self, event: &[u8]) -> Result<(), AttesterError> {
            let failed = || AttesterError::Refused("failed".to_owned());
            if self.failing > 0 {
                self.failing -= 1;
                return Err(failed());
            }
            self.value = self.after(&self.value, event).try_into().expect("32 bytes");
            self.extended += 1;
            if self.intruder {
                self.value = [9; 32];
            }
            if self.lost > 0 {
                self.lost -= 1;
                return Err(failed());
            }
            Ok(())
        }

        fn after(&self, value: &[u8], event: &[u8]) -> Vec<u8> {
            sha256(&[value, &sha256(event).0].concat()).0.to_vec()
        }
    }

    const ONE: Option<Digest32> = Some(Digest32([1; 32]));
    const TWO: Option<Digest32> = Some(Digest32([2; 32]));

    fn program() -> Measurements {
        Measurements {
            program: sha256(b"program"),
            workload: None,
        }
    }

    fn code(result: Result<(), AttesterError>) -> Result<(), &'static str> {
        result.map_err(|error| error.code())
    }

    #[test]
    fn program_and_workload_are_measured_once() {
        let mut register = Memory::default();
        let mut measurements = program();
        assert_eq!(code(measurements.begin(&mut register)), Ok(()));
        assert_eq!(register.extended, 1);
        for (workload, extended) in [(None, 1), (ONE, 2), (None, 2), (ONE, 2)] {
            assert_eq!(code(measurements.measure(&mut register, workload)), Ok(()));
            assert_eq!(register.extended, extended, "{workload:?}");
        }
        assert_eq!(code(measurements.expect(&register, &register.value)), Ok(()));
        assert_eq!(measurements.events().len(), 2);
    }

    #[test]
    fn a_retry_extends_what_is_missing_and_nothing_twice() {
        for (failing, lost) in [(1, 0), (0, 1)] {
            let mut register = Memory {
                failing,
                lost,
                ..Memory::default()
            };
            let mut measurements = program();
            assert_eq!(
                code(measurements.measure(&mut register, ONE)),
                Err("attester.refused")
            );
            assert_eq!(code(measurements.measure(&mut register, ONE)), Ok(()));
            assert_eq!(register.extended, 2, "failing {failing}, lost {lost}");
        }
    }

    #[test]
    fn a_program_that_is_started_again_goes_on_with_the_same_workload_only() {
        let mut register = Memory::default();
        program().measure(&mut register, ONE).expect("measured");
        let mut again = program();
        assert_eq!(
            code(again.begin(&mut register)),
            Ok(()),
            "a workload may be there"
        );
        assert_eq!(
            code(again.measure(&mut register, None)),
            Err("attester.measurements")
        );
        assert_eq!(
            code(again.measure(&mut register, TWO)),
            Err("attester.measurements")
        );
        assert_eq!(code(again.measure(&mut register, ONE)), Ok(()));
        assert_eq!(
            code(again.measure(&mut register, TWO)),
            Err("attester.measurements")
        );
        assert_eq!(register.extended, 2);
    }

    #[test]
    fn what_somebody_else_measured_is_refused_and_told() {
        let mut register = Memory {
            value: [9; 32],
            ..Memory::default()
        };
        let error = program()
            .measure(&mut register, ONE)
            .expect_err("refused")
            .to_string();
        assert!(error.contains(&hex::encode([9; 32])), "{error}");
        assert_eq!(register.extended, 0);
        let mut meanwhile = Memory {
            intruder: true,
            ..Memory::default()
        };
        assert_eq!(
            code(program().measure(&mut meanwhile, None)),
            Err("attester.measurements")
        );
    }
}
