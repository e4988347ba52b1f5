//! Certificates and lists made in vendors' shapes: each refusal changes one thing in a good one.

use super::crl::Crl;
use super::signature::rsa_algorithm;
use super::*;
use crate::der;
use crate::issue::custom::SubjectPart;
use crate::issue::vendor::{
    Constraints, IssuerKey, ListShape, RawExtension, Shape, Vendor, exchange_algorithm,
};
use crate::rsa_sign::{RsaSigningKey, RsaSize};
use crate::rsa_verify::RsaScheme;
use crate::sign::SigningKey;

mod lists;

fn name(common_name: &str) -> Vec<(SubjectPart, String)> {
    vec![
        (SubjectPart::CommonName, common_name.into()),
        (SubjectPart::Organization, "Advanced Test Devices".into()),
        (SubjectPart::Country, "US".into()),
    ]
}

fn shape(common_name: &str, constraints: Constraints) -> Shape {
    Shape {
        subject: name(common_name),
        serial: vec![1, 0, 0],
        not_before: UnixTime(1_790_000_000),
        not_after: UnixTime(1_890_000_000),
        constraints,
        key_usage: Some(KeyUsage::from_bits(32 | 64)),
        extended_key_usages: Vec::new(),
        extensions: Vec::new(),
    }
}

fn list_shape() -> ListShape {
    ListShape {
        number: 7,
        this_update: UnixTime(1_790_000_000),
        next_update: UnixTime(1_792_000_000),
        revoked: vec![vec![0x80, 1], vec![5], vec![0]],
    }
}

fn extension(oid: &[u64], critical: bool, value: &[u8]) -> RawExtension {
    RawExtension {
        oid: oid.to_vec(),
        critical,
        value: value.to_vec(),
    }
}

#[test]
fn reads_a_chain_of_the_shape_of_amd() {
    let root_key = RsaSigningKey::generate(RsaSize::Bits2048);
    let middle_key = RsaSigningKey::generate(RsaSize::Bits2048);
    let leaf_key = SigningKey::generate_p384();
    let root = Vendor::new(&name("ARK"), IssuerKey::Rsa(&root_key, RsaScheme::PssSha384));
    let middle = Vendor::new(&name("ASK"), IssuerKey::Rsa(&middle_key, RsaScheme::PssSha384));

    let ark = root
        .issue(&shape("ARK", Constraints::Authority(None)), root_key.spki_der())
        .unwrap();
    let ask = root
        .issue(
            &shape("ASK", Constraints::Authority(Some(0))),
            middle_key.spki_der(),
        )
        .unwrap();
    let mut leaf_shape = shape("VCEK", Constraints::Absent);
    leaf_shape.serial = vec![0];
    leaf_shape.key_usage = None;
    leaf_shape.extensions = vec![extension(&[1, 3, 6, 1, 4, 1, 3704, 1, 3, 1], false, &[2, 1, 3])];
    let vcek = middle.issue(&leaf_shape, leaf_key.spki_der()).unwrap();

    assert_eq!(ark.verify_signature_by_key(&ark.public_key().unwrap()), Ok(()));
    assert_eq!(ask.verify_signature_by_key(&ark.public_key().unwrap()), Ok(()));
    assert_eq!(vcek.verify_signature_by_key(&ask.public_key().unwrap()), Ok(()));
    assert_eq!(
        vcek.verify_signature_by_key(&ark.public_key().unwrap()),
        Err(X509Error::BadSignature)
    );
    assert_eq!(
        vcek.verify_signature_by_key(&vcek.public_key().unwrap()),
        Err(X509Error::Unsupported)
    );
    assert_eq!(
        vcek.verify_signature_by(leaf_key.verifying_key()),
        Err(X509Error::Unsupported)
    );

    assert_eq!(
        (vcek.issuer_raw(), ask.issuer_raw()),
        (ask.subject_raw(), ark.subject_raw())
    );
    assert_eq!((vcek.issuer_cn(), vcek.subject_cn()), (Some("ASK"), Some("VCEK")));
    assert_eq!((ask.serial(), vcek.serial()), (&[1, 0, 0][..], &[0][..]));
    assert_eq!((ark.path_length(), ask.path_length()), (None, Some(0)));
    assert!(ark.allows_cert_sign() && ask.allows_cert_sign() && !vcek.allows_cert_sign());
    assert_eq!(vcek.key_usage(), None);
    assert_eq!(vcek.extension("1.3.6.1.4.1.3704.1.3.1"), Some(&[2, 1, 3][..]));
    assert_eq!(vcek.public_key(), Ok(leaf_key.verifying_key().clone().into()));
    assert_eq!(ark.public_key(), Ok(root_key.verifying_key().clone().into()));
    assert_eq!(ark.verifying_key(), Err(X509Error::Unsupported));
}

