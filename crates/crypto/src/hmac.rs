//! HMAC-SHA256 (FIPS 198-1).

use subtle::ConstantTimeEq;

use crate::backend;

/// A tag does not belong to this message and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message authentication code does not verify")]
pub struct BadMac;

/// The tag of `parts`, one after the other, under `key` of any length.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    backend::hmac_sha256(key, parts)
}

/// Checks a tag in constant time. A shortened tag is refused.
///
/// # Errors
/// [`BadMac`].
pub fn verify_hmac_sha256(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> Result<(), BadMac> {
    if hmac_sha256(key, parts).ct_eq(tag).into() {
        Ok(())
    } else {
        Err(BadMac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.3 (test case 2) and §4.7 (test case 6, a key longer than a block).
    #[test]
    fn agrees_with_rfc_4231_however_the_message_is_cut() {
        let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let parts: [&[u8]; 3] = [b"what do ya want ", b"", b"for nothing?"];
        assert_eq!(hex::encode(hmac_sha256(b"Jefe", &parts)), tag);
        assert_eq!(
            hex::encode(hmac_sha256(b"Jefe", &[b"what do ya want for nothing?"])),
            tag
        );
        assert_eq!(
            hex::encode(hmac_sha256(
                &[0xaa; 131],
                &[b"Test Using Larger Than Block-Size Key - Hash Key First"]
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn refuses_another_tag_and_a_shortened_one() {
        let tag = hmac_sha256(b"key", &[b"message"]);
        assert_eq!(verify_hmac_sha256(b"key", &[b"message"], &tag), Ok(()));
        assert_eq!(verify_hmac_sha256(b"key", &[b"massage"], &tag), Err(BadMac));
        assert_eq!(verify_hmac_sha256(b"kez", &[b"message"], &tag), Err(BadMac));
        assert_eq!(verify_hmac_sha256(b"key", &[b"message"], &tag[..16]), Err(BadMac));
        assert_eq!(verify_hmac_sha256(b"key", &[b"message"], &[]), Err(BadMac));
    }
}
