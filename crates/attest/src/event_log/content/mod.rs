//! What an event says, and whether a digest covers it.
//!
//! A replay proves digests. This module recomputes an event's digest from its data where the type defines how (TCG PC
//! Client Platform Firmware Profile 1.06 §10.4; GRUB, systemd-stub, Linux and TD-shim for what they measure), so that
//! a policy may read what then is known to have been measured. Code, files and tables are measured without standing in
//! the log: their events are opaque, and a policy names them by digest.
//!
//! | type | the digest is of |
//! |---|---|
//! | any | its data, if that fits |
//! | `EV_SEPARATOR` | 00000000 or ffffffff; 00000001 if measuring failed, whatever the data says |
//! | `EV_EFI_VARIABLE_BOOT` | the variable's value alone (some firmware: its data) |
//! | `EV_IPL` | GRUB: the string behind `grub_cmd: ` and its like; systemd-stub: a section's name, a UTF-16 string |
//! | `EV_EVENT_TAG` | what follows tag and length (Linux, systemd: things that the log lacks) |
//! | `EV_PLATFORM_CONFIG_FLAGS` | TD-shim: what follows a name of 16 bytes and a length |
//! | dstack's runtime events | type, `:`, data |

mod boot_loader;
mod efi;
mod text;

use std::fmt;

use super::algorithm::Algorithm;
use super::event_type::EventType;
use super::runtime;
use super::tcg::Event;
pub use text::{SHOWN_CHARS_MAX, Shown};

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What the log calls the thing that was measured. Never covered by the digest.
    pub label: Option<String>,
    /// What was measured, as text, where it is one; else a summary, or what the log says about it. May hold control
    /// characters: print the content itself, which shows them harmlessly.
    pub text: String,
    /// How much of the text is proven.
    pub reading: Reading,
    /// The bytes that the digest is of, where the log has them.
    pub measured: Option<Vec<u8>>,
}

/// How much of an event's text is proven by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The text is what was measured, exactly.
    Exact,
    /// The event's data was measured; the text sums it up.
    Summary,
    /// The digest is of something else, or the data was changed: the text proves nothing.
    Opaque,
}

impl Content {
    /// Reads an event whose digest in `algorithm` was replayed.
    #[must_use]
    pub fn of(event: &Event<'_>, algorithm: Algorithm) -> Self {
        let digest = event.digest(algorithm).unwrap_or_default();
        let measured = Measured { algorithm, digest };
        let data = event.data();
        proven(event.event_type(), data, measured).unwrap_or_else(|| claimed(event.event_type(), data))
    }

    /// Whether a policy may compare the text: it is what was measured, exactly.
    #[must_use]
    pub const fn trusted(&self) -> bool {
        matches!(self.reading, Reading::Exact)
    }

    /// Whether the event's data, in the way its type defines, gives its digest.
    #[must_use]
    pub const fn digest_matches_event(&self) -> bool {
        matches!(self.reading, Reading::Exact | Reading::Summary)
    }

    fn exact(proven: Proven<'_>, text: String) -> Self {
        Self {
            label: None,
            text,
            reading: Reading::Exact,
            measured: Some(proven.0.to_vec()),
        }
    }

    fn summary(proven: Proven<'_>, text: String) -> Self {
        Self {
            reading: Reading::Summary,
            ..Self::exact(proven, text)
        }
    }

    fn opaque(text: String) -> Self {
        Self {
            label: None,
            text,
            reading: Reading::Opaque,
            measured: None,
        }
    }

    fn labelled(self, label: impl Into<String>) -> Self {
        Self {
            label: Some(label.into()),
            ..self
        }
    }

    /// Bytes that were measured, as text where they are one.
    fn of_bytes(proven: Proven<'_>) -> Self {
        match text::decode(proven.0) {
            Some(text) => Self::exact(proven, text),
            None => Self::summary(proven, text::sum_up(proven.0)),
        }
    }
}

/// `label 'text'`, harmless to print and of bounded length.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = &self.label {
            write!(f, "{} ", Shown(label))?;
        }
        write!(f, "'{}'", Shown(&self.text))
    }
}