#[test]
fn every_scheme_verifies_as_itself() {
    let key = RsaSigningKey::generate(RsaSize::Bits2048);
    let public = key.verifying_key().clone().into();
    for scheme in [
        RsaScheme::Pkcs1Sha256,
        RsaScheme::Pkcs1Sha384,
        RsaScheme::Pkcs1Sha512,
        RsaScheme::PssSha256,
        RsaScheme::PssSha384,
        RsaScheme::PssSha512,
    ] {
        let root = Vendor::new(&name("Root"), IssuerKey::Rsa(&key, scheme));
        let made = root
            .issue(&shape("Root", Constraints::Authority(None)), key.spki_der())
            .unwrap();
        assert_eq!(made.verify_signature_by_key(&public), Ok(()), "{scheme:?}");
        assert_eq!(Certificate::parse_pem(&made.to_pem()).as_ref(), Ok(&made));

        let list = root.revoke(&list_shape()).unwrap();
        assert_eq!(list.verify_signature_by_key(&public), Ok(()), "{scheme:?}");

        let mut changed = made.der().to_vec();
        let at = changed.windows(4).position(|window| window == b"Root").unwrap();
        changed[at] ^= 1;
        let changed = Certificate::parse(&changed).unwrap();
        assert_eq!(
            changed.verify_signature_by_key(&public),
            Err(X509Error::BadSignature)
        );
    }
}

/// A good certificate of an RSA root, its algorithm exchanged in both places and properly signed again.
fn with_algorithm(key: &RsaSigningKey, algorithm: &[u8], scheme: RsaScheme) -> Certificate {
    let root = Vendor::new(&name("Root"), IssuerKey::Rsa(key, RsaScheme::Pkcs1Sha256));
    let made = root
        .issue(&shape("Root", Constraints::Authority(None)), key.spki_der())
        .expect("the shape is good");
    let exchanged = exchange_algorithm(made.der(), algorithm, |signed| key.sign(scheme, signed))
        .expect("a certificate has two algorithms");
    Certificate::parse(&exchanged).expect("an algorithm is not judged by reading it")
}

const SHA256: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA384: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const MGF1: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
const PSS: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

