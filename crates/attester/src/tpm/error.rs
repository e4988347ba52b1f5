//! Why a TPM gives nothing: response codes (Part 2 §6.6) in words.

use std::fmt;
use std::io;

use super::wire::Malformed;

/// A command came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// The device or the socket.
    #[error("the TPM does not answer")]
    Io(#[from] io::Error),
    /// The TPM says no.
    #[error("{command}: {code}")]
    Refused {
        /// The command, as the specification calls it.
        command: &'static str,
        /// The response code.
        code: Code,
    },
    /// The TPM says something that cannot be read.
    #[error("the TPM's answer to {command} cannot be read: {what}")]
    Malformed {
        /// The command.
        command: &'static str,
        /// What is wrong.
        what: &'static str,
    },
}

impl TpmError {
    pub(crate) const fn malformed(command: &'static str) -> impl Fn(Malformed) -> Self {
        move |Malformed(what)| Self::Malformed { command, what }
    }

    /// Whether the TPM refused with this error, wherever in the command it found it.
    #[must_use]
    pub fn is(&self, error: u32) -> bool {
        matches!(self, Self::Refused { code, .. } if code.error() == error)
    }
}

/// A response code (`TPM_RC`). Prints its name, the number in hexadecimal, what it is about, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// The TPM awaits `TPM2_Startup`.
    pub const INITIALIZE: u32 = 0x100;
    /// An NV index that was never written.
    pub const NV_UNINITIALIZED: u32 = 0x14A;
    /// An algorithm has to be tested before it is used.
    pub const NEEDS_TEST: u32 = 0x153;
    /// A value out of range.
    pub const VALUE: u32 = 0x084;
    /// There is no such object or index.
    pub const HANDLE: u32 = 0x08B;
    /// The integrity check failed: made for another TPM.
    pub const INTEGRITY: u32 = 0x09F;
    /// The policy is not satisfied.
    pub const POLICY_FAIL: u32 = 0x09D;
    /// Another command is being served.
    pub const YIELDED: u32 = 0x908;
    /// A self-test goes on.
    pub const TESTING: u32 = 0x90A;
    /// Non-volatile memory is written too often.
    pub const NV_RATE: u32 = 0x920;
    /// Not now.
    pub const RETRY: u32 = 0x922;

    /// The error without the place where it was found.
    #[must_use]
    pub const fn error(self) -> u32 {
        if self.0 & FORMAT_ONE == 0 {
            self.0 & 0xFFF
        } else {
            self.0 & (FORMAT_ONE | 0x3F)
        }
    }

    /// Whether the same command may succeed a moment later.
    pub(crate) fn passes(self) -> bool {
        [Self::RETRY, Self::YIELDED, Self::TESTING, Self::NV_RATE].contains(&self.error())
    }

    /// Which part of the command a code of format one is about.
    fn place(self) -> Option<String> {
        if self.0 & FORMAT_ONE == 0 {
            return None;
        }
        let number = (self.0 >> 8) & 0xF;
        match (self.0 & PARAMETER != 0, number) {
            (_, 0) => None,
            (true, number) => Some(format!("parameter {number}")),
            (false, number) if number & 8 != 0 => Some(format!("session {}", number & 7)),
            (false, number) => Some(format!("handle {number}")),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = NAMES.iter().find(|(error, ..)| *error == self.error());
        match known {
            Some((_, name, _)) => write!(f, "{name} ({:#05x}", self.0)?,
            None => write!(f, "response code {:#05x} (", self.0)?,
        }
        match (known, self.place()) {
            (Some(_), Some(place)) => write!(f, ", {place})")?,
            (None, Some(place)) => write!(f, "{place})")?,
            (Some(_), None) => write!(f, ")")?,
            (None, None) => write!(f, "TPM 2.0 Library Part 2 §6.6)")?,
        }
        match known {
            Some((.., words)) => write!(f, ": {words}"),
            None => Ok(()),
        }
    }
}

/// Format one: the error is about a handle, a session or a parameter.
const FORMAT_ONE: u32 = 0x80;
const PARAMETER: u32 = 0x40;

