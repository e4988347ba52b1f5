//! JSON read strictly: a duplicate name is an error (else two readers could see two documents), and so is a fraction
//! (it has no one canonical form).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use strongroom_crypto::encode::Encoder;

/// A JSON value without fractions, in which every object names a field once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer of 64 bits, signed or not.
    Integer(i128),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// An object, fields sorted by name.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The JSON type, as errors name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// One encoding per value: a type tag, then the content, lists and objects with their count. Object fields are
    /// sorted, so neither order nor white space matters.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let start = Encoder::unlabelled();
        match self {
            Self::Null => start.bytes(b"null"),
            Self::Bool(value) => start.bytes(b"bool").u64(u64::from(*value)),
            Self::Integer(value) => start.bytes(b"int").bytes(value.to_string().as_bytes()),
            Self::String(value) => start.bytes(b"string").bytes(value.as_bytes()),
            Self::Array(items) => {
                let start = start.bytes(b"array").u64(items.len() as u64);
                items
                    .iter()
                    .fold(start, |encoder, item| encoder.bytes(&item.canonical()))
            }
            Self::Object(fields) => {
                let start = start.bytes(b"object").u64(fields.len() as u64);
                fields.iter().fold(start, |encoder, (name, value)| {
                    encoder.bytes(name.as_bytes()).bytes(&value.canonical())
                })
            }
        }
        .finish()
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i128(*value),
            Self::String(value) => serializer.serialize_str(value),
            Self::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields
                    .iter()
                    .try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(String, Json)> = Vec::new();
        while let Some((name, value)) = access.next_entry::<String, Json>()? {
            match fields.binary_search_by(|(known, _)| known.cmp(&name)) {
                Ok(_) => return Err(A::Error::custom(format_args!("field `{name}` is named twice"))),
                Err(place) => fields.insert(place, (name, value)),
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Json, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn canonical_form_forgets_formatting_only() {
        let one = parse(r#"{"a":[1,"x"],"b":null}"#).expect("json");
        let other = parse(" { \"b\" : null,\n \"a\" : [ 1, \"\\u0078\" ] } ").expect("json");
        assert_eq!(one.canonical(), other.canonical());
        for different in [
            r#"{"a":[1,"y"],"b":null}"#,
            r#"{"a":["1","x"],"b":null}"#,
            r#"{"a":[[1],"x"],"b":null}"#,
        ] {
            assert_ne!(
                one.canonical(),
                parse(different).expect("json").canonical(),
                "{different}"
            );
        }
    }

    #[test]
    fn refuses_duplicates_fractions_and_bottomless_nesting() {
        assert!(parse(r#"{"a":1,"a":1}"#).is_err());
        assert!(parse("1.5").is_err());
        assert!(parse("1e3").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn writes_what_it_read() {
        let text = r#"{"a":[1,-2,true],"b":"x"}"#;
        assert_eq!(
            serde_json::to_string(&parse(text).expect("json")).expect("write"),
            text
        );
    }
}
