//! Speaking: text for people, JSON for programs, colours only on a terminal.

use std::io::{IsTerminal, Write as _};

use serde::Serialize;

/// How to speak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    colour_errors: bool,
}

/// A colour, or none where there is no terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Good,
    Bad,
    Note,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31;1m",
            Self::Note => "\u{1b}[36m",
        }
    }
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        // https://no-color.org
        let wanted = !json && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json,
            colour: wanted && std::io::stdout().is_terminal(),
            colour_errors: wanted && std::io::stderr().is_terminal(),
        }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: `value` as JSON, or the text.
    pub(crate) fn result(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let mut printed = if self.json {
            serde_json::to_string_pretty(value)?
        } else {
            self.painted(&text())
        };
        if !printed.ends_with('\n') {
            printed.push('\n');
        }
        self.raw(printed.as_bytes())
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// Says something besides the result. Not with `--json`: there, everything that counts is in the result.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            self.error_line(Style::Note, "note", text);
        }
    }

    /// Says that something is unwise. Not with `--json`, as [`Self::note`].
    pub(crate) fn warning(self, text: &str) {
        if !self.json {
            self.error_line(Style::Bad, "warning", text);
        }
    }

    /// A line on standard error.
    pub(crate) fn error_line(self, style: Style, label: &str, text: &str) {
        let label = if self.colour_errors {
            paint(label, style)
        } else {
            label.to_owned()
        };
        // Nobody is left to tell if this fails.
        let _ = writeln!(std::io::stderr().lock(), "{label}: {text}");
    }

    /// Lines on standard error, as they are.
    pub(crate) fn error_text(self, text: &str) {
        // Nobody is left to tell if this fails.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Puts colour on the words that decide.
    fn painted(self, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        text.replace("SIMULATED", &paint("SIMULATED", Style::Bad))
            .replace("VERIFIED", &paint("VERIFIED", Style::Good))
            .replace("NOT SET", &paint("NOT SET", Style::Bad))
    }
}

fn paint(text: &str, style: Style) -> String {
    format!("{}{text}\u{1b}[0m", style.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals() {
        let plain = Output {
            json: false,
            colour: false,
            colour_errors: false,
        };
        assert_eq!(plain.painted("SIMULATED"), "SIMULATED");
        let coloured = Output {
            colour: true,
            ..plain
        };
        assert_eq!(
            coloured.painted("is SIMULATED"),
            "is \u{1b}[31;1mSIMULATED\u{1b}[0m"
        );
        // Tests have no terminal.
        assert!(!Output::new(true).colour_errors);
    }
}
