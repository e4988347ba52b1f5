//! Rendering: a template and the values of one activation become bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::secret::{SecretBytes, wipe};

use super::{Condition, Function, Node, Part, SecretBuffer, Source};
use crate::names::SecretName;
use crate::value::SecretValue;

/// What templates can name, as it stands at the activation's commit.
#[derive(Debug)]
pub struct TemplateData<'a> {
    /// The marble's identity and what it chains to.
    pub identity: Identity<'a>,
    /// Values by name; one that is not there is unset.
    pub secrets: BTreeMap<&'a str, &'a SecretValue>,
    /// Values before the last rotation; where one is not there, the current one stands.
    pub previous: BTreeMap<&'a str, &'a SecretValue>,
}

/// Certificates (DER) and keys (DER: SubjectPublicKeyInfo and PKCS#8) under `.MarbleRun`.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Marble root certificate.
    pub root_ca: &'a [u8],
    /// Coordinator root certificate.
    pub coordinator_root: &'a [u8],
    /// Intermediate certificate.
    pub coordinator_intermediate: &'a [u8],
    /// The marble's own certificate.
    pub marble_certificate: &'a [u8],
    /// The public key in it.
    pub marble_public_key: &'a [u8],
    /// The private key, where the coordinator made it.
    pub marble_private_key: Option<&'a SecretBytes>,
}

/// A template cannot be rendered now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Nobody has set the secret yet.
    #[error("secret {0} is not set")]
    Unset(SecretName),
    /// The secret is set, but lacks the part that is asked for.
    #[error("secret {0} has no such part")]
    Empty(SecretName),
    /// The marble's private key is the marble's alone, yet a template asks for it.
    #[error("the coordinator has not made the marble's private key")]
    NoMarbleKey,
    /// Text for a variable holds a null byte or is not UTF-8.
    #[error("secret {0} cannot stand in a variable: it holds null bytes or is no UTF-8 text")]
    NotText(SecretName),
    /// A secret that `string` is used on is not of type plain.
    #[error("only secrets of type plain are allowed to use string encoding for environment variables: {0}")]
    NotPlain(SecretName),
    /// The result grows beyond the limit.
    #[error("the rendered value is larger than {RENDERED_BYTES_MAX} bytes")]
    TooLarge,
}

pub(crate) fn render_into(
    out: &mut SecretBuffer,
    nodes: &[Node],
    data: &TemplateData<'_>,
) -> Result<(), RenderError> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push(text),
            Node::Literal(text) => out.push(text.as_bytes()),
            Node::Value(function, source) => write_value(out, *function, source, data)?,
            Node::If { branches, otherwise } => {
                let mut taken = otherwise;
                for (condition, inner) in branches {
                    if holds(condition, data)? {
                        taken = inner;
                        break;
                    }
                }
                render_into(out, taken, data)?;
            }
        }
        if out.len() > RENDERED_BYTES_MAX {
            return Err(RenderError::TooLarge);
        }
    }
    Ok(())
}

fn holds(condition: &Condition, data: &TemplateData<'_>) -> Result<bool, RenderError> {
    Ok(match condition {
        Condition::Constant(truth) => *truth,
        // As in Go, a secret as a whole is always there: the manifest declares it.
        Condition::Present(
            Source::Secret {
                part: Part::Whole, ..
            }
            | Source::Marble(Part::Whole),
        ) => true,
        Condition::Present(source) => !data.bytes(source).unwrap_or_default().is_empty(),
        Condition::Not(inner) => !holds(inner, data)?,
        Condition::All(list) => {
            for inner in list {
                if !holds(inner, data)? {
                    return Ok(false);
                }
            }
            true
        }
        Condition::Any(list) => {
            for inner in list {
                if holds(inner, data)? {
                    return Ok(true);
                }
            }
            false
        }
    })
}

