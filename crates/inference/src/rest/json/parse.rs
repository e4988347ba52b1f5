//! The parser: one pass, no recursion, depth bounded.

use super::{Number, Value, scan};
use crate::rest::allowance::{ALLOCATION_BYTES, Allowance, Exhausted};

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is no JSON.
    #[error("JSON Parse error: {reason} at offset: {offset}")]
    Syntax {
        /// In RapidJSON's words.
        reason: &'static str,
        /// Where.
        offset: usize,
    },
    /// Its values take too much memory.
    #[error("JSON Parse error: the values of the document take more than {bytes_max} bytes of memory")]
    TooLarge {
        /// What they may take.
        bytes_max: usize,
    },
}

impl From<Exhausted> for ParseError {
    fn from(Exhausted { bytes_max }: Exhausted) -> Self {
        Self::TooLarge { bytes_max }
    }
}

/// Parses the first document in `text` to values of at most `bytes_max` bytes; what follows it is ignored.
///
/// # Errors
/// With the reason and the offset that RapidJSON 1.1.0 gives for the same text; deeper nesting than [`DEPTH_MAX`] is
/// refused, where RapidJSON takes any.
pub fn parse(text: &[u8], bytes_max: usize) -> Result<Value, ParseError> {
    let allowance = Allowance::new(bytes_max);
    let mut parser = Parser {
        text,
        at: 0,
        allowance,
    };
    parser.skip_space();
    if parser.peek().is_none() {
        return Err(parser.fail(EMPTY));
    }
    parser.document()
}

/// The string whose opening quote is at `at`, unescaped, and where the text goes on.
///
/// # Errors
/// As [`parse`].
pub fn string(text: &[u8], at: usize) -> Result<(Vec<u8>, usize), ParseError> {
    let allowance = Allowance::new(usize::MAX);
    let mut parser = Parser { text, at, allowance };
    Ok((parser.string()?, parser.at))
}

/// A container that is not closed yet.
enum Open {
    Array(Vec<Value>),
    /// Members so far, and the name whose value is awaited.
    Object(Vec<(Vec<u8>, Value)>, Vec<u8>),
}

/// What the text goes on with.
enum Step {
    /// A value is complete.
    Done(Value),
    /// A container was opened and its first value follows.
    Descend,
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// A few characters of text make many bytes of values.
    allowance: Allowance,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, ParseError> {
        let mut open: Vec<Open> = Vec::new();
        let mut step = self.value(&mut open)?;
        loop {
            let value = match step {
                Step::Descend => {
                    step = self.value(&mut open)?;
                    continue;
                }
                Step::Done(value) => value,
            };
            let Some(container) = open.pop() else {
                return Ok(value);
            };
            step = self.after_value(value, container, &mut open)?;
        }
    }

    fn value(&mut self, open: &mut Vec<Open>) -> Result<Step, ParseError> {
        self.skip_space();
        let value = match self.peek() {
            Some(b'{') => return self.open_object(open),
            Some(b'[') => return self.open_array(open),
            Some(b'"') => Value::String(self.string()?),
            Some(b'n') => self.word(b"null", Value::Null)?,
            Some(b't') => self.word(b"true", Value::Bool(true))?,
            Some(b'f') => self.word(b"false", Value::Bool(false))?,
            // At the start of a document the state machine calls a misplaced token an empty document.
            Some(b']' | b'}' | b',' | b':') if open.is_empty() => return Err(self.fail(EMPTY)),
            Some(_) => Value::Number(self.number()?),
            None => return Err(self.fail(INVALID_VALUE)),
        };
        Ok(Step::Done(value))
    }

    fn open_array(&mut self, open: &mut Vec<Open>) -> Result<Step, ParseError> {
        self.descend(open)?;
        if self.take(b']') {
            return Ok(Step::Done(Value::Array(Vec::new())));
        }
        open.push(Open::Array(Vec::new()));
        Ok(Step::Descend)
    }

    fn open_object(&mut self, open: &mut Vec<Open>) -> Result<Step, ParseError> {
        self.descend(open)?;
        if self.take(b'}') {
            return Ok(Step::Done(Value::Object(Vec::new())));
        }
        let name = self.name()?;
        open.push(Open::Object(Vec::new(), name));
        Ok(Step::Descend)
    }

