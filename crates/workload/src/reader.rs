//! From strict JSON to a checked description. Every refusal carries the path that leads to it.

use std::str::FromStr as _;

use strongroom_crypto::digest::Digest32;

use crate::check::{self, Directory};
use crate::description::{
    Argv, CoordinatorRule, Description, FORMAT, MaySet, Measured, PROVISION_DIR_DEFAULT, ReportData,
};
use crate::error::{DescriptionError, Problem};
use crate::json::Json;

/// Reads the document.
pub(crate) fn read(json: &Json) -> Result<Description, DescriptionError> {
    let root = Fields::of(json, "$", &FIELDS)?;
    let format = root.required("format")?;
    if format.text()? != FORMAT {
        return Err(format.problem(Problem::Format {
            expected: FORMAT,
            found: format.text()?.to_owned(),
        }));
    }
    let mut description = Description {
        program: measured(&root.required("program")?)?,
        files: match root.optional("files") {
            Some(list) => sorted(&list, "files", measured)?,
            None => Vec::new(),
        },
        argv: argv(&root.required("argv")?)?,
        environment: names(root.optional("environment"), check::host_variable)?,
        coordinator_may_set: may_set(root.optional("coordinator_may_set"))?,
        coordinator: coordinator(&root.required("coordinator")?)?,
        provision_dir: PROVISION_DIR_DEFAULT.to_owned(),
        report_data: ReportData::Bound,
    };
    if let Some(directory) = root.optional("provision_dir") {
        let path = directory.text()?;
        check::path(path, Directory::No).map_err(|problem| directory.problem(problem))?;
        description.provision_dir = path.to_owned();
    }
    if let Some(form) = root.optional("report_data") {
        description.report_data = match form.text()? {
            "bound" => ReportData::Bound,
            "raw" => ReportData::Raw,
            other => {
                return Err(form.problem(Problem::Format {
                    expected: "bound or raw",
                    found: other.to_owned(),
                }));
            }
        };
    }
    refuse_replaceable_measured_files(&description)?;
    Ok(description)
}

// Two files of one path cannot both be measured, and what is measured must not be replaced after it was.
fn refuse_replaceable_measured_files(description: &Description) -> Result<(), DescriptionError> {
    let below_provision_dir = format!("{}/", description.provision_dir);
    let measured = std::iter::once(("$.program".to_owned(), &description.program)).chain(
        description
            .files
            .iter()
            .enumerate()
            .map(|(index, file)| (format!("$.files[{index}]"), file)),
    );
    for (at, file) in measured {
        let problem = if at != "$.program" && file.path() == description.program.path() {
            Problem::Duplicate
        } else if description.coordinator_may_set.allows_file(file.path())
            || file.path().starts_with(&below_provision_dir)
        {
            Problem::CoordinatorMaySetMeasured
        } else {
            continue;
        };
        return Err(DescriptionError {
            path: format!("{at}.path"),
            problem,
        });
    }
    Ok(())
}

fn measured(at: &At<'_>) -> Result<Measured, DescriptionError> {
    let fields = Fields::of(at.value, &at.path, &["path", "digest"])?;
    let path = fields.required("path")?;
    check::path(path.text()?, Directory::No).map_err(|problem| path.problem(problem))?;
    let digest = fields.required("digest")?;
    let bytes = Digest32::from_str(digest.text()?).map_err(|_| {
        digest.problem(Problem::Format {
            expected: "a SHA-256 in 64 hexadecimal digits",
            found: digest.text().unwrap_or_default().to_owned(),
        })
    })?;
    Ok(Measured::new(path.text()?, bytes))
}

fn argv(at: &At<'_>) -> Result<Argv, DescriptionError> {
    match at.value {
        Json::String(text) if text == "coordinator" => Ok(Argv::Coordinator),
        Json::Array(items) if items.is_empty() => Err(at.problem(Problem::Format {
            expected: "at least the program's name, argv[0]",
            found: "[]".into(),
        })),
        Json::Array(_) => at
            .items("arguments")?
            .iter()
            .map(argument)
            .collect::<Result<_, _>>()
            .map(Argv::Fixed),
        other => Err(at.problem(Problem::Type {
            expected: "a list or \"coordinator\"",
            found: other.kind(),
        })),
    }
}

fn argument(at: &At<'_>) -> Result<String, DescriptionError> {
    let text = at.text()?;
    if text.contains('\0') {
        return Err(at.problem(Problem::Format {
            expected: "text without NUL",
            found: text.escape_debug().to_string(),
        }));
    }
    Ok(text.to_owned())
}

fn may_set(at: Option<At<'_>>) -> Result<MaySet, DescriptionError> {
    let Some(at) = at else {
        return Ok(MaySet::default());
    };
    let fields = Fields::of(at.value, &at.path, &["environment", "files"])?;
    let files = match fields.optional("files") {
        Some(list) => sorted(&list, "files", |at| {
            check::path(at.text()?, Directory::WithSlash).map_err(|problem| at.problem(problem))?;
            Ok(at.text()?.to_owned())
        })?,
        None => Vec::new(),
    };
    Ok(MaySet {
        environment: names(fields.optional("environment"), check::variable)?,
        files,
    })
}

