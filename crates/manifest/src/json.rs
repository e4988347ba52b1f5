//! JSON as it was written: objects keep their order and their duplicates, so that both can be refused by name.
//!
//! Size, depth and number of values are bounded before anything is built from them.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value. Numbers are integers or not: no manifest field takes anything else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Decimal,
    Text(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// With its article, for "expected a string, found …".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "a number",
            Self::Decimal => "a number that is no whole number",
            Self::Text(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// What Go writes for a field that nobody set.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) | Self::Integer(0) => true,
            Self::Text(text) => text.is_empty() || text == GO_ZERO_TIME,
            Self::Array(items) => items.is_empty(),
            Self::Object(fields) => fields.iter().all(|(_, value)| value.is_zero()),
            Self::Bool(true) | Self::Integer(_) | Self::Decimal => false,
        }
    }

    /// The same value for a reader that knows its shape; a field given twice is refused here, where it would be lost.
    pub(crate) fn to_serde(&self) -> Result<serde_json::Value, String> {
        Ok(match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(flag) => (*flag).into(),
            Self::Integer(number) => match (u64::try_from(*number), i64::try_from(*number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                _ => return Err(format!("{number} is out of range")),
            },
            Self::Decimal => return Err("expected whole numbers".to_owned()),
            Self::Text(text) => text.as_str().into(),
            Self::Array(items) => items.iter().map(Self::to_serde).collect::<Result<_, _>>()?,
            Self::Object(fields) => {
                let mut object = serde_json::Map::new();
                for (name, value) in fields {
                    if object.insert(name.clone(), value.to_serde()?).is_some() {
                        let shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
                        return Err(format!("`{shown}` given more than once"));
                    }
                }
                object.into()
            }
        })
    }
}

/// Reads one JSON value and nothing after it; the error says line and column.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(format!(
            "the manifest has {} bytes; at most {MANIFEST_BYTES_MAX} are read",
            bytes.len()
        ));
    }
    let budget = Cell::new(VALUES_MAX);
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = Seed {
        depth: 0,
        budget: &budget,
    }
    .deserialize(&mut source)
    .map_err(|error| error.to_string())?;
    source.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    depth: usize,
    budget: &'b Cell<usize>,
}

impl<'b> Seed<'b> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self {
            depth: self.depth + 1,
            budget: self.budget,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.budget.get();
        if left == 0 {
            return Err(D::Error::custom(format!("more than {VALUES_MAX} values")));
        }
        self.budget.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(i128::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(i128::from(value)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Decimal)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut list = Vec::new();
        while let Some(name) = fields.next_key::<String>()? {
            list.push((name, fields.next_value_seed(seed)?));
        }
        Ok(Value::Object(list))
    }
}

/// Largest manifest that is read.
pub(crate) const MANIFEST_BYTES_MAX: usize = 4 << 20;
const DEPTH_MAX: usize = 32;
const NAME_SHOWN_MAX: usize = 80;
const VALUES_MAX: usize = 100_000;
const GO_ZERO_TIME: &str = "0001-01-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_duplicates_and_order() {
        let value = parse(br#"{"b":1,"a":null,"b":"x"}"#).expect("it is JSON");
        let Value::Object(fields) = value else {
            panic!("an object was written")
        };
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "b"]);
    }

    #[test]
    fn refuses_what_is_too_much_or_too_little() {
        assert!(parse(b"").is_err());
        assert!(
            parse(b"{} x")
                .expect_err("trailing")
                .contains("trailing characters")
        );
        let deep = "[".repeat(DEPTH_MAX + 1) + &"]".repeat(DEPTH_MAX + 1);
        assert!(
            parse(deep.as_bytes())
                .expect_err("deep")
                .contains("nested deeper")
        );
        let wide = format!("[{}0]", "0,".repeat(VALUES_MAX));
        assert!(parse(wide.as_bytes()).expect_err("wide").contains("more than"));
        let long = vec![b' '; MANIFEST_BYTES_MAX + 1];
        assert!(parse(&long).expect_err("long").contains("at most"));
    }
}
