//! Reading an object field by field: each wrong, unknown, duplicate or misspelt one is noted, reading goes on.
//!
//! Tools written in Go send every field, with `null` or a zero value where nobody set it; `null` always means "not set".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::Value;
use crate::problem::{Path, Problems, closest};

/// One object with a known set of fields.
pub(crate) struct Fields<'v> {
    path: Path,
    entries: &'v [(String, Value)],
    problems: &'v Problems,
}

/// A value with its place, as maps and lists hand them out.
pub(crate) struct Item<'v> {
    pub(crate) path: Path,
    pub(crate) name: &'v str,
    pub(crate) value: &'v Value,
}

impl<'v> Fields<'v> {
    /// Opens an object; a value that is none is noted and reads as empty.
    pub(crate) fn open(value: &'v Value, path: Path, known: &[&str], problems: &'v Problems) -> Self {
        let entries: &[(String, Value)] = match value {
            Value::Object(entries) => entries,
            Value::Null => &[],
            other => {
                problems.decode(&path, format!("expected an object, found {}", other.kind()), None);
                &[]
            }
        };
        let fields = Self {
            path,
            entries,
            problems,
        };
        fields.refuse_unknown(known);
        fields.refuse_duplicates();
        fields
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn problems(&self) -> &'v Problems {
        self.problems
    }