#[test]
fn pss_parameters_are_all_given_and_agree() {
    let key = RsaSigningKey::generate(RsaSize::Bits2048);
    let public = key.verifying_key().clone().into();
    let sequence = |parts: &[&[u8]]| der::element(der::SEQUENCE, parts);
    let hash =
        |oid: &[u8], parameters: &[u8]| der::element(der::explicit(0), &[&sequence(&[oid, parameters])]);
    let mask = |oid: &[u8], parameters: &[u8]| {
        let hash = sequence(&[oid, parameters]);
        der::element(der::explicit(1), &[&sequence(&[MGF1, &hash])])
    };
    let number = |tag: u8, value: u8| der::element(der::explicit(tag), &[&der::unsigned(&[value])]);
    let check = |parameters: &[&[u8]]| {
        let algorithm = sequence(&[PSS, &sequence(parameters)]);
        with_algorithm(&key, &algorithm, RsaScheme::PssSha384).verify_signature_by_key(&public)
    };
    let (good_hash, good_mask, salt) = (hash(SHA384, der::NULL), mask(SHA384, der::NULL), number(2, 48));

    let good = Ok(());
    assert_eq!(check(&[&good_hash, &good_mask, &salt]), good);
    assert_eq!(check(&[&good_hash, &good_mask, &salt, &number(3, 1)]), good);
    assert_eq!(check(&[&hash(SHA384, &[]), &good_mask, &salt]), good);
    assert_eq!(check(&[&good_hash, &mask(SHA384, &[]), &salt]), good);

    let refused = Err(X509Error::Unsupported);
    // What is left out is SHA-1, and a salt of 20 bytes.
    assert_eq!(check(&[]), refused);
    assert_eq!(check(&[&good_mask, &salt]), refused);
    assert_eq!(check(&[&good_hash, &salt]), refused);
    assert_eq!(check(&[&good_hash, &good_mask]), refused);
    assert_eq!(check(&[&good_hash, &mask(SHA256, der::NULL), &salt]), refused);
    assert_eq!(check(&[&hash(SHA256, der::NULL), &good_mask, &salt]), refused);
    for wrong in [0, 20, 32, 47, 49, 64] {
        assert_eq!(check(&[&good_hash, &good_mask, &number(2, wrong)]), refused);
    }
    assert_eq!(check(&[&good_hash, &good_mask, &salt, &number(3, 2)]), refused);
    assert_eq!(
        check(&[&good_hash, &good_mask, &salt, &number(3, 1), der::NULL]),
        refused
    );

    // Parameters that are supported, and a signature made with others.
    let salt = number(2, 32);
    let sha256 = check(&[&hash(SHA256, der::NULL), &mask(SHA256, der::NULL), &salt]);
    assert_eq!(sha256, Err(X509Error::BadSignature));
    let none = with_algorithm(&key, &sequence(&[PSS]), RsaScheme::PssSha384);
    assert_eq!(none.verify_signature_by_key(&public), refused);
}

#[test]
fn other_algorithms_are_unsupported() {
    let key = RsaSigningKey::generate(RsaSize::Bits2048);
    let public = key.verifying_key().clone().into();
    let verified = |oid: &[u8], parameters: &[u8]| {
        let algorithm = der::element(der::SEQUENCE, &[oid, parameters]);
        with_algorithm(&key, &algorithm, RsaScheme::Pkcs1Sha256).verify_signature_by_key(&public)
    };
    let pkcs1 = |last: u8| [&PSS[..10], &[last]].concat();
    assert_eq!(verified(&pkcs1(11), der::NULL), Ok(()));
    assert_eq!(verified(&pkcs1(11), &[]), Ok(()));
    assert_eq!(
        verified(&pkcs1(11), &der::unsigned(&[1])),
        Err(X509Error::Unsupported)
    );
    // md5, sha1 and sha224WithRSAEncryption; ecdsa-with-SHA384.
    for last in [4, 5, 14] {
        assert_eq!(verified(&pkcs1(last), der::NULL), Err(X509Error::Unsupported));
    }
    let ecdsa = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
    assert_eq!(verified(&ecdsa, &[]), Err(X509Error::Unsupported));
}

#[test]
fn the_hash_of_ecdsa_fits_the_curve() {
    let key = SigningKey::generate_p256();
    let root = Vendor::new(&name("Root"), IssuerKey::Ecdsa(&key));
    let made = root
        .issue(&shape("Root", Constraints::Authority(None)), key.spki_der())
        .unwrap();
    let public = made.public_key().unwrap();
    assert_eq!(made.verify_signature_by_key(&public), Ok(()));

    let ecdsa = |last: u8, parameters: &[u8]| {
        let oid = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last];
        let algorithm = der::element(der::SEQUENCE, &[&oid, parameters]);
        let made = exchange_algorithm(made.der(), &algorithm, |signed| key.sign(signed)).unwrap();
        Certificate::parse(&made)
            .unwrap()
            .verify_signature_by_key(&public)
    };
    assert_eq!(ecdsa(2, &[]), Ok(()));
    assert_eq!(ecdsa(2, der::NULL), Err(X509Error::Unsupported));
    assert_eq!(ecdsa(3, &[]), Err(X509Error::Unsupported));
    assert_eq!(ecdsa(4, &[]), Err(X509Error::Unsupported));
    let other = SigningKey::generate_p384();
    let other = other.verifying_key().clone().into();
    assert_eq!(made.verify_signature_by_key(&other), Err(X509Error::Unsupported));
}

