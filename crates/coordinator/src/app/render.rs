//! What an activated marble is given: files, variables, arguments, its identity, the keys of its models.

use std::collections::BTreeMap;

use strongroom_api::marble::Parameters;
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Certificate;
use strongroom_manifest::config::LEAF_VALIDITY_HOURS_DEFAULT;
use strongroom_manifest::{Identity, Manifest, MarbleType, RenderError, SecretValue, TemplateData};

use super::generate::Values;
use super::session::{MarbleFailure, MarbleFailureKind};
use super::{provision, ttls};
use crate::state::{Deployment, Refusal};

/// What was made for one activation.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// The certificate over the marble's own key.
    pub leaf: &'a Certificate,
    /// Certificate and key that we made, where a template or MarbleRun's TLS wrapping needs the key.
    pub own: Option<&'a (Certificate, SigningKey)>,
    /// The marble's own secrets.
    pub values: &'a Values,
}

/// Largest answer to an activation, in bytes.
pub const PARAMETERS_BYTES_MAX: usize = 64 << 20;

/// How long a leaf is valid.
pub fn leaf_seconds(manifest: &Manifest) -> u64 {
    u64::from(
        manifest
            .config()
            .leaf_validity_hours
            .unwrap_or(LEAF_VALIDITY_HOURS_DEFAULT),
    ) * 3600
}

/// Whether somebody other than the marble has to make its key.
pub fn needs_own_key(manifest: &Manifest, marble: &MarbleType) -> bool {
    let wraps_tls = manifest
        .marbles()
        .get(marble)
        .is_some_and(|marble| !marble.tls.is_empty());
    wraps_tls || manifest.renders_marble_key(marble.as_str())
}

/// Renders everything from the state as it is in `deployment`.
///
/// # Errors
/// [`MarbleFailure`].
pub fn parameters(
    deployment: &Deployment,
    manifest: &Manifest,
    marble: &MarbleType,
    made: &Made<'_>,
) -> Result<Parameters, MarbleFailure> {
    let authority = &deployment.authority;
    let secrets = secrets(deployment, made.values);
    let own_key = made.own.map(|(_, key)| SecretBytes::copy_of(&key.to_pkcs8_der()));
    let certificate = made.own.map_or(made.leaf, |(certificate, _)| certificate);
    let identity = Identity {
        root_ca: authority.marble_root().der(),
        coordinator_root: authority.root().der(),
        coordinator_intermediate: authority.intermediate().der(),
        marble_certificate: certificate.der(),
        marble_public_key: certificate.spki_der(),
        marble_private_key: own_key.as_ref(),
    };
    // Nothing was rotated yet, so the previous values are the current ones.
    let data = TemplateData {
        identity,
        secrets,
        previous: BTreeMap::new(),
    };
    let rendered = manifest.render(marble.as_str(), &data).map_err(render_failure)?;
    let bytes = |values: &BTreeMap<String, SecretBytes>| {
        let copy = |(name, value): (&String, &SecretBytes)| (name.clone(), value.expose().to_vec());
        values.iter().map(copy).collect::<BTreeMap<_, _>>()
    };
    let mut parameters = Parameters {
        files: bytes(&rendered.files),
        env: bytes(&rendered.env),
        argv: rendered.argv,
    };
    provision::add(&mut parameters.files, manifest, marble, &data.secrets)?;
    let chain = made.leaf.to_pem() + &authority.intermediate().to_pem();
    let predefined = [
        ("MARBLE_PREDEFINED_ROOT_CA", authority.marble_root().to_pem()),
        ("MARBLE_PREDEFINED_MARBLE_CERTIFICATE_CHAIN", chain),
        // The marble has its key, and nobody else does.
        ("MARBLE_PREDEFINED_PRIVATE_KEY", String::new()),
        ("MARBLE_PREDEFINED_COORDINATOR_ROOT_CA", authority.root().to_pem()),
    ];
    for (name, value) in predefined {
        parameters.env.insert(name.to_owned(), value.into_bytes());
    }
    if let Some(config) = ttls::config(authority, manifest, marble, made, &data.secrets)? {
        parameters.env.insert("MARBLE_TTLS_CONFIG".to_owned(), config);
    }
    Ok(parameters)
}

fn secrets<'a>(deployment: &'a Deployment, own: &'a Values) -> BTreeMap<&'a str, &'a SecretValue> {
    let stored = deployment
        .secrets
        .iter()
        .map(|(name, held)| (name.as_str(), &*held.value));
    stored
        .chain(own.iter().map(|(name, value)| (name.as_str(), &**value)))
        .collect()
}

fn render_failure(error: RenderError) -> MarbleFailure {
    match error {
        RenderError::Unset(name) => Refusal::SecretUnset(name).into(),
        other => MarbleFailure::new(
            "secret.invalid",
            MarbleFailureKind::Internal,
            format!("customizing marble parameters: {other}"),
        ),
    }
}
