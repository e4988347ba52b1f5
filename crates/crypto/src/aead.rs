//! AES-256-GCM (NIST SP 800-38D) with nonces given by the caller.
//!
//! A key is used for one purpose, and its user says why no nonce comes twice: each record has its own key, each chunk
//! its index.

use std::fmt;

use crate::backend;

/// Bytes that a tag adds to a ciphertext.
pub const TAG_BYTES: usize = 16;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;

/// The ciphertext, its associated data, the nonce or the key is not what was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("authentication failed")]
pub struct AeadError;

/// A key ready for use.
pub struct AeadKey(backend::Aead);

impl AeadKey {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(backend::Aead::new(key))
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub fn seal_in_place(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut Vec<u8>) {
        let tag = self.0.seal(nonce, aad, buffer);
        buffer.extend_from_slice(&tag);
    }

    /// Encrypts `buffer` in place and returns the tag.
    #[must_use]
    pub fn seal_separate(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_BYTES] {
        self.0.seal(nonce, aad, buffer)
    }

    /// Decrypts a ciphertext followed by its tag in place; the plaintext is the returned part of `buffer`.
    ///
    /// # Errors
    /// [`AeadError`]; `buffer` then holds nothing that may be used.
    pub fn open_in_place<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], AeadError> {
        if buffer.len() < TAG_BYTES {
            return Err(AeadError);
        }
        self.0.open(nonce, aad, buffer)
    }

    /// Decrypts `ciphertext` (without its tag) into `plaintext`, which has the same length.
    ///
    /// # Errors
    /// [`AeadError`]; `plaintext` then holds nothing that may be used.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn open_separate(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) -> Result<(), AeadError> {
        assert_eq!(
            ciphertext.len(),
            plaintext.len(),
            "the plaintext is as long as the ciphertext"
        );
        self.0.open_into(nonce, aad, ciphertext, tag, plaintext)
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_was_sealed_and_refuses_every_change() {
        let key = AeadKey::new(&[3; 32]);
        let mut sealed = b"weights".to_vec();
        key.seal_in_place(&[1; 12], b"aad", &mut sealed);
        assert_eq!(
            key.open_in_place(&[1; 12], b"aad", &mut sealed.clone()).unwrap(),
            b"weights"
        );

        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            assert_eq!(key.open_in_place(&[1; 12], b"aad", &mut flipped), Err(AeadError));
        }
        assert_eq!(
            key.open_in_place(&[2; 12], b"aad", &mut sealed.clone()),
            Err(AeadError)
        );
        assert_eq!(
            key.open_in_place(&[1; 12], b"aae", &mut sealed.clone()),
            Err(AeadError)
        );
        assert_eq!(
            key.open_in_place(&[1; 12], b"aad", &mut sealed[..15].to_vec()),
            Err(AeadError)
        );
        assert_eq!(
            AeadKey::new(&[4; 32]).open_in_place(&[1; 12], b"aad", &mut sealed),
            Err(AeadError)
        );
    }

    #[test]
    fn separate_buffers_agree_with_in_place() {
        let key = AeadKey::new(&[3; 32]);
        let mut text = *b"weights";
        let tag = key.seal_separate(&[1; 12], b"", &mut text);
        let mut plain = [0; 7];
        key.open_separate(&[1; 12], b"", &text, &tag, &mut plain).unwrap();
        assert_eq!(&plain, b"weights");
    }
}
