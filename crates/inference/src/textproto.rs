//! Protobuf text files, as far as TensorFlow Serving's small configuration files need them: nested messages, strings,
//! numbers and words; commas, colons before braces and comments as people write them.

/// A field and its value, in the order of the text.
pub type Fields = Vec<(String, Value)>;

/// A value in a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string, unescaped; adjacent strings are one.
    String(String),
    /// A number, `true`, `false` or the name of an enum's value.
    Word(String),
    /// A message.
    Message(Fields),
}

/// The text is no protobuf text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {what}")]
pub struct TextError {
    line: usize,
    what: &'static str,
}

/// Reads a file.
///
/// # Errors
/// With the line at which it stops making sense.
pub fn parse(text: &str) -> Result<Fields, TextError> {
    let mut parser = Parser {
        text: text.as_bytes(),
        at: 0,
    };
    let fields = parser.fields(0)?;
    parser.skip();
    if parser.at < parser.text.len() {
        Err(parser.fail("a brace closes nothing"))
    } else {
        Ok(fields)
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn fields(&mut self, depth: usize) -> Result<Fields, TextError> {
        if depth > DEPTH_MAX {
            return Err(self.fail("messages are nested too deeply"));
        }
        let mut fields = Vec::new();
        loop {
            self.skip();
            if !self.peek().is_some_and(is_word) {
                return Ok(fields);
            }
            let name = self.word();
            self.skip();
            let colon = self.take(b':');
            self.skip();
            let value = match self.peek() {
                Some(open @ (b'{' | b'<')) => {
                    self.at += 1;
                    let inner = self.fields(depth + 1)?;
                    if !self.take(if open == b'{' { b'}' } else { b'>' }) {
                        return Err(self.fail("a message is not closed"));
                    }
                    Value::Message(inner)
                }
                Some(b'"' | b'\'') if colon => Value::String(self.strings()?),
                Some(byte) if colon && is_word(byte) => Value::Word(self.word()),
                _ => return Err(self.fail("a field has no value")),
            };
            fields.push((name, value));
            self.skip();
            let _separator = self.take(b',') || self.take(b';');
        }
    }

    fn strings(&mut self) -> Result<String, TextError> {
        let mut out = Vec::new();
        while let Some(quote @ (b'"' | b'\'')) = self.peek() {
            self.at += 1;
            loop {
                match self.peek() {
                    None | Some(b'\n') => return Err(self.fail("a string is not closed")),
                    Some(byte) if byte == quote => break self.at += 1,
                    Some(b'\\') => out.push(self.escape()?),
                    Some(byte) => {
                        out.push(byte);
                        self.at += 1;
                    }
                }
            }
            self.skip();
        }
        String::from_utf8(out).map_err(|_| self.fail("a string is not UTF-8"))
    }

    fn escape(&mut self) -> Result<u8, TextError> {
        self.at += 1;
        let byte = self.peek();
        self.at += 1;
        match byte {
            Some(b'n') => Ok(b'\n'),
            Some(b't') => Ok(b'\t'),
            Some(b'r') => Ok(b'\r'),
            Some(byte @ (b'\\' | b'"' | b'\'')) => Ok(byte),
            _ => Err(self.fail("a string holds an escape that is not read here")),
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }

    fn skip(&mut self) {
        loop {
            match self.peek() {
                Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
                Some(b'#') => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
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

    fn fail(&self, what: &'static str) -> TextError {
        let read = &self.text[..self.at.min(self.text.len())];
        TextError {
            line: read.iter().filter(|byte| **byte == b'\n').count() + 1,
            what,
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.')
}

const DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Value {
        Value::Word(text.to_owned())
    }

    #[test]
    fn reads_what_people_write() {
        let text =
            "# a comment\nprometheus_config: {\n  enable: true,\n  path: \"/a\" '/b\\n'\n} other { n: -5 }";
        let inner = vec![
            ("enable".to_owned(), word("true")),
            ("path".to_owned(), Value::String("/a/b\n".to_owned())),
        ];
        let other = Value::Message(vec![("n".to_owned(), word("-5"))]);
        let expected = vec![
            ("prometheus_config".to_owned(), Value::Message(inner)),
            ("other".to_owned(), other),
        ];
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse(" \n"), Ok(vec![]));
    }

    #[test]
    fn refuses_what_it_should() {
        for (text, what) in [
            ("a", "a field has no value"),
            ("a: {", "a message is not closed"),
            ("a: 1 }", "a brace closes nothing"),
            ("a: \"x", "a string is not closed"),
            ("a: \"\\q\"", "a string holds an escape that is not read here"),
        ] {
            assert_eq!(parse(text), Err(TextError { line: 1, what }), "{text}");
        }
        let deep = "a {".repeat(1 << 16);
        assert!(parse(&deep).is_err());
    }
}
