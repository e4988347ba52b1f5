//! Public areas of keys, `TPMT_PUBLIC` (TPM 2.0 Library, Part 2 §12.2.4), and the attributes that make a key one that a
//! verifier can rely on.

use std::fmt;

use strongroom_crypto::digest::{sha256, sha384, sha512};
use strongroom_crypto::rsa_verify::{EXPONENT, RsaVerifyingKey};
use strongroom_crypto::sign::{Curve, PublicKey, VerifyingKey};

use super::wire::{Reader, algorithm, unwrap_sized};

/// Longest public area that is read: above that of an RSA key of 4096 bits.
const BYTES_MAX: usize = 1024;

/// A public area.
#[derive(Clone, PartialEq, Eq)]
pub struct Public {
    raw: Vec<u8>,
    name_algorithm: u16,
    attributes: Attributes,
    scheme: Option<Scheme>,
    key: PublicKey,
}

/// The signature scheme that a key is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// Number of the scheme in the TCG Algorithm Registry.
    pub scheme: u16,
    /// Number of the hash; none where the scheme has none.
    pub hash: Option<u16>,
}

/// Bytes are no public area of a key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicError {
    /// No `TPMT_PUBLIC`, or cut short, or followed by something.
    #[error("malformed TPMT_PUBLIC")]
    Malformed,
    /// Another kind of object than a key of RSA or on an elliptic curve.
    #[error("the object is neither an RSA key nor one on an elliptic curve")]
    Kind,
    /// Neither RSA of 2048 to 4096 bits with exponent 65537 nor P-256 nor P-384.
    #[error("the key is neither RSA of 2048 to 4096 bits with exponent 65537 nor on P-256 or P-384")]
    Key,
    /// No name can be computed.
    #[error("the object's name uses neither SHA-256 nor SHA-384 nor SHA-512")]
    NameAlgorithm,
}

impl Public {
    /// Reads `TPMT_PUBLIC`, or `TPM2B_PUBLIC` around one.
    ///
    /// # Errors
    /// [`PublicError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PublicError> {
        if bytes.len() > BYTES_MAX {
            return Err(PublicError::Malformed);
        }
        let raw = unwrap_sized(bytes).unwrap_or(bytes);
        let mut reader = Reader::new(raw);
        let kind = reader.u16().ok_or(PublicError::Malformed)?;
        let name_algorithm = reader.u16().ok_or(PublicError::Malformed)?;
        let attributes = Attributes(reader.u32().ok_or(PublicError::Malformed)?);
        let _policy = reader.sized().ok_or(PublicError::Malformed)?;
        let (scheme, key) = match kind {
            algorithm::RSA => rsa(&mut reader)?,
            algorithm::ECC => ecc(&mut reader)?,
            _ => return Err(PublicError::Kind),
        };
        if !reader.is_empty() {
            return Err(PublicError::Malformed);
        }
        if name(name_algorithm, raw).is_none() {
            return Err(PublicError::NameAlgorithm);
        }
        Ok(Self {
            raw: raw.to_vec(),
            name_algorithm,
            attributes,
            scheme,
            key,
        })
    }

    /// `TPMT_PUBLIC`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The object's name (Part 1 §16): the identifier of its name algorithm, then the digest of its public area.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        name(self.name_algorithm, &self.raw).expect("an algorithm that was looked at when this was read")
    }

    /// The object's attributes.
    #[must_use]
    pub const fn attributes(&self) -> Attributes {
        self.attributes
    }

    /// The scheme that the key is tied to, if to any.
    #[must_use]
    pub const fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }
}

fn name(name_algorithm: u16, public: &[u8]) -> Option<Vec<u8>> {
    let digest = match name_algorithm {
        algorithm::SHA256 => sha256(public).as_bytes().to_vec(),
        algorithm::SHA384 => sha384(public).to_vec(),
        algorithm::SHA512 => sha512(public).to_vec(),
        _ => return None,
    };
    Some([name_algorithm.to_be_bytes().as_slice(), &digest].concat())
}

/// `TPMS_RSA_PARMS` and the modulus.
fn rsa(reader: &mut Reader<'_>) -> Result<(Option<Scheme>, PublicKey), PublicError> {
    let scheme = symmetric(reader)
        .and_then(|()| scheme(reader))
        .ok_or(PublicError::Malformed)?;
    let bits = reader.u16().ok_or(PublicError::Malformed)?;
    let exponent = reader.u32().ok_or(PublicError::Malformed)?;
    let modulus = reader.sized().ok_or(PublicError::Malformed)?;
    // Zero stands for the usual one.
    let exponent = if exponent == 0 { EXPONENT } else { exponent };
    let key = RsaVerifyingKey::from_components(modulus, exponent).map_err(|_| PublicError::Key)?;
    if key.modulus().len() * 8 != usize::from(bits) {
        return Err(PublicError::Malformed);
    }
    Ok((scheme, key.into()))
}

