//! Verifier role of RFC 9334: evidence in, claims out, with a report of every check.
//!
//! Pure: time, roots, collateral and the expected binding are arguments, so expiry, forged roots and relayed evidence
//! are plain unit tests, and the crate fits a fuzzer and a browser. It says what is true of a machine; what is wanted
//! of one stands in [`reference`] values, which a manifest's package lowers to as well.
//!
//! The way of a piece of evidence, each arrow a type that only the step before can make:
//!
//! ```text
//! bytes ─► Evidence ─ verify(endorsements, roots, binding, now) ─► Claims ─ ReferenceValues::appraise ─► Appraised
//! ```
//!
//! [`Claims`] cannot be made otherwise:
//!
//! ```compile_fail,E0451
//! let claims = strongroom_attest::Claims { platform: strongroom_attest::Platform::Sgx };
//! ```
//!
//! and neither can [`Appraised`]:
//!
//! ```compile_fail,E0451
//! fn forge(claims: strongroom_attest::Claims, report: strongroom_attest::Report) -> strongroom_attest::Appraised {
//!     strongroom_attest::Appraised { claims, report }
//! }
//! ```
//!
//! [`verify`] has no form without a binding:
//!
//! ```compile_fail,E0061
//! use strongroom_attest::{Endorsements, Evidence, Roots, verify};
//! fn unbound(evidence: &Evidence, roots: &Roots, now: strongroom_crypto::time::UnixTime) {
//!     let _ = verify(evidence, &Endorsements::none(), roots, now);
//! }
//! ```

pub mod advice;
pub mod binding;
mod cache;
pub mod claims;
pub mod code;
pub mod endorsements;
mod error;
pub mod event_log;
pub mod evidence;
mod fields;
pub mod fuzz;
mod hex_bytes;
mod inspect;
pub mod parts;
pub mod platform;
mod policy;
mod reader;
pub mod reference;
pub mod report;
mod report_file;
mod report_text;
mod rules;
pub mod step;
mod verify;

pub use binding::{ActivateBinding, Binding, CoordinatorBinding, LogHead, PeerBinding, Subject};
pub use claims::{Claims, Measurement, Protection};
pub use code::Code;
pub use endorsements::{Anchor, AttestationKey, EndorsementError, Endorsements, NotAnEndorsement, Roots};
pub use error::VerifyError;
pub use evidence::{Evidence, Form, ParseError};
pub use hex_bytes::HexBytes;
pub use inspect::{Inspection, InspectionPolicy};
pub use parts::Parts;
pub use platform::Platform;
pub use reference::{Appraised, ClientPolicy, CoordinatorExpectation, PolicyError, ReferenceValues};
pub use report::{Check, Outcome, Report, TcbSummary};
pub use report_file::{NotAReport, WrittenCheck, WrittenReport};
pub use step::Step;
pub use verify::{EVIDENCE_AGE_SECONDS_MAX, TOLERANCE_SECONDS, Verified, verify};
