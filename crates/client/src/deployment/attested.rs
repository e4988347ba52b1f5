//! Evidence on one connection, and the two kinds of coordinator that may be sent one thing only.

use std::collections::BTreeMap;

use http::Method;
use serde::Serialize;
use strongroom_api::coordinator::bytes::{Base64, Base64Secret};
use strongroom_api::coordinator::phase;
use strongroom_api::coordinator::v2::{ManifestRequest, RecoverAnswer, RecoverRequest, RecoverySecrets};
use strongroom_api::coordinator::v3::{EvidenceAnswer, EvidenceRequest};
use strongroom_attest::binding::Binding;
use strongroom_attest::reference::Appraised;
use strongroom_attest::{
    AttestationKey, CoordinatorBinding, CoordinatorExpectation, Evidence, LogHead, Platform,
};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::random;
use strongroom_crypto::rsa::RecoveryPrivateKey;
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::x509::Certificate;
use strongroom_manifest::Manifest;

use super::{Caller, Coordinator, enrolled};
use crate::error::Error;
use crate::rest::{Body, Rest};

/// A connection whose other end proved what program it is, and what it says of itself.
pub(super) struct Attested {
    pub(super) rest: Rest,
    pub(super) address: String,
    pub(super) evidence: Evidence,
    pub(super) binding: CoordinatorBinding,
    pub(super) root: Certificate,
    pub(super) appraised: Appraised,
    /// The attestation key that was enrolled on this connection.
    pub(super) enrolled: Option<AttestationKey>,
}

/// Asks for evidence and verifies it against the expectation. The binding is made of this end's own nonce and its own
/// view of the connection; what the peer says besides is believed because the evidence covers it.
pub(super) async fn attest(
    coordinator: &Coordinator,
    expectation: &CoordinatorExpectation,
    caller: &Caller<'_>,
) -> Result<Attested, Error> {
    let rest = coordinator.connect(caller).await?;
    let (evidence, binding) = ask(&rest, caller).await?;
    let enrolled = match evidence.platform() {
        Platform::Tpm => enrolled::key(&rest, expectation, caller).await?,
        _ => None,
    };
    let known = enrolled
        .as_ref()
        .map(|key| expectation.clone().with_enrolled(key));
    let expectation = known.as_ref().unwrap_or(expectation);
    let appraised = expectation.verify(&evidence, caller.endorsements, &binding, caller.now)?;
    let root = Certificate::parse(&binding.root_certificate).map_err(|error| rest.unclear(error))?;
    if rest.connection().session().server_certificate().as_ref() != root.der() {
        return Err(rest.unclear("it shows another certificate than the root that its evidence names"));
    }
    if binding.phase == phase::ROLLED_BACK {
        return Err(Error::RolledBack {
            peer: coordinator.address().to_owned(),
        });
    }
    let address = coordinator.address().to_owned();
    Ok(Attested {
        rest: rest.verified(),
        address,
        evidence,
        binding,
        root,
        appraised,
        enrolled,
    })
}

/// Asks for evidence with a fresh nonce. Nothing is verified yet.
pub(super) async fn ask(rest: &Rest, caller: &Caller<'_>) -> Result<(Evidence, CoordinatorBinding), Error> {
    let nonce: [u8; 32] = random::array(caller.random);
    let request = serde_json::to_vec(&EvidenceRequest {
        nonce: Base64(nonce.to_vec()),
    })
    .expect("a nonce can be written to memory");
    let answer: EvidenceAnswer = rest
        .call(Method::POST, "/api/v3/evidence", Body::Plain(request))
        .await?;
    let head = answer.log_head;
    let binding = CoordinatorBinding {
        nonce,
        exporter: *rest.connection().session().exporter(),
        root_certificate: answer.root_certificate.0,
        phase: answer.phase,
        manifest_digest: answer.manifest_digest.map(|digest| Digest32(digest.0)),
        log_head: LogHead {
            epoch: head.epoch,
            size: head.size,
            hash: Digest32(head.hash.0),
        },
    };
    let evidence = Evidence::parse(&answer.evidence.0)
        .map_err(|error| error.of(Binding::Coordinator(binding.clone()).subject()))?;
    Ok((evidence, binding))
}

impl Attested {
    pub(super) fn require_phase(&self, needed: &'static str) -> Result<(), Error> {
        if self.binding.phase == needed {
            return Ok(());
        }
        let found = crate::rest::sentence(&self.binding.phase);
        Err(Error::Phase {
            peer: self.address.clone(),
            found,
            needed,
        })
    }
}