    fn descend(&mut self, open: &[Open]) -> Result<(), ParseError> {
        if open.len() >= DEPTH_MAX {
            return Err(self.fail(TOO_DEEP));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    // Puts a complete value into its container, then reads the comma or the end of that container.
    fn after_value(
        &mut self,
        value: Value,
        container: Open,
        open: &mut Vec<Open>,
    ) -> Result<Step, ParseError> {
        self.skip_space();
        match container {
            Open::Array(mut elements) => {
                self.allowance.grow(&mut elements)?;
                elements.push(value);
                if self.take(b',') {
                    open.push(Open::Array(elements));
                    return Ok(Step::Descend);
                }
                if self.take(b']') {
                    Ok(Step::Done(Value::Array(elements)))
                } else {
                    Err(self.fail(NO_COMMA_ARRAY))
                }
            }
            Open::Object(mut members, name) => {
                self.allowance.grow(&mut members)?;
                members.push((name, value));
                if self.take(b',') {
                    self.skip_space();
                    let name = self.name()?;
                    open.push(Open::Object(members, name));
                    return Ok(Step::Descend);
                }
                if self.take(b'}') {
                    Ok(Step::Done(Value::Object(members)))
                } else {
                    Err(self.fail(NO_COMMA_OBJECT))
                }
            }
        }
    }

    fn name(&mut self) -> Result<Vec<u8>, ParseError> {
        if self.peek() != Some(b'"') {
            return Err(self.fail(NO_NAME));
        }
        let name = self.string()?;
        self.skip_space();
        if self.take(b':') {
            Ok(name)
        } else {
            Err(self.fail(NO_COLON))
        }
    }

    fn word(&mut self, word: &'static [u8], value: Value) -> Result<Value, ParseError> {
        for byte in word {
            if !self.take(*byte) {
                return Err(self.fail(INVALID_VALUE));
            }
        }
        Ok(value)
    }

    fn string(&mut self) -> Result<Vec<u8>, ParseError> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let start = self.at;
            while self
                .peek()
                .is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
            {
                self.at += 1;
            }
            out.extend_from_slice(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    if out.capacity() > 0 {
                        self.allowance.take(out.capacity() + ALLOCATION_BYTES)?;
                    }
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                Some(0) | None => return Err(self.fail(NO_QUOTE)),
                Some(_) => return Err(self.fail(BAD_ESCAPE)),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), ParseError> {
        let start = self.at;
        let fail = |reason| ParseError::Syntax {
            reason,
            offset: start,
        };
        self.at += 1;
        let byte = self.peek().ok_or(fail(BAD_ESCAPE))?;
        self.at += 1;
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = self.hex4().ok_or(fail(BAD_HEX))?;
                if (0xd800..=0xdbff).contains(&code) {
                    if !(self.take(b'\\') && self.take(b'u')) {
                        return Err(fail(BAD_SURROGATE));
                    }
                    let low = self.hex4().ok_or(fail(BAD_HEX))?;
                    if !(0xdc00..=0xdfff).contains(&low) {
                        return Err(fail(BAD_SURROGATE));
                    }
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                }
                // A low surrogate alone is no character.
                let character = char::from_u32(code).ok_or(fail(BAD_SURROGATE))?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(fail(BAD_ESCAPE)),
        };
        out.push(plain);
        Ok(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let text = std::str::from_utf8(digits).ok()?;
        let value = text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(text, 16).ok())??;
        self.at += 4;
        Some(value)
    }

    fn number(&mut self) -> Result<Number, ParseError> {
        let (number, end) = scan::number(self.text, self.at)?;
        self.at = end;
        Ok(number)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn fail(&self, reason: &'static str) -> ParseError {
        ParseError::Syntax {
            reason,
            offset: self.at,
        }
    }
}

/// Arrays and objects inside one another; tensors have far fewer dimensions.
pub const DEPTH_MAX: usize = 300;

const EMPTY: &str = "The document is empty.";
pub(super) const INVALID_VALUE: &str = "Invalid value.";
const NO_NAME: &str = "Missing a name for object member.";
const NO_COLON: &str = "Missing a colon after a name of object member.";
const NO_COMMA_OBJECT: &str = "Missing a comma or '}' after an object member.";
const NO_COMMA_ARRAY: &str = "Missing a comma or ']' after an array element.";
const BAD_HEX: &str = "Incorrect hex digit after \\u escape in string.";
const BAD_SURROGATE: &str = "The surrogate pair in string is invalid.";
const BAD_ESCAPE: &str = "Invalid escape character in string.";
const NO_QUOTE: &str = "Missing a closing quotation mark in string.";
const TOO_DEEP: &str = "The document is nested too deeply.";

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
