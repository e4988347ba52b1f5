//! The printer: four spaces per level, arrays on one line where asked for, bytes of strings as they are.

use std::io::Write as _;

use super::number::{self, Text};
use super::{Number, Value};

/// How arrays are laid out from now on. May change within a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Each element on a line of its own.
    Expanded,
    /// Elements on one line.
    OneLineArrays,
}

/// Writes one document.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    levels: Vec<Level>,
    layout: Layout,
    bytes_max: usize,
}

#[derive(Debug)]
struct Level {
    is_array: bool,
    /// Values so far; in an object, names count as well.
    values: usize,
}

impl Writer {
    /// A writer without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(usize::MAX)
    }

    /// A writer that adds nothing to containers once `bytes_max` bytes are written; its document may then be unfinished.
    #[must_use]
    pub fn bounded(bytes_max: usize) -> Self {
        Self {
            out: Vec::new(),
            levels: Vec::new(),
            layout: Layout::Expanded,
            bytes_max,
        }
    }

    /// Changes the layout of what follows.
    pub fn layout(&mut self, layout: Layout) {
        self.layout = layout;
    }

    /// Opens an object.
    pub fn begin_object(&mut self) {
        self.prefix();
        self.levels.push(Level {
            is_array: false,
            values: 0,
        });
        self.out.push(b'{');
    }

    /// Closes it.
    pub fn end_object(&mut self) {
        if self.levels.pop().is_some_and(|level| level.values > 0) {
            self.new_line();
        }
        self.out.push(b'}');
    }

    /// Opens an array.
    pub fn begin_array(&mut self) {
        self.prefix();
        self.levels.push(Level {
            is_array: true,
            values: 0,
        });
        self.out.push(b'[');
    }

    /// Closes it, on a line of its own unless arrays stand on one line at this moment.
    pub fn end_array(&mut self) {
        let filled = self.levels.pop().is_some_and(|level| level.values > 0);
        if filled && self.layout == Layout::Expanded {
            self.new_line();
        }
        self.out.push(b']');
    }

    /// Writes a member's name, or a string value.
    pub fn string(&mut self, text: &[u8]) {
        self.prefix();
        self.out.push(b'"');
        for byte in text {
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                0x08 => self.out.extend_from_slice(b"\\b"),
                0x0c => self.out.extend_from_slice(b"\\f"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                0..0x20 => self.out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
                _ => self.out.push(*byte),
            }
        }
        self.out.push(b'"');
    }

    /// Writes a value that is its own text: a number, `true`, `null`.
    pub fn raw(&mut self, text: &str) {
        self.prefix();
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes a 32-bit float.
    pub fn float(&mut self, value: f32) {
        let mut text = Text::default();
        number::write_float(&mut text, value);
        self.raw(text.as_str());
    }

    /// Writes a 64-bit float.
    pub fn double(&mut self, value: f64) {
        let mut text = Text::default();
        number::write_double(&mut text, value);
        self.raw(text.as_str());
    }

    /// Writes a whole number.
    pub fn int(&mut self, value: impl std::fmt::Display) {
        self.prefix();
        // Writing to memory does not fail.
        let _ = write!(self.out, "{value}");
    }

    /// Writes a parsed value.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.raw("null"),
            Value::Bool(value) => self.raw(if *value { "true" } else { "false" }),
            Value::Number(Number::Int(value)) => self.int(*value),
            Value::Number(Number::UInt(value)) => self.int(*value),
            Value::Number(Number::Double(value)) => self.double(*value),
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                self.begin_array();
                for element in elements {
                    if self.is_full() {
                        return;
                    }
                    self.value(element);
                }
                self.end_array();
            }
            Value::Object(members) => {
                self.begin_object();
                for (name, member) in members {
                    if self.is_full() {
                        return;
                    }
                    self.string(name);
                    self.value(member);
                }
                self.end_object();
            }
        }
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn is_full(&self) -> bool {
        self.out.len() >= self.bytes_max
    }

    // What stands before a value: commas, colons, line breaks.
    fn prefix(&mut self) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        let before = level.values;
        level.values += 1;
        if level.is_array {
            if before > 0 {
                self.out.push(b',');
            }
            match self.layout {
                Layout::Expanded => self.new_line(),
                Layout::OneLineArrays if before > 0 => self.out.push(b' '),
                Layout::OneLineArrays => (),
            }
        } else if before % 2 == 1 {
            self.out.extend_from_slice(b": ");
        } else {
            if before > 0 {
                self.out.push(b',');
            }
            self.new_line();
        }
    }

    fn new_line(&mut self) {
        self.out.push(b'\n');
        self.out
            .extend(std::iter::repeat_n(b' ', INDENT * self.levels.len()));
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

const INDENT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::json::parse;

    fn print(text: &str, layout: Layout) -> String {
        let mut writer = Writer::new();
        writer.layout(layout);
        writer.value(&parse(text.as_bytes(), usize::MAX).expect("JSON"));
        String::from_utf8(writer.finish()).expect("UTF-8")
    }

    #[test]
    fn lays_out_as_it_should() {
        let text = r#"{"a":[1,[2.0]],"b":{},"c":"q\"\u0001é"}"#;
        let expanded = "{\n    \"a\": [\n        1,\n        [\n            2.0\n        ]\n    ],\n    \"b\": {},\n    \
                        \"c\": \"q\\\"\\u0001é\"\n}";
        assert_eq!(print(text, Layout::Expanded), expanded);
        assert_eq!(print("[1,[2,3],[]]", Layout::OneLineArrays), "[1, [2, 3], []]");
    }

    #[test]
    fn debug_text_is_short() {
        let long = Value::Array(vec![Value::Number(Number::Int(7)); 1 << 20]);
        let text = long.debug();
        assert!(text.starts_with("[7, 7") && text.len() <= 256);
    }
}
