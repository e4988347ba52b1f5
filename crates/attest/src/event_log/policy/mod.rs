//! A policy on events: what may, must and must not have been measured.
//!
//! What a log's sender can do shapes what a policy may say. Neither an event's type nor its label is measured, and
//! whoever runs later can append anything to a register (see the module above). So:
//!
//! - `allow_only` accounts for *every* event of a register: each must fit one of its rules, and a rule names the text
//!   or the digest, for types and labels alone can be chosen freely.
//! - `require` wants an event of a register that is accounted for: alone it could be met by something appended later.
//! - `forbid` names a text or a digest without type and label, by which a sender would evade it. A text can only be
//!   absent where every event of the register is readable: an opaque one is refused.

mod rule;

use serde::{Deserialize, Serialize};

use super::event_type::EventType;
use super::replay::Confirmed;
pub use rule::EventRule;
use rule::Read;

/// A policy as it is written. [`EventPolicy`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPolicyFields {
    /// Rules for registers whose every event must fit one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_only: Vec<EventRule>,
    /// Rules that at least one event must fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<EventRule>,
    /// Rules that no event may fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<EventRule>,
}

/// A policy on events that says what it seems to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EventPolicyFields", into = "EventPolicyFields")]
pub struct EventPolicy(EventPolicyFields);

/// A policy on events cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventPolicyError {
    /// No such type.
    #[error("event rules: {0:?} is no type of events")]
    EventType(String),
    /// No digest.
    #[error("event rules: {0:?} is no hexadecimal digest of 32, 48 or 64 bytes")]
    Digest(String),
    /// Anything would fit.
    #[error(
        "an event rule for register {0} names neither a text nor a digest: types and labels are not measured"
    )]
    NothingMeasured(u32),
    /// Every text has it.
    #[error("an event rule for register {0} looks for an empty text")]
    EmptyText(u32),
    /// It could be met later.
    #[error(
        "register {0} has required events and no `allow_only`: whoever runs later could append what is required"
    )]
    NotAccountedFor(u32),
    /// It would be evaded.
    #[error(
        "a forbidden event of register {0} has a type or a label, which are not measured: it would be evaded by another"
    )]
    Evadable(u32),
}

/// The events are not as the policy wants them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventPolicyFailure {
    /// The register's value was not held against a quote.
    #[error("{register} is not quoted, so nothing is known of its events")]
    NotQuoted {
        /// The register.
        register: String,
    },
    /// A digest of another bank.
    #[error("the policy names a digest of {bytes} bytes, {bank} has others")]
    OtherBank {
        /// Bytes of the policy's digest.
        bytes: usize,
        /// The quoted bank.
        bank: String,
    },
    /// An event that fits no rule of its register.
    #[error("event {number}, {register} {event_type}: expected {expected}, found {found}")]
    Differs {
        /// The event.
        number: usize,
        /// Its register.
        register: String,
        /// What it says it is.
        event_type: EventType,
        /// The rule that it comes closest to.
        expected: String,
        /// What it says, and how far that is proven.
        found: String,
    },
    /// A required event that is not there.
    #[error("{register} has no event {expected}")]
    Missing {
        /// The register.
        register: String,
        /// The rule.
        expected: String,
    },
    /// An event that must not be there.
    #[error("event {number}, {register} {event_type}: forbidden is {forbidden}, found {found}")]
    Forbidden {
        /// The event.
        number: usize,
        /// Its register.
        register: String,
        /// What it says it is.
        event_type: EventType,
        /// The rule.
        forbidden: String,
        /// What it says, and how far that is proven.
        found: String,
    },
}

impl TryFrom<EventPolicyFields> for EventPolicy {
    type Error = EventPolicyError;

