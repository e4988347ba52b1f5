//! The two back ends. Both offer the same functions; `fast` is taken where both are built.

#[cfg(feature = "fast")]
mod fast;
#[cfg(feature = "portable")]
mod portable;

#[cfg(feature = "fast")]
pub(crate) use fast::*;
#[cfg(all(feature = "portable", not(feature = "fast")))]
pub(crate) use portable::*;

#[cfg(all(test, feature = "fast", feature = "portable"))]
mod tests {
    use super::{fast, portable};
    use crate::sign::Curve;

    #[test]
    fn back_ends_agree() {
        let data = b"the same bytes";
        assert_eq!(fast::sha384(data), portable::sha384(data));
        assert_eq!(fast::sha512(data), portable::sha512(data));

        let (mut a, mut b) = ([0; 50], [0; 50]);
        fast::hkdf_sha256(b"ikm", b"salt", b"info", &mut a);
        portable::hkdf_sha256(b"ikm", b"salt", b"info", &mut b);
        assert_eq!(a, b);

        let (mut a, mut b) = (*data, *data);
        let tag = fast::Aead::new(&[9; 32]).seal(&[1; 12], b"aad", &mut a);
        assert_eq!(portable::Aead::new(&[9; 32]).seal(&[1; 12], b"aad", &mut b), tag);
        assert_eq!(a, b);

        for curve in [Curve::P256, Curve::P384] {
            let key = fast::EcdsaKey::generate(curve);
            let signature = key.sign(data);
            assert!(portable::ecdsa_verify(curve, key.point(), data, &signature));
            assert!(!portable::ecdsa_verify(curve, key.point(), b"others", &signature));
        }
    }
}
