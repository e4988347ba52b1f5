//! Keys of TPMs in software, their public areas, and authorities that certify them.

use std::sync::LazyLock;

use strongroom_crypto::issue::custom::SubjectPart;
use strongroom_crypto::issue::vendor::{Constraints, IssuerKey, Shape, Vendor};
use strongroom_crypto::rsa_sign::{RsaSigningKey, RsaSize};
use strongroom_crypto::rsa_verify::{RsaScheme, RsaVerifyingKey};
use strongroom_crypto::sign::{Curve, SigningKey, VerifyingKey};
use strongroom_crypto::x509::{Certificate, KeyUsage};

use super::NOW;

const DAY: u64 = 24 * 3600;

pub(crate) const RESTRICTED_SIGNING: u32 = 0x0005_0072;
pub(crate) const RESTRICTED_DECRYPTION: u32 = 0x0003_00b2;
pub(crate) const SHA1: u16 = 4;
pub(crate) const SHA256: u16 = 0xb;
pub(crate) const SHA384: u16 = 0xc;

/// A certification authority.
pub(crate) struct Ca {
    pub(crate) certificate: Certificate,
    subject: Vec<(SubjectPart, String)>,
    key: SigningKey,
}

impl Ca {
    pub(crate) fn root(name: &str) -> Self {
        let key = SigningKey::generate_p384();
        let subject = vec![(SubjectPart::CommonName, name.to_owned())];
        let shape = authority(&subject);
        let vendor = Vendor::new(&subject, IssuerKey::Ecdsa(&key));
        let certificate = vendor.issue(&shape, key.spki_der()).expect("a root");
        Self {
            certificate,
            subject,
            key,
        }
    }

    pub(crate) fn below(&self, name: &str, change: impl FnOnce(&mut Shape)) -> Self {
        let key = SigningKey::generate_p384();
        let subject = vec![(SubjectPart::CommonName, name.to_owned())];
        let mut shape = authority(&subject);
        change(&mut shape);
        let certificate = self.vendor().issue(&shape, key.spki_der()).expect("an authority");
        Self {
            certificate,
            subject,
            key,
        }
    }

    pub(crate) fn vendor(&self) -> Vendor<'_> {
        Vendor::new(&self.subject, IssuerKey::Ecdsa(&self.key))
    }

    pub(crate) fn issue(&self, shape: &Shape, spki: &[u8]) -> Certificate {
        self.vendor().issue(shape, spki).expect("a certificate")
    }
}

fn authority(subject: &[(SubjectPart, String)]) -> Shape {
    Shape {
        subject: subject.to_vec(),
        serial: vec![1],
        not_before: NOW.minus(100 * DAY),
        not_after: NOW.plus(100 * DAY),
        constraints: Constraints::Authority(None),
        key_usage: Some(KeyUsage::from_bits(32 | 64)),
        extended_key_usages: Vec::new(),
        extensions: Vec::new(),
    }
}

/// A leaf with one extended key usage of the TCG: 1 for endorsement keys, 3 for attestation keys.
pub(crate) fn leaf(name: &str, usage: u64) -> Shape {
    Shape {
        subject: vec![(SubjectPart::CommonName, name.to_owned())],
        serial: vec![7],
        not_before: NOW.minus(DAY),
        not_after: NOW.plus(DAY),
        constraints: Constraints::Leaf,
        key_usage: Some(KeyUsage::from_bits(if usage == 1 { 4 } else { 1 })),
        extended_key_usages: vec![vec![2, 23, 133, 8, usage]],
        extensions: Vec::new(),
    }
}

pub(crate) static MAKER: LazyLock<Ca> = LazyLock::new(|| Ca::root("Maker of TPMs"));
pub(crate) static AUTHORITY: LazyLock<Ca> = LazyLock::new(|| Ca::root("Enrolment"));
static RSA: LazyLock<RsaSigningKey> = LazyLock::new(|| RsaSigningKey::generate(RsaSize::Bits2048));

/// An attestation key and the scheme that it is tied to.
pub(crate) enum Key {
    P256(SigningKey),
    P384(SigningKey),
    Rsassa,
    Rsapss,
}

impl Key {
    pub(crate) fn hash(&self) -> u16 {
        match self {
            Self::P384(_) => SHA384,
            _ => SHA256,
        }
    }

    pub(crate) fn scheme(&self) -> u16 {
        match self {
            Self::P256(_) | Self::P384(_) => 0x18,
            Self::Rsassa => 0x14,
            Self::Rsapss => 0x16,
        }
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        match self {
            Self::P256(key) | Self::P384(key) => key.spki_der().to_vec(),
            Self::Rsassa | Self::Rsapss => RSA.spki_der().to_vec(),
        }
    }

    pub(crate) fn public(&self, attributes: u32) -> Vec<u8> {
        match self {
            Self::P256(key) | Self::P384(key) => ecc_public(key.verifying_key(), attributes, self.hash()),
            Self::Rsassa | Self::Rsapss => rsa_public(RSA.verifying_key(), attributes, self.scheme()),
        }
    }

    /// The number, or both of them.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) | Self::P384(key) => key.sign_raw(message),
            Self::Rsassa => RSA.sign(RsaScheme::Pkcs1Sha256, message),
            Self::Rsapss => RSA.sign(RsaScheme::PssSha256, message),
        }
    }
}

pub(crate) fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("short");
    [&length.to_be_bytes(), bytes].concat()
}

fn public(kind: u16, attributes: u32, parameters: &[&[u8]]) -> Vec<u8> {
    let head = [
        &kind.to_be_bytes()[..],
        &SHA256.to_be_bytes(),
        &attributes.to_be_bytes(),
        &[0, 0],
    ];
    [head.concat(), parameters.concat()].concat()
}

/// `TPMT_PUBLIC` of a signing key on a curve, tied to ECDSA.
pub(crate) fn ecc_public(key: &VerifyingKey, attributes: u32, hash: u16) -> Vec<u8> {
    let (x, y) = key.point()[1..].split_at((key.point().len() - 1) / 2);
    let curve: u8 = if key.curve() == Curve::P256 { 3 } else { 4 };
    let parameters: [&[u8]; 5] = [
        &[0, 0x10, 0, 0x18],
        &hash.to_be_bytes(),
        &[0, curve, 0, 0x10],
        &sized(x),
        &sized(y),
    ];
    public(0x23, attributes, &parameters)
}

fn rsa_public(key: &RsaVerifyingKey, attributes: u32, scheme: u16) -> Vec<u8> {
    let parameters: [&[u8]; 5] = [
        &[0, 0x10],
        &scheme.to_be_bytes(),
        &SHA256.to_be_bytes(),
        &[8, 0, 0, 0, 0, 0],
        &sized(key.modulus()),
    ];
    public(1, attributes, &parameters)
}

/// `TPMT_PUBLIC` of an endorsement key after the default template for P-256.
pub(crate) fn endorsement_public(key: &VerifyingKey, attributes: u32) -> Vec<u8> {
    let (x, y) = key.point()[1..].split_at(32);
    // AES-128-CFB, no scheme, P-256, no key derivation.
    let parameters: [&[u8]; 3] = [
        &[0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10],
        &sized(x),
        &sized(y),
    ];
    public(0x23, attributes, &parameters)
}
