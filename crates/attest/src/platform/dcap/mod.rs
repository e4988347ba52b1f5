//! What SGX and TDX have in common: the quote, and Intel's provisioning certification (DCAP) that vouches for it.
//!
//! Written against Intel's documents: "SGX ECDSA quote library reference" and "TDX DCAP quoting library API" (quotes), "SGX
//! PCK certificate and certificate revocation list profile", and the API of the Provisioning Certification Service
//! (collateral). Nothing is fetched: collateral comes with the endorsements.

mod appraise;
mod chain;
mod choose;
mod collateral;
mod der;
mod enclave;
mod endorsed;
mod evaluate;
mod evidence;
mod facts;
mod pck;
mod policy;
mod qe;
mod quote;
mod status;
mod step;
mod tcb;
mod times;
mod verify;
mod vouched;

pub(crate) use appraise::{appraise_hardware, appraise_tcb, demanded, one_of};
pub(crate) use collateral::CollateralText;
pub use enclave::EnclaveReport;
pub(crate) use evidence::{DcapEvidence, read_native};
pub use facts::{PlatformFacts, TcbFacts};
pub use pck::{PckIdentity, SgxType};
pub use policy::{Demand, HardwarePolicy, TcbPolicy};
pub(crate) use qe::equal_under;
pub(crate) use quote::{Body, recognise};
pub use status::TcbStatus;
pub(crate) use step::STEPS;
pub(crate) use verify::verify;
pub use vouched::vouched_evaluation;
