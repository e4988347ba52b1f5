//! Entries of the audit log and their canonical bytes, over which the hash chain runs.
//!
//! The chain itself is in `crypto::chain`, over the digest of the canonical record and the digest of the sealed part.
//! A record travels as JSON that one can read; the reader encodes it again, so that nothing can be shown that is not hashed.

use super::bytes::{Base64, Hex32};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Rises with each recovery.
    pub epoch: u64,
    /// Number of entries.
    pub size: u64,
    /// Chain hash of the last entry.
    pub hash: Hex32,
}

/// One entry as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its public part; left out for callers who are no users of the manifest. They can still follow the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// SHA-256 of [`Record::canonical_bytes`]; a reader that has the record recomputes it.
    pub record_digest: Hex32,
    /// SHA-256 of the ciphertext of the part that nobody may.
    pub sealed_hash: Hex32,
}

/// The public part of an event: who, what, when, and digests. Never a hash of a secret value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Epoch in which it was written.
    pub epoch: u64,
    /// Place in the log, from 0.
    pub sequence: u64,
    /// Milliseconds since 1970 by the coordinator's clock.
    pub time_ms: u64,
    /// Who asked.
    pub actor: Actor,
    /// What happened, from a closed set (`docs/operations/coordinator.md`).
    pub event: String,
    /// What it happened to.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

/// Who asked for what an entry records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Actor {
    /// The coordinator itself.
    Coordinator,
    /// Somebody who did not say who they are.
    Anonymous,
    /// A user of the manifest.
    User {
        /// Name in the manifest.
        name: String,
        /// SHA-256 of the certificate they used.
        certificate: Hex32,
    },
    /// An attested workload.
    Marble {
        /// Type in the manifest.
        marble_type: String,
        /// Its UUID in canonical form.
        uuid: String,
    },
}

/// A signed statement of where the log stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// What is signed, with the deployment's id and `time`.
    pub head: Head,
    /// Seconds since 1970 by the coordinator's clock.
    pub time: u64,
    /// By the log key.
    pub signature: Base64,
    /// DER of the log key's certificate, issued by the coordinator's root.
    pub certificate: Base64,
}

impl Record {
    /// The bytes that are hashed: each field length-prefixed (u32 big-endian), integers as 8 bytes big-endian, details sorted by name.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut out = Canonical(Vec::new());
        out.u64(self.epoch);
        out.u64(self.sequence);
        out.u64(self.time_ms);
        match &self.actor {
            Actor::Coordinator => out.fields(&[b"coordinator", b"", b""]),
            Actor::Anonymous => out.fields(&[b"anonymous", b"", b""]),
            Actor::User { name, certificate } => out.fields(&[b"user", name.as_bytes(), &certificate.0]),
            Actor::Marble { marble_type, uuid } => {
                out.fields(&[b"marble", marble_type.as_bytes(), uuid.as_bytes()])
            }
        }
        out.bytes(self.event.as_bytes());
        out.u64(self.details.len() as u64);
        for (name, value) in &self.details {
            out.fields(&[name.as_bytes(), value.as_bytes()]);
        }
        out.0
    }
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn bytes(&mut self, field: &[u8]) {
        let len = u32::try_from(field.len()).expect("a field of a log record is far below 4 GiB");
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(field);
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    fn fields(&mut self, fields: &[&[u8]]) {
        for field in fields {
            self.bytes(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            epoch: 1,
            sequence: 7,
            time_ms: 1_700_000_000_000,
            actor: Actor::User {
                name: "owner".into(),
                certificate: Hex32([3; 32]),
            },
            event: "secret_set".into(),
            details: BTreeMap::from([
                ("secret".into(), "digits-key".into()),
                ("type".into(), "symmetric-key".into()),
            ]),
        }
    }

    #[test]
    fn every_field_is_hashed() {
        let good = record();
        let mut changed = vec![
            Record {
                epoch: 2,
                ..good.clone()
            },
            Record {
                sequence: 8,
                ..good.clone()
            },
            Record {
                time_ms: 0,
                ..good.clone()
            },
            Record {
                actor: Actor::Anonymous,
                ..good.clone()
            },
            Record {
                actor: Actor::User {
                    name: "owner".into(),
                    certificate: Hex32([4; 32]),
                },
                ..good.clone()
            },
            Record {
                event: "secret".into(),
                ..good.clone()
            },
            Record {
                details: BTreeMap::new(),
                ..good.clone()
            },
        ];
        changed.push(good.clone());
        let bytes: std::collections::BTreeSet<_> = changed.iter().map(Record::canonical_bytes).collect();
        assert_eq!(bytes.len(), changed.len());
    }

    #[test]
    fn bytes_cannot_move_across_a_boundary() {
        let with = |k: &str, v: &str| {
            Record {
                details: BTreeMap::from([(k.into(), v.into())]),
                ..record()
            }
            .canonical_bytes()
        };
        assert_ne!(with("ab", "c"), with("a", "bc"));
    }

    #[test]
    fn json_reads_back_and_hides_nothing() {
        let json = serde_json::to_value(record()).expect("serialises");
        assert_eq!(
            serde_json::from_value::<Record>(json.clone())
                .expect("reads back")
                .canonical_bytes(),
            record().canonical_bytes()
        );
        let mut extra = json;
        extra["note"] = "not hashed".into();
        assert!(serde_json::from_value::<Record>(extra).is_err());
    }
}
