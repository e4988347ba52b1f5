//! Command line flags in TensorFlow Serving's syntax: `--name=value` and nothing else; for switches also `--name`.

use std::collections::BTreeMap;

use super::table::{self, Flag, Kind};

/// Flags as given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flags {
    values: BTreeMap<&'static str, Vec<String>>,
    unknown: Vec<String>,
}

/// A command line that is not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagError {
    /// No such flag, and passing it over could weaken what was asked for.
    #[error("unknown argument: {argument}{}", hint.map_or_else(String::new, |hint| format!(" (did you mean --{hint}=...?)")))]
    Unknown {
        /// The argument.
        argument: String,
        /// The flag that was meant.
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
    /// A restriction twice: which one is meant?
    #[error("flag --{0} is given twice")]
    Twice(&'static str),
    /// A restriction that would be none: what a script makes of an unset variable.
    #[error("flag --{0} must not be empty")]
    Empty(&'static str),
}

impl Flags {
    /// Reads arguments (without the program's name). `--` ends them. As in TensorFlow Serving, the last of several
    /// values counts, and an unknown argument is kept for a notice; unless it looks like one of our flags, or like one
    /// that restricts.
    ///
    /// # Errors
    /// On such an argument, and on a value that is not of its flag's kind.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, FlagError> {
        let mut flags = Self::default();
        let mut ended = false;
        for argument in arguments {
            if argument == "--" && !ended {
                ended = true;
                continue;
            }
            match known(&argument).filter(|_| !ended) {
                Some((flag, value)) => flags.take(flag, value)?,
                None => flags.pass_over(argument)?,
            }
        }
        Ok(flags)
    }

    fn take(&mut self, flag: &'static Flag, value: &str) -> Result<(), FlagError> {
        if !flag.kind.accepts(value) {
            return Err(FlagError::Value {
                flag: flag.name,
                value: value.to_owned(),
                kind: flag.kind.name(),
            });
        }
        let restricts = RESTRICTING.contains(&flag.name);
        if value.is_empty() && restricts {
            return Err(FlagError::Empty(flag.name));
        }
        let values = self.values.entry(flag.name).or_default();
        if !flag.repeats {
            if restricts && !values.is_empty() {
                return Err(FlagError::Twice(flag.name));
            }
            values.clear();
        }
        values.push(value.to_owned());
        Ok(())
    }

    // TensorFlow Serving goes on without what it does not know. A misspelt restriction would then be none.
    fn pass_over(&mut self, argument: String) -> Result<(), FlagError> {
        let name = argument
            .trim_start_matches('-')
            .split('=')
            .next()
            .unwrap_or_default();
        let hint = table::meant(name);
        let family = |flag: &&str| {
            let prefix = flag.split('_').next().unwrap_or(flag);
            name.starts_with(prefix)
        };
        if hint.is_some() || RESTRICTING.iter().any(family) {
            return Err(FlagError::Unknown { argument, hint });
        }
        self.unknown.push(argument);
        Ok(())
    }

    /// Arguments that are no flags, in their order.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
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

// `--name=value`, and for switches `--name`; nothing else.
fn known(argument: &str) -> Option<(&'static Flag, &str)> {
    let text = argument.strip_prefix("--")?;
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let flag = table::find(name)?;
    match (flag.kind, value) {
        (_, Some(value)) => Some((flag, value)),
        (Kind::Bool, None) => Some((flag, "true")),
        (_, None) => None,
    }
}

/// Flags without which the server would serve more, or to more people. Left out is a choice; empty is a mistake.
const RESTRICTING: &[&str] = &[
    "model_bundle_digest",
    "model_keys_dir",
    "provision_file",
    "ssl_config_file",
    "tensorflow_library_digest",
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
    fn the_last_value_counts_and_strangers_are_passed_over() {
        let arguments = [
            "--port=1",
            "--port=2",
            "--undertow",
            "stray",
            "--",
            "--whatever=1",
        ];
        let flags = parse(&arguments).expect("flags");
        assert_eq!(flags.number("port"), Some(2));
        assert_eq!(flags.unknown(), ["--undertow", "stray", "--whatever=1"]);
    }

    #[test]
    fn refuses_what_it_should() {
        let text = |arguments: &[&str]| parse(arguments).expect_err("refused").to_string();
        for (argument, meant) in [
            ("--prot=1", "port"),
            ("--port", "port"),
            ("-port=1", "port"),
            ("--enable_batchingX", "enable_batching"),
            ("--model_bundle_digset=m=0", "model_bundle_digest"),
        ] {
            let expected = format!("unknown argument: {argument} (did you mean --{meant}=...?)");
            assert_eq!(text(&[argument]), expected);
        }
        assert!(text(&["--port", "8500"]).contains("--port=..."));
        for argument in [
            "--tls_client_ca=/c",
            "--ssl_config=/c",
            "--model_digest=0",
            "--provisioning=/p",
        ] {
            assert_eq!(text(&[argument]), format!("unknown argument: {argument}"));
        }
        assert!(text(&["--enable_batching=1"]).starts_with("couldn't interpret value \"1\""));
        assert!(text(&["--port=x"]).contains("takes a whole number"));
        // What TensorFlow Serving passes over after `--` may have been meant.
        assert!(text(&["--", "--tls_client_ca_file=/c"]).starts_with("unknown argument"));
        assert_eq!(
            text(&["--tls_key_file=/a", "--tls_key_file=/b"]),
            "flag --tls_key_file is given twice"
        );
        for flag in RESTRICTING {
            assert!(table::find(flag).is_some(), "{flag} is a flag");
            assert_eq!(
                text(&[&format!("--{flag}=")]),
                format!("flag --{flag} must not be empty")
            );
        }
    }
}