fn write_value(
    out: &mut SecretBuffer,
    function: Function,
    source: &Source,
    data: &TemplateData<'_>,
) -> Result<(), RenderError> {
    let bytes = data.bytes(source)?;
    match function {
        Function::Raw => out.push(bytes),
        Function::Hex => push_wiped(out, hex::encode(bytes)),
        Function::Base64 => push_wiped(out, STANDARD.encode(bytes)),
        Function::Pem => write_pem(out, label(source), bytes),
        Function::Text => {
            let Source::Secret { name, .. } = source else {
                return Err(RenderError::NoMarbleKey);
            };
            if !matches!(data.secret(source)?, SecretValue::Plain(_)) {
                return Err(RenderError::NotPlain(name.clone()));
            }
            if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() {
                return Err(RenderError::NotText(name.clone()));
            }
            out.push(bytes);
        }
    }
    Ok(())
}

fn label(source: &Source) -> &'static str {
    match source {
        Source::RootCa | Source::CoordinatorRoot | Source::CoordinatorIntermediate => "CERTIFICATE",
        Source::Marble(part) | Source::Secret { part, .. } => match part {
            Part::Certificate => "CERTIFICATE",
            Part::Whole | Part::Public => "PUBLIC KEY",
            Part::Private => "PRIVATE KEY",
        },
    }
}

fn write_pem(out: &mut SecretBuffer, label: &str, der: &[u8]) {
    out.push(format!("-----BEGIN {label}-----\n").as_bytes());
    for line in der.chunks(48) {
        push_wiped(out, STANDARD.encode(line));
        out.push(b"\n");
    }
    out.push(format!("-----END {label}-----\n").as_bytes());
}

fn push_wiped(out: &mut SecretBuffer, mut text: String) {
    out.push(text.as_bytes());
    wipe(&mut text);
}

impl TemplateData<'_> {
    fn secret(&self, source: &Source) -> Result<&SecretValue, RenderError> {
        let Source::Secret { name, previous, .. } = source else {
            return Err(RenderError::NoMarbleKey);
        };
        let earlier = if *previous {
            self.previous.get(name.as_str())
        } else {
            None
        };
        let value = earlier.or_else(|| self.secrets.get(name.as_str()));
        value.copied().ok_or_else(|| RenderError::Unset(name.clone()))
    }

    fn bytes(&self, source: &Source) -> Result<&[u8], RenderError> {
        let identity = &self.identity;
        match source {
            Source::RootCa => Ok(identity.root_ca),
            Source::CoordinatorRoot => Ok(identity.coordinator_root),
            Source::CoordinatorIntermediate => Ok(identity.coordinator_intermediate),
            Source::Marble(Part::Certificate) => Ok(identity.marble_certificate),
            Source::Marble(Part::Whole | Part::Public) => Ok(identity.marble_public_key),
            Source::Marble(Part::Private) => identity
                .marble_private_key
                .map(SecretBytes::expose)
                .ok_or(RenderError::NoMarbleKey),
            Source::Secret { name, part, .. } => {
                let bytes = match (self.secret(source)?, part) {
                    (SecretValue::Symmetric(bytes) | SecretValue::Plain(bytes), Part::Certificate) => {
                        let _ = bytes;
                        None
                    }
                    (SecretValue::Symmetric(bytes) | SecretValue::Plain(bytes), _) => Some(bytes.expose()),
                    (SecretValue::Certificate { certificate, .. }, Part::Certificate) => {
                        Some(certificate.der())
                    }
                    (SecretValue::Certificate { certificate, .. }, Part::Whole | Part::Public) => {
                        Some(certificate.spki_der())
                    }
                    (SecretValue::Certificate { private_key, .. }, Part::Private) => {
                        private_key.as_ref().map(SecretBytes::expose)
                    }
                };
                bytes
                    .filter(|bytes| !bytes.is_empty())
                    .ok_or_else(|| RenderError::Empty(name.clone()))
            }
        }
    }
}

/// Largest rendered file or variable.
pub const RENDERED_BYTES_MAX: usize = 16 << 20;
