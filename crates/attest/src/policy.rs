//! The two documents in the policy form: what a launcher expects of its coordinator (inside the measured workload
//! description), and what an owner or client expects of a deployment (`strongroom.policy.v1`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;

use crate::binding::{Binding, CoordinatorBinding};
use crate::endorsements::{AttestationKey, Endorsements, Roots};
use crate::error::VerifyError;
use crate::evidence::Evidence;
use crate::reference::{Appraised, PolicyError, ReferenceValues, verify_against};
use crate::step;

/// The format that a policy says of itself.
pub const POLICY_FORMAT: &str = "strongroom.policy.v1";

/// Largest policy that is read, in bytes.
const POLICY_BYTES_MAX: usize = 1024 * 1024;

/// What is expected of a coordinator's machine and program: at least one entry of reference values. It never names a
/// manifest (that would be a circle) nor the coordinator's root certificate (made later).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<ReferenceValues>", into = "Vec<ReferenceValues>")]
pub struct CoordinatorExpectation(Vec<ReferenceValues>);

impl CoordinatorExpectation {
    /// An expectation of at least one entry.
    ///
    /// # Errors
    /// [`PolicyError::NoReferenceValues`].
    pub fn new(entries: Vec<ReferenceValues>) -> Result<Self, PolicyError> {
        if entries.is_empty() {
            Err(PolicyError::NoReferenceValues)
        } else {
            Ok(Self(entries))
        }
    }

    /// Reads the JSON list of reference values that stands in a workload description.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn parse(json: &[u8]) -> Result<Self, PolicyError> {
        read(json)
    }

    /// The entries; one of them must hold as a whole.
    #[must_use]
    pub fn entries(&self) -> &[ReferenceValues] {
        &self.0
    }

    /// Every root that evidence may hang on; each entry is held against its own.
    #[must_use]
    pub fn roots(&self) -> Roots {
        let entries = self.0.iter();
        entries.fold(Roots::none(), |roots, entry| roots.and(entry.roots()))
    }

    /// The same expectation for evidence by an attestation key that was enrolled on this very connection
    /// ([`ReferenceValues::with_enrolled`]).
    #[must_use]
    pub fn with_enrolled(self, key: &AttestationKey) -> Self {
        let entries = self.0.into_iter();
        Self(entries.map(|entry| entry.with_enrolled(key)).collect())
    }

    /// Verifies that a coordinator is the expected program on an expected platform, on this very connection.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        binding: &CoordinatorBinding,
        now: UnixTime,
    ) -> Result<Appraised, VerifyError> {
        verify_against(
            &self.0,
            evidence,
            endorsements,
            &Binding::Coordinator(binding.clone()),
            now,
        )
    }
}

/// What an owner or client expects of a deployment: a coordinator **and** at least one manifest digest. A file without
/// either does not load.
#[derive(Debug, Clone)]
pub struct ClientPolicy {
    coordinator: CoordinatorExpectation,
    manifest_digests: Vec<Digest32>,
    roles: Option<Roles>,
}

/// For each user the roles it may hold at most.
pub type Roles = BTreeMap<String, BTreeSet<String>>;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientPolicyJson {
    format: String,
    coordinator: Vec<ReferenceValues>,
    manifest_digests: Vec<Digest32>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "roles")]
    roles: Option<Roles>,
}

impl ClientPolicy {
    /// A policy of an expectation and at least one manifest digest.
    ///
    /// # Errors
    /// [`PolicyError::NoManifestDigest`].
    pub fn new(
        coordinator: CoordinatorExpectation,
        manifest_digests: Vec<Digest32>,
    ) -> Result<Self, PolicyError> {
        if manifest_digests.is_empty() {
            return Err(PolicyError::NoManifestDigest);
        }
        Ok(Self {
            coordinator,
            manifest_digests,
            roles: None,
        })
    }

    /// The same policy, which says who may hold which roles as well.
    #[must_use]
    pub fn with_roles(self, roles: Roles) -> Self {
        Self {
            roles: Some(roles),
            ..self
        }
    }

