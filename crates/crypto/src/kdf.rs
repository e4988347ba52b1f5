//! HKDF-SHA256 (RFC 5869).

use crate::backend;

/// More output was asked for than HKDF can give (255 × 32 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HKDF-SHA256 gives at most 8160 bytes")]
pub struct TooLong;

/// Longest output, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 255 * 32;

/// Extract-and-expand: fills `out` from the input key material `ikm`, `salt` and `info`.
///
/// # Errors
/// [`TooLong`] when `out` is longer than [`OUTPUT_BYTES_MAX`].
pub fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
    if out.len() > OUTPUT_BYTES_MAX {
        return Err(TooLong);
    }
    backend::hkdf_sha256(ikm, salt, info, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_test_case_of_rfc_5869() {
        let ikm = [0x0b; 22];
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut okm = [0; 42];
        hkdf_sha256(&ikm, &salt, &info, &mut okm).unwrap();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hex::encode(okm), expected);
        assert_eq!(
            hkdf_sha256(&ikm, &salt, &info, &mut vec![0; OUTPUT_BYTES_MAX + 1]),
            Err(TooLong)
        );
    }
}