/// A verified coordinator without a manifest: takes one, and nothing else.
pub struct EmptyCoordinator(Attested);

/// What setting a manifest gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestSet {
    /// The manifest that is in force now.
    pub manifest_digest: Digest32,
    /// Names of the recovery keys, and for each its part of the recovery secret, encrypted to it, in base64.
    pub recovery_secrets: BTreeMap<String, String>,
}

impl EmptyCoordinator {
    pub(super) fn of(attested: Attested) -> Result<Self, Error> {
        attested.require_phase(phase::AWAITING_MANIFEST)?;
        Ok(Self(attested))
    }

    /// What the evidence proves, with every check.
    pub fn appraised(&self) -> &Appraised {
        &self.0.appraised
    }

    /// Sets the manifest: the deployment begins.
    ///
    /// # Errors
    /// [`Error::Refused`], and what connections can fail with.
    pub async fn set_manifest(self, manifest: &Manifest) -> Result<ManifestSet, Error> {
        let request = ManifestRequest {
            manifest: Base64(manifest.raw().to_vec()),
        };
        let body = serde_json::to_vec(&request).expect("bytes can be written to memory");
        let answer: Option<RecoverySecrets> = self
            .0
            .rest
            .call_v2(Method::POST, "/api/v2/manifest", Body::Plain(body))
            .await?;
        let secrets = answer.map(|answer| answer.recovery_secrets).unwrap_or_default();
        let text = |secret: &Base64| {
            serde_json::to_value(secret)
                .ok()
                .and_then(|text| text.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        Ok(ManifestSet {
            manifest_digest: manifest.digest(),
            recovery_secrets: secrets
                .iter()
                .map(|(name, secret)| (name.clone(), text(secret)))
                .collect(),
        })
    }
}

/// A coordinator that was verified afresh by measurement and waits for a recovery: takes a recovery secret, and
/// nothing else.
pub struct RecoveringCoordinator(Attested);

/// How far a recovery has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// Parts that are still missing.
    pub remaining: u64,
    /// The coordinator's sentence.
    pub message: String,
}

impl RecoveringCoordinator {
    pub(super) fn of(attested: Attested) -> Result<Self, Error> {
        attested.require_phase(phase::RECOVERY)?;
        Ok(Self(attested))
    }

    /// What the evidence proves, with every check.
    pub fn appraised(&self) -> &Appraised {
        &self.0.appraised
    }

    /// Hands over one part of the recovery secret: `encrypted` as it came when the manifest was set, opened and signed
    /// with the recovery key here, on the holder's machine.
    ///
    /// # Errors
    /// [`Error::Input`] where the key does not open it; [`Error::Refused`], and what connections can fail with.
    pub async fn recover(self, encrypted: &[u8], key: &RecoveryPrivateKey) -> Result<Recovery, Error> {
        let other_key = |_| Error::input("recovery secret", "it is not encrypted to this recovery key");
        let secret = key.decrypt_oaep_sha256(encrypted).map_err(other_key)?;
        let signature = key.sign_pkcs1_sha256(secret.expose()).map_err(other_key)?;
        let request = RecoverRequest {
            recovery_secret: Base64Secret::from(secret.expose().to_vec()),
            recovery_secret_signature: Base64(signature),
        };
        let body = secret_json(&request, secret.len())?;
        let answer: Option<RecoverAnswer> = self
            .0
            .rest
            .call_v2(Method::POST, "/api/v2/recover", Body::Secret(body))
            .await?;
        let answer = answer.ok_or_else(|| self.0.rest.unclear("it does not say how the recovery stands"))?;
        Ok(Recovery {
            remaining: u64::try_from(answer.remaining).unwrap_or(0),
            message: crate::rest::sentence(&answer.message),
        })
    }
}

/// JSON with secrets of `secret_bytes` in it, written into one allocation that is wiped.
pub(super) fn secret_json(value: &impl Serialize, secret_bytes: usize) -> Result<SecretBytes, Error> {
    // Base64 needs four characters for three bytes; names and punctuation come on top. One allocation, so that no
    // half-written copy is left behind when it grows.
    let mut bytes = Vec::with_capacity(secret_bytes.saturating_mul(2).saturating_add(16 * 1024));
    serde_json::to_writer(&mut bytes, value).map_err(|error| Error::input("secret", error))?;
    Ok(SecretBytes::new(bytes))
}

impl std::fmt::Debug for EmptyCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmptyCoordinator({})", self.0.address)
    }
}

impl std::fmt::Debug for RecoveringCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecoveringCoordinator({})", self.0.address)
    }
}
