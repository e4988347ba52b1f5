//! Text from measured bytes, and text that is harmless to show.

use std::fmt;

use strongroom_crypto::digest::sha256;

/// Characters of a content that are shown.
pub const SHOWN_CHARS_MAX: usize = 600;

/// Bytes that are shown as digits; more are shown as their digest.
const DIGITS_BYTES_MAX: usize = 64;

/// Bytes as text: UTF-8 or little-endian UTF-16, each with at most one NUL, at its end. A byte sequence has one
/// reading at most: what reads as UTF-8 is never tried as UTF-16.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    utf8(bytes).or_else(|| utf16(bytes))
}

pub(super) fn utf8(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).ok()?;
    is_text(text).then(|| text.to_owned())
}

/// The first character must be one of Latin-1: or else much ASCII would read as Chinese.
pub(super) fn utf16(bytes: &[u8]) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() || units.first().is_none_or(|[_, high]| *high != 0) {
        return None;
    }
    let units = units.strip_suffix(&[[0; 2]]).unwrap_or(units);
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let text = char::decode_utf16(units).collect::<Result<String, _>>().ok()?;
    is_text(&text).then_some(text)
}

/// Scripts of boot loaders hold line breaks and tabs; other control characters make no text.
fn is_text(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// A value that is compared: `"text"`, digits, or a digest. No two values have the same form.
pub(super) fn value(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text(text) && !text.contains('"') => format!("\"{text}\""),
        _ if bytes.len() <= DIGITS_BYTES_MAX => hex::encode(bytes),
        _ => format!("sha256:{}", sha256(bytes)),
    }
}

/// What a log says, without proof: as text, as the text before a NUL, or in short.
pub(super) fn claimed(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    decode(bytes)
        .or_else(|| utf8(&bytes[..end]))
        .unwrap_or_else(|| sum_up(bytes))
}

/// Bytes that are no text, in short.
pub(super) fn sum_up(bytes: &[u8]) -> String {
    if bytes.len() <= DIGITS_BYTES_MAX {
        hex::encode(bytes)
    } else {
        format!("{} bytes, sha256:{}", bytes.len(), sha256(bytes))
    }
}

/// A GUID in the order of bytes that UEFI gives it (RFC 9562 §4 of the fields, the first three little-endian).
pub(super) fn guid(bytes: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, tail @ ..] = bytes;
    let time = u32::from_le_bytes([a, b, c, d]);
    let (mid, high) = (u16::from_le_bytes([e, f]), u16::from_le_bytes([g, h]));
    format!(
        "{time:08x}-{mid:04x}-{high:04x}-{}-{}",
        hex::encode(&tail[..2]),
        hex::encode(&tail[2..])
    )
}

/// Text of unknown origin, as it may be printed: everything but printable ASCII escaped, and cut after
/// [`SHOWN_CHARS_MAX`] characters.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(SHOWN_CHARS_MAX) {
            if c == ' ' || c.is_ascii_graphic() {
                write!(f, "{c}")?;
            } else {
                write!(f, "{}", c.escape_default())?;
            }
        }
        if self.0.chars().nth(SHOWN_CHARS_MAX).is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_reading_at_most() {
        assert_eq!(decode(b"root=/dev/vda\0").as_deref(), Some("root=/dev/vda"));
        assert_eq!(decode(b"a\0b\0\0\0").as_deref(), Some("ab"));
        assert_eq!(decode(b"a\0\0"), None);
        assert_eq!(decode(b"\x1b[2J"), None);
        assert_eq!(decode(b""), None);
        assert_eq!(decode(&[0x41, 0x00, 0x00, 0xd8]), None); // half a surrogate pair
        assert_eq!(decode(b"Kernel\0l"), None);
        assert_eq!(claimed(b"Kernel\0l"), "Kernel");
    }

    #[test]
    fn what_is_shown_is_harmless_and_short() {
        assert_eq!(Shown("a\n\u{202e}b\\").to_string(), "a\\n\\u{202e}b\\");
        let long = "x".repeat(SHOWN_CHARS_MAX + 1);
        assert_eq!(Shown(&long).to_string().chars().count(), SHOWN_CHARS_MAX + 1);
    }

    #[test]
    fn values_of_different_kinds_differ() {
        assert_eq!(value(b"sbat,1"), "\"sbat,1\"");
        assert_eq!(value(&[1]), "01");
        assert_eq!(value(b"01"), "\"01\"");
        assert_eq!(value(b""), "");
        assert!(value(&[0; 65]).starts_with("sha256:"));
    }
}
