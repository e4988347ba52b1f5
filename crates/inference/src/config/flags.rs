//! Command line flags in TensorFlow Serving's syntax: `--name=value` and nothing else; for switches also `--name`.

use std::collections::BTreeMap;

use super::table::{self, Kind};

/// Flags as given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flags {
    values: BTreeMap<&'static str, Vec<String>>,
}

/// A command line that is not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagError {
    /// No such flag. TensorFlow Serving would go on without it; a misspelt restriction would then be none.
    #[error("unknown argument: {argument}{}", hint.map_or_else(String::new, |hint| format!(" (did you mean --{hint}?)")))]
    Unknown {
        /// The argument.
        argument: String,
        /// A flag that looks like it.
        hint: Option<&'static str>,
    },
    /// The value is not of the flag's kind.
    #[error("couldn't interpret value {value:?} for flag --{flag}, which takes {kind}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// The value.
        value: String,
        /// What it takes.
        kind: &'static str,
    },
    /// The same flag twice, where it can be given once.
    #[error("flag --{0} is given twice")]
    Twice(&'static str),
    /// A restriction that would be none: what a script makes of an unset variable.
    #[error("flag --{0} must not be empty")]
    Empty(&'static str),
    /// TensorFlow Serving would pass it over.
    #[error("unexpected argument after --: {0}")]
    AfterEnd(String),
}

impl Flags {
    /// Reads arguments (without the program's name). `--` may end them.
    ///
    /// # Errors
    /// On an argument that is no flag, a value that is not of its kind, and anything after `--`.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, FlagError> {
        let mut flags = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                return match arguments.next() {
                    Some(argument) => Err(FlagError::AfterEnd(argument)),
                    None => Ok(flags),
                };
            }
            let Some(text) = argument.strip_prefix("--") else {
                return Err(unknown(argument));
            };
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let Some(flag) = table::find(name) else {
                return Err(unknown(argument));
            };
            let value = match (flag.kind, value) {
                (Kind::Bool, None) => "true".to_owned(),
                (_, None) => return Err(unknown(argument)),
                (kind, Some(value)) if kind.accepts(value) => value.to_owned(),
                (kind, Some(value)) => {
                    return Err(FlagError::Value {
                        flag: flag.name,
                        value: value.to_owned(),
                        kind: kind.name(),
                    });
                }
            };
            if value.is_empty() && RESTRICTING.contains(&flag.name) {
                return Err(FlagError::Empty(flag.name));
            }
            let values = flags.values.entry(flag.name).or_default();
            if !values.is_empty() && !flag.repeats {
                return Err(FlagError::Twice(flag.name));
            }
            values.push(value);
        }
        Ok(flags)
    }

    /// The flag's text, unless it is not given or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name)
            .first()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// All values of a flag that may be repeated.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        debug_assert!(table::find(name).is_some(), "{name} is a flag");
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// A switch, off unless given.
    #[must_use]
    pub fn switch(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A number, checked against its kind already.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// Flags that are given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        self.values.keys().copied()
    }
}

fn unknown(argument: String) -> FlagError {
    let name = argument
        .trim_start_matches('-')
        .split('=')
        .next()
        .unwrap_or_default()
        .to_owned();
    FlagError::Unknown {
        hint: table::nearest(&name),
        argument,
    }
}

/// Flags without which the server would serve more, or to more people. Left out is a choice; empty is a mistake.
const RESTRICTING: &[&str] = &[
    "model_bundle_digest",
    "model_keys_dir",
    "provision_file",
    "ssl_config_file",
    "tls_certificate_file",
    "tls_client_ca_file",
    "tls_key_file",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Flags, FlagError> {
        Flags::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn reads_flags() {
        let flags = parse(&["--port=8500", "--enable_batching", "--model_name=m", "--"]).expect("flags");
        assert_eq!(flags.number("port"), Some(8500));
        assert!(flags.switch("enable_batching"));
        assert_eq!(flags.text("model_name"), Some("m"));
        assert_eq!(flags.text("model_base_path"), None);
        assert!(
            !parse(&["--enable_batching=false"])
                .expect("flags")
                .switch("enable_batching")
        );
    }

    #[test]
    fn refuses_what_it_should() {
        let text = |arguments: &[&str]| parse(arguments).expect_err("refused").to_string();
        assert_eq!(
            text(&["--prot=1"]),
            "unknown argument: --prot=1 (did you mean --port?)"
        );
        assert_eq!(
            text(&["--port", "8500"]),
            "unknown argument: --port (did you mean --port?)"
        );
        assert_eq!(
            text(&["-port=1"]),
            "unknown argument: -port=1 (did you mean --port?)"
        );
        assert!(text(&["--enable_batching=1"]).starts_with("couldn't interpret value \"1\""));
        assert!(text(&["--port=x"]).contains("takes a whole number"));
        assert_eq!(text(&["--port=1", "--port=2"]), "flag --port is given twice");
        assert_eq!(
            text(&["--port=1", "--", "--tls_client_ca_file=/c"]),
            "unexpected argument after --: --tls_client_ca_file=/c"
        );
        for flag in RESTRICTING {
            assert!(table::find(flag).is_some(), "{flag} is a flag");
            assert_eq!(
                text(&[&format!("--{flag}=")]),
                format!("flag --{flag} must not be empty")
            );
        }
        assert!(text(&["--enable_batchingX"]).starts_with("unknown argument"));
    }
}
