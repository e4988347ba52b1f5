//! What runs: a workload description, its check and its digest, which is the measurement of a workload.
//!
//! The description says which program runs, with which files, arguments and environment, what the coordinator may add,
//! and which coordinator it may be. The launcher acts on it, the platform's evidence carries its digest, and a manifest
//! names that digest. This crate executes nothing, reads no file and knows no policy: the coordinator expectation
//! passes through it as checked JSON that `attest` understands.
//!
//! ```
//! # let text = strongroom_workload::doc_example();
//! let description = strongroom_workload::Description::parse(text.as_bytes())?;
//! println!("measurement {}", description.digest());
//! # Ok::<(), strongroom_workload::DescriptionError>(())
//! ```

mod check;
mod description;
mod digest;
mod draft;
mod error;
mod json;
mod reader;

pub use check::{is_plain_path, loads_code};
pub use description::{
    Argv, CoordinatorRule, Description, FORMAT, MaySet, Measured, PROVISION_DIR_DEFAULT, ReportData, SIZE_MAX,
};
pub use draft::{Draft, DraftCoordinator};
pub use error::{DescriptionError, Problem};
pub use json::Json;

/// A description as a text, for examples.
#[doc(hidden)]
#[must_use]
pub fn doc_example() -> String {
    let program = Measured::new(
        "/usr/bin/strongroom-inference",
        strongroom_crypto::digest::sha256(b"program"),
    );
    let expect = serde_json::json!([{ "platform": "software", "measurements": ["00"] }]);
    Draft::new(program, DraftCoordinator::Expect(expect)).to_json()
}