/// The digest that was extended, to hold bytes against.
#[derive(Clone, Copy)]
struct Measured<'a> {
    algorithm: Algorithm,
    digest: &'a [u8],
}

/// Bytes that were measured. [`Measured::prove`] is the only way to get them.
#[derive(Clone, Copy)]
struct Proven<'b>(&'b [u8]);

impl Measured<'_> {
    fn prove<'b>(self, bytes: &'b [u8]) -> Option<Proven<'b>> {
        let digest = self.algorithm.digest(bytes)?;
        (digest.as_bytes() == self.digest).then_some(Proven(bytes))
    }
}

fn proven(event_type: EventType, data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let particular = match event_type {
        EventType::SEPARATOR => separator(measured),
        EventType::EFI_VARIABLE_BOOT => efi::variable_value(data, measured),
        EventType::EFI_VARIABLE_DRIVER_CONFIG
        | EventType::EFI_VARIABLE_AUTHORITY
        | EventType::EFI_VARIABLE_BOOT2 => efi::variable(data, measured),
        EventType::EFI_GPT_EVENT | EventType::EFI_GPT_EVENT2 => efi::partition_table(data, measured),
        EventType::IPL => boot_loader::ipl(data, measured),
        EventType::EVENT_TAG => boot_loader::tagged(data, measured),
        EventType::PLATFORM_CONFIG_FLAGS => boot_loader::td_shim(data, measured),
        EventType::DSTACK_RUNTIME => dstack(data, measured),
        runtime::EVENT_TYPE => {
            let text = runtime::text(data).zip(measured.prove(data));
            text.map(|(text, proven)| Content::exact(proven, text))
        }
        _ => None,
    };
    particular.or_else(|| measured.prove(data).map(Content::of_bytes))
}

/// What an event says about something that the log lacks.
fn claimed(event_type: EventType, data: &[u8]) -> Content {
    let particular = match event_type {
        EventType::EFI_VARIABLE_BOOT
        | EventType::EFI_VARIABLE_BOOT2
        | EventType::EFI_VARIABLE_DRIVER_CONFIG
        | EventType::EFI_VARIABLE_AUTHORITY => efi::claimed_variable(data),
        EventType::EFI_BOOT_SERVICES_APPLICATION
        | EventType::EFI_BOOT_SERVICES_DRIVER
        | EventType::EFI_RUNTIME_SERVICES_DRIVER => efi::image(data),
        EventType::EFI_PLATFORM_FIRMWARE_BLOB
        | EventType::EFI_PLATFORM_FIRMWARE_BLOB2
        | EventType::EFI_HANDOFF_TABLES2
        | EventType::POST_CODE2 => efi::described(data),
        EventType::IPL => boot_loader::claimed_ipl(data),
        EventType::EVENT_TAG => boot_loader::claimed_tagged(data),
        _ => None,
    };
    particular.unwrap_or_else(|| Content::opaque(text::claimed(data)))
}

/// The values of separators: the firmware is done, and measuring failed (§10.4.1). The first two mean the same.
pub(super) const SEPARATORS: [[u8; 4]; 2] = [[0; 4], [0xff; 4]];
pub(super) const SEPARATOR_OF_ERROR: [u8; 4] = [1, 0, 0, 0];

fn separator(measured: Measured<'_>) -> Option<Content> {
    if let Some(error) = measured.prove(&SEPARATOR_OF_ERROR) {
        return Some(Content::exact(error, "error".to_owned()));
    }
    SEPARATORS.iter().find_map(|value| {
        let proven = measured.prove(value)?;
        Some(Content::exact(proven, hex::encode(value)))
    })
}

/// The first form of dstack's runtime events: type, name and payload with colons between, where the event's data is
/// name and payload.
fn dstack(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let mut bytes = EventType::DSTACK_RUNTIME.0.to_le_bytes().to_vec();
    bytes.push(b':');
    bytes.extend_from_slice(data);
    let proven = measured.prove(&bytes)?;
    Some(match text::decode(data) {
        Some(text) => Content::exact(proven, text),
        None => Content::summary(proven, text::sum_up(data)),
    })
}
