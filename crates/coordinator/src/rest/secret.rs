//! Secrets between wire and domain.

use std::collections::BTreeMap;

use strongroom_api::coordinator::bytes::{Base64, Base64Secret};
use strongroom_api::coordinator::v2;
use strongroom_crypto::secret::SecretBytes;
use strongroom_manifest::certificate::Validity;
use strongroom_manifest::{SecretKind, SecretName, SecretValue, Upload};

use crate::app::read_secrets::Read;
use crate::state::event::kind_name;

/// What a user sends.
pub fn uploads(secrets: BTreeMap<String, v2::UserSecret>) -> BTreeMap<SecretName, Upload> {
    let bytes = |bytes: Base64Secret| SecretBytes::copy_of(&bytes.0);
    let upload = |secret: v2::UserSecret| Upload {
        certificate: secret.cert.map(|Base64(der)| der).filter(|der| !der.is_empty()),
        private_key: secret.private.map(bytes).filter(|key| !key.is_empty()),
        key: secret.key.map(bytes).filter(|key| !key.is_empty()),
    };
    secrets
        .into_iter()
        .map(|(name, secret)| (name.into(), upload(secret)))
        .collect()
}

/// What a user reads.
pub fn shown(read: &Read) -> v2::Secret {
    let declared = read.declared();
    let (size, valid_for) = match declared.map(|secret| &secret.kind) {
        Some(SecretKind::Symmetric { bits }) => (u64::from(*bits), 0),
        Some(SecretKind::Certificate { template, .. }) => match template.validity {
            Validity::Days(days) => (0, u64::from(days)),
            _ => (0, 0),
        },
        _ => (0, 0),
    };
    let copy = |bytes: &[u8]| Some(Base64Secret::from(bytes.to_vec()));
    let (cert, private, public) = match read.held.as_ref().map(|held| &*held.value) {
        Some(SecretValue::Symmetric(key) | SecretValue::Plain(key)) => {
            (None, copy(key.expose()), copy(key.expose()))
        }
        Some(SecretValue::Certificate {
            certificate,
            private_key,
        }) => (
            Some(Base64(certificate.der().to_vec())),
            private_key.as_ref().and_then(|key| copy(key.expose())),
            copy(certificate.spki_der()),
        ),
        _ => (None, None, None),
    };
    v2::Secret {
        kind: declared.map_or("", |secret| kind_name(&secret.kind)).to_owned(),
        size,
        shared: declared.is_some_and(|secret| secret.shared),
        user_defined: declared.is_some_and(|secret| secret.user_defined),
        cert,
        valid_for,
        private,
        public,
    }
}
