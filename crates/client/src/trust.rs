//! The trust file: what a deployment was when it was verified, so that later commands notice what changed.
//!
//! It holds no secret. Whoever can change it can point its owner at another deployment, so it belongs next to the
//! policy, in the owner's folder.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use crate::error::Error;
use crate::files::{self, Existing, Visibility};

/// The format that a trust file says of itself.
pub const TRUST_FORMAT: &str = "strongroom.trust.v1";

/// A deployment as it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    fields: Fields,
    root: Certificate,
    marble_root: Certificate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    pub(crate) format: String,
    /// Where the coordinator was.
    pub(crate) coordinator: String,
    /// PEM of the coordinator's root.
    pub(crate) root: String,
    pub(crate) manifest_digest: Digest32,
    pub(crate) log_head: LogHead,
    /// PEM of what certifies marbles.
    pub(crate) marble_root: String,
    /// SHA-256 of the policy that it was verified by.
    pub(crate) policy_digest: Digest32,
    /// The platform protects nothing.
    pub(crate) simulated: bool,
    /// Seconds since 1970 by this machine's clock.
    pub(crate) verified_at: UnixTime,
    /// Who serves which model.
    pub(crate) models: BTreeMap<String, Vec<Server>>,
}

/// A marble that serves a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Marble type in the manifest.
    pub marble: String,
    /// Names that the manifest gives it alone; empty where the host chooses.
    pub dns_names: Vec<String>,
}

/// Something that is not as it was when the trust file was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Another coordinator, or one that lost its state.
    Root {
        /// Digest of the certificate in the trust file.
        pinned: Digest32,
        /// Digest of the certificate found.
        found: Digest32,
    },
    /// Another manifest is in force.
    Manifest {
        /// In the trust file.
        pinned: Digest32,
        /// Found.
        found: Digest32,
    },
    /// Marbles are certified by another key.
    MarbleRoot {
        /// Digest of the certificate in the trust file.
        pinned: Digest32,
        /// Digest of the certificate found.
        found: Digest32,
    },
    /// Simulated where it was not, or the other way round.
    Simulated {
        /// What was found.
        found: bool,
    },
}

impl Change {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Root { .. } => "trust.root_changed",
            Self::Manifest { .. } => "trust.manifest_changed",
            Self::MarbleRoot { .. } => "trust.marble_root_changed",
            Self::Simulated { .. } => "trust.simulated_changed",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root { pinned, found } => {
                write!(
                    f,
                    "the coordinator's root certificate was {pinned}, now it is {found}"
                )
            }
            Self::Manifest { pinned, found } => write!(f, "the manifest was {pinned}, now it is {found}"),
            Self::MarbleRoot { pinned, found } => {
                write!(
                    f,
                    "the root of the marbles' certificates was {pinned}, now it is {found}"
                )
            }
            Self::Simulated { found: true } => f.write_str("it is SIMULATED now, and was not"),
            Self::Simulated { found: false } => f.write_str("it was SIMULATED, and is not any more"),
        }
    }
}

impl Trust {
    /// # Errors
    /// [`Error::Input`] where a certificate cannot be read.
    pub(crate) fn new(fields: Fields) -> Result<Self, Error> {
        let read = |name: &str, pem: &str| {
            Certificate::parse_pem(pem).map_err(|error| Error::input(format!("trust file, `{name}`"), error))
        };
        if fields.format != TRUST_FORMAT {
            let why = format!("format {:?} is not {TRUST_FORMAT:?}", fields.format);
            return Err(Error::input("trust file", why));
        }
        Ok(Self {
            root: read("root", &fields.root)?,
            marble_root: read("marble_root", &fields.marble_root)?,
            fields,
        })
    }

