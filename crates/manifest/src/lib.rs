//! The policy language: parse → check → digest; appraise and authorize; secret templates. No I/O, no clock.
//!
//! A manifest is MarbleRun's JSON with a few fields of ours (`docs/schema/manifest.md`), read strictly: a misspelt
//! restriction is an error with its place and a suggestion, never no restriction. [`Manifest::parse`] is the only way to
//! get a [`Manifest`]; afterwards it cannot be wrong, and what it decides is handed out as values that only the decision
//! can make: [`ActivationGrant`] from proven claims, [`Permit`] from an authenticated user.

pub mod access;
mod advice;
pub mod authorize;
pub mod certificate;
mod check;
pub mod config;
pub mod dns;
mod fields;
pub mod flow;
pub mod fuzz;
pub mod infrastructure;
mod json;
mod manifest;
pub mod marble;
pub mod model;
pub mod names;
pub mod package;
mod problem;
pub mod secret;
pub mod template;
pub mod tls;
pub mod user;
pub mod value;

pub use access::{Actor, AuthenticateError, Denied, Permit, Right};
pub use advice::{Exception, Warning};
pub use authorize::{ActivationGrant, AttestationResult, Refusal, RenewalGrant};
pub use config::{Config, FeatureGate, SealMode};
pub use dns::NameRefused;
pub use flow::{Channel, Delivery, Rendered, SecretAccess};
pub use infrastructure::Infrastructure;
pub use manifest::Manifest;
pub use marble::{Content, Marble, Parameters};
pub use model::{Clients, CoordinatorSection, Model};
pub use names::{MarbleType, ModelName, PackageName, RoleName, SecretName, TlsTag, UserName};
pub use package::Package;
pub use problem::{ManifestErrors, Problem, Stage};
pub use secret::{CertificateKey, Secret, SecretKind};
pub use template::{Identity, RenderError, TemplateData};
pub use user::{Permission, RecoveryKey, Role, User};
pub use value::{SecretValue, Upload, UploadError};
