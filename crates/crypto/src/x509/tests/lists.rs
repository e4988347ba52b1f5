//! Revocation lists.

use super::super::crl::CRL_BYTES_MAX;
use super::*;
use crate::issue::vendor::list_params;

#[test]
fn a_list_names_what_its_issuer_revoked() {
    let key = SigningKey::generate_p256();
    let public = key.verifying_key().clone().into();
    let root = Vendor::new(&name("Root"), IssuerKey::Ecdsa(&key));
    let list = root.revoke(&list_shape()).unwrap();
    let certificate = root
        .issue(&shape("Root", Constraints::Authority(None)), key.spki_der())
        .unwrap();

    assert_eq!(list.verify_signature_by_key(&public), Ok(()));
    let other = SigningKey::generate_p256().verifying_key().clone().into();
    assert_eq!(list.verify_signature_by_key(&other), Err(X509Error::BadSignature));
    assert_eq!(list.issuer_raw(), certificate.subject_raw());
    assert_eq!(list.this_update(), UnixTime(1_790_000_000));
    assert_eq!(list.next_update(), Some(UnixTime(1_792_000_000)));
    assert_eq!(list.revoked_count(), 3);
    for revoked in [&[0x80, 1][..], &[0, 0x80, 1], &[5], &[0, 0, 5], &[0], &[]] {
        assert!(list.is_revoked(revoked), "{revoked:?}");
    }
    for good in [&[1][..], &[0x80], &[5, 0], &[0x80, 1, 0]] {
        assert!(!list.is_revoked(good), "{good:?}");
    }
    // What a certificate says of itself can be looked up as it is, its sign byte included.
    let mut revoked = shape("Leaf", Constraints::Leaf);
    revoked.serial = vec![0x80, 1];
    let revoked = root.issue(&revoked, key.spki_der()).unwrap();
    assert_eq!(revoked.serial(), [0, 0x80, 1]);
    assert!(list.is_revoked(revoked.serial()) && !list.is_revoked(certificate.serial()));

    let mut empty = list_shape();
    empty.revoked.clear();
    let empty = root.revoke(&empty).unwrap();
    assert!(empty.revoked_count() == 0 && !empty.is_revoked(&[0]));
}

#[test]
fn a_list_that_is_no_whole_list_is_refused() {
    let key = SigningKey::generate_p256();
    let root = Vendor::new(&name("Root"), IssuerKey::Ecdsa(&key));
    let good = root.list(&list_params(&list_shape())).unwrap();
    assert!(Crl::parse(&good).is_ok());

    // An issuing distribution point is critical (RFC 5280 §5.2.5): the list covers a part of the certificates.
    let mut partial = list_params(&list_shape());
    partial.issuing_distribution_point = Some(rcgen::CrlIssuingDistributionPoint {
        distribution_point: rcgen::CrlDistributionPoint {
            uris: vec!["http://crl.example".into()],
        },
        scope: Some(rcgen::CrlScope::CaCertsOnly),
    });
    let partial = root.list(&partial).unwrap();
    assert_eq!(Crl::parse(&partial), Err(X509Error::CriticalExtension));

    assert_eq!(
        Crl::parse(&[good.as_slice(), &[0]].concat()),
        Err(X509Error::Malformed)
    );
    assert_eq!(Crl::parse(&good[..good.len() - 1]), Err(X509Error::Malformed));
    assert_eq!(Crl::parse(&[]), Err(X509Error::Malformed));
    assert_eq!(Crl::parse(&vec![0; CRL_BYTES_MAX + 1]), Err(X509Error::TooLong));

    let pem = encode_pem(&pem::Pem::new("X509 CRL", good.clone()));
    assert_eq!(Crl::parse_pem(&pem), Crl::parse(&good));
    let other = encode_pem(&pem::Pem::new("CERTIFICATE", good));
    assert_eq!(Crl::parse_pem(&other), Err(X509Error::NoPem));
    assert_eq!(Crl::parse_pem(""), Err(X509Error::NoPem));
}

#[test]
fn nothing_that_was_changed_verifies() {
    let key = SigningKey::generate_p384();
    let public = key.verifying_key().clone().into();
    let root = Vendor::new(&name("Root"), IssuerKey::Ecdsa(&key));
    let good = root.list(&list_params(&list_shape())).unwrap();
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        let verified = Crl::parse(&changed).and_then(|list| list.verify_signature_by_key(&public));
        assert!(verified.is_err(), "byte {at} of the list");
    }
    let good = root
        .issue(&shape("Leaf", Constraints::Leaf), key.spki_der())
        .unwrap();
    for at in 0..good.der().len() {
        let mut changed = good.der().to_vec();
        changed[at] ^= 1;
        let verified = Certificate::parse(&changed).and_then(|leaf| leaf.verify_signature_by_key(&public));
        assert!(verified.is_err(), "byte {at} of the certificate");
    }
}