#[test]
fn both_mentions_of_the_algorithm_agree() {
    let key = RsaSigningKey::generate(RsaSize::Bits2048);
    let public = key.verifying_key().clone().into();
    let root = Vendor::new(&name("Root"), IssuerKey::Rsa(&key, RsaScheme::Pkcs1Sha256));
    let made = root
        .issue(&shape("Root", Constraints::Authority(None)), key.spki_der())
        .unwrap();
    let list = root.revoke(&list_shape()).unwrap();
    for (der, outer) in [
        (made.der(), RsaScheme::Pkcs1Sha256),
        (list.der(), RsaScheme::Pkcs1Sha256),
    ] {
        // The outer algorithm stands before the signature; nothing that is signed changes.
        let algorithm = rsa_algorithm(outer);
        let at = der
            .windows(algorithm.len())
            .rposition(|window| window == algorithm)
            .unwrap();
        let mut changed = der.to_vec();
        changed[at..at + algorithm.len()].copy_from_slice(&rsa_algorithm(RsaScheme::Pkcs1Sha384));
        let verified = Certificate::parse(&changed)
            .and_then(|certificate| certificate.verify_signature_by_key(&public))
            .or_else(|_| Crl::parse(&changed)?.verify_signature_by_key(&public));
        assert_eq!(verified, Err(X509Error::Malformed));
    }
}

#[test]
fn reads_what_the_key_may_be_used_for() {
    let key = SigningKey::generate_p256();
    let root = Vendor::new(&name("Root"), IssuerKey::Ecdsa(&key));
    let issue = |shape: &Shape| root.issue(shape, key.spki_der()).unwrap();

    let mut endorsement = shape("EK", Constraints::Leaf);
    endorsement.key_usage = Some(KeyUsage::from_bits(4 | 16));
    endorsement.extended_key_usages = vec![vec![2, 23, 133, 8, 1], vec![1, 3, 6, 1, 5, 5, 7, 3, 1]];
    let made = issue(&endorsement);
    let usage = made.key_usage().unwrap();
    assert_eq!(usage.bits(), 4 | 16);
    assert!(usage.key_encipherment() && usage.key_agreement() && !usage.digital_signature());
    assert_eq!(
        made.extended_key_usages().unwrap(),
        ["1.3.6.1.5.5.7.3.1", "2.23.133.8.1"]
    );
    assert!(!made.allows_cert_sign() && !made.allows_crl_sign());

    let mut authority = shape("CA", Constraints::Authority(None));
    assert!(issue(&authority).allows_cert_sign() && issue(&authority).allows_crl_sign());
    assert_eq!(issue(&authority).extended_key_usages(), None);
    authority.key_usage = Some(KeyUsage::from_bits(1));
    assert!(!issue(&authority).allows_cert_sign() && !issue(&authority).allows_crl_sign());
    authority.key_usage = None;
    assert!(issue(&authority).allows_cert_sign() && issue(&authority).allows_crl_sign());
}

#[test]
fn restrictions_that_cannot_be_read_are_refused() {
    let key = SigningKey::generate_p256();
    let root = Vendor::new(&name("Root"), IssuerKey::Ecdsa(&key));
    let mut shape = shape("Leaf", Constraints::Absent);
    shape.key_usage = None;
    let mut issue = |extensions: &[RawExtension]| {
        shape.extensions = extensions.to_vec();
        root.issue(&shape, key.spki_der()).ok()
    };
    let own = extension(&[1, 3, 9903, 9], true, &[1, 2, 3]);
    let other = extension(&[1, 3, 9903, 8], false, &[1, 2, 3]);
    let made = issue(&[own.clone(), other]).unwrap();
    assert_eq!(made.critical_extensions().collect::<Vec<_>>(), ["1.3.9903.9"]);
    assert_eq!(issue(&[own.clone(), own]), None);
    // Subject alternative names, key usage, basic and name constraints, extended key usage.
    for last in [17, 15, 19, 30, 37] {
        assert_eq!(
            issue(&[extension(&[2, 5, 29, last], false, &[0xff, 0xff])]),
            None,
            "{last}"
        );
    }
}