    /// Reads `policy.json`.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn parse(json: &[u8]) -> Result<Self, PolicyError> {
        let policy: ClientPolicyJson = read(json)?;
        if policy.format != POLICY_FORMAT {
            return Err(PolicyError::Format(policy.format));
        }
        let coordinator = CoordinatorExpectation::new(policy.coordinator)?;
        let checked = Self::new(coordinator, policy.manifest_digests)?;
        Ok(Self {
            roles: policy.roles,
            ..checked
        })
    }

    /// The policy as `policy.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = ClientPolicyJson {
            format: POLICY_FORMAT.to_owned(),
            coordinator: self.coordinator.0.clone(),
            manifest_digests: self.manifest_digests.clone(),
            roles: self.roles.clone(),
        };
        serde_json::to_string_pretty(&json).expect("a policy has only text keys and is written to memory")
    }

    /// What is expected of the coordinator's machine and program, whatever manifest it enforces: enough to set a
    /// manifest or to recover, never to hand over a secret or an input.
    #[must_use]
    pub const fn coordinator(&self) -> &CoordinatorExpectation {
        &self.coordinator
    }

    /// The same policy for evidence by an attestation key that was enrolled on this very connection
    /// ([`ReferenceValues::with_enrolled`]).
    #[must_use]
    pub fn with_enrolled(self, key: &AttestationKey) -> Self {
        Self {
            coordinator: self.coordinator.with_enrolled(key),
            ..self
        }
    }

    /// The manifests that are accepted.
    #[must_use]
    pub fn manifest_digests(&self) -> &[Digest32] {
        &self.manifest_digests
    }

    /// The roles that users may hold at most, where the policy says so.
    #[must_use]
    pub const fn roles(&self) -> Option<&Roles> {
        self.roles.as_ref()
    }

    /// Verifies the coordinator, and that it enforces an accepted manifest (step 15).
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        binding: &CoordinatorBinding,
        now: UnixTime,
    ) -> Result<Appraised, VerifyError> {
        let appraised = self.coordinator.verify(evidence, endorsements, binding, now)?;
        let mut report = appraised.report().clone();
        let holds = binding
            .manifest_digest
            .is_some_and(|digest| self.manifest_digests.contains(&digest));
        let accepted: Vec<_> = self.manifest_digests.iter().map(Digest32::to_string).collect();
        let found = binding
            .manifest_digest
            .map_or_else(|| "no manifest".to_owned(), |digest| digest.to_string());
        report.check(step::MANIFEST, holds, accepted.join(" or "), found); // 15
        if holds {
            Ok(appraised.and(report))
        } else {
            Err(VerifyError::of(&report))
        }
    }
}

/// Reads roles; a user that stands there twice is an error, not a restriction lost.
fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Roles>, D::Error> {
    struct Users;

    impl<'de> Visitor<'de> for Users {
        type Value = Roles;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("for each user a list of roles")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut users: A) -> Result<Roles, A::Error> {
            let mut roles = Roles::new();
            while let Some((user, its_roles)) = users.next_entry::<String, BTreeSet<String>>()? {
                if roles.contains_key(&user) {
                    return Err(A::Error::custom(format_args!("duplicate user {user:?} in roles")));
                }
                roles.insert(user, its_roles);
            }
            Ok(roles)
        }
    }

    deserializer.deserialize_map(Users).map(Some)
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, PolicyError> {
    if json.len() > POLICY_BYTES_MAX {
        return Err(PolicyError::TooLarge {
            length: json.len(),
            max: POLICY_BYTES_MAX,
        });
    }
    serde_json::from_slice(json).map_err(|error| PolicyError::Json(error.to_string()))
}

impl TryFrom<Vec<ReferenceValues>> for CoordinatorExpectation {
    type Error = PolicyError;

    fn try_from(entries: Vec<ReferenceValues>) -> Result<Self, PolicyError> {
        Self::new(entries)
    }
}

impl From<CoordinatorExpectation> for Vec<ReferenceValues> {
    fn from(expectation: CoordinatorExpectation) -> Self {
        expectation.0
    }
}
