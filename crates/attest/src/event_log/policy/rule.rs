//! One rule of a policy, and whether an event fits it.

use serde::{Deserialize, Serialize};

use super::super::content::{Content, Shown};
use super::super::event_type::EventType;
use super::super::replay::Bank;
use super::super::tcg::Event;
use super::{EventPolicyError, EventPolicyFailure};

/// Which events are meant: those of a register that fit everything given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// The PCR of a TPM, or the RTMR of TDX.
    pub register: u32,
    /// The name of the event's type, or `0x` and eight digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// What the log calls it, such as `kernel_cmdline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The text that was measured: as the event shows it, or, where the log lacks it, as UTF-8 or UTF-16 with or
    /// without a NUL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals_text: Option<String>,
    /// A part of the text that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains_text: Option<String>,
    /// The event's digest in the quoted bank, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// An event of a confirmed log, and what it says.
pub(super) struct Read<'l, 'a> {
    event: &'l Event<'a>,
    bank: Bank,
    digest: &'a [u8],
    content: Content,
}

impl<'l, 'a> Read<'l, 'a> {
    pub(super) fn of(event: &'l Event<'a>, bank: Bank) -> Self {
        Self {
            event,
            bank,
            digest: event.digest(bank.algorithm).unwrap_or_default(),
            content: Content::of(event, bank.algorithm),
        }
    }

    pub(super) fn differs(&self, expected: String) -> EventPolicyFailure {
        EventPolicyFailure::Differs {
            number: self.event.number(),
            register: self.register(),
            event_type: self.event.event_type(),
            expected,
            found: self.found(),
        }
    }

    pub(super) fn forbidden(&self, forbidden: String) -> EventPolicyFailure {
        EventPolicyFailure::Forbidden {
            number: self.event.number(),
            register: self.register(),
            event_type: self.event.event_type(),
            forbidden,
            found: self.found(),
        }
    }

    fn register(&self) -> String {
        let register = self.bank.layout.register(self.event.index());
        register.map_or_else(String::new, |register| self.bank.layout.name(register))
    }

    fn found(&self) -> String {
        if self.content.digest_matches_event() {
            self.content.to_string()
        } else {
            let digest = hex::encode(self.digest);
            format!("{} (not covered by its digest {digest})", self.content)
        }
    }

    /// Whether the text was measured: the event shows it and its digest covers it, or its digest is of it.
    fn measures(&self, text: &str) -> bool {
        if self.content.trusted() && self.content.text == text {
            return true;
        }
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let encodings = [
            text.as_bytes(),
            &[text.as_bytes(), &[0]].concat(),
            &wide,
            &[&wide[..], &[0, 0]].concat(),
        ];
        encodings.into_iter().any(|bytes| {
            let digest = self.bank.algorithm.digest(bytes);
            digest.is_some_and(|digest| digest.as_bytes() == self.digest)
        })
    }
}

impl EventRule {
    pub(super) fn validate(&self) -> Result<(), EventPolicyError> {
        if let Some(name) = &self.event_type
            && EventType::of_name(name).is_none()
        {
            return Err(EventPolicyError::EventType(name.clone()));
        }
        if let Some(digits) = &self.digest
            && !hex::decode(digits).is_ok_and(|digest| matches!(digest.len(), 32 | 48 | 64))
        {
            return Err(EventPolicyError::Digest(digits.clone()));
        }
        let texts = [&self.equals_text, &self.contains_text];
        if texts.into_iter().flatten().any(String::is_empty) {
            return Err(EventPolicyError::EmptyText(self.register));
        }
        if self.digest.is_none() && texts.iter().all(|text| text.is_none()) {
            return Err(EventPolicyError::NothingMeasured(self.register));
        }
        Ok(())
    }

    pub(super) fn is_named_like(&self, event: &Read<'_, '_>) -> bool {
        let event_type = self.event_type.as_deref().and_then(EventType::of_name);
        let same_type = event_type.is_none_or(|event_type| event_type == event.event.event_type());
        let same_label = self.label.is_none() || self.label == event.content.label;
        same_type && same_label
    }

    pub(super) fn fits(&self, event: &Read<'_, '_>) -> Result<bool, EventPolicyFailure> {
        if let Some(digits) = &self.digest {
            let digest = hex::decode(digits).expect("digits were checked");
            if digest.len() != event.bank.algorithm.size() {
                return Err(EventPolicyFailure::OtherBank {
                    bytes: digest.len(),
                    bank: event.bank.to_string(),
                });
            }
            if digest != event.digest {
                return Ok(false);
            }
        }
        if let Some(text) = &self.equals_text
            && !event.measures(text)
        {
            return Ok(false);
        }
        if let Some(part) = &self.contains_text
            && !(event.content.trusted() && event.content.text.contains(part.as_str()))
        {
            return Ok(false);
        }
        Ok(self.is_named_like(event))
    }

    /// Whether the event cannot be shown not to fit. The type that it claims decides how its text reads, so a forbidden
    /// text is looked for in the measured bytes.
    pub(super) fn may_fit(&self, event: &Read<'_, '_>) -> Result<bool, EventPolicyFailure> {
        let Some(part) = &self.contains_text else {
            let unreadable = self.equals_text.is_some() && event.content.measured.is_none();
            return Ok(unreadable || self.fits(event)?);
        };
        let others = Self {
            contains_text: None,
            ..self.clone()
        };
        let wide: Vec<u8> = part.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let holds = |part: &[u8]| match &event.content.measured {
            Some(bytes) => bytes.windows(part.len()).any(|window| window == part),
            None => true,
        };
        Ok((holds(part.as_bytes()) || holds(&wide)) && others.may_fit(event)?)
    }

    /// `EV_IPL kernel_cmdline 'root=…'`.
    pub(super) fn describe(&self) -> String {
        let content = self.describe_content();
        match &self.event_type {
            Some(event_type) => format!("{event_type} {content}"),
            None => content,
        }
    }

    /// `kernel_cmdline 'root=…'`.
    pub(super) fn describe_content(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.label.as_ref().map(|label| Shown(label).to_string()));
        let text = |text: &String| format!("'{}'", Shown(text));
        words.extend(self.equals_text.as_ref().map(text));
        words.extend(
            self.contains_text
                .as_ref()
                .map(|part| format!("text with {}", text(part))),
        );
        words.extend(self.digest.as_ref().map(|digits| format!("digest {digits}")));
        words.join(" ")
    }
}
