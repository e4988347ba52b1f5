//! Arguments: `--name value`, nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::Failure;
use crate::load::Bounds;

/// What was typed, by name.
pub struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// Reads the command line; `known` are the names that mean something, without dashes.
    ///
    /// # Errors
    /// Says which argument is unknown or has no value, and which there are.
    pub fn read(known: &[&str]) -> Result<Self, Failure> {
        let usage = || {
            let flags: Vec<String> = known.iter().map(|name| format!("[--{name} …]")).collect();
            flags.join(" ")
        };
        let mut typed = std::env::args().skip(1);
        let mut found = BTreeMap::new();
        while let Some(flag) = typed.next() {
            let name = flag.strip_prefix("--").unwrap_or_default();
            if !known.contains(&name) {
                return Err(format!("unknown argument `{flag}`; there are: {}", usage()).into());
            }
            let value = typed.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
            found.insert(name.to_owned(), value);
        }
        Ok(Self(found))
    }

    /// The value of `--name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of `--name` as a path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// How long and how often: `--seconds`, `--count`, `--rounds`.
    ///
    /// # Errors
    /// When one of them is no positive number.
    pub fn bounds(&self, seconds: f64, count: usize) -> Result<Bounds, Failure> {
        let seconds = match self.text("seconds") {
            None => seconds,
            Some(text) => text.parse().map_err(|_| "--seconds takes a number")?,
        };
        let number = |name: &str, default: usize| match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{name} takes a whole number")),
        };
        let (count, rounds) = (number("count", count)?, number("rounds", 3)?);
        if !(seconds > 0.0 && seconds <= SECONDS_MAX && count > 0 && rounds > 0) {
            return Err(format!("seconds (at most {SECONDS_MAX}), count and rounds must be positive").into());
        }
        Ok(Bounds {
            time: Duration::from_secs_f64(seconds),
            count,
            rounds,
        })
    }
}

const SECONDS_MAX: f64 = 600.0;
