//! ECDSA (FIPS 186-5) on P-256 with SHA-256 and P-384 with SHA-384; signatures are ASN.1 DER unless said otherwise.
//! Also the choice between such a key and an RSA one.

use std::fmt;

use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::backend;
use crate::rsa_verify::RsaVerifyingKey;

#[cfg(feature = "fast")]
mod signing;

#[cfg(feature = "fast")]
pub use signing::SigningKey;

/// A curve, and with it the hash that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// secp256r1 with SHA-256.
    P256,
    /// secp384r1 with SHA-384.
    P384,
}

// SubjectPublicKeyInfo (RFC 5480 §2) up to the point, which closes it.
const SPKI_P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const SPKI_P384: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

impl Curve {
    fn spki_head(self) -> &'static [u8] {
        match self {
            Self::P256 => SPKI_P256,
            Self::P384 => SPKI_P384,
        }
    }

    fn point_bytes(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }
}

/// A signature does not belong to this message and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key cannot be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the public key is of an unsupported kind, size or form")]
pub struct UnsupportedKey;

/// A key that verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    curve: Curve,
    spki: Vec<u8>,
}

impl VerifyingKey {
    /// Reads a key from a DER SubjectPublicKeyInfo with an uncompressed point.
    ///
    /// # Errors
    /// [`UnsupportedKey`] for other algorithms, forms and trailing bytes.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, UnsupportedKey> {
        let (rest, _) = SubjectPublicKeyInfo::from_der(der).map_err(|_| UnsupportedKey)?;
        if !rest.is_empty() {
            return Err(UnsupportedKey);
        }
        // The form is fixed byte for byte, so comparing is stricter than interpreting.
        [Curve::P256, Curve::P384]
            .into_iter()
            .find(|curve| {
                der.strip_prefix(curve.spki_head())
                    .is_some_and(|point| point.len() == curve.point_bytes() && point[0] == 4)
            })
            .map(|curve| Self {
                curve,
                spki: der.to_vec(),
            })
            .ok_or(UnsupportedKey)
    }

    /// A key from its point: `x || y` in big-endian numbers of the curve's size, or the same after the byte 04
    /// (SEC 1 §2.3.3). Whether the point is on the curve shows when something is verified: nothing verifies with one
    /// that is not.
    ///
    /// # Errors
    /// [`UnsupportedKey`] for other lengths and forms.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, UnsupportedKey> {
        let bytes = curve.point_bytes();
        let x_y = match point {
            [4, x_y @ ..] if point.len() == bytes => x_y,
            x_y if x_y.len() == bytes - 1 => x_y,
            _ => return Err(UnsupportedKey),
        };
        Ok(Self {
            curve,
            spki: [curve.spki_head(), &[4], x_y].concat(),
        })
    }

    /// The key's curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The uncompressed point.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.spki[self.curve.spki_head().len()..]
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let good = backend::ecdsa_verify(self.curve, self.point(), message, signature);
        if good { Ok(()) } else { Err(BadSignature) }
    }

    /// Checks a signature `r || s` over `message`, both numbers big-endian and of the curve's size (64 or 96 bytes in
    /// all).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_raw(&self, message: &[u8], r_s: &[u8]) -> Result<(), BadSignature> {
        let good = backend::ecdsa_verify_raw(self.curve, self.point(), message, r_s);
        if good { Ok(()) } else { Err(BadSignature) }
    }

    /// Checks a signature of a P-384 key over SHA-256 of `message`: MarbleRun's manifest signatures.
    ///
    /// # Errors
    /// [`BadSignature`].
    #[cfg(feature = "fast")]
    pub fn verify_p384_sha256(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let good = self.curve == Curve::P384 && backend::verify_p384_sha256(self.point(), message, signature);
        if good { Ok(()) } else { Err(BadSignature) }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "VerifyingKey({:?}, {})",
            self.curve,
            crate::digest::sha256(&self.spki)
        )
    }
}

/// A public key of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// ECDSA on P-256 or P-384.
    Ecdsa(VerifyingKey),
    /// RSA of 2048 to 4096 bits.
    Rsa(RsaVerifyingKey),
}

impl PublicKey {
    /// Reads a key from a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`UnsupportedKey`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, UnsupportedKey> {
        VerifyingKey::from_spki_der(der)
            .map(Self::Ecdsa)
            .or_else(|_| RsaVerifyingKey::from_spki_der(der).map(Self::Rsa))
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        match self {
            Self::Ecdsa(key) => key.spki_der(),
            Self::Rsa(key) => key.spki_der(),
        }
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self::Ecdsa(key)
    }
}

impl From<RsaVerifyingKey> for PublicKey {
    fn from(key: RsaVerifyingKey) -> Self {
        Self::Rsa(key)
    }
}

#[cfg(all(test, feature = "fast"))]
mod tests {
    use super::*;

    #[test]
    fn signs_verifies_and_round_trips() {
        for key in [SigningKey::generate_p256(), SigningKey::generate_p384()] {
            let signature = key.sign(b"message");
            let public = VerifyingKey::from_spki_der(key.spki_der()).unwrap();
            assert_eq!(public.verify(b"message", &signature), Ok(()));
            assert_eq!(public.verify(b"massage", &signature), Err(BadSignature));

            let again = SigningKey::from_pkcs8_pem(&key.to_pkcs8_pem()).unwrap();
            assert_eq!(again.spki_der(), key.spki_der());
            assert!(!format!("{key:?}").contains(&hex::encode(&key.to_pkcs8_der()[40..60])));
        }
    }

