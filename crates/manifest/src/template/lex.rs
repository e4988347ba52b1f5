//! Text and actions of a template, and the tokens of an action.

use super::TemplateError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Action { line: usize, tokens: Vec<Token> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `.A.B`; empty for `.` and `$`.
    Path(Vec<String>),
    Word(String),
    Text(String),
    Integer(i64),
    Pipe,
    Open,
    /// `)`, with the path that follows it directly.
    Close(Vec<String>),
}

/// Splits a template; comments are dropped, trim markers are applied.
pub(super) fn split(source: &[u8]) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = source;
    let mut line = 1;
    let mut trim_front = false;
    loop {
        let open = find(rest, b"{{");
        let (text, after) = rest.split_at(open.unwrap_or(rest.len()));
        let action = open.map(|_| &after[2..]);
        let trim_back = action.is_some_and(|inner| inner.first() == Some(&b'-') && is_space(inner.get(1)));
        let mut shown = text;
        if trim_front {
            shown = shown.trim_ascii_start();
        }
        if trim_back {
            shown = shown.trim_ascii_end();
        }
        if !shown.is_empty() {
            pieces.push(Piece::Text(shown.to_vec()));
        }
        line += count_lines(text);
        let Some(inner) = action else { return Ok(pieces) };
        let inner = if trim_back { &inner[1..] } else { inner };
        let mut scanner = Scanner {
            bytes: inner,
            at: 0,
            line,
        };
        let end = scanner.action()?;
        if let Some(tokens) = end.tokens {
            pieces.push(Piece::Action { line, tokens });
        }
        line = scanner.line;
        rest = &inner[scanner.at..];
        trim_front = end.trim;
    }
}

struct Scanner<'s> {
    bytes: &'s [u8],
    at: usize,
    line: usize,
}

struct Ended {
    /// `None`: a comment.
    tokens: Option<Vec<Token>>,
    trim: bool,
}

