//! What a recovery key's holder has: the key, and a part of the recovery secret that is encrypted to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
pub use strongroom_crypto::rsa::RecoveryPrivateKey;

use crate::deployment::ManifestSet;
use crate::error::Error;
use crate::files::{self, Existing, Visibility};

/// The answer to setting a manifest, as MarbleRun's tools keep it.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    #[serde(rename = "RecoverySecrets")]
    recovery_secrets: BTreeMap<String, String>,
}

/// Makes a recovery key: `NAME.recovery.pem` (for the manifest) and `NAME.recovery.key.pem` (0600, for its holder alone).
///
/// # Errors
/// [`Error::Input`] for a name that is no file name; [`Error::File`], [`Error::Exists`].
pub fn new_key(name: &str, folder: &Path, existing: Existing) -> Result<(PathBuf, PathBuf), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
        let why = "letters, digits, `.`, `_`, `-`, `@`; at most 64; no `.` in front";
        return Err(Error::input(format!("name {name:?}"), why));
    }
    let (private_pem, public_pem) =
        RecoveryPrivateKey::generate_pem().map_err(|error| Error::input("recovery key", error))?;
    std::fs::create_dir_all(folder).map_err(|source| Error::File {
        action: "write",
        path: folder.to_owned(),
        source,
    })?;
    let public = folder.join(format!("{name}.recovery.pem"));
    let private = folder.join(format!("{name}.recovery.key.pem"));
    files::write(&private, private_pem.as_bytes(), Visibility::Secret, existing)?;
    files::write(&public, public_pem.as_bytes(), Visibility::Public, existing)?;
    Ok((public, private))
}

/// Writes the encrypted parts of the recovery secret. They are useless without the keys, and irreplaceable.
///
/// # Errors
/// [`Error::File`], [`Error::Exists`].
pub fn save(set: &ManifestSet, path: &Path) -> Result<(), Error> {
    let file = File {
        recovery_secrets: set.recovery_secrets.clone(),
    };
    let text = serde_json::to_vec_pretty(&file).expect("texts can be written to memory");
    files::write(path, &text, Visibility::Secret, Existing::Keep)
}

/// Reads a recovery key: RSA, PKCS#8 PEM.
///
/// # Errors
/// [`Error::File`], [`Error::Input`].
pub fn load_key(path: &Path) -> Result<RecoveryPrivateKey, Error> {
    let secret = files::read_secret(path)?;
    let text = std::str::from_utf8(secret.expose()).unwrap_or_default();
    RecoveryPrivateKey::from_pem(text).map_err(|_| {
        Error::input(
            path.display().to_string(),
            "no RSA private key in PKCS#8 PEM form",
        )
    })
}

/// Reads the part of the recovery secret that `key` opens: from the file that [`save`] wrote, or raw.
///
/// # Errors
/// [`Error::File`]; [`Error::Input`] where none of the parts is for this key.
pub fn load_secret(path: &Path, key: &RecoveryPrivateKey) -> Result<Vec<u8>, Error> {
    let bytes = files::read(path)?;
    let Ok(file) = serde_json::from_slice::<File>(&bytes) else {
        return Ok(bytes);
    };
    let parts = file
        .recovery_secrets
        .values()
        .filter_map(|part| STANDARD.decode(part).ok());
    parts
        .into_iter()
        .find(|part| key.decrypt_oaep_sha256(part).is_ok())
        .ok_or_else(|| {
            Error::input(
                path.display().to_string(),
                "none of its parts is encrypted to this recovery key",
            )
        })
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::digest::sha256;
    use strongroom_crypto::rsa::RecoveryPublicKey;

    use super::*;

    #[test]
    fn a_holder_finds_the_own_part() {
        let folder = tempfile::tempdir().unwrap();
        let key_path = folder.path().join("alice.pem");
        let (private, public) = RecoveryPrivateKey::generate_pem().unwrap();
        let (other, _) = RecoveryPrivateKey::generate_pem().unwrap();
        std::fs::write(&key_path, private.as_bytes()).unwrap();
        let part = RecoveryPublicKey::from_pem(&public)
            .unwrap()
            .encrypt_oaep_sha256(b"secret")
            .unwrap();
        let set = ManifestSet {
            manifest_digest: sha256(b"manifest"),
            recovery_secrets: BTreeMap::from([
                ("alice".to_owned(), STANDARD.encode(&part)),
                ("bob".to_owned(), STANDARD.encode([1; 384])),
            ]),
        };
        let path = folder.path().join("recovery.json");
        save(&set, &path).unwrap();
        let key = load_key(&key_path).unwrap();
        assert_eq!(load_secret(&path, &key).unwrap(), part);
        let other = RecoveryPrivateKey::from_pem(&other).unwrap();
        assert_eq!(load_secret(&path, &other).unwrap_err().code(), "input.invalid");
        assert_eq!(save(&set, &path).unwrap_err().code(), "file.exists");
    }
}
