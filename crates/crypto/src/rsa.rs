//! RSA, for recovery alone: MarbleRun's recovery keys encrypt with OAEP and sign with PKCS#1 v1.5 (RFC 8017).

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A recovery key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryKeyError {
    /// The PEM block has another label.
    #[error("given PEM data is not a public key")]
    NotAPublicKey,
    /// The key is no RSA key of 2048 to 8192 bits.
    #[error("unsupported type of public key")]
    Unsupported,
    /// The plaintext is longer than OAEP can take with this key.
    #[error("the secret is too long for this key")]
    TooLong,
}

/// Public half of a recovery key: RSA of 2048 to 8192 bits, PEM `PUBLIC KEY` (PKIX).
#[derive(Debug, Clone)]
pub struct RecoveryPublicKey {
    spki: Vec<u8>,
    pkcs1: Vec<u8>,
}

impl RecoveryPublicKey {
    /// Reads the first PEM block.
    ///
    /// # Errors
    /// [`RecoveryKeyError`].
    pub fn from_pem(text: &str) -> Result<Self, RecoveryKeyError> {
        let block = pem::parse(text).map_err(|_| RecoveryKeyError::NotAPublicKey)?;
        if block.tag() != "PUBLIC KEY" {
            return Err(RecoveryKeyError::NotAPublicKey);
        }
        let spki = block.into_contents();
        PublicEncryptingKey::from_der(&spki).map_err(|_| RecoveryKeyError::Unsupported)?;
        let (_, parsed) = SubjectPublicKeyInfo::from_der(&spki).map_err(|_| RecoveryKeyError::Unsupported)?;
        let pkcs1 = parsed.subject_public_key.data.to_vec();
        Ok(Self { spki, pkcs1 })
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Encrypts with OAEP: SHA-256, MGF1 with SHA-256, empty label.
    ///
    /// # Errors
    /// [`RecoveryKeyError::TooLong`].
    pub fn encrypt_oaep_sha256(&self, plaintext: &[u8]) -> Result<Vec<u8>, RecoveryKeyError> {
        let key = PublicEncryptingKey::from_der(&self.spki)
            .and_then(|key| OaepPublicEncryptingKey::new(key).map_err(Into::into))
            .map_err(|_| RecoveryKeyError::Unsupported)?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut ciphertext, None)
            .map(|ciphertext| ciphertext.to_vec())
            .map_err(|_| RecoveryKeyError::TooLong)
    }

    /// Checks a PKCS#1 v1.5 signature with SHA-256.
    ///
    /// # Errors
    /// [`crate::sign::BadSignature`].
    pub fn verify_pkcs1_sha256(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), crate::sign::BadSignature> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.pkcs1)
            .verify(message, signature)
            .map_err(|_| crate::sign::BadSignature)
    }
}

/// Private half of a recovery key, as its holder's own tool uses it.
pub struct RecoveryPrivateKey(zeroize::Zeroizing<Vec<u8>>);

impl RecoveryPrivateKey {
    /// Reads a PKCS#8 PEM private key.
    ///
    /// # Errors
    /// [`RecoveryKeyError::Unsupported`].
    pub fn from_pem(text: &str) -> Result<Self, RecoveryKeyError> {
        let block = pem::parse(text).map_err(|_| RecoveryKeyError::Unsupported)?;
        let der = zeroize::Zeroizing::new(block.into_contents());
        aws_lc_rs::rsa::KeyPair::from_pkcs8(&der).map_err(|_| RecoveryKeyError::Unsupported)?;
        Ok(Self(der))
    }

    /// Decrypts what [`RecoveryPublicKey::encrypt_oaep_sha256`] made.
    ///
    /// # Errors
    /// [`RecoveryKeyError::Unsupported`] when it was made for another key or changed.
    pub fn decrypt_oaep_sha256(
        &self,
        ciphertext: &[u8],
    ) -> Result<crate::secret::SecretBytes, RecoveryKeyError> {
        use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
        let key = PrivateDecryptingKey::from_pkcs8(&self.0).map_err(|_| RecoveryKeyError::Unsupported)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| RecoveryKeyError::Unsupported)?;
        let mut buffer = zeroize::Zeroizing::new(vec![0; key.min_output_size()]);
        let plaintext = key
            .decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut buffer, None)
            .map_err(|_| RecoveryKeyError::Unsupported)?;
        Ok(crate::secret::SecretBytes::copy_of(plaintext))
    }

    /// Signs with PKCS#1 v1.5 and SHA-256.
    ///
    /// # Errors
    /// [`RecoveryKeyError::Unsupported`] when the key is too small for it.
    pub fn sign_pkcs1_sha256(&self, message: &[u8]) -> Result<Vec<u8>, RecoveryKeyError> {
        let key = aws_lc_rs::rsa::KeyPair::from_pkcs8(&self.0).map_err(|_| RecoveryKeyError::Unsupported)?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &aws_lc_rs::signature::RSA_PKCS1_SHA256,
            &aws_lc_rs::rand::SystemRandom::new(),
            message,
            &mut signature,
        )
        .map_err(|_| RecoveryKeyError::Unsupported)?;
        Ok(signature)
    }

    /// A new key of 3072 bits as PEM: private half (PKCS#8) and public half (PKIX).
    ///
    /// # Errors
    /// [`RecoveryKeyError::Unsupported`] when the library cannot write the key.
    pub fn generate_pem() -> Result<(zeroize::Zeroizing<String>, String), RecoveryKeyError> {
        use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa3072)
            .map_err(|_| RecoveryKeyError::Unsupported)?;
        let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| RecoveryKeyError::Unsupported)?;
        let public = aws_lc_rs::signature::KeyPair::public_key(&key);
        let public =
            AsDer::<PublicKeyX509Der<'_>>::as_der(public).map_err(|_| RecoveryKeyError::Unsupported)?;
        let private = pem::Pem::new("PRIVATE KEY", private.as_ref().to_vec());
        let text = zeroize::Zeroizing::new(crate::x509::encode_pem(&private));
        crate::secret::wipe(&mut private.into_contents());
        Ok((
            text,
            crate::x509::encode_pem(&pem::Pem::new("PUBLIC KEY", public.as_ref().to_vec())),
        ))
    }
}

impl std::fmt::Debug for RecoveryPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryPrivateKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_round_trips_and_refuses_other_keys() {
        let (private, public) = RecoveryPrivateKey::generate_pem().unwrap();
        let private = RecoveryPrivateKey::from_pem(&private).unwrap();
        let public = RecoveryPublicKey::from_pem(&public).unwrap();

        let sealed = public.encrypt_oaep_sha256(&[7; 32]).unwrap();
        assert_eq!(private.decrypt_oaep_sha256(&sealed).unwrap().expose(), &[7; 32]);
        assert!(private.decrypt_oaep_sha256(&sealed[1..]).is_err());

        let signature = private.sign_pkcs1_sha256(&[7; 32]).unwrap();
        assert_eq!(public.verify_pkcs1_sha256(&[7; 32], &signature), Ok(()));
        assert!(public.verify_pkcs1_sha256(&[8; 32], &signature).is_err());
        assert!(matches!(
            RecoveryPublicKey::from_pem("-----"),
            Err(RecoveryKeyError::NotAPublicKey)
        ));
    }
}
