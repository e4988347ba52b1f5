//! Why a use case did not do what was asked: a code of ours, and the sentence that MarbleRun's clients know.

use strongroom_api::coordinator::problem::Code;

use crate::state::Refusal;

/// A use case that was not carried out. `message` is safe to show to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub code: Code,
    /// Who is at fault, which decides the status in MarbleRun's versions of the interface.
    pub kind: Kind,
    /// The sentence.
    pub message: String,
}

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is wrong in itself (`fail`, 400).
    Request,
    /// Nobody knows who asks (`fail`, 401).
    Unauthenticated,
    /// Everything else (`error`).
    Server,
    /// There is nothing under that name now (`error`, 404).
    Missing,
    /// Switched off in the manifest (`error`, 403).
    Disabled,
    /// More than is taken (`error`, the code's status).
    Limit,
}

impl Failure {
    /// Anything that MarbleRun answers with `error`.
    pub fn server(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: Kind::Server,
            message: message.into(),
        }
    }

    /// A request that is wrong in itself.
    pub fn request(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: Kind::Request,
            message: message.into(),
        }
    }

    /// Somebody whom the manifest does not know.
    pub fn unauthenticated(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: Kind::Unauthenticated,
            message: message.into(),
        }
    }

    /// More than is taken.
    pub fn limit(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: Kind::Limit,
            message: message.into(),
        }
    }

    /// A fault of ours; the cause went to the log.
    pub fn internal() -> Self {
        Self::server(Code::Internal, "internal error")
    }

    /// The coordinator is in another phase. MarbleRun's words.
    pub fn wrong_state() -> Self {
        Self::server(Code::StatePhase, "server is not in expected state")
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::Phase(_) => return Self::wrong_state(),
            Refusal::RolledBack => Code::StateRolledBack,
            Refusal::ManifestChanged => Code::SecretManifestChanged,
            Refusal::TimeBehind { .. } => Code::TimeBehind,
            Refusal::Recovery(_) => Code::RecoveryRefused,
            Refusal::EndorsementOlder { .. } => Code::EndorsementOlder,
            Refusal::EndorsementExpired => Code::EndorsementExpired,
            Refusal::TooManyEndorsements => return Self::limit(Code::LimitItems, refusal.to_string()),
            Refusal::QueueFull => return Self::limit(Code::LimitQueue, refusal.to_string()),
            Refusal::Store => Code::StateStore,
            _ => Code::StateConflict,
        };
        Self::server(code, format!("{code}: {refusal}"))
    }
}
