//! A root, an endorsement certificate and a revocation list that OpenSSL 3 made, checked by whichever back end is
//! built. RSA of 2048 bits; the root and the list are signed with PSS and SHA-384, the leaf with PKCS#1 and SHA-256.

use strongroom_crypto::UnixTime;
use strongroom_crypto::sign::PublicKey;
use strongroom_crypto::x509::crl::Crl;
use strongroom_crypto::x509::{Certificate, KeyUsage, X509Error};

const ROOT: &str = include_str!("openssl/root.pem");
const LEAF: &str = include_str!("openssl/ek.pem");
const LIST: &str = include_str!("openssl/crl.pem");

/// 2026-11-25T02:08:52Z.
const MADE: UnixTime = UnixTime(1_795_572_532);

#[test]
fn reads_and_verifies_certificates_of_openssl() {
    let root = Certificate::parse_pem(ROOT).unwrap();
    let leaf = Certificate::parse_pem(LEAF).unwrap();
    let key = root.public_key().unwrap();
    assert!(matches!(key, PublicKey::Rsa(_)));
    assert_eq!(root.verify_signature_by_key(&key), Ok(()));
    assert_eq!(leaf.verify_signature_by_key(&key), Ok(()));
    let other = leaf.public_key().unwrap();
    assert_eq!(root.verify_signature_by_key(&other), Err(X509Error::BadSignature));
    assert_eq!(leaf.verify_signature_by_key(&other), Err(X509Error::BadSignature));

    assert_eq!((root.serial(), root.not_before()), (&[0][..], MADE));
    assert_eq!(root.key_usage(), Some(KeyUsage::from_bits(32 | 64)));
    assert!(root.allows_cert_sign() && root.allows_crl_sign());
    assert_eq!(leaf.issuer_raw(), root.subject_raw());
    assert_eq!(leaf.issuer_cn(), Some("Test Root"));
    assert_eq!(leaf.extended_key_usages().unwrap(), ["2.23.133.8.1"]);
    assert!(!leaf.allows_cert_sign());
}

#[test]
fn reads_and_verifies_a_list_of_openssl() {
    let root = Certificate::parse_pem(ROOT).unwrap();
    let leaf = Certificate::parse_pem(LEAF).unwrap();
    let list = Crl::parse_pem(LIST).unwrap();
    assert_eq!(list.verify_signature_by_key(&root.public_key().unwrap()), Ok(()));
    assert_eq!(
        list.verify_signature_by_key(&leaf.public_key().unwrap()),
        Err(X509Error::BadSignature)
    );
    assert_eq!(list.issuer_raw(), root.subject_raw());
    assert_eq!(list.this_update(), MADE);
    assert_eq!(list.next_update(), Some(MADE.plus(36500 * 24 * 60 * 60)));
    assert!(list.is_revoked(leaf.serial()) && !list.is_revoked(root.serial()));
}

#[test]
fn nothing_that_was_changed_verifies() {
    let root = Certificate::parse_pem(ROOT).unwrap();
    let key = root.public_key().unwrap();
    for at in (0..root.der().len()).step_by(7) {
        let mut changed = root.der().to_vec();
        changed[at] ^= 1;
        let verified = Certificate::parse(&changed).and_then(|changed| changed.verify_signature_by_key(&key));
        assert!(verified.is_err(), "byte {at}");
    }
}
