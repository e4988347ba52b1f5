//! TPMs: a TPM's own certificate says nothing of the key that quotes, so each end finds out whether both live in one TPM,
//! on the very connection on which evidence follows. The coordinator's TPM is enrolled here before its evidence is
//! verified, ours at the coordinator before ours is made.

use strongroom_api::marble::{
    AttestationKeyClient, AttestationKeyRequest, BeginEnrolmentRequest, CredentialRequest, EnrolmentClient,
    FinishEnrolmentRequest,
};
use strongroom_attest::{AttestationKey, CoordinatorExpectation, Endorsements, Platform};
use strongroom_attester::{AttesterError, Enrolment};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::tpm_credential::CredentialBlob;
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::enrolment::Shown;
use tonic::{Code, Status};

use crate::caller::{Failure, Waiting, is_transient, status_text, timed};

/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 128 << 10;

/// Enrols the coordinator's attestation key, where the expectation has roots of endorsement keys. Without a key,
/// verification says what that means: the policy may pin it.
///
/// # Errors
/// [`Failure`] where the coordinator cannot be asked now.
pub(crate) async fn coordinator(
    connection: &HttpConnection,
    expectation: &CoordinatorExpectation,
    endorsements: &Endorsements,
    now: UnixTime,
) -> Result<Option<AttestationKey>, Failure> {
    let roots = expectation.roots();
    if roots.of(Platform::Tpm).next().is_none() {
        return Ok(None);
    }
    let mut client =
        AttestationKeyClient::new(connection.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
    let keys = match timed(client.begin(AttestationKeyRequest {})).await {
        Ok(keys) => keys.into_inner(),
        Err(status) => return unanswered("the coordinator shows no keys to enrol", &status),
    };
    let shown = Shown {
        ek_public: keys.ek_public,
        ek_certificates: keys.ek_certificates,
        ak_public: keys.ak_public,
    };
    let challenged = match shown.challenge(&roots, endorsements, now, &SystemRandom) {
        Ok(challenged) => challenged,
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "the coordinator's attestation key is not enrolled");
            return Ok(None);
        }
    };
    let request = CredentialRequest {
        credential_blob: challenged.credential().id_object.clone(),
        encrypted_secret: challenged.credential().encrypted_secret.clone(),
    };
    let secret = match timed(client.finish(request)).await {
        Ok(answer) => SecretBytes::new(answer.into_inner().secret),
        Err(status) => return unanswered("the coordinator does not open its credential", &status),
    };
    match challenged.conclude(&secret) {
        Ok(enrolled) => Ok(Some(enrolled.known_key())),
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "the coordinator's attestation key is not enrolled");
            Ok(None)
        }
    }
}

/// Enrols this machine's attestation key at the coordinator; evidence carries its certificate from then on. Where the
/// coordinator does not enrol it, evidence goes without: its manifest may pin the key, and else says what is missing.
///
/// # Errors
/// [`Failure`] where the coordinator cannot be asked now, or the TPM does not answer.
pub(crate) async fn own(connection: &HttpConnection, platform: &dyn Enrolment) -> Result<(), Failure> {
    let attester = |error: AttesterError| Failure::Final(error.into());
    let keys = platform.request().await.map_err(attester)?;
    let mut client = EnrolmentClient::new(connection.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
    let request = BeginEnrolmentRequest {
        ek_public: keys.ek_public,
        ek_certificates: keys.ek_certificates,
        ak_public: keys.ak_public,
    };
    // A certificate of an earlier coordinator process would be refused, and say less clearly why.
    platform.set_certificates(Vec::new());
    let begun = match timed(client.begin(request)).await {
        Ok(begun) => begun.into_inner(),
        Err(status) => return not_enrolled(&status),
    };
    let credential = CredentialBlob {
        id_object: begun.credential_blob,
        encrypted_secret: begun.encrypted_secret,
    };
    let secret = platform.activate(&credential).await.map_err(attester)?;
    let request = FinishEnrolmentRequest {
        session: begun.session,
        secret: secret.expose().to_vec(),
    };
    match timed(client.finish(request)).await {
        Ok(answer) => {
            platform.set_certificates(vec![answer.into_inner().ak_certificate]);
            Ok(())
        }
        Err(status) => not_enrolled(&status),
    }
}

fn unanswered<T>(what: &str, status: &Status) -> Result<Option<T>, Failure> {
    let why = status_text(status);
    if is_transient(status.code(), status) {
        return Err(Failure::Wait(Waiting::unreachable(why)));
    }
    tracing::warn!(why, "{what}");
    Ok(None)
}

fn not_enrolled(status: &Status) -> Result<(), Failure> {
    let why = status_text(status);
    match status.code() {
        code if is_transient(code, status) => Err(Failure::Wait(Waiting::unreachable(why))),
        Code::FailedPrecondition => Err(Failure::Wait(Waiting::administrator(why))),
        _ => {
            tracing::warn!(
                why,
                "the coordinator does not enrol this machine's attestation key"
            );
            Ok(())
        }
    }
}
