//! Users of a manifest: a certificate that names them, and the key that proves it.

use std::path::{Path, PathBuf};

use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::Random;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};

use crate::error::Error;
use crate::files::{self, Existing, Visibility};

/// How long a new user's certificate is valid, in days.
pub const VALIDITY_DAYS: u64 = 2 * 365;

/// A user's certificate and private key: what proves to a coordinator, or to a model server, who asks.
#[derive(Debug)]
pub struct UserIdentity {
    certificate: Certificate,
    key: SigningKey,
}

impl UserIdentity {
    /// Makes a self-signed P-384 certificate with `name` as common name, valid from now for [`VALIDITY_DAYS`].
    ///
    /// # Errors
    /// [`Error::Input`] for a name that no certificate or file can carry.
    pub fn new(name: &str, now: UnixTime, random: &dyn Random) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
            let why = "letters, digits, `.`, `_`, `-`, `@`; at most 64; no `.` in front";
            return Err(Error::input(format!("user name {name:?}"), why));
        }
        let key = SigningKey::generate_p384();
        let template = Template {
            common_name: name.to_owned(),
            names: Names::default(),
            not_before: now.minus(5 * 60),
            not_after: now.plus(VALIDITY_DAYS * 24 * 3600),
            usage: Usage::Leaf,
            extensions: Vec::new(),
        };
        let certificate = issue::self_signed(&template, &key, random)
            .map_err(|error| Error::input("user certificate", error))?;
        Ok(Self { certificate, key })
    }

    /// Reads a certificate and its key from PEM files.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Input`] where they cannot be read or do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let text = files::read_text(certificate)?;
        let parsed = Certificate::parse_pem(&text)
            .map_err(|error| Error::input(certificate.display().to_string(), error))?;
        let secret = files::read_secret(key)?;
        let text = std::str::from_utf8(secret.expose()).unwrap_or_default();
        let signing = SigningKey::from_pkcs8_pem(text).map_err(|_| {
            Error::input(
                key.display().to_string(),
                "no P-256 or P-384 private key in PKCS#8 PEM form",
            )
        })?;
        if signing.spki_der() != parsed.spki_der() {
            let why = format!("does not belong to the certificate in {}", certificate.display());
            return Err(Error::input(key.display().to_string(), why));
        }
        Ok(Self {
            certificate: parsed,
            key: signing,
        })
    }

    /// Writes `NAME.pem` (for the manifest) and `NAME.key.pem` (0600, for the user alone) into `folder`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Exists`].
    pub fn save(&self, folder: &Path, existing: Existing) -> Result<(PathBuf, PathBuf), Error> {
        std::fs::create_dir_all(folder).map_err(|source| Error::File {
            action: "write",
            path: folder.to_owned(),
            source,
        })?;
        let name = self.certificate.subject_cn().unwrap_or("user");
        let certificate = folder.join(format!("{name}.pem"));
        let key = folder.join(format!("{name}.key.pem"));
        files::write(
            &key,
            self.key.to_pkcs8_pem().as_bytes(),
            Visibility::Secret,
            existing,
        )?;
        files::write(
            &certificate,
            self.certificate.to_pem().as_bytes(),
            Visibility::Public,
            existing,
        )?;
        Ok((certificate, key))
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::random::SystemRandom;

    use super::*;

    #[test]
    fn a_user_is_written_and_read_back_and_keys_are_not_mixed_up() {
        let folder = tempfile::tempdir().unwrap();
        let now = UnixTime(1_800_000_000);
        let save = |name: &str| {
            UserIdentity::new(name, now, &SystemRandom)
                .unwrap()
                .save(folder.path(), Existing::Keep)
                .unwrap()
        };
        let (certificate, key) = save("owner");
        let (_, other_key) = save("admin");
        let user = UserIdentity::load(&certificate, &key).unwrap();
        assert_eq!(user.certificate().subject_cn(), Some("owner"));
        assert!(user.certificate().is_valid_at(now));

        let mixed = UserIdentity::load(&certificate, &other_key).unwrap_err();
        assert_eq!(mixed.code(), "input.invalid");
        assert!(mixed.to_string().contains("does not belong to the certificate"));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["", "../x", "a/b", ".hidden", "a b"] {
            assert!(
                UserIdentity::new(name, UnixTime(0), &SystemRandom).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let user = UserIdentity::new("owner", UnixTime(1_800_000_000), &SystemRandom).unwrap();
        assert!(format!("{user:?}").contains("REDACTED"));
    }
}
