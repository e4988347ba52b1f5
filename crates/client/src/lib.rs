//! SDK: verify a coordinator, then manage it or talk to inference over a verified channel.
//!
//! Everything the command line does is here, under the same names. Time and randomness are arguments.
//!
//! ```no_run
//! use strongroom_client::{Caller, Coordinator, Endorsements, Pin, SystemRandom, UnixTime, policy};
//!
//! # async fn example(now: UnixTime) -> Result<(), strongroom_client::Error> {
//! let endorsements = Endorsements::none();
//! let caller = Caller { now, random: &SystemRandom, identity: None, endorsements: &endorsements };
//! let policy = policy::load("policy.json".as_ref())?;
//! let coordinator = Coordinator::at("coordinator.example")?.verify(&policy, Pin::First, &caller).await?;
//! println!("{}", coordinator.report());
//! coordinator.trust().save("trust.json".as_ref())?;
//! # Ok(())
//! # }
//! ```
//!
//! A secret can only be sent through a coordinator that was verified. An address is not one:
//!
//! ```compile_fail,E0599
//! # async fn example(secret: strongroom_client::SecretBytes) -> Result<(), strongroom_client::Error> {
//! let mut coordinator = strongroom_client::Coordinator::at("coordinator.example")?;
//! coordinator.set_secrets(vec![("key".to_owned(), secret)]).await?;
//! # Ok(())
//! # }
//! ```
//!
//! nor is one that a trust file pins (it may have restarted with an old state since):
//!
//! ```compile_fail,E0599
//! # async fn example(mut pinned: strongroom_client::PinnedCoordinator, secret: strongroom_client::SecretBytes) {
//! pinned.set_secrets(vec![("key".to_owned(), secret)]).await;
//! # }
//! ```
//!
//! nor one that was verified to be without a manifest:
//!
//! ```compile_fail,E0599
//! # async fn example(mut empty: strongroom_client::EmptyCoordinator, secret: strongroom_client::SecretBytes) {
//! empty.set_secrets(vec![("key".to_owned(), secret)]).await;
//! # }
//! ```
//!
//! and none can be made by hand:
//!
//! ```compile_fail,E0451
//! # fn example(rest: (), status: ()) {
//! let forged = strongroom_client::TrustedCoordinator { rest, status };
//! # }
//! ```
//!
//! A prediction goes through a verified channel, which needs a trust file; an address is not enough:
//!
//! ```compile_fail,E0061
//! # async fn example(server: strongroom_client::predict::Server<'_>) {
//! use strongroom_client::predict::{Protocol, VerifiedChannel};
//! let channel = VerifiedChannel::connect(&server, Protocol::Rest, None).await;
//! # }
//! ```

pub mod attestation;
mod deployment;
pub mod endorsements;
mod error;
pub mod files;
pub mod log;
pub mod manifest;
pub mod model;
pub mod policy;
pub mod predict;
pub mod recovery;
mod report;
mod report_text;
mod rest;
pub mod trust;
pub mod users;
pub mod workload;

pub use deployment::{
    CLIENT_PORT, Caller, Coordinator, EmptyCoordinator, ManifestSet, Pin, PinnedCoordinator,
    RecoveringCoordinator, Recovery, TrustedCoordinator, Unverified,
};
pub use error::{Answerer, Error, Kind};
pub use report::{
    DeploymentReport, MarbleReport, ModelReport, PackageReport, Receiver, RecoveryReport, SecretReport,
    UpdateReport,
};
pub use rest::{ANSWER_BYTES_MAX, ANSWER_SECONDS_MAX};
pub use strongroom_api::coordinator::v3::{
    Endorsement, Endorsements as KeptEndorsements, SecretStatus, Status,
};
pub use strongroom_attest::{
    ClientPolicy, CoordinatorExpectation, Endorsements, Measurement, Platform, Protection,
    Report as EvidenceReport,
};
pub use strongroom_bundle::{BundleDigest, BundleSummary, Inspection, Rewrapped};
pub use strongroom_crypto::chain::LogHead;
pub use strongroom_crypto::digest::{Digest32, sha256};
pub use strongroom_crypto::random::{Random, SystemRandom};
pub use strongroom_crypto::secret::{KeyId, SecretBytes};
pub use strongroom_crypto::time::UnixTime;
pub use trust::Trust;
pub use users::UserIdentity;
