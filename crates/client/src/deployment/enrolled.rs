//! A coordinator on a TPM: a TPM's own certificate says nothing of the key that quotes. This end finds out whether both live
//! in one TPM, on the very connection on which the evidence came.

use http::Method;
use strongroom_api::coordinator::bytes::Base64;
use strongroom_api::coordinator::v3::{BeginEnrolment, EnrolmentKeys, FinishEnrolment, FinishedEnrolment};
use strongroom_attest::{AttestationKey, CoordinatorExpectation, Platform};
use strongroom_crypto::secret::SecretBytes;
use strongroom_ratls::enrolment::{EnrolError, Shown};

use super::Caller;
use crate::error::Error;
use crate::rest::{Body, Rest};

/// The coordinator's attestation key, if its TPM holds it beside an endorsement key that the expectation's roots vouch
/// for. Nothing where the expectation has no such roots: then it pins the key, or verification says what is missing.
pub(super) async fn key(
    rest: &Rest,
    expectation: &CoordinatorExpectation,
    caller: &Caller<'_>,
) -> Result<Option<AttestationKey>, Error> {
    let roots = expectation.roots();
    if roots.of(Platform::Tpm).next().is_none() {
        return Ok(None);
    }
    let keys: EnrolmentKeys = post(rest, "/api/v3/enrolment/begin", &BeginEnrolment {}).await?;
    let shown = Shown {
        ek_public: keys.ek_public.0,
        ek_certificates: keys
            .ek_certificates
            .into_iter()
            .map(|certificate| certificate.0)
            .collect(),
        ak_public: keys.ak_public.0,
    };
    let refused = |source: EnrolError| Error::NotEnrolled {
        peer: rest.peer().to_owned(),
        source,
    };
    let challenged = match shown.challenge(&roots, caller.endorsements, caller.now, caller.random) {
        Ok(challenged) => challenged,
        // Somebody may have pinned the key as well: verification decides.
        Err(_) if !roots.attestation_keys().is_empty() => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    let credential = challenged.credential();
    let request = FinishEnrolment {
        credential_blob: Base64(credential.id_object.clone()),
        encrypted_secret: Base64(credential.encrypted_secret.clone()),
    };
    let answer: FinishedEnrolment = post(rest, "/api/v3/enrolment/finish", &request).await?;
    let secret = SecretBytes::copy_of(&answer.secret.0);
    let enrolled = challenged.conclude(&secret).map_err(refused)?;
    Ok(Some(enrolled.known_key()))
}

async fn post<T: serde::de::DeserializeOwned>(
    rest: &Rest,
    path: &str,
    body: &impl serde::Serialize,
) -> Result<T, Error> {
    let body = serde_json::to_vec(body).expect("bytes can be written to memory");
    rest.call(Method::POST, path, Body::Plain(body)).await
}