/// `TPMS_ECC_PARMS` and the point.
fn ecc(reader: &mut Reader<'_>) -> Result<(Option<Scheme>, PublicKey), PublicError> {
    let mut fields = || {
        symmetric(reader)?;
        let scheme = scheme(reader)?;
        let curve = reader.u16()?;
        if reader.u16()? != algorithm::NULL {
            reader.u16()?; // hash of the key derivation
        }
        Some((scheme, curve, reader.sized()?, reader.sized()?))
    };
    let (scheme, curve, x, y) = fields().ok_or(PublicError::Malformed)?;
    let curve = match curve {
        algorithm::CURVE_P256 => Curve::P256,
        algorithm::CURVE_P384 => Curve::P384,
        _ => return Err(PublicError::Key),
    };
    let point = padded(x, curve)
        .zip(padded(y, curve))
        .map(|(x, y)| [x, y].concat());
    let point = point.ok_or(PublicError::Malformed)?;
    let key = VerifyingKey::from_point(curve, &point).map_err(|_| PublicError::Key)?;
    Ok((scheme, key.into()))
}

/// A number of the curve's size: some TPMs leave leading zeros out.
pub(super) fn padded(number: &[u8], curve: Curve) -> Option<Vec<u8>> {
    let length = match curve {
        Curve::P256 => 32,
        Curve::P384 => 48,
    };
    let zeros = length - number.len().min(length);
    (number.len() <= length).then(|| [&vec![0; zeros], number].concat())
}

/// `TPMT_SYM_DEF_OBJECT`.
fn symmetric(reader: &mut Reader<'_>) -> Option<()> {
    if reader.u16()? != algorithm::NULL {
        let _bits = reader.u16()?;
        let _mode = reader.u16()?;
    }
    Some(())
}

/// `TPMT_RSA_SCHEME` and `TPMT_ECC_SCHEME`.
fn scheme(reader: &mut Reader<'_>) -> Option<Option<Scheme>> {
    let scheme = reader.u16()?;
    let hash = match scheme {
        algorithm::NULL => return Some(None),
        algorithm::RSAES => None,
        algorithm::ECDAA => {
            let hash = reader.u16()?;
            reader.u16()?; // count
            Some(hash)
        }
        algorithm::RSASSA | algorithm::RSAPSS | algorithm::OAEP => Some(reader.u16()?),
        // ECDSA, ECDH, SM2, ECSCHNORR, ECMQV: a hash each.
        0x0018..=0x001d => Some(reader.u16()?),
        _ => return None,
    };
    Some(Some(Scheme { scheme, hash }))
}

/// `TPMA_OBJECT` (Part 2 §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes(pub u32);

impl Attributes {
    /// The key cannot leave its TPM.
    pub const FIXED_TPM: Self = Self(1 << 1);
    /// The key cannot get another parent.
    pub const FIXED_PARENT: Self = Self(1 << 4);
    /// The TPM made the private half: nobody handed it in.
    pub const SENSITIVE_DATA_ORIGIN: Self = Self(1 << 5);
    /// The key handles only what the TPM itself made: it signs nothing from outside that looks like that.
    pub const RESTRICTED: Self = Self(1 << 16);
    /// The key decrypts.
    pub const DECRYPT: Self = Self(1 << 17);
    /// The key signs.
    pub const SIGN: Self = Self(1 << 18);

    /// Whether all of `others` are set.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// What a key lacks to be one whose attestations can be relied upon, or has too much; nothing where it is one.
    #[must_use]
    pub fn not_of_an_attestation_key(self) -> Vec<&'static str> {
        let wanted = [
            (Self::FIXED_TPM, "not fixedTPM"),
            (Self::FIXED_PARENT, "not fixedParent"),
            (Self::SENSITIVE_DATA_ORIGIN, "not sensitiveDataOrigin"),
            (Self::RESTRICTED, "not restricted"),
            (Self::SIGN, "not sign"),
        ];
        let lacks = wanted.iter().filter(|(bit, _)| !self.contains(*bit));
        let mut wrong: Vec<_> = lacks.map(|(_, text)| *text).collect();
        if self.contains(Self::DECRYPT) {
            wrong.push("decrypt");
        }
        wrong
    }
}

impl fmt::Debug for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Public({:?}, {:?}, {})",
            self.attributes,
            self.key,
            hex::encode(self.name())
        )
    }
}
