//! A8–A13 from the launcher's side: ask until the coordinator gives or refuses, saying what is waited for and for whom.

use strongroom_api::marble::{ActivationClient, ActivationReq, ActivationResp, Parameters};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::wipe;
use strongroom_crypto::sign::SigningKey;
use strongroom_workload::Description;
use tonic::{Code, Status};

use crate::backoff::Backoff;
use crate::caller::{Caller, Failure, PRECONDITION_PAUSE_MAX, Waiting, is_transient, status_text, timed};
use crate::credentials::{Asked, Credentials, CredentialsError, Returned};
use crate::error::{ACTIVATION, LaunchError};
use crate::identity::ClientIdentity;

/// What an activation gave.
#[derive(Debug)]
pub struct Activated {
    /// The checked identity.
    pub credentials: Credentials,
    /// Everything else, not yet held against the description.
    pub parameters: Parameters,
}

/// Activates, however long the coordinator is not ready or a secret is not set. Dropping the future gives up.
///
/// # Errors
/// [`LaunchError`] when waiting cannot help.
pub async fn activate(caller: &Caller, description: &Description) -> Result<Activated, LaunchError> {
    let mut backoff = Backoff::new();
    let mut last: Option<Waiting> = None;
    loop {
        let waiting = match attempt(caller, description).await {
            Ok(activated) => return Ok(activated),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Wait(waiting)) => waiting,
        };
        // Said once, and again when it changes: a log is read, a stream of repetitions is not.
        if last.as_ref() != Some(&waiting) {
            tracing::warn!(
                marble_type = caller.marble_type,
                whom = waiting.whom,
                what = waiting.what,
                "waiting"
            );
        }
        let pause = backoff.pause(waiting.pause_max, &SystemRandom);
        last = Some(waiting);
        tokio::time::sleep(pause).await;
    }
}

async fn attempt(caller: &Caller, description: &Description) -> Result<Activated, Failure> {
    let identity = ClientIdentity::create(&caller.names, (caller.now)(), &SystemRandom)?;
    let attested = caller.attest(&identity).await?;
    let request = ActivationReq {
        quote: attested.evidence,
        csr: identity.request,
        marble_type: caller.marble_type.clone(),
        uuid: caller.uuid.clone(),
    };
    let mut client = ActivationClient::new(attested.connection).max_decoding_message_size(ANSWER_BYTES_MAX);
    let answer = timed(client.activate(request))
        .await
        .map_err(refusal)?
        .into_inner(); // A8
    let ActivationResp {
        parameters: Some(mut parameters),
    } = answer
    else {
        return Err(Failure::Final(CredentialsError("there is none").into()));
    };
    let key = certified_key(description, &mut parameters, identity.key)?;
    let part = |name: &str| parameters.env.get(name).map(Vec::as_slice).unwrap_or_default();
    let returned = Returned {
        chain: part("MARBLE_PREDEFINED_MARBLE_CERTIFICATE_CHAIN"),
        marble_root: part("MARBLE_PREDEFINED_ROOT_CA"),
        coordinator_root: part("MARBLE_PREDEFINED_COORDINATOR_ROOT_CA"),
    };
    let asked = Asked {
        marble_type: &caller.marble_type,
        uuid: &caller.uuid,
        verified_root: attested.root.as_ref(),
        now: (caller.now)(),
    };
    let credentials = Credentials::check(returned, key, asked)?;
    Ok(Activated {
        credentials,
        parameters,
    })
}

/// Our own key, unless the coordinator made one (MarbleRun's way) and the measured description lets it.
fn certified_key(
    description: &Description,
    parameters: &mut Parameters,
    own: SigningKey,
) -> Result<SigningKey, CredentialsError> {
    let Some(mut sent) = parameters.env.remove(PRIVATE_KEY).filter(|sent| !sent.is_empty()) else {
        return Ok(own);
    };
    let key = std::str::from_utf8(&sent)
        .ok()
        .and_then(|text| SigningKey::from_pkcs8_pem(text).ok());
    wipe(&mut sent);
    if !description.coordinator_may_set().allows_variable(PRIVATE_KEY) {
        return Err(CredentialsError(
            "the coordinator made the private key itself; the description allows that only where \
             `coordinator_may_set.environment` lists MARBLE_PREDEFINED_PRIVATE_KEY",
        ));
    }
    key.ok_or(CredentialsError(
        "the private key that came with it cannot be read",
    ))
}

fn refusal(status: Status) -> Failure {
    let message = status_text(&status);
    match status.code() {
        code if is_transient(code, &status) => Failure::Wait(Waiting::unreachable(message)),
        Code::FailedPrecondition => Failure::Wait(match message.strip_prefix("secret_unset:") {
            Some(name) => Waiting {
                whom: "the owner of the secret",
                what: format!("the secret {:?} is not set", name.trim()),
                pause_max: PRECONDITION_PAUSE_MAX,
            },
            None => Waiting::administrator(message),
        }),
        _ => Failure::Final(LaunchError::Refused {
            what: ACTIVATION,
            message,
        }),
    }
}

const PRIVATE_KEY: &str = "MARBLE_PREDEFINED_PRIVATE_KEY";
const ANSWER_BYTES_MAX: usize = 64 << 20;
