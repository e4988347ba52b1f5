//! The two back ends, held against each other.

use aws_lc_rs::signature::{RSA_PSS_SHA384, RsaPssSaltLength};

use super::{fast, portable};
use crate::rsa_sign::{RsaSigningKey, RsaSize};
use crate::rsa_verify::RsaScheme;
use crate::sign::Curve;

#[test]
fn hashes_and_ciphers_agree() {
    let data = b"the same bytes";
    assert_eq!(fast::sha384(data), portable::sha384(data));
    assert_eq!(fast::sha512(data), portable::sha512(data));

    let (mut a, mut b) = ([0; 50], [0; 50]);
    fast::hkdf_sha256(b"ikm", b"salt", b"info", &mut a);
    portable::hkdf_sha256(b"ikm", b"salt", b"info", &mut b);
    assert_eq!(a, b);

    for key in [&b""[..], b"key", &[7; 64], &[7; 65], &[7; 300]] {
        let parts: [&[u8]; 3] = [b"the same", b"", b"bytes"];
        assert_eq!(fast::hmac_sha256(key, &parts), portable::hmac_sha256(key, &parts));
        assert_eq!(fast::hmac_sha256(key, &[]), portable::hmac_sha256(key, &[]));
    }

    let (mut a, mut b) = (*data, *data);
    let tag = fast::Aead::new(&[9; 32]).seal(&[1; 12], b"aad", &mut a);
    assert_eq!(portable::Aead::new(&[9; 32]).seal(&[1; 12], b"aad", &mut b), tag);
    assert_eq!(a, b);
}

#[test]
fn ecdsa_agrees() {
    let data = b"the same bytes";
    for curve in [Curve::P256, Curve::P384] {
        let key = fast::EcdsaKey::generate(curve);
        let verified = |data: &[u8], signature: &[u8]| {
            let good = fast::ecdsa_verify(curve, key.point(), data, signature);
            assert_eq!(portable::ecdsa_verify(curve, key.point(), data, signature), good);
            good
        };
        let signature = key.sign(data);
        assert!(verified(data, &signature));
        assert!(!verified(b"others", &signature));
        assert!(!verified(data, &[&signature[..], &[0]].concat()));
        assert!(!verified(data, &signature[..signature.len() - 1]));

        let verified_raw = |data: &[u8], signature: &[u8]| {
            let good = fast::ecdsa_verify_raw(curve, key.point(), data, signature);
            assert_eq!(
                portable::ecdsa_verify_raw(curve, key.point(), data, signature),
                good
            );
            good
        };
        let signature = key.sign_raw(curve, data);
        assert!(verified_raw(data, &signature));
        assert!(!verified_raw(b"others", &signature));
        assert!(!verified_raw(data, &signature[1..]));
        assert!(!verified_raw(data, &vec![0; signature.len()]));
        assert!(!verified_raw(data, &vec![0xff; signature.len()]));

        let off = [&[4][..], &[1; 96][..key.point().len() - 1]].concat();
        assert!(!fast::ecdsa_verify_raw(curve, &off, data, &signature));
        assert!(!portable::ecdsa_verify_raw(curve, &off, data, &signature));
    }
}

const SCHEMES: [RsaScheme; 6] = [
    RsaScheme::Pkcs1Sha256,
    RsaScheme::Pkcs1Sha384,
    RsaScheme::Pkcs1Sha512,
    RsaScheme::PssSha256,
    RsaScheme::PssSha384,
    RsaScheme::PssSha512,
];

#[test]
fn rsa_agrees() {
    let key = RsaSigningKey::generate(RsaSize::Bits2048);
    let other = RsaSigningKey::generate(RsaSize::Bits3072);
    let modulus = key.verifying_key().modulus();
    let verified = |scheme, data: &[u8], signature: &[u8]| {
        let good = fast::rsa_verify(scheme, modulus, data, signature);
        assert_eq!(portable::rsa_verify(scheme, modulus, data, signature), good);
        good
    };
    for scheme in SCHEMES {
        let signature = key.sign(scheme, b"the same bytes");
        for claimed in SCHEMES {
            assert_eq!(
                verified(claimed, b"the same bytes", &signature),
                claimed == scheme
            );
        }
        assert!(!verified(scheme, b"others", &signature));
        assert!(!verified(scheme, b"the same bytes", &signature[1..]));
        assert!(!verified(
            scheme,
            b"the same bytes",
            &[&[0], signature.as_slice()].concat()
        ));
        assert!(!verified(
            scheme,
            b"the same bytes",
            &[signature.as_slice(), &[0]].concat()
        ));
        assert!(!verified(scheme, b"the same bytes", &[]));
        assert!(!verified(scheme, b"the same bytes", modulus));
        let mut changed = signature;
        changed[200] ^= 1;
        assert!(!verified(scheme, b"the same bytes", &changed));
        let others = other.sign(scheme, b"the same bytes");
        assert!(!verified(scheme, b"the same bytes", &others));
        let modulus = other.verifying_key().modulus();
        assert!(fast::rsa_verify(scheme, modulus, b"the same bytes", &others));
        assert!(portable::rsa_verify(scheme, modulus, b"the same bytes", &others));
    }
}

#[test]
fn a_salt_of_another_length_is_refused() {
    static SHORTER: aws_lc_rs::signature::RsaSignatureEncoding =
        RSA_PSS_SHA384.with_pss_salt_length(RsaPssSaltLength::Custom(32));
    let key = RsaSigningKey::generate(RsaSize::Bits2048);
    let modulus = key.verifying_key().modulus();
    let signature = key.sign_with(&SHORTER, b"data");
    assert!(!fast::rsa_verify(
        RsaScheme::PssSha384,
        modulus,
        b"data",
        &signature
    ));
    assert!(!portable::rsa_verify(
        RsaScheme::PssSha384,
        modulus,
        b"data",
        &signature
    ));
}

/// The largest modulus: both libraries take it.
#[test]
fn rsa_of_4096_bits_agrees() {
    let key = RsaSigningKey::generate(RsaSize::Bits4096);
    let modulus = key.verifying_key().modulus();
    let signature = key.sign(RsaScheme::PssSha384, b"data");
    for verify in [fast::rsa_verify, portable::rsa_verify] {
        assert!(verify(RsaScheme::PssSha384, modulus, b"data", &signature));
        assert!(!verify(RsaScheme::PssSha384, modulus, b"date", &signature));
    }
}
