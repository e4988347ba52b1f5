//! What `/api/v3` answers instead of a result: a stable code, a safe sentence, the id of the request.

use serde::{Deserialize, Serialize};

/// Body of every answer of `/api/v3` that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One of [`Code`]; a client must take one that it does not know as a refusal all the same.
    pub code: String,
    /// For people.
    pub message: String,
    /// Finds the cause in the server's log.
    pub request_id: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// Every code that the coordinator answers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them, for the docs and their test.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }
        }
    };
}

codes! {
    /// The body or query is not what the endpoint takes.
    RequestMalformed = "request.malformed", 400;
    /// No such path.
    RequestNotFound = "request.not_found", 404;
    /// The path does not take this method.
    RequestMethod = "request.method", 405;
    /// Needs a later version of the coordinator.
    RequestUnsupported = "request.unsupported", 501;
    /// The nonce is not exactly 32 bytes.
    EvidenceNonce = "evidence.nonce", 400;
    /// Evidence is only given over TLS 1.3.
    EvidenceChannel = "evidence.channel", 400;
    /// The platform could not make evidence.
    EvidenceUnavailable = "evidence.unavailable", 503;
    /// No client certificate, or not one of a user.
    UserUnauthenticated = "user.unauthenticated", 401;
    /// The user's certificate is not valid now.
    UserExpired = "user.expired", 401;
    /// The user's roles do not allow it.
    UserForbidden = "user.forbidden", 403;
    /// The coordinator is in another phase.
    StatePhase = "state.phase", 409;
    /// The state on disk is older than the platform's counter: nothing is released.
    StateRolledBack = "state.rolled_back", 503;
    /// Something changed between decision and commit, several times in a row.
    StateConflict = "state.conflict", 409;
    /// The state could not be written.
    StateStore = "state.store", 503;
    /// The clock is behind what the state shows: nothing is released.
    TimeBehind = "time.behind", 503;
    /// The manifest is refused.
    ManifestInvalid = "manifest.invalid", 400;
    /// No manifest is set.
    ManifestUnset = "manifest.unset", 404;
    /// The manifest in force is not the one that the writer verified.
    SecretManifestChanged = "secret.manifest_changed", 412;
    /// The secret's value does not fit its declaration.
    SecretInvalid = "secret.invalid", 400;
    /// A credential that was not made for this platform, or not answered rightly and in time.
    EnrolmentRefused = "enrolment.refused", 403;
    /// The file is no endorsement.
    EndorsementMalformed = "endorsement.malformed", 400;
    /// No accepted root vouches for it.
    EndorsementRoot = "endorsement.root", 400;
    /// Older collateral than was seen before.
    EndorsementOlder = "endorsement.older", 409;
    /// The endorsement's time is over.
    EndorsementExpired = "endorsement.expired", 400;
    /// The recovery secret does not open the state.
    RecoveryRefused = "recovery.refused", 403;
    /// The body is larger than the endpoint takes.
    LimitBody = "limit.body", 413;
    /// The queue of changes is full.
    LimitQueue = "limit.queue", 503;
    /// More items in one request than are taken.
    LimitItems = "limit.items", 413;
    /// A fault of ours.
    Internal = "internal", 500;
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_have_an_error_status() {
        let texts: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|c| (400..600).contains(&c.http_status())));
    }
}
