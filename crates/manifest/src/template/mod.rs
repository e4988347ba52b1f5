//! Templates of files and variables: the part of Go's `text/template` that manifests use, and nothing that is not
//! checked when the manifest is read.
//!
//! Understood: text, `{{ func .Path }}`, pipelines, parentheses, trim markers, comments, `if`/`else if`/`else`/`end`
//! with `and`, `or`, `not`, and `index .Secrets "name"`. What is not understood is refused by name, never ignored.

mod buffer;
mod lex;
mod parse;
mod render;

pub use render::{Identity, RENDERED_BYTES_MAX, RenderError, TemplateData};

pub(crate) use buffer::SecretBuffer;
pub(crate) use render::render_into;

use crate::names::SecretName;

/// Where a template's result goes; files and variables have different functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file: `pem`, `hex`, `raw`, `base64`.
    File,
    /// An environment variable: `pem`, `hex`, `string`, `base64`.
    Env,
}

/// A template that was read in full: every path, function and construct in it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub(crate) nodes: Vec<Node>,
    uses: Vec<Use>,
}

/// One value that a template takes, and what it does with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Use {
    /// The value.
    pub source: Source,
    /// The function that takes it; `None`: a condition.
    pub function: Option<Function>,
}

/// A value that templates can name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// `.MarbleRun.RootCA.Cert`: the marble root.
    RootCa,
    /// `.MarbleRun.CoordinatorRoot.Cert`.
    CoordinatorRoot,
    /// `.MarbleRun.CoordinatorIntermediate.Cert`.
    CoordinatorIntermediate,
    /// `.MarbleRun.MarbleCert`, the marble's own certificate and key.
    Marble(Part),
    /// `.Secrets.NAME`.
    Secret {
        /// The secret.
        name: SecretName,
        /// Which part of it.
        part: Part,
        /// The value before the last rotation (`.Previous.Secrets.NAME`).
        previous: bool,
    },
}

/// Parts of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// No part named: the bytes of a key, the public key of a certificate.
    Whole,
    /// `.Cert`
    Certificate,
    /// `.Public`
    Public,
    /// `.Private`
    Private,
}

/// Functions that turn a value into text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// PEM, labelled by the part.
    Pem,
    /// Lower-case hexadecimal.
    Hex,
    /// The bytes themselves; files only.
    Raw,
    /// Standard base64 with padding.
    Base64,
    /// The text of a secret of type plain; variables only.
    Text,
}

impl Function {
    /// Its name in templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Hex => "hex",
            Self::Raw => "raw",
            Self::Base64 => "base64",
            Self::Text => "string",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Text(Vec<u8>),
    /// A literal, or a value through a function.
    Literal(String),
    Value(Function, Source),
    /// Conditions with what they lead to, in order; then what is left.
    If {
        branches: Vec<(Condition, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Constant(bool),
    Present(Source),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// A template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template line {line}: {message}")]
pub struct TemplateError {
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong there, naming the construct.
    pub message: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] names the first construct, path or function that is not understood.
    pub fn parse(bytes: &[u8], place: Place) -> Result<Self, TemplateError> {
        let nodes = parse::parse(bytes, place)?;
        let mut uses = Vec::new();
        collect(&nodes, &mut uses);
        Ok(Self { nodes, uses })
    }

    /// Every value that it names, in all branches.
    pub fn uses(&self) -> &[Use] {
        &self.uses
    }

    /// Whether it renders the marble's private key, which the coordinator then has to make.
    pub fn renders_marble_key(&self) -> bool {
        self.uses
            .iter()
            .any(|one| one.source == Source::Marble(Part::Private))
    }

    /// The secrets that it names.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        self.uses.iter().filter_map(|one| match &one.source {
            Source::Secret { name, .. } => Some(name),
            _ => None,
        })
    }
}

fn collect(nodes: &[Node], uses: &mut Vec<Use>) {
    for node in nodes {
        match node {
            Node::Text(_) | Node::Literal(_) => {}
            Node::Value(function, source) => {
                uses.push(Use {
                    source: source.clone(),
                    function: Some(*function),
                });
            }
            Node::If { branches, otherwise } => {
                for (condition, inner) in branches {
                    collect_condition(condition, uses);
                    collect(inner, uses);
                }
                collect(otherwise, uses);
            }
        }
    }
}

fn collect_condition(condition: &Condition, uses: &mut Vec<Use>) {
    match condition {
        Condition::Constant(_) => {}
        Condition::Present(source) => uses.push(Use {
            source: source.clone(),
            function: None,
        }),
        Condition::Not(inner) => collect_condition(inner, uses),
        Condition::All(list) | Condition::Any(list) => {
            for inner in list {
                collect_condition(inner, uses);
            }
        }
    }
}

#[cfg(test)]
mod tests;
