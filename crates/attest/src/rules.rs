//! What a policy says about checks themselves: which must not go without an answer, and which failures somebody answers
//! for by name, for a reason and until a day.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strongroom_crypto::time::UnixTime;

use crate::platform::Platform;
use crate::reference::PolicyError;
use crate::report::Outcome;
use crate::step::{self, Step};

/// A named exception from one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Id of the check, such as `tcb.status`.
    pub check: String,
    /// Only where exactly this was found, such as `OutOfDate`; without it whatever was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires: Expiry,
}

/// The end of an exception, RFC 3339 in UTC: `2027-01-31T00:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(pub UnixTime);

/// What a policy says about checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    exceptions: Vec<Exception>,
    required: Vec<String>,
    now: UnixTime,
}

/// Longest owner or reason, in bytes.
const TEXT_BYTES_MAX: usize = 512;

impl Rules {
    pub(crate) fn new(exceptions: &[Exception], required: &[String], now: UnixTime) -> Self {
        Self {
            exceptions: exceptions.to_vec(),
            required: required.to_vec(),
            now,
        }
    }

    /// Refuses what names no check, or one that nobody can answer for.
    pub(crate) fn validate(
        platform: Platform,
        exceptions: &[Exception],
        required: &[String],
    ) -> Result<(), PolicyError> {
        for exception in exceptions {
            let known = step::by_id(&exception.check);
            let step = known.ok_or_else(|| PolicyError::UnknownCheck(exception.check.clone()))?;
            if !step.is_excusable() {
                return Err(PolicyError::NoException(exception.check.clone()));
            }
            let stated = |text: &str| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
            if !stated(&exception.owner) || !stated(&exception.reason) {
                return Err(PolicyError::ExceptionWithoutOwner(exception.check.clone()));
            }
        }
        for id in required {
            let step = step::by_id(id).ok_or_else(|| PolicyError::UnknownCheck(id.clone()))?;
            if !platform.makes(step) {
                return Err(PolicyError::NotMade {
                    platform,
                    check: id.clone(),
                });
            }
        }
        Ok(())
    }

    /// What the policy makes of an outcome.
    pub(crate) fn judge(&self, step: &Step, outcome: Outcome) -> Outcome {
        if let Some(demanded) = self.demanded(step.id, &outcome) {
            return demanded;
        }
        match outcome {
            Outcome::Failed { expected, found } if step.excusable => match self.exception(step.id, &found) {
                Some(exception) => Outcome::Excused {
                    expected,
                    found,
                    exception: exception.describe(),
                },
                None => Outcome::Failed { expected, found },
            },
            outcome => outcome,
        }
    }

    /// The failure of a check that the policy asks for and that found nothing to check.
    pub(crate) fn demanded(&self, id: &str, outcome: &Outcome) -> Option<Outcome> {
        match outcome {
            Outcome::NotApplicable { why } if self.required.iter().any(|required| required == id) => {
                Some(unanswered(why))
            }
            _ => None,
        }
    }

    /// Required checks, and what becomes of one that is not in the report at all.
    pub(crate) fn required(&self) -> impl Iterator<Item = (&'static Step, Outcome)> {
        let steps = self.required.iter().filter_map(|id| step::by_id(id));
        steps.map(|step| (step, unanswered("nothing made it")))
    }

    fn exception(&self, id: &str, found: &str) -> Option<&Exception> {
        self.exceptions.iter().find(|exception| {
            exception.check == id
                && self.now < exception.expires.0
                && exception.found.as_deref().is_none_or(|only| only == found)
        })
    }
}

fn unanswered(why: &str) -> Outcome {
    Outcome::Failed {
        expected: "an answer: the policy requires this check".to_owned(),
        found: format!("none: {why}"),
    }
}

impl Exception {
    fn describe(&self) -> String {
        // Both texts are the policy's own words: quoted, so that they cannot draw on a terminal or forge a log line.
        format!(
            "{:?} answers for it until {}: {:?}",
            self.owner, self.expires.0, self.reason
        )
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        UnixTime::parse_rfc3339(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom("an exception ends at a time such as 2027-01-31T00:00:00Z")
        })
    }
}
