//! Policies: what somebody expects of a deployment. Drafting one verifies nothing.

use std::path::Path;

use strongroom_attest::binding::Binding;
use strongroom_attest::reference::Fields;
use strongroom_attest::{
    ClientPolicy, CoordinatorBinding, CoordinatorExpectation, Endorsements, Evidence, Measurement, Platform,
    Protection, ReferenceValues, Roots, verify,
};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use crate::error::Error;
use crate::files;

/// Reads `policy.json`.
///
/// # Errors
/// [`Error::File`], [`Error::Policy`].
pub fn load(path: &Path) -> Result<ClientPolicy, Error> {
    Ok(ClientPolicy::parse(&files::read(path)?)?)
}

/// What is expected of a coordinator's machine and program, and the manifests that go with it, if the file names any.
#[derive(Debug, Clone)]
pub struct Expectation {
    coordinator: CoordinatorExpectation,
    manifests: Option<Vec<Digest32>>,
}

impl Expectation {
    /// Reads a policy, or the list of reference values that stands in a workload description.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Policy`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = files::read(path)?;
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Ok(Self {
                coordinator: CoordinatorExpectation::parse(&bytes)?,
                manifests: None,
            });
        }
        let policy = ClientPolicy::parse(&bytes)?;
        let manifests = Some(policy.manifest_digests().to_vec());
        Ok(Self {
            coordinator: policy.coordinator().clone(),
            manifests,
        })
    }

    /// What is expected of machine and program.
    #[must_use]
    pub const fn coordinator(&self) -> &CoordinatorExpectation {
        &self.coordinator
    }

    /// Refuses a manifest that the policy does not list: setting it would make a deployment that the policy refuses.
    ///
    /// # Errors
    /// [`Error::ManifestUnlisted`].
    pub fn check_manifest(&self, found: Digest32) -> Result<(), Error> {
        match &self.manifests {
            Some(listed) if !listed.contains(&found) => Err(Error::ManifestUnlisted { found }),
            _ => Ok(()),
        }
    }
}

/// A policy's parts, as somebody gives them.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The platform.
    pub platform: Platform,
    /// PEM certificates of accepted roots.
    pub roots: Vec<String>,
    /// Accepted coordinators.
    pub measurements: Vec<Measurement>,
    /// Accepted protection.
    pub protection: Vec<Protection>,
    /// Accepted manifests.
    pub manifests: Vec<Digest32>,
}

impl Draft {
    /// The policy.
    ///
    /// # Errors
    /// [`Error::Policy`].
    pub fn finish(self) -> Result<ClientPolicy, Error> {
        let Self {
            platform,
            roots,
            measurements,
            protection,
            manifests,
        } = self;
        let values = ReferenceValues::new(Fields {
            roots,
            measurements,
            protection,
            ..Fields::of(platform)
        })?;
        Ok(ClientPolicy::new(
            CoordinatorExpectation::new(vec![values])?,
            manifests,
        )?)
    }
}

/// What somebody's evidence claims. Whether it is true, and whether it is wanted, is for a person to find out.
#[derive(Debug)]
pub struct Claimed {
    evidence: Evidence,
    binding: CoordinatorBinding,
}

impl Claimed {
    pub(crate) fn new(evidence: &Evidence, binding: &CoordinatorBinding) -> Self {
        Self {
            evidence: evidence.clone(),
            binding: binding.clone(),
        }
    }

    /// The platform that the evidence names.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.evidence.platform()
    }

    /// A policy that accepts exactly what answered, if one of `roots` (PEM) vouches for its evidence. Whether that is
    /// the right program with the right manifest, nobody has verified.
    ///
    /// # Errors
    /// [`Error::Evidence`] where the evidence does not even hold under these roots; [`Error::Policy`] where there is no
    /// manifest yet.
    pub fn draft(&self, roots: &[String], now: UnixTime) -> Result<ClientPolicy, Error> {
        let platform = self.evidence.platform();
        let mut accepted = Roots::none();
        for root in roots {
            let root = Certificate::parse_pem(root).map_err(|error| Error::input("root", error))?;
            accepted = accepted.with(platform, root);
        }
        let binding = Binding::Coordinator(self.binding.clone());
        let verified = verify(&self.evidence, &Endorsements::none(), &accepted, &binding, now)?;
        let claims = verified.claims();
        Draft {
            platform,
            roots: roots.to_vec(),
            measurements: vec![claims.measurement().clone()],
            protection: vec![claims.protection()],
            manifests: self.binding.manifest_digest.into_iter().collect(),
        }
        .finish()
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::digest::sha256;

    use super::*;
    use crate::trust::tests::authority;

    fn draft() -> Draft {
        Draft {
            platform: Platform::Sgx,
            roots: Vec::new(),
            measurements: vec![sha256(b"coordinator").into()],
            protection: vec![Protection::Confidential],
            manifests: vec![sha256(b"manifest")],
        }
    }

    #[test]
    fn a_draft_loads_and_an_incomplete_one_is_refused() {
        let policy = draft().finish().unwrap();
        assert_eq!(
            ClientPolicy::parse(policy.to_json().as_bytes())
                .unwrap()
                .manifest_digests(),
            [sha256(b"manifest")]
        );
        let refused = |change: fn(&mut Draft)| {
            let mut draft = draft();
            change(&mut draft);
            draft.finish().unwrap_err().code().to_owned()
        };
        assert_eq!(refused(|draft| draft.measurements.clear()), "policy.invalid");
        assert_eq!(refused(|draft| draft.manifests.clear()), "policy.invalid");
        assert_eq!(refused(|draft| draft.protection.clear()), "policy.invalid");
        assert_eq!(
            refused(|draft| draft.roots = vec!["no certificate".to_owned()]),
            "policy.invalid"
        );
        assert!(
            Draft {
                roots: vec![authority("root").to_pem()],
                ..draft()
            }
            .finish()
            .is_ok()
        );
    }

    #[test]
    fn a_manifest_that_the_policy_does_not_list_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.json");
        let policy = draft().finish().unwrap();
        std::fs::write(&path, policy.to_json()).unwrap();
        let expectation = Expectation::load(&path).unwrap();
        assert!(expectation.check_manifest(sha256(b"manifest")).is_ok());
        let refused = expectation.check_manifest(sha256(b"other")).unwrap_err();
        assert_eq!(refused.code(), "policy.manifest_unlisted");

        let list = serde_json::to_string(policy.coordinator().entries()).unwrap();
        std::fs::write(&path, list).unwrap();
        assert!(
            Expectation::load(&path)
                .unwrap()
                .check_manifest(sha256(b"other"))
                .is_ok()
        );
    }
}
