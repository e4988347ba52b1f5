//! Why a command was refused. Each has a stable code; what the wire makes of it is the wire's.

use strongroom_manifest::SecretName;

use super::phase::PhaseName;

/// A command that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The phase does not know the command.
    #[error("the coordinator is in phase {0}")]
    Phase(PhaseName),
    /// The state was rolled back: nothing is released.
    #[error("the state is older than the platform's counter says: nothing is released")]
    RolledBack,
    /// The decision that the command stands on was made under another manifest: decide anew.
    #[error("another manifest came into force meanwhile")]
    Stale,
    /// The writer verified another manifest than the one in force.
    #[error("the manifest in force is not the one that was verified")]
    ManifestChanged,
    /// There were as many activations as the manifest allows.
    #[error("reached max activations count ({max}) for marble type {marble_type:?}")]
    MaxActivations {
        /// The marble's type.
        marble_type: String,
        /// How many there may be.
        max: u64,
    },
    /// A secret that the marble needs has no value yet.
    #[error("secret_unset: {0}")]
    SecretUnset(SecretName),
    /// No certificate of this marble is valid: it must activate.
    #[error("no valid certificate was issued to marble {uuid} of type {marble_type:?}: activate first")]
    NotActivated {
        /// The UUID.
        uuid: String,
        /// The type.
        marble_type: String,
    },
    /// The clock is behind the state: nothing is released until it catches up.
    #[error("the clock is {behind_seconds} seconds behind the newest time in the state: nothing is released")]
    TimeBehind {
        /// How far.
        behind_seconds: u64,
    },
    /// Older collateral than was seen before hides what was found since.
    #[error(
        "the TCB information of platform family {family} is of evaluation {number}, and evaluation {floor} was seen before: fetch the current one"
    )]
    EndorsementOlder {
        /// The platform family (FMSPC).
        family: String,
        /// The evaluation of what was brought.
        number: u32,
        /// The newest one that was seen.
        floor: u32,
    },
    /// An endorsement whose time is over.
    #[error("the time of this endorsement is over: fetch the current one")]
    EndorsementExpired,
    /// As many endorsements as are kept.
    #[error("as many endorsements are kept as may be: those whose time is over make room")]
    TooManyEndorsements,
    /// The recovery secret does not open the state, or its signature is not by the recovery key.
    #[error("{0}")]
    Recovery(&'static str),
    /// The queue of the writer is full.
    #[error("too many changes are waiting")]
    QueueFull,
    /// The state could not be written.
    #[error("the state cannot be written")]
    Store,
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Phase(_) => "state.phase",
            Self::RolledBack => "state.rolled_back",
            Self::Stale => "state.conflict",
            Self::ManifestChanged => "secret.manifest_changed",
            Self::MaxActivations { .. } => "marble.max_activations",
            Self::SecretUnset(_) => "secret.unset",
            Self::NotActivated { .. } => "marble.not_activated",
            Self::TimeBehind { .. } => "time.behind",
            Self::EndorsementOlder { .. } => "endorsement.older",
            Self::EndorsementExpired => "endorsement.expired",
            Self::TooManyEndorsements => "limit.items",
            Self::Recovery(_) => "recovery.refused",
            Self::QueueFull => "limit.queue",
            Self::Store => "state.store",
        }
    }
}