const NAMES: &[(u32, &str, &str)] = &[
    (
        0x081,
        "TPM_RC_ASYMMETRIC",
        "the TPM lacks the asymmetric algorithm",
    ),
    (0x082, "TPM_RC_ATTRIBUTES", "the attributes do not allow this"),
    (0x083, "TPM_RC_HASH", "the TPM lacks the hash algorithm"),
    (Code::VALUE, "TPM_RC_VALUE", "a value is out of range"),
    (
        0x085,
        "TPM_RC_HIERARCHY",
        "the hierarchy is disabled or not allowed here",
    ),
    (Code::HANDLE, "TPM_RC_HANDLE", "there is no such object or index"),
    (
        0x08E,
        "TPM_RC_AUTH_FAIL",
        "the password is wrong, and the failure counts towards lockout",
    ),
    (0x092, "TPM_RC_SCHEME", "the TPM lacks the scheme"),
    (0x095, "TPM_RC_SIZE", "a size is wrong"),
    (
        Code::POLICY_FAIL,
        "TPM_RC_POLICY_FAIL",
        "the policy is not satisfied",
    ),
    (
        Code::INTEGRITY,
        "TPM_RC_INTEGRITY",
        "the integrity check failed: this was made for another TPM or another key",
    ),
    (
        0x0A2,
        "TPM_RC_BAD_AUTH",
        "the password is wrong: somebody has set one for this hierarchy, index or key",
    ),
    (0x0A6, "TPM_RC_CURVE", "the TPM lacks the curve"),
    (
        Code::INITIALIZE,
        "TPM_RC_INITIALIZE",
        "the TPM has not been started",
    ),
    (
        0x101,
        "TPM_RC_FAILURE",
        "the TPM is in failure mode: a restart of the machine may help",
    ),
    (0x120, "TPM_RC_DISABLED", "the command is disabled"),
    (
        0x128,
        "TPM_RC_PCR_CHANGED",
        "a PCR changed since the session checked it",
    ),
    (0x143, "TPM_RC_COMMAND_CODE", "the TPM lacks the command"),
    (
        0x149,
        "TPM_RC_NV_AUTHORIZATION",
        "the NV index does not allow this",
    ),
    (
        Code::NV_UNINITIALIZED,
        "TPM_RC_NV_UNINITIALIZED",
        "the NV index was never written",
    ),
    (0x14B, "TPM_RC_NV_SPACE", "the TPM's non-volatile memory is full"),
    (0x14C, "TPM_RC_NV_DEFINED", "the NV index exists already"),
    (
        Code::NEEDS_TEST,
        "TPM_RC_NEEDS_TEST",
        "an algorithm was not tested yet",
    ),
    (
        0x902,
        "TPM_RC_OBJECT_MEMORY",
        "every slot for objects is taken: somebody does not flush, or speaks past the resource manager",
    ),
    (0x903, "TPM_RC_SESSION_MEMORY", "every slot for sessions is taken"),
    (
        0x905,
        "TPM_RC_SESSION_HANDLES",
        "there are no handles for sessions left",
    ),
    (Code::YIELDED, "TPM_RC_YIELDED", "the TPM was interrupted"),
    (0x909, "TPM_RC_CANCELED", "the command was cancelled"),
    (Code::TESTING, "TPM_RC_TESTING", "the TPM tests itself"),
    (
        Code::NV_RATE,
        "TPM_RC_NV_RATE",
        "non-volatile memory is written more often than the TPM allows",
    ),
    (
        0x921,
        "TPM_RC_LOCKOUT",
        "too many wrong passwords: the TPM is locked for a while",
    ),
    (Code::RETRY, "TPM_RC_RETRY", "the TPM is busy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_by_name_number_place_and_in_words() {
        let said = |code: u32| Code(code).to_string();
        assert_eq!(
            said(0x98E),
            "TPM_RC_AUTH_FAIL (0x98e, session 1): the password is wrong, and the failure counts towards lockout"
        );
        assert_eq!(
            said(0x18B),
            "TPM_RC_HANDLE (0x18b, handle 1): there is no such object or index"
        );
        assert_eq!(
            said(0x2C4),
            "TPM_RC_VALUE (0x2c4, parameter 2): a value is out of range"
        );
        assert_eq!(
            said(0x100),
            "TPM_RC_INITIALIZE (0x100): the TPM has not been started"
        );
        assert_eq!(said(0x1BF), "response code 0x1bf (handle 1)");
        assert_eq!(said(0x1A0), "response code 0x1a0 (handle 1)");
        assert_eq!(said(0x17F), "response code 0x17f (TPM 2.0 Library Part 2 §6.6)");
    }

    #[test]
    fn only_codes_that_pass_are_tried_again() {
        assert!(
            [0x922, 0x908, 0x90A, 0x920]
                .iter()
                .all(|code| Code(*code).passes())
        );
        assert!(
            [0x921, 0x98E, 0x101, 0x902]
                .iter()
                .all(|code| !Code(*code).passes())
        );
    }
}
