//! `Marbles`: what is started, what it must prove, and what it is then given.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dns::{Name, read_names};
use crate::fields::{Fields, Item};
use crate::json::Value;
use crate::names::{MarbleType, ModelName, PackageName, TlsTag};
use crate::problem::{Path, Problems};
use crate::template::{Place, Template};

/// One type of workload.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Marble {
    /// The package whose reference values its evidence must meet.
    pub package: PackageName,
    /// How many activations there may ever be; 0 stands for no limit.
    pub max_activations: u64,
    /// What it is given.
    pub parameters: Parameters,
    /// Connections that MarbleRun's runtimes wrap in TLS.
    pub tls: Vec<TlsTag>,
    /// Per-marble secrets do not depend on the marble's type.
    pub disable_secret_binding: bool,
    /// Names that only this type may ask for in its certificate; empty: MarbleRun's rule, any name.
    pub dns_names: Vec<Name>,
    /// Models whose keys it is given.
    pub models: Vec<ModelName>,
    /// Where the launcher puts identity and keys of a marble with models; an absolute path.
    pub provision_dir: String,
}

/// Files, environment and arguments of a marble.
#[derive(Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Parameters {
    /// Path → contents.
    pub files: BTreeMap<String, Content>,
    /// Variable → value.
    pub env: BTreeMap<String, Content>,
    /// Arguments as they are; templates are not rendered here. Empty where the manifest gives none.
    pub argv: Vec<String>,
}

/// Contents of a file or a variable.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// Bytes as they are (`NoTemplates`).
    Verbatim(Vec<u8>),
    /// Rendered with the secrets of each activation.
    Template(Template),
}

impl Content {
    /// The template, if it is one.
    pub fn template(&self) -> Option<&Template> {
        match self {
            Self::Verbatim(_) => None,
            Self::Template(template) => Some(template),
        }
    }
}

const MARBLE: &[&str] = &[
    "Package",
    "MaxActivations",
    "Parameters",
    "TLS",
    "DisableSecretBinding",
    "DNSNames",
    "Models",
    "ProvisionDir",
];
const CONTENT: &[&str] = &["Data", "Encoding", "NoTemplates"];
/// Where a marble finds its keys unless its manifest entry says otherwise.
pub const PROVISION_DIR_DEFAULT: &str = "/run/strongroom";

pub(crate) fn read(top: &Fields<'_>) -> BTreeMap<MarbleType, Marble> {
    let entries = top.map("Marbles");
    entries
        .into_iter()
        .map(|item| (MarbleType::from(item.name), read_one(&item, top.problems())))
        .collect()
}

fn read_one(item: &Item<'_>, problems: &Problems) -> Marble {
    let fields = Fields::open(item.value, item.path.clone(), MARBLE, problems);
    let before = problems.count();
    let package = fields.text_if_set("Package");
    if package.is_none() && problems.count() == before {
        problems.check(
            &fields.at("Package"),
            "a marble names the package that its evidence must meet",
        );
    }
    let provision_dir = fields
        .text_if_set("ProvisionDir")
        .unwrap_or(PROVISION_DIR_DEFAULT)
        .to_owned();
    if let Err(message) = absolute_path(&provision_dir) {
        problems.check(&fields.at("ProvisionDir"), message);
    }
    Marble {
        package: PackageName::from(package.unwrap_or_default()),
        max_activations: fields.unsigned("MaxActivations", u64::MAX).unwrap_or(0),
        parameters: read_parameters(&fields),
        tls: fields
            .texts("TLS")
            .into_iter()
            .map(|(_, tag)| TlsTag::from(tag))
            .collect(),
        disable_secret_binding: fields.flag("DisableSecretBinding").unwrap_or(false),
        dns_names: read_names(&fields, "DNSNames"),
        models: fields
            .texts("Models")
            .into_iter()
            .map(|(_, name)| ModelName::from(name))
            .collect(),
        provision_dir,
    }
}

fn read_parameters(marble: &Fields<'_>) -> Parameters {
    let Some(fields) = marble.object("Parameters", &["Files", "Env", "Argv"]) else {
        return Parameters::default();
    };
    let problems = fields.problems();
    let mut parameters = Parameters::default();
    for item in fields.map("Files") {
        if let Err(message) = file_path(item.name) {
            problems.check(&item.path, message);
        }
        let content = read_content(item.value, &item.path, Place::File, problems);
        parameters.files.insert(item.name.to_owned(), content);
    }
    for item in fields.map("Env") {
        if item.name.contains('=') {
            problems.check(&item.path, "the name of a variable holds no `=`");
        }
        let content = read_content(item.value, &item.path, Place::Env, problems);
        parameters.env.insert(item.name.to_owned(), content);
    }
    for (path, argument) in fields.texts("Argv") {
        if argument.contains('\0') {
            problems.check(&path, "an argument holds no null byte");
        }
        parameters.argv.push(argument.to_owned());
    }
    parameters
}

fn read_content(value: &Value, path: &Path, place: Place, problems: &Problems) -> Content {
    let (bytes, verbatim, path) = match value {
        Value::Text(text) => (text.clone().into_bytes(), false, path.clone()),
        Value::Object(_) => {
            let fields = Fields::open(value, path.clone(), CONTENT, problems);
            let verbatim = fields.flag("NoTemplates").unwrap_or(false);
            (read_data(&fields), verbatim, path.key("Data"))
        }
        other => {
            let message = format!(
                "expected a string or an object with `Data`, found {}",
                other.kind()
            );
            problems.decode(path, message, None);
            (Vec::new(), true, path.clone())
        }
    };
    if place == Place::Env && bytes.contains(&0) {
        problems.check(&path, "a variable holds no null byte");
        return Content::Verbatim(Vec::new());
    }
    if verbatim {
        return Content::Verbatim(bytes);
    }
    match Template::parse(&bytes, place) {
        Ok(template) => Content::Template(template),
        Err(error) => {
            problems.check(&path, error.to_string());
            Content::Verbatim(Vec::new())
        }
    }
}

fn read_data(fields: &Fields<'_>) -> Vec<u8> {
    let data = fields.text("Data").unwrap_or_default();
    let encoding = fields.text_if_set("Encoding").unwrap_or("string");
    let decoded = if encoding.eq_ignore_ascii_case("string") {
        Some(data.as_bytes().to_vec())
    } else if encoding.eq_ignore_ascii_case("base64") {
        STANDARD.decode(data).ok()
    } else if encoding.eq_ignore_ascii_case("hex") {
        hex::decode(data).ok()
    } else {
        let message = format!("unknown encoding type: {encoding}");
        let hint = "known are string, base64 and hex".to_owned();
        fields
            .problems()
            .decode(&fields.at("Encoding"), message, Some(hint));
        return Vec::new();
    };
    decoded.unwrap_or_else(|| {
        fields.problems().decode(
            &fields.at("Data"),
            format!("not {encoding}, as `Encoding` says it is"),
            None,
        );
        Vec::new()
    })
}

fn file_path(path: &str) -> Result<(), &'static str> {
    if path.ends_with('/') {
        return Err("the path of a file does not end with `/`");
    }
    if path.split('/').any(|part| part == ".." || part == ".") {
        return Err("a path has no `.` or `..` in it");
    }
    Ok(())
}

fn absolute_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') || path.len() < 2 || path.contains('\0') {
        return Err("expected an absolute path");
    }
    file_path(path)
}