    fn try_from(fields: EventPolicyFields) -> Result<Self, EventPolicyError> {
        let rules = fields
            .allow_only
            .iter()
            .chain(&fields.require)
            .chain(&fields.forbid);
        for rule in rules {
            rule.validate()?;
        }
        let accounted_for = |rule: &EventRule| fields.allow_only.iter().any(|a| a.register == rule.register);
        if let Some(rule) = fields.require.iter().find(|rule| !accounted_for(rule)) {
            return Err(EventPolicyError::NotAccountedFor(rule.register));
        }
        let evadable = |rule: &&EventRule| rule.event_type.is_some() || rule.label.is_some();
        if let Some(rule) = fields.forbid.iter().find(evadable) {
            return Err(EventPolicyError::Evadable(rule.register));
        }
        Ok(Self(fields))
    }
}

impl From<EventPolicy> for EventPolicyFields {
    fn from(policy: EventPolicy) -> Self {
        policy.0
    }
}

impl EventPolicy {
    /// The policy as it is written.
    #[must_use]
    pub const fn fields(&self) -> &EventPolicyFields {
        &self.0
    }

    /// The registers that a quote must cover for the policy to be met.
    pub fn registers(&self) -> impl Iterator<Item = u32> {
        let EventPolicyFields {
            allow_only,
            require,
            forbid,
        } = &self.0;
        let rules = allow_only.iter().chain(require).chain(forbid);
        rules.map(|rule| rule.register)
    }

    /// Holds the events of a confirmed log against the policy.
    ///
    /// # Errors
    /// [`EventPolicyFailure`] with the first event that differs.
    pub fn check(&self, log: &Confirmed<'_>) -> Result<(), EventPolicyFailure> {
        let EventPolicyFields {
            allow_only,
            require,
            forbid,
        } = &self.0;
        let mut checked = Vec::new();
        for rule in allow_only {
            if !checked.contains(&rule.register) {
                checked.push(rule.register);
                let rules = allow_only.iter().filter(|other| other.register == rule.register);
                check_allowed(log, rule.register, &rules.collect::<Vec<_>>())?;
            }
        }
        require.iter().try_for_each(|rule| check_required(log, rule))?;
        forbid.iter().try_for_each(|rule| check_forbidden(log, rule))
    }
}

fn check_allowed(log: &Confirmed<'_>, register: u32, rules: &[&EventRule]) -> Result<(), EventPolicyFailure> {
    for event in events(log, register)? {
        let mut fits = false;
        for rule in rules {
            fits |= rule.fits(&event)?;
        }
        if !fits {
            let closest = rules.iter().find(|rule| rule.is_named_like(&event));
            let expected = match closest {
                Some(rule) => rule.describe_content(),
                None => format!("one of the {} that are allowed", rules.len()),
            };
            return Err(event.differs(expected));
        }
    }
    Ok(())
}

fn check_required(log: &Confirmed<'_>, rule: &EventRule) -> Result<(), EventPolicyFailure> {
    let events = events(log, rule.register)?;
    for event in &events {
        if rule.fits(event)? {
            return Ok(());
        }
    }
    let named = rule.event_type.is_some() || rule.label.is_some();
    let alike = |event: &&Read<'_, '_>| named && rule.is_named_like(event);
    Err(match events.iter().find(alike) {
        Some(event) => event.differs(rule.describe_content()),
        None => EventPolicyFailure::Missing {
            register: log.bank().layout.name(rule.register),
            expected: rule.describe(),
        },
    })
}

fn check_forbidden(log: &Confirmed<'_>, rule: &EventRule) -> Result<(), EventPolicyFailure> {
    for event in events(log, rule.register)? {
        if rule.may_fit(&event)? {
            return Err(event.forbidden(rule.describe_content()));
        }
    }
    Ok(())
}

fn events<'l, 'a>(log: &'l Confirmed<'a>, register: u32) -> Result<Vec<Read<'l, 'a>>, EventPolicyFailure> {
    let events = log
        .events(register)
        .ok_or_else(|| EventPolicyFailure::NotQuoted {
            register: log.bank().layout.name(register),
        })?;
    Ok(events.map(|event| Read::of(event, log.bank())).collect())
}
