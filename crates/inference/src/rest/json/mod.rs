//! JSON with the habits of the parser and printer that TensorFlow Serving uses: bare `NaN` and infinities, bytes after
//! the document ignored, error texts with offsets, numbers and indentation byte for byte.
//!
//! serde_json has other habits; clients compare texts, so this is written out here.

pub mod number;
pub mod parse;
pub mod scan;
pub mod write;

pub use parse::{ParseError, parse};
pub use write::{Layout, Writer};

/// A parsed document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(Number),
    /// A string, unescaped.
    String(Vec<u8>),
    /// `[…]`.
    Array(Vec<Value>),
    /// `{…}` in the order of the text; a name may occur twice, and the first counts.
    Object(Vec<(Vec<u8>, Value)>),
}

/// A number, in the narrowest form that holds it exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number without fraction or exponent in the text.
    Int(i64),
    /// A whole number beyond `i64`.
    UInt(u64),
    /// Everything else.
    Double(f64),
}

impl Value {
    /// The first member of that name, if this is an object that has one.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(key, _)| key == name.as_bytes())
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The text between the quotes of `{"b64": "…"}`, if this is exactly such an object.
    #[must_use]
    pub fn as_base64(&self) -> Option<&[u8]> {
        match self {
            Self::Object(members) => match members.as_slice() {
                [(key, Self::String(text))] if key == b"b64" => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its type, in the words of messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::Bool(false) => "False",
            Self::Bool(true) => "True",
            Self::Object(_) => "Object",
            Self::Array(_) => "Array",
            Self::String(_) => "String",
            Self::Number(_) => "Number",
        }
    }

    /// The value as messages show it: printed, and cut after some 256 bytes.
    #[must_use]
    pub fn debug(&self) -> String {
        let mut writer = Writer::bounded(DEBUG_BYTES_MAX);
        writer.layout(Layout::OneLineArrays);
        writer.value(self);
        let mut bytes = writer.finish();
        bytes.truncate(DEBUG_BYTES_MAX);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

const DEBUG_BYTES_MAX: usize = 256;
