//! Bytes in JSON: standard base64 as Go writes it, lower-case hex for digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes as a standard base64 string with padding. Reads what Go reads: a string, an array of numbers, or `null` (no bytes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

/// As [`Base64`], for bytes that nobody may see: not `Clone`, wiped on drop, never printed.
#[derive(Default)]
pub struct Base64Secret(pub Zeroizing<Vec<u8>>);

/// A 32-byte digest as 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hex32(pub [u8; 32]);

impl std::fmt::Debug for Base64Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[REDACTED {} bytes]", self.0.len())
    }
}

impl std::fmt::Display for Hex32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl From<Vec<u8>> for Base64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Base64Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl Serialize for Base64Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl Serialize for Hex32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(BytesVisitor)
            .map(|mut bytes| Self(std::mem::take(&mut *bytes)))
    }
}

impl<'de> Deserialize<'de> for Base64Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BytesVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Hex32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let mut out = [0; 32];
        // One spelling per digest: what is compared as text elsewhere must not come in two cases.
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(de::Error::custom("digest must be lower-case hex"));
        }
        hex::decode_to_slice(text.as_bytes(), &mut out)
            .map_err(|_| de::Error::custom("digest must be 64 hex digits"))?;
        Ok(Self(out))
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Zeroizing<Vec<u8>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a base64 string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        // Go's decoder skips line breaks inside base64.
        let compact: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect());
        STANDARD
            .decode(&*compact)
            .map(Zeroizing::new)
            .map_err(|e| match e {
                base64::DecodeError::InvalidByte(at, _) => {
                    E::custom(format_args!("illegal base64 data at input byte {at}"))
                }
                _ => E::custom(format_args!(
                    "illegal base64 data at input byte {}",
                    compact.len()
                )),
            })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Zeroizing::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut out = Zeroizing::new(Vec::with_capacity(seq.size_hint().unwrap_or(0).min(4096)));
        while let Some(byte) = seq.next_element::<u8>()? {
            out.push(byte);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (json, want) in [
            ("\"AQI=\"", vec![1, 2]),
            ("[1,2]", vec![1, 2]),
            ("null", vec![]),
            ("\"\"", vec![]),
            ("\"AQ\\nI=\"", vec![1, 2]),
        ] {
            assert_eq!(
                serde_json::from_str::<Base64>(json).expect(json).0,
                want,
                "{json}"
            );
        }
    }

    #[test]
    fn refuses_other_alphabets_and_lengths() {
        for json in ["\"AQI\"", "\"A_I=\"", "\"AQI=x\"", "{}", "7"] {
            assert!(serde_json::from_str::<Base64>(json).is_err(), "{json}");
        }
        let hex = "ab".repeat(32);
        assert!(serde_json::from_str::<Hex32>(&format!("\"{hex}\"")).is_ok());
        for bad in [hex.to_uppercase(), hex[2..].to_owned(), format!("{hex}00")] {
            assert!(
                serde_json::from_str::<Hex32>(&format!("\"{bad}\"")).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(
            format!("{:?}", Base64Secret::from(vec![0x41; 3])),
            "[REDACTED 3 bytes]"
        );
    }
}
