//! Why something was not done: a stable code, a sentence, and what to do. Codes stand in `docs/operations/cli.md`.

use std::path::PathBuf;

use strongroom_attest::{PolicyError, VerifyError};
use strongroom_bundle::BundleError;
use strongroom_manifest::ManifestErrors;
use strongroom_ratls::ConnectError;
use strongroom_ratls::channel::ChannelError;
use strongroom_workload::DescriptionError;

use crate::log::LogError;
use crate::trust::Change;

/// What the SDK answers instead of a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the caller gave cannot be used.
    #[error("{what}: {why}")]
    Input {
        /// Which input.
        what: String,
        /// Why not.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is there already and would be lost.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// Nobody answers, no TLS connection comes about, or somebody else is at the other end.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The peer did not answer in time.
    #[error("{peer} did not answer within {seconds} s")]
    Timeout {
        /// Whom.
        peer: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The connection broke; nothing is sent again over another one, because that one was not verified.
    #[error("the connection to {peer} broke")]
    Broken {
        /// Whom.
        peer: String,
        /// Why.
        #[source]
        source: ChannelError,
    },
    /// The answer is none that the peer should give.
    #[error("{peer} gave an answer that cannot be understood: {why}")]
    Answer {
        /// Whom.
        peer: String,
        /// Why.
        why: String,
    },
    /// The peer refused. What it says of it are its own words: they decide nothing here.
    #[error("{peer} refused: {message}{}{}", request(request_id), own_code(code.as_deref()))]
    Refused {
        /// Whom.
        peer: String,
        /// What is known of it.
        answerer: Answerer,
        /// The peer's code, where it gave one.
        code: Option<String>,
        /// The peer's sentence.
        message: String,
        /// Finds the cause in the peer's log.
        request_id: String,
    },
    /// The evidence of the peer does not hold.
    #[error(transparent)]
    Evidence(#[from] VerifyError),
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The policy does not speak of the manifest that is to be set.
    #[error("the policy does not list the manifest {found}")]
    ManifestUnlisted {
        /// Digest of the manifest.
        found: strongroom_crypto::Digest32,
    },
    /// The coordinator is in another phase than the command needs.
    #[error("the coordinator at {peer} is in phase `{found}`, this needs `{needed}`")]
    Phase {
        /// Which.
        peer: String,
        /// What its evidence says.
        found: String,
        /// What the command needs.
        needed: &'static str,
    },
    /// The coordinator's attestation key is not known to live in a TPM that the policy accepts.
    #[error("the attestation key of {peer} cannot be enrolled")]
    NotEnrolled {
        /// Whose.
        peer: String,
        /// Why.
        #[source]
        source: strongroom_ratls::enrolment::EnrolError,
    },
    /// The coordinator says itself that its state is older than its platform's counter.
    #[error("the coordinator at {peer} holds an old state: its platform has counted further")]
    RolledBack {
        /// Which.
        peer: String,
    },
    /// The coordinator served a manifest that is not the one its evidence names.
    #[error("the coordinator serves a manifest with digest {found}, its evidence names {expected}")]
    ManifestSubstituted {
        /// What the evidence says.
        expected: strongroom_crypto::Digest32,
        /// What was served.
        found: strongroom_crypto::Digest32,
    },
    /// A manifest does not hold.
    #[error("the manifest is refused:\n{0}")]
    Manifest(ManifestErrors),
    /// What is found is not what the trust file pins.
    #[error("{}", changed(.0))]
    Changed(Vec<Change>),
    /// A user holds a role that the policy does not grant.
    #[error("the manifest gives user `{user}` the role `{role}`, which the policy does not allow")]
    RoleUnlisted {
        /// The user.
        user: String,
        /// The role.
        role: String,
    },
    /// The audit log does not hold.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An encrypted model.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A workload description.
    #[error(transparent)]
    Workload(#[from] DescriptionError),
    /// A prediction was refused by the model server.
    #[error("{peer} does not predict: {message}")]
    Predict {
        /// Whom.
        peer: String,
        /// The server's sentence.
        message: String,
    },
}

/// What was known of a peer when it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// Nothing.
    Unverified,
    /// Nothing, and it does not know the paths that every coordinator has.
    NoCoordinator,
    /// Its evidence was verified, or its root is pinned.
    Verified,
}

/// Codes of a verified coordinator for which there is something to do here.
const VERIFIED_HINTS: [&str; 4] = [
    "secret.manifest_changed",
    "state.rolled_back",
    "user.forbidden",
    "user.unauthenticated",
];

/// What kind of failure it was; decides the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was refused, or it failed.
    Failed,
    /// What the caller gave cannot be used.
    Usage,
    /// Something that had to be verified did not hold.
    Unverified,
    /// The other end cannot be reached.
    Unreachable,
}

impl Error {
    /// For an input that cannot be used.
    pub(crate) fn input(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Input {
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Input { .. } => "input.invalid",
            Self::File { .. } => "file.failed",
            Self::Exists(_) => "file.exists",
            Self::Connect(error) => error.code(),
            Self::Timeout { .. } => "channel.timeout",
            Self::Broken { source, .. } => source.code(),
            Self::Answer { .. } => "channel.answer",
            Self::Refused { .. } => "peer.refused",
            Self::Evidence(error) => error.code().as_str(),
            Self::Policy(error) => error.code().as_str(),
            Self::ManifestUnlisted { .. } => "policy.manifest_unlisted",
            Self::RoleUnlisted { .. } => "policy.role_unlisted",
            Self::Phase { .. } => "state.phase",
            Self::NotEnrolled { source, .. } => source.code(),
            Self::RolledBack { .. } => "state.rolled_back",
            Self::ManifestSubstituted { .. } => "manifest.substituted",
            Self::Manifest(_) => "manifest.invalid",
            Self::Changed(changes) => changes.first().map_or("trust.changed", Change::code),
            Self::Log(error) => error.code(),
            Self::Bundle(error) => error.code(),
            Self::Workload(error) => error.code(),
            Self::Predict { .. } => "predict.refused",
        }
    }

    /// The code that the peer gave when it refused. It chose it itself: nothing is proven by it.
    #[must_use]
    pub fn peer_code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Input { .. } | Self::Policy(_) | Self::Workload(_) => Kind::Usage,
            Self::Evidence(_)
            | Self::NotEnrolled { .. }
            | Self::RolledBack { .. }
            | Self::ManifestSubstituted { .. }
            | Self::ManifestUnlisted { .. }
            | Self::RoleUnlisted { .. }
            | Self::Changed(_)
            | Self::Log(_) => Kind::Unverified,
            Self::Connect(ConnectError::Identity { .. } | ConnectError::NotBindable { .. }) => {
                Kind::Unverified
            }
            Self::Connect(
                ConnectError::Address(_) | ConnectError::ServerName(_) | ConnectError::Config(_),
            ) => Kind::Usage,
            Self::Connect(_) | Self::Timeout { .. } | Self::Broken { .. } => Kind::Unreachable,
            Self::Bundle(error) => bundle_kind(error),
            _ => Kind::Failed,
        }
    }

    /// What to do about it, where there is something to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self.code_for_hint() {
            "file.exists" => "choose another name, or say --force to replace it",
            "channel.unreachable" => "check the address, and that the program runs and listens there",
            "channel.handshake" => {
                "what answers may speak no TLS 1.3, or want a client certificate: --cert, --key"
            }
            "channel.timeout" => "run the command again: a new connection is verified anew",
            "channel.lost" => {
                "run the command again: a new connection is verified anew; \
                 a model server that lists its clients wants --cert and --key"
            }
            "channel.certificate" | "channel.marble_type" | "channel.root_changed" => {
                "the peer cannot prove that it is the one you verified; if the deployment was updated, \
                 verify it again and write a new trust file"
            }
            "evidence.measurement" => {
                "another program answers than the policy names: ask who runs it what changed, \
                 and add its measurement to the policy only if you trust that program"
            }
            "evidence.root" => "the policy names another root of trust: compare with who runs the platform",
            "evidence.binding" => "somebody stands between you and the coordinator, or relays its evidence",
            "evidence.expired" => "compare this machine's clock with the coordinator's",
            "evidence.protection" => {
                "the platform protects less than the policy accepts; only the policy's \
                 `protection` can accept it, and then inputs and keys are not hidden"
            }
            "evidence.platform" => {
                "the policy has no reference values for this platform, or this build cannot verify it"
            }
            "evidence.manifest_digest" => {
                "compare the manifests (`manifest get`), and add the new digest to the policy if you agree"
            }
            "policy.invalid" => {
                "draft one with `deployment verify HOST --write-policy FILE` or `policy draft`"
            }
            "policy.manifest_unlisted" => {
                "compare with `manifest digest FILE`, and list that digest in the policy"
            }
            "state.rolled_back" => {
                "the coordinator was started from an old copy of its state: nothing may be sent to it; \
                 its operator has to bring back the newest state"
            }
            "secret.manifest_changed" => {
                "the manifest changed after you verified it: verify the deployment again, \
                 look at what changed, then send the secret"
            }
            "trust.manifest_changed"
            | "trust.root_changed"
            | "trust.marble_root_changed"
            | "trust.simulated_changed" => {
                "verify the deployment again with `deployment verify HOST --expect policy.json`, \
                 and write a new trust file only if you agree with what changed"
            }
            "log.not_extended" => {
                "the coordinator cannot show that its log continues the one you saw: it was rolled back, \
                 replaced, or hides what happened; send nothing to it"
            }
            "user.unauthenticated" => "give the certificate and key of a user of the manifest: --cert, --key",
            "user.forbidden" => "the manifest's roles do not allow this user to do that",
            "bundle.wrong_key" => "the bundle is for another key; `model inspect` shows which",
            "bundle.digest_mismatch" => {
                "the store serves another bundle than the one you name: an older one, another model, or a changed one"
            }
            _ => return self.hint_by_kind(),
        };
        Some(text.to_owned())
    }

    /// Our own code; a peer's in place of it only where the peer was verified, and the code is one of a few.
    fn code_for_hint(&self) -> &str {
        match self {
            Self::Refused {
                answerer: Answerer::Verified,
                code: Some(code),
                ..
            } if VERIFIED_HINTS.contains(&code.as_str()) => code,
            _ => self.code(),
        }
    }

    fn hint_by_kind(&self) -> Option<String> {
        match self {
            Self::Refused {
                answerer: Answerer::NoCoordinator,
                ..
            } => Some("no Strongroom coordinator answers here; check the port".to_owned()),
            Self::Phase { found, .. } => match found.as_str() {
                "recovery" => Some("its operator has to recover it first: `strongroom recover`".to_owned()),
                "awaiting_manifest" => Some("set a manifest first: `strongroom manifest set`".to_owned()),
                "running" => Some("it has a manifest already".to_owned()),
                _ => None,
            },
            Self::RoleUnlisted { .. } => {
                Some("compare with the policy's `roles`, and widen them only if you agree".to_owned())
            }
            _ => None,
        }
    }
}

/// A store that cannot be reached is no statement about the bundle; bytes that do not fit are.
fn bundle_kind(error: &BundleError) -> Kind {
    match error.code() {
        "store.failed" => Kind::Unreachable,
        "store.url" | "store.unsupported" | "store.configuration" => Kind::Usage,
        "bundle.digest_mismatch"
        | "bundle.chunk_corrupt"
        | "bundle.wrap_corrupt"
        | "bundle.truncated"
        | "bundle.length"
        | "bundle.malformed"
        | "bundle.table" => Kind::Unverified,
        _ => Kind::Failed,
    }
}

fn request(id: &str) -> String {
    if id.is_empty() {
        String::new()
    } else {
        format!(" (request {id})")
    }
}

fn own_code(code: Option<&str>) -> String {
    code.map(|code| format!(" (its code: {code})"))
        .unwrap_or_default()
}

fn changed(changes: &[Change]) -> String {
    let listed: Vec<_> = changes.iter().map(ToString::to_string).collect();
    format!(
        "the deployment is not the one in the trust file: {}",
        listed.join("; ")
    )
}