fn coordinator(at: &At<'_>) -> Result<CoordinatorRule, DescriptionError> {
    match at.value {
        Json::String(text) if text == "unverified" => Ok(CoordinatorRule::Unverified),
        Json::Object(_) => {
            let expect = Fields::of(at.value, &at.path, &["expect"])?.required("expect")?;
            if expect.items("reference values")?.is_empty() {
                return Err(expect.problem(Problem::ExpectsNothing));
            }
            Ok(CoordinatorRule::Expect(expect.value.clone()))
        }
        other => Err(at.problem(Problem::Type {
            expected: "an object or \"unverified\"",
            found: other.kind(),
        })),
    }
}

fn names(
    at: Option<At<'_>>,
    check: fn(&str) -> Result<(), Problem>,
) -> Result<Vec<String>, DescriptionError> {
    let Some(at) = at else { return Ok(Vec::new()) };
    sorted(&at, "names", |at| {
        check(at.text()?).map_err(|problem| at.problem(problem))?;
        Ok(at.text()?.to_owned())
    })
}

/// A list that is a set: order does not matter, an entry (a path) stands in it once.
fn sorted<T: Ord + Keyed>(
    at: &At<'_>,
    what: &'static str,
    read: impl Fn(&At<'_>) -> Result<T, DescriptionError>,
) -> Result<Vec<T>, DescriptionError> {
    let mut entries: Vec<T> = Vec::new();
    for item in at.items(what)? {
        let entry = read(&item)?;
        match entries.binary_search_by(|known| known.key().cmp(entry.key())) {
            Ok(_) => return Err(item.problem(Problem::Duplicate)),
            Err(place) => entries.insert(place, entry),
        }
    }
    Ok(entries)
}

/// What makes an entry of a set the same as another.
trait Keyed {
    fn key(&self) -> &str;
}

impl Keyed for String {
    fn key(&self) -> &str {
        self
    }
}

impl Keyed for Measured {
    fn key(&self) -> &str {
        self.path()
    }
}

/// A value and the path that led to it.
struct At<'a> {
    path: String,
    value: &'a Json,
}

impl<'a> At<'a> {
    fn problem(&self, problem: Problem) -> DescriptionError {
        DescriptionError {
            path: self.path.clone(),
            problem,
        }
    }

    fn text(&self) -> Result<&'a str, DescriptionError> {
        match self.value {
            Json::String(text) => Ok(text),
            other => Err(self.problem(Problem::Type {
                expected: "a string",
                found: other.kind(),
            })),
        }
    }

    fn items(&self, what: &'static str) -> Result<Vec<At<'a>>, DescriptionError> {
        let Json::Array(items) = self.value else {
            return Err(self.problem(Problem::Type {
                expected: "a list",
                found: self.value.kind(),
            }));
        };
        if items.len() > ENTRIES_MAX {
            return Err(self.problem(Problem::TooLarge {
                what,
                max: ENTRIES_MAX,
            }));
        }
        let at = |(index, value)| At {
            path: format!("{}[{index}]", self.path),
            value,
        };
        Ok(items.iter().enumerate().map(at).collect())
    }
}

/// An object whose fields are all known.
struct Fields<'a> {
    path: String,
    fields: &'a [(String, Json)],
}

impl<'a> Fields<'a> {
    fn of(value: &'a Json, path: &str, known: &'static [&'static str]) -> Result<Self, DescriptionError> {
        let problem = |problem| DescriptionError {
            path: path.to_owned(),
            problem,
        };
        let Json::Object(fields) = value else {
            return Err(problem(Problem::Type {
                expected: "an object",
                found: value.kind(),
            }));
        };
        match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((found, _)) => Err(problem(Problem::UnknownField {
                found: found.clone(),
                hint: closest(found, known),
            })),
            None => Ok(Self {
                path: path.to_owned(),
                fields,
            }),
        }
    }

    fn optional(&self, name: &'static str) -> Option<At<'a>> {
        let (_, value) = self.fields.iter().find(|(known, _)| known == name)?;
        Some(At {
            path: format!("{}.{name}", self.path),
            value,
        })
    }

    fn required(&self, name: &'static str) -> Result<At<'a>, DescriptionError> {
        self.optional(name).ok_or_else(|| DescriptionError {
            path: self.path.clone(),
            problem: Problem::Missing(name),
        })
    }
}

fn closest(found: &str, known: &'static [&'static str]) -> Option<&'static str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(&found.to_ascii_lowercase(), name);
    known
        .iter()
        .copied()
        .min_by_key(distance)
        .filter(|name| distance(name) <= 1 + name.len() / 4)
}

/// Fields of the document.
const FIELDS: [&str; 9] = [
    "format",
    "program",
    "files",
    "argv",
    "environment",
    "coordinator_may_set",
    "coordinator",
    "provision_dir",
    "report_data",
];

/// Longest list in a description.
const ENTRIES_MAX: usize = 4096;
