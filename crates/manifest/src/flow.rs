//! Where secrets go: the one question that a model owner asks of somebody else's manifest.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::received;
use crate::manifest::Manifest;
use crate::marble::{Content, Marble};
use crate::names::{MarbleType, ModelName, SecretName, UserName};
use crate::template::{RenderError, SecretBuffer, Source, Template, TemplateData, render_into};
use crate::user::Permission;
use strongroom_crypto::secret::SecretBytes;

/// One way of a secret into a marble.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Delivery {
    /// Who receives it.
    pub marble: MarbleType,
    /// How.
    pub how: Channel,
}

/// How a marble receives a secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// In a file with this path.
    File(String),
    /// In an environment variable.
    Variable(String),
    /// As the key of a model, in the provision directory.
    ModelKey(ModelName),
    /// As the certificate of connections that the marble's runtime accepts, under this TLS tag.
    TlsCertificate(String),
}

/// Who can do what with a secret, apart from the marbles that receive it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SecretAccess {
    /// Users who may read its value.
    pub readers: Vec<UserName>,
    /// Users who may set its value.
    pub writers: Vec<UserName>,
    /// Users who together may replace the manifest, and with it everything here.
    pub updaters: Vec<UserName>,
    /// How many of them it takes.
    pub updaters_needed: usize,
    /// Covered by no recovery and readable by nobody.
    pub guarded: bool,
}

/// Files, variables and arguments of one activation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rendered {
    /// Path → contents.
    pub files: BTreeMap<String, SecretBytes>,
    /// Variable → value.
    pub env: BTreeMap<String, SecretBytes>,
    /// Arguments, as they stand in the manifest.
    pub argv: Vec<String>,
}

impl Manifest {
    /// Every way of a secret into a marble, ordered by marble.
    pub fn secret_flow(&self, name: &str) -> Vec<Delivery> {
        let mut flow = Vec::new();
        for (marble_type, marble) in self.marbles() {
            let mut deliver = |how| {
                flow.push(Delivery {
                    marble: marble_type.clone(),
                    how,
                })
            };
            for (path, content) in &marble.parameters.files {
                if takes(content, name) {
                    deliver(Channel::File(path.clone()));
                }
            }
            for (variable, content) in &marble.parameters.env {
                if takes(content, name) {
                    deliver(Channel::Variable(variable.clone()));
                }
            }
            for model in &marble.models {
                if self
                    .models()
                    .get(model)
                    .is_some_and(|model| model.key.as_str() == name)
                {
                    deliver(Channel::ModelKey(model.clone()));
                }
            }
            for tag in &marble.tls {
                let incoming = self.tls().get(tag).map_or(&[][..], |tls| &tls.incoming);
                if incoming
                    .iter()
                    .any(|one| one.cert.as_ref().is_some_and(|cert| cert.as_str() == name))
                {
                    deliver(Channel::TlsCertificate(tag.to_string()));
                }
            }
        }
        flow
    }

    /// Who else can read, set or widen a secret.
    pub fn secret_access(&self, name: &SecretName) -> SecretAccess {
        SecretAccess {
            readers: self.users_who(&Permission::ReadSecret(name.clone())),
            writers: self.users_who(&Permission::WriteSecret(name.clone())),
            updaters: self.users_who(&Permission::UpdateManifest),
            updaters_needed: self.update_acknowledgements(),
            guarded: self.is_guarded(name),
        }
    }

    /// The secrets that an activation of a marble needs, so that an unset one is found before keys are made.
    pub fn secrets_needed(&self, marble_type: &str) -> BTreeSet<SecretName> {
        let Some(marble) = self.marble(marble_type) else {
            return BTreeSet::new();
        };
        let tags = marble.tls.iter().filter_map(|tag| self.tls().get(tag));
        let certificates = tags.flat_map(|tls| tls.incoming.iter().filter_map(|one| one.cert.clone()));
        let mut needed = received(self.parts(), marble);
        needed.extend(certificates);
        needed
    }

    /// Whether a template of the marble renders its private key: then the coordinator makes that key.
    pub fn renders_marble_key(&self, marble_type: &str) -> bool {
        let templates = self.marble(marble_type).map(templates);
        templates.is_some_and(|mut templates| templates.any(Template::renders_marble_key))
    }

    /// Renders files and variables of a marble. Model keys and identity are not among them.
    ///
    /// # Errors
    /// [`RenderError`]; above all [`RenderError::Unset`] while a user has not uploaded a secret.
    pub fn render(&self, marble_type: &str, data: &TemplateData<'_>) -> Result<Rendered, RenderError> {
        let mut rendered = Rendered {
            files: BTreeMap::new(),
            env: BTreeMap::new(),
            argv: Vec::new(),
        };
        let Some(marble) = self.marble(marble_type) else {
            return Ok(rendered);
        };
        let mut total = 0;
        let mut one = |content| {
            let bytes = render_content(content, data)?;
            total += bytes.len();
            if total > ACTIVATION_BYTES_MAX {
                Err(RenderError::TooLarge)
            } else {
                Ok(bytes)
            }
        };
        for (path, content) in &marble.parameters.files {
            rendered.files.insert(path.clone(), one(content)?);
        }
        for (variable, content) in &marble.parameters.env {
            rendered.env.insert(variable.clone(), one(content)?);
        }
        rendered.argv.clone_from(&marble.parameters.argv);
        Ok(rendered)
    }
}

fn takes(content: &Content, name: &str) -> bool {
    content
        .template()
        .is_some_and(|template| template.secrets().any(|secret| secret.as_str() == name))
}

pub(crate) fn templates(marble: &Marble) -> impl Iterator<Item = &Template> {
    let parameters = &marble.parameters;
    parameters
        .files
        .values()
        .chain(parameters.env.values())
        .filter_map(Content::template)
}

/// Whether a marble is given a secret by file or variable rather than as a model's key.
pub(crate) fn templates_take(marble: &Marble, name: &SecretName) -> bool {
    let is = |source: &Source| matches!(source, Source::Secret { name: named, .. } if named == name);
    templates(marble).any(|template| template.uses().iter().any(|one| is(&one.source)))
}

fn render_content(content: &Content, data: &TemplateData<'_>) -> Result<SecretBytes, RenderError> {
    match content {
        Content::Verbatim(bytes) => Ok(SecretBytes::copy_of(bytes)),
        Content::Template(template) => {
            let mut out = SecretBuffer::default();
            render_into(&mut out, &template.nodes, data)?;
            Ok(out.finish())
        }
    }
}

/// Largest sum of files and variables of one activation.
pub const ACTIVATION_BYTES_MAX: usize = 64 << 20;