    #[test]
    fn a_manifest_is_signed_over_sha256() {
        let key = SigningKey::generate_p384();
        let signature = key.sign_p384_sha256(b"manifest");
        assert_eq!(
            key.verifying_key().verify_p384_sha256(b"manifest", &signature),
            Ok(())
        );
        assert_eq!(
            key.verifying_key().verify_p384_sha256(b"manifesT", &signature),
            Err(BadSignature)
        );
        assert_eq!(
            key.verifying_key().verify(b"manifest", &signature),
            Err(BadSignature)
        );
    }

    #[test]
    fn a_raw_signature_has_one_length_and_no_zero() {
        for (key, bytes) in [
            (SigningKey::generate_p256(), 64),
            (SigningKey::generate_p384(), 96),
        ] {
            let public = key.verifying_key();
            let signature = key.sign_raw(b"message");
            assert_eq!(signature.len(), bytes);
            assert_eq!(public.verify_raw(b"message", &signature), Ok(()));
            assert_eq!(public.verify_raw(b"massage", &signature), Err(BadSignature));
            assert_eq!(
                public.verify_raw(b"message", &key.sign(b"message")),
                Err(BadSignature)
            );
            assert_eq!(public.verify(b"message", &signature), Err(BadSignature));
            assert_eq!(public.verify_raw(b"message", &signature[1..]), Err(BadSignature));
            let longer = [&[0], signature.as_slice()].concat();
            assert_eq!(public.verify_raw(b"message", &longer), Err(BadSignature));
            assert_eq!(public.verify_raw(b"message", &vec![0; bytes]), Err(BadSignature));
            let (r, s) = signature.split_at(bytes / 2);
            let swapped = [s, r].concat();
            assert_eq!(public.verify_raw(b"message", &swapped), Err(BadSignature));
            let zeros = vec![0; bytes / 2];
            assert_eq!(
                public.verify_raw(b"message", &[r, &zeros].concat()),
                Err(BadSignature)
            );
            assert_eq!(
                public.verify_raw(b"message", &[&zeros, s].concat()),
                Err(BadSignature)
            );
        }
    }

    #[test]
    fn a_key_is_the_same_from_its_point() {
        for key in [SigningKey::generate_p256(), SigningKey::generate_p384()] {
            let public = key.verifying_key();
            let (curve, point) = (public.curve(), public.point());
            assert_eq!(VerifyingKey::from_point(curve, point).as_ref(), Ok(public));
            assert_eq!(VerifyingKey::from_point(curve, &point[1..]).as_ref(), Ok(public));

            let mut compressed = point.to_vec();
            compressed[0] = 2;
            for wrong in [&compressed, &point[2..], &[], &[point, &[0]].concat()] {
                assert_eq!(VerifyingKey::from_point(curve, wrong), Err(UnsupportedKey));
            }
            let other = match curve {
                Curve::P256 => Curve::P384,
                Curve::P384 => Curve::P256,
            };
            assert_eq!(VerifyingKey::from_point(other, point), Err(UnsupportedKey));
        }
    }

    #[test]
    fn nothing_verifies_with_a_point_off_the_curve() {
        let signature = SigningKey::generate_p256().sign_raw(b"message");
        for off in [[0; 64], [1; 64], [0xff; 64]] {
            let key = VerifyingKey::from_point(Curve::P256, &off).unwrap();
            assert_eq!(key.verify_raw(b"message", &signature), Err(BadSignature));
        }
    }

    #[test]
    fn a_public_key_is_of_either_kind() {
        use crate::rsa_sign::{RsaSigningKey, RsaSize};
        let ecdsa = SigningKey::generate_p384();
        let rsa = RsaSigningKey::generate(RsaSize::Bits2048);
        let read = PublicKey::from_spki_der(ecdsa.spki_der()).unwrap();
        assert_eq!(read, PublicKey::Ecdsa(ecdsa.verifying_key().clone()));
        assert_eq!(read.spki_der(), ecdsa.spki_der());
        let read = PublicKey::from_spki_der(rsa.spki_der()).unwrap();
        assert_eq!(read, PublicKey::Rsa(rsa.verifying_key().clone()));
        assert_eq!(read.spki_der(), rsa.spki_der());
        assert!(!format!("{rsa:?}").contains(&hex::encode(&rsa.verifying_key().modulus()[..8])));

        let ed25519 = crate::issue::generate_key(crate::issue::KeyKind::Ed25519).unwrap();
        assert_eq!(PublicKey::from_spki_der(&ed25519.spki), Err(UnsupportedKey));
    }

    #[test]
    fn refuses_keys_in_other_forms() {
        let key = SigningKey::generate_p256();
        let mut trailing = key.spki_der().to_vec();
        trailing.push(0);
        assert_eq!(VerifyingKey::from_spki_der(&trailing), Err(UnsupportedKey));
        assert_eq!(
            VerifyingKey::from_spki_der(&key.spki_der()[1..]),
            Err(UnsupportedKey)
        );
        assert_eq!(VerifyingKey::from_spki_der(&[]), Err(UnsupportedKey));
    }
}