    /// The field's value; `null` reads as absent.
    pub(crate) fn value(&self, name: &str) -> Option<&'v Value> {
        let found = self
            .entries
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value);
        found.filter(|value| **value != Value::Null)
    }

    pub(crate) fn at(&self, name: &str) -> Path {
        self.path.key(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'v str> {
        text(self.value(name)?, &self.at(name), self.problems)
    }

    /// Text that Go leaves empty where it was not set.
    pub(crate) fn text_if_set(&self, name: &str) -> Option<&'v str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(flag) => Some(*flag),
            other => self.wrong_kind(name, "true or false", other),
        }
    }

    pub(crate) fn unsigned(&self, name: &str, max: u64) -> Option<u64> {
        match self.value(name)? {
            Value::Integer(number) => match u64::try_from(*number).ok().filter(|number| *number <= max) {
                Some(number) => Some(number),
                None => {
                    let message = format!("{number} is out of range: expected 0 to {max}");
                    self.problems.decode(&self.at(name), message, None);
                    None
                }
            },
            other => self.wrong_kind(name, "a whole number", other),
        }
    }

    /// The strings of a list, each with its place.
    pub(crate) fn texts(&self, name: &str) -> Vec<(Path, &'v str)> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        texts(value, &self.at(name), self.problems)
    }

    pub(crate) fn object(&self, name: &str, known: &[&str]) -> Option<Fields<'v>> {
        let value = self.value(name)?;
        Some(Fields::open(value, self.at(name), known, self.problems))
    }

    /// The elements of a list of objects.
    pub(crate) fn list(&self, name: &str) -> Vec<(Path, &'v Value)> {
        match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let path = self.at(name);
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (path.index(index), item))
                    .collect()
            }
            Some(other) => {
                let _: Option<()> = self.wrong_kind(name, "a list", other);
                Vec::new()
            }
        }
    }

    /// An object whose keys are names of the manifest's own choosing; duplicates are refused, the first one stays.
    pub(crate) fn map(&self, name: &str) -> Vec<Item<'v>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let inner = match value {
            Value::Object(entries) => entries,
            other => {
                let _: Option<()> = self.wrong_kind(name, "an object", other);
                return Vec::new();
            }
        };
        if inner.len() > ENTRIES_MAX {
            let message = format!("{} entries are more than {ENTRIES_MAX}", inner.len());
            self.problems.decode(&self.at(name), message, None);
            return Vec::new();
        }
        let map = Self {
            path: self.at(name),
            entries: inner,
            problems: self.problems,
        };
        map.refuse_duplicates();
        let mut items: Vec<Item<'v>> = Vec::with_capacity(inner.len());
        let mut seen = std::collections::HashSet::new();
        for (key, value) in inner {
            let path = map.at(key);
            if key.is_empty() || key.len() > NAME_BYTES_MAX || key.chars().any(char::is_control) {
                let message = format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters");
                self.problems.decode(&path, message, None);
            }
            if seen.insert(key.as_str()) {
                items.push(Item {
                    path,
                    name: key,
                    value,
                });
            }
        }
        items
    }

    /// Bytes as Go writes them: base64 text, or a list of numbers.
    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        match self.value(name)? {
            Value::Text(text) => match STANDARD.decode(text) {
                Ok(bytes) => Some(bytes),
                Err(_) => {
                    self.problems
                        .decode(&self.at(name), "not standard base64 with padding", None);
                    None
                }
            },
            Value::Array(items) => {
                let byte = |item: &Value| match item {
                    Value::Integer(number) => u8::try_from(*number).ok(),
                    _ => None,
                };
                let bytes: Option<Vec<u8>> = items.iter().map(byte).collect();
                if bytes.is_none() {
                    self.problems.decode(
                        &self.at(name),
                        "a list of bytes holds numbers from 0 to 255",
                        None,
                    );
                }
                bytes
            }
            other => self.wrong_kind(name, "base64 text", other),
        }
    }

    pub(crate) fn wrong_kind<T>(&self, name: &str, expected: &str, found: &Value) -> Option<T> {
        let message = format!("expected {expected}, found {}", found.kind());
        self.problems.decode(&self.at(name), message, None);
        None
    }

    fn refuse_unknown(&self, known: &[&str]) {
        for (name, _) in self.entries {
            if known.contains(&name.as_str()) {
                continue;
            }
            if self.problems.is_full() {
                self.problems.decode(&self.path, "unknown field", None);
                continue;
            }
            let shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
            let other_case = known
                .iter()
                .find(|candidate| candidate.eq_ignore_ascii_case(name));
            let hint = match (other_case, closest(name, known.iter().copied())) {
                (Some(right), _) => format!("upper and lower case matter: write `{right}`"),
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => format!("known here: {}", known.join(", ")),
            };
            self.problems
                .decode(&self.at(name), format!("unknown field `{shown}`"), Some(hint));
        }
    }

    fn refuse_duplicates(&self) {
        let mut seen = std::collections::HashMap::new();
        for (name, _) in self.entries {
            let count = seen.entry(name.as_str()).or_insert(0_usize);
            *count += 1;
            if *count == 2 {
                self.problems.decode(&self.at(name), "given more than once", None);
            }
        }
    }
}

/// A string, or a note that it is none.
pub(crate) fn text<'v>(value: &'v Value, path: &Path, problems: &Problems) -> Option<&'v str> {
    match value {
        Value::Text(text) => Some(text),
        other => {
            problems.decode(path, format!("expected a string, found {}", other.kind()), None);
            None
        }
    }
}

/// The strings of a list.
pub(crate) fn texts<'v>(value: &'v Value, path: &Path, problems: &Problems) -> Vec<(Path, &'v str)> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) if items.len() > ENTRIES_MAX => {
            problems.decode(
                path,
                format!("{} entries are more than {ENTRIES_MAX}", items.len()),
                None,
            );
            Vec::new()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let place = path.index(index);
                text(item, &place, problems).map(|text| (place, text))
            })
            .collect(),
        other => {
            problems.decode(
                path,
                format!("expected a list of strings, found {}", other.kind()),
                None,
            );
            Vec::new()
        }
    }
}

/// Longest name of a marble, package, secret, user, role, model, file or variable.
const NAME_BYTES_MAX: usize = 1024;
/// Most entries in a section, and in a list of strings: rules compare each with each.
const ENTRIES_MAX: usize = 1000;
const NAME_SHOWN_MAX: usize = 80;