    /// Reads a trust file's text.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let fields = serde_json::from_slice(json).map_err(|error| Error::input("trust file", error))?;
        Self::new(fields)
    }

    /// Reads a trust file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Input`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&files::read(path)?)
    }

    /// Writes the trust file, in place of an older one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        files::write(
            path,
            self.to_json().as_bytes(),
            Visibility::Public,
            Existing::Replace,
        )
    }

    /// The trust file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.fields)
            .expect("a trust file has only text keys and is written to memory");
        text.push('\n');
        text
    }

    /// Where the coordinator was.
    #[must_use]
    pub fn coordinator(&self) -> &str {
        &self.fields.coordinator
    }

    /// The coordinator's root certificate.
    #[must_use]
    pub const fn root(&self) -> &Certificate {
        &self.root
    }

    /// What certifies marbles.
    #[must_use]
    pub const fn marble_root(&self) -> &Certificate {
        &self.marble_root
    }

    /// The manifest that was in force.
    #[must_use]
    pub const fn manifest_digest(&self) -> Digest32 {
        self.fields.manifest_digest
    }

    /// Where the log stood.
    #[must_use]
    pub const fn log_head(&self) -> LogHead {
        self.fields.log_head
    }

    /// Whether the platform protects nothing.
    #[must_use]
    pub const fn simulated(&self) -> bool {
        self.fields.simulated
    }

    /// When it was verified, by this machine's clock.
    #[must_use]
    pub const fn verified_at(&self) -> UnixTime {
        self.fields.verified_at
    }

    /// Who serves `model`.
    #[must_use]
    pub fn servers(&self, model: &str) -> &[Server] {
        self.fields.models.get(model).map_or(&[], Vec::as_slice)
    }

    /// Names of the models.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.fields.models.keys().map(String::as_str)
    }

    /// The same deployment, its log further on.
    #[must_use]
    pub fn advanced_to(mut self, head: LogHead) -> Self {
        self.fields.log_head = head;
        self
    }

    /// What is otherwise in `found` than here. The log is not compared: it may grow, and has to be followed.
    #[must_use]
    pub fn changes(&self, found: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let id = |certificate: &Certificate| sha256(certificate.der());
        if self.root.der() != found.root.der() {
            changes.push(Change::Root {
                pinned: id(&self.root),
                found: id(&found.root),
            });
        }
        if self.manifest_digest() != found.manifest_digest() {
            changes.push(Change::Manifest {
                pinned: self.manifest_digest(),
                found: found.manifest_digest(),
            });
        }
        if self.marble_root.der() != found.marble_root.der() {
            changes.push(Change::MarbleRoot {
                pinned: id(&self.marble_root),
                found: id(&found.marble_root),
            });
        }
        if self.simulated() != found.simulated() {
            changes.push(Change::Simulated {
                found: found.simulated(),
            });
        }
        changes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use strongroom_crypto::issue::{self, Template, Usage};
    use strongroom_crypto::random::SystemRandom;
    use strongroom_crypto::sign::SigningKey;
    use strongroom_crypto::x509::Names;

    use super::*;

    pub(crate) fn authority(name: &str) -> Certificate {
        let template = Template {
            common_name: name.to_owned(),
            names: Names::default(),
            not_before: UnixTime(1_700_000_000),
            not_after: UnixTime(1_900_000_000),
            usage: Usage::Authority,
            extensions: Vec::new(),
        };
        issue::self_signed(&template, &SigningKey::generate_p384(), &SystemRandom).unwrap()
    }

    pub(crate) fn trust_in(root: &Certificate, log_head: LogHead) -> Trust {
        let fields = Fields {
            root: root.to_pem(),
            log_head,
            ..trust().fields
        };
        Trust::new(fields).unwrap()
    }

    pub(crate) fn trust() -> Trust {
        Trust::new(Fields {
            format: TRUST_FORMAT.to_owned(),
            coordinator: "localhost:4433".to_owned(),
            root: authority("root").to_pem(),
            manifest_digest: sha256(b"manifest"),
            log_head: LogHead::genesis(&[7; 16]),
            marble_root: authority("marble root").to_pem(),
            policy_digest: sha256(b"policy"),
            simulated: true,
            verified_at: UnixTime(1_800_000_000),
            models: BTreeMap::from([(
                "digits".to_owned(),
                vec![Server {
                    marble: "inference".to_owned(),
                    dns_names: vec!["digits.example".to_owned()],
                }],
            )]),
        })
        .unwrap()
    }

    #[test]
    fn a_trust_file_reads_back_and_a_strange_one_is_refused() {
        let good = trust();
        assert_eq!(Trust::parse(good.to_json().as_bytes()).unwrap(), good);
        let refused = |from: &str, to: &str| {
            let text = good.to_json().replace(from, to);
            Trust::parse(text.as_bytes()).unwrap_err().to_string()
        };
        assert!(refused("strongroom.trust.v1", "strongroom.trust.v2").contains("format"));
        assert!(refused("\"simulated\"", "\"simulatd\"").contains("unknown field `simulatd`"));
        assert!(refused("BEGIN CERTIFICATE", "BEGIN NOTHING").contains("`root`"));
    }

    #[test]
    fn the_schema_lists_every_field() {
        let schema = include_str!("../../../docs/schema/trust.v1.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let written: serde_json::Value = serde_json::from_str(&trust().to_json()).unwrap();
        let mut required: Vec<_> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|f| f.as_str())
            .collect();
        required.sort_unstable();
        let written: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
        let mut written = written;
        written.sort_unstable();
        assert_eq!(required, written);
        assert_eq!(schema["properties"]["format"]["const"], TRUST_FORMAT);
    }

    #[test]
    fn each_change_is_said_in_words() {
        let pinned = trust();
        let other = trust();
        assert_eq!(pinned.changes(&pinned), []);
        let changed = |change: fn(&mut Trust, &Trust)| {
            let mut found = pinned.clone();
            change(&mut found, &other);
            let changes = pinned.changes(&found);
            assert_eq!(changes.len(), 1);
            let error = Error::Changed(changes);
            assert_eq!(error.kind(), crate::error::Kind::Unverified);
            assert!(error.hint().is_some());
            (error.code().to_owned(), error.to_string())
        };
        let (code, text) = changed(|found, other| found.root = other.root.clone());
        assert_eq!(code, "trust.root_changed");
        assert!(text.contains("the coordinator's root certificate was "), "{text}");
        let (code, text) = changed(|found, _| found.fields.manifest_digest = sha256(b"other"));
        assert_eq!(code, "trust.manifest_changed");
        assert!(
            text.contains(&sha256(b"manifest").to_string()) && text.contains(&sha256(b"other").to_string())
        );
        assert_eq!(
            changed(|found, other| found.marble_root = other.marble_root.clone()).0,
            "trust.marble_root_changed"
        );
        let (code, text) = changed(|found, _| found.fields.simulated = false);
        assert_eq!(code, "trust.simulated_changed");
        assert!(text.contains("SIMULATED"));
    }

    #[test]
    fn a_log_that_grew_is_no_change_of_the_deployment() {
        let pinned = trust();
        let later = pinned
            .clone()
            .advanced_to(pinned.log_head().append(0, b"record", &sha256(b"")));
        assert_eq!(pinned.changes(&later), []);
        assert_eq!(later.log_head().size, 1);
    }
}