impl Scanner<'_> {
    fn action(&mut self) -> Result<Ended, TemplateError> {
        if self.comment()? {
            return match self.close() {
                Some(trim) => Ok(Ended { tokens: None, trim }),
                None => Err(self.error("a comment stands alone between the braces")),
            };
        }
        let mut tokens = Vec::new();
        loop {
            if let Some(trim) = self.close() {
                return Ok(Ended {
                    tokens: Some(tokens),
                    trim,
                });
            }
            self.spaces();
            if let Some(trim) = self.close() {
                return Ok(Ended {
                    tokens: Some(tokens),
                    trim,
                });
            }
            if tokens.len() >= TOKENS_MAX {
                return Err(self.error(format!("more than {TOKENS_MAX} words in one action")));
            }
            tokens.push(self.token()?);
        }
    }

    fn comment(&mut self) -> Result<bool, TemplateError> {
        let start = self
            .bytes
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .unwrap_or(self.bytes.len());
        if !self.bytes[start..].starts_with(b"/*") {
            return Ok(false);
        }
        let end = find(&self.bytes[start + 2..], b"*/").ok_or_else(|| self.error("unclosed comment"))?;
        let next = start + 2 + end + 2;
        self.line += count_lines(&self.bytes[..next]);
        self.at = next;
        Ok(true)
    }

    /// Steps over `}}` or ` -}}` if it is next; says whether what follows is trimmed.
    fn close(&mut self) -> Option<bool> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(b"}}") {
            self.at += 2;
            return Some(false);
        }
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if spaces > 0 && rest[spaces..].starts_with(b"-}}") {
            self.line += count_lines(&rest[..spaces]);
            self.at += spaces + 3;
            return Some(true);
        }
        None
    }

    fn spaces(&mut self) {
        // The last one is left where a trim marker may follow it.
        while is_space(self.bytes.get(self.at)) && !self.bytes[self.at + 1..].starts_with(b"-}}") {
            self.line += usize::from(self.bytes[self.at] == b'\n');
            self.at += 1;
        }
    }

    fn token(&mut self) -> Result<Token, TemplateError> {
        let Some(&byte) = self.bytes.get(self.at) else {
            return Err(self.error("unclosed action"));
        };
        match byte {
            b'|' => Ok(self.step(Token::Pipe)),
            b'(' => Ok(self.step(Token::Open)),
            b')' => {
                self.at += 1;
                Ok(Token::Close(self.path()?))
            }
            b'.' if is_word_start(self.bytes.get(self.at + 1)) => Ok(Token::Path(self.path()?)),
            b'.' => Ok(self.step(Token::Path(Vec::new()))),
            b'$' if is_word_start(self.bytes.get(self.at + 1)) => {
                Err(self.error("variables are not supported"))
            }
            b'$' => {
                self.at += 1;
                Ok(Token::Path(self.path()?))
            }
            b'"' => self.quoted(),
            b'`' => self.raw(),
            b'0'..=b'9' | b'-' | b'+' => self.integer(),
            b'\'' => Err(self.error("character constants are not supported")),
            b':' | b'=' => Err(self.error("variables are not supported")),
            _ if is_word_start(Some(&byte)) => Ok(Token::Word(self.word())),
            _ => Err(self.error(format!("unexpected {:?} in action", char::from(byte)))),
        }
    }

    fn step(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn path(&mut self) -> Result<Vec<String>, TemplateError> {
        let mut path = Vec::new();
        while self.bytes.get(self.at) == Some(&b'.') && is_word_start(self.bytes.get(self.at + 1)) {
            self.at += 1;
            path.push(self.word());
        }
        match self.bytes.get(self.at) {
            Some(b'-') if !path.is_empty() && !self.bytes[self.at..].starts_with(b"-}}") => {
                Err(self.error("a name with `-` cannot stand in a path: write `index .Secrets \"name\"`"))
            }
            _ => Ok(path),
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while is_word_start(self.bytes.get(self.at))
            || self.bytes.get(self.at).is_some_and(u8::is_ascii_digit)
        {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }

    fn integer(&mut self) -> Result<Token, TemplateError> {
        let start = self.at;
        self.at += 1;
        while self
            .bytes
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
        {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.bytes[start..self.at]);
        text.parse()
            .map(Token::Integer)
            .map_err(|_| self.error(format!("`{text}` is no whole number")))
    }

    fn raw(&mut self) -> Result<Token, TemplateError> {
        let rest = &self.bytes[self.at + 1..];
        let end = find(rest, b"`").ok_or_else(|| self.error("unclosed string"))?;
        let text = std::str::from_utf8(&rest[..end]).map_err(|_| self.error("a string holds UTF-8 text"))?;
        self.line += count_lines(&rest[..end]);
        self.at += end + 2;
        Ok(Token::Text(text.to_owned()))
    }

    fn quoted(&mut self) -> Result<Token, TemplateError> {
        let mut text = Vec::new();
        self.at += 1;
        loop {
            let byte = *self
                .bytes
                .get(self.at)
                .ok_or_else(|| self.error("unclosed string"))?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\n' => return Err(self.error("unclosed string")),
                b'\\' => {
                    let escape = self.bytes.get(self.at).copied();
                    self.at += 1;
                    text.push(match escape {
                        Some(b'n') => b'\n',
                        Some(b't') => b'\t',
                        Some(b'r') => b'\r',
                        Some(b'"') => b'"',
                        Some(b'\\') => b'\\',
                        _ => {
                            return Err(
                                self.error("of the escapes, only \\n, \\t, \\r, \\\" and \\\\ are supported")
                            );
                        }
                    });
                }
                other => text.push(other),
            }
        }
        String::from_utf8(text)
            .map(Token::Text)
            .map_err(|_| self.error("a string holds UTF-8 text"))
    }

    fn error(&self, message: impl Into<String>) -> TemplateError {
        TemplateError {
            line: self.line,
            message: message.into(),
        }
    }
}

fn is_space(byte: Option<&u8>) -> bool {
    byte.is_some_and(u8::is_ascii_whitespace)
}

fn is_word_start(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

const TOKENS_MAX: usize = 1000;
