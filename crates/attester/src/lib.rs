//! Collects evidence and seals keys: the only crate that touches attestation devices, sockets of a platform and its
//! counters. Each platform implements [`Attester`]; [`detect`] finds the one that this machine has, and never falls back
//! to one that protects less.

mod attester;
pub mod contract;
mod detect;
mod enrolment;
mod error;
mod files;
pub mod platform;
mod survey;
pub mod tpm;

pub use attester::{Attester, CounterName, NotACounterName, SealPolicy, Workload};
pub use detect::{TeeChoice, detect};
pub use enrolment::{Enrolment, EnrolmentRequest};
pub use error::{AttesterError, OtherMeasurements};
pub use survey::{Finding, survey};
