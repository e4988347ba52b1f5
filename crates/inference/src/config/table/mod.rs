//! Every flag: TensorFlow Serving's with what becomes of them here, and ours.

mod ours;
mod serving;

/// A flag.
#[derive(Debug)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds where it is not given, as one would write it.
    pub default: &'static str,
    /// Whether it does something.
    pub effect: Effect,
    /// Whether it may be given more than once; of others the last one counts.
    pub repeats: bool,
    /// Its meaning, for `--help`.
    pub help: &'static str,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Any text.
    Text,
}

/// Whether a flag does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does what it says.
    Full,
    /// It is accepted and named in a warning, because doing without it weakens nothing. Why there is nothing to do.
    Ignored(&'static str),
    /// It is refused: a server that ignored it would not be what its operator asked for. Why, and what to do instead.
    Refused(&'static str),
}

impl Kind {
    /// Whether `value` is of this kind.
    #[must_use]
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Bool => matches!(value, "true" | "false"),
            Self::Int => value.parse::<i64>().is_ok(),
            Self::Float => value.parse::<f64>().is_ok(),
            Self::Text => true,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Text => "text",
        }
    }

    // As TensorFlow Serving's `--help` calls them.
    fn short(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int64",
            Self::Float => "float",
            Self::Text => "string",
        }
    }
}

/// All flags, TensorFlow Serving's first.
pub fn all() -> impl Iterator<Item = &'static Flag> {
    serving::FLAGS.iter().chain(ours::FLAGS)
}

/// TensorFlow Serving's flags.
#[must_use]
pub fn of_tensorflow_serving() -> &'static [Flag] {
    serving::FLAGS
}

/// The flag of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Flag> {
    all().find(|flag| flag.name == name)
}

/// The flag that was meant by `name`, if it is clear that one was: at most two letters are wrong, missing, too many or
/// swapped.
#[must_use]
pub fn meant(name: &str) -> Option<&'static str> {
    let near = all().map(|flag| (strsim::damerau_levenshtein(flag.name, name), flag.name));
    near.min()
        .filter(|(distance, _)| *distance <= DISTANCE_MAX)
        .map(|(_, name)| name)
}

/// What `--help` prints.
#[must_use]
pub fn usage() -> String {
    let line = |flag: &Flag| {
        let effect = match flag.effect {
            Effect::Full => String::new(),
            Effect::Ignored(why) => format!(" [accepted without effect: {why}]"),
            Effect::Refused(why) => format!(" [refused: {why}]"),
        };
        let quote = if flag.kind == Kind::Text { "\"" } else { "" };
        format!(
            "\t--{}={quote}{}{quote}\t{}\t{}{effect}\n",
            flag.name,
            flag.default,
            flag.kind.short(),
            flag.help
        )
    };
    format!(
        "usage: strongroom-inference\nFlags:\n{}",
        all().map(line).collect::<String>()
    )
}

const fn full(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        kind,
        default,
        effect: Effect::Full,
        repeats: false,
        help,
    }
}

impl Flag {
    const fn ignored(mut self, why: &'static str) -> Self {
        self.effect = Effect::Ignored(why);
        self
    }

    const fn refused(mut self, why: &'static str) -> Self {
        self.effect = Effect::Refused(why);
        self
    }

    const fn repeated(mut self) -> Self {
        self.repeats = true;
        self
    }
}

/// Slips that still name a flag.
const DISTANCE_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_of_their_kind() {
        let mut names: Vec<_> = all().map(|flag| flag.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for flag in all() {
            assert!(flag.kind.accepts(flag.default), "{}", flag.name);
        }
    }

    #[test]
    fn a_slip_is_seen() {
        assert_eq!(meant("model_bundle_digset"), Some("model_bundle_digest"));
        assert_eq!(meant("port"), Some("port"));
        assert_eq!(meant("tls_client_ca"), None);
        assert_eq!(meant("something_else_entirely"), None);
    }

    #[test]
    fn every_flag_is_explained() {
        let usage = usage();
        for flag in all() {
            assert!(usage.contains(&format!("\t--{}=", flag.name)), "{}", flag.name);
            assert!(!flag.help.is_empty(), "{}", flag.name);
        }
        assert!(usage.starts_with("usage: strongroom-inference\nFlags:\n\t--port=8500\tint64\t"));
        assert!(usage.contains("\t--model_name=\"default\"\tstring\t"));
    }

    // The document and the program say the same of each of TensorFlow Serving's flags.
    #[test]
    fn the_compatibility_table_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compatibility.md");
        let document = std::fs::read_to_string(path).expect("the document");
        let rows = document
            .lines()
            .filter(|line| line.starts_with("| `--"))
            .collect::<Vec<_>>();
        let expected = of_tensorflow_serving().iter().map(|flag| {
            let effect = match flag.effect {
                Effect::Full => "as there".to_owned(),
                Effect::Ignored(why) => format!("warning: {why}"),
                Effect::Refused(why) => format!("refused: {why}"),
            };
            format!("| `--{}` | {effect} |", flag.name)
        });
        let expected = expected.collect::<Vec<_>>();
        assert_eq!(
            rows,
            expected,
            "docs/compatibility.md should have these rows:\n{}",
            expected.join("\n")
        );
    }
}
