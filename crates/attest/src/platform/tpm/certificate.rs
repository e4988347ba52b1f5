//! Certificates of endorsement keys and attestation keys: which kind of key each is for, and whether it is over the key
//! that is shown (TCG EK Credential Profile 2.5 §3; TCG infrastructure usages 2.23.133.8).

use strongroom_crypto::sign::PublicKey;
use strongroom_crypto::x509::{Certificate, KeyUsage};

/// Extended key usage of endorsement keys' certificates (`tcg-kp-EKCertificate`).
pub const ENDORSEMENT_KEY_USAGE: &str = "2.23.133.8.1";
/// Extended key usage of attestation keys' certificates (`tcg-kp-AIKCertificate`).
pub const ATTESTATION_KEY_USAGE: &str = "2.23.133.8.3";

/// Extension by which Google names the machine whose virtual TPM holds the key. Its certificates have no extended key
/// usage, neither of the one key nor of the other.
const GOOGLE_INSTANCE: &str = "1.3.6.1.4.1.11129.2.1.21";

/// A certificate is of another kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfit(pub(super) &'static str);

/// Whether this is a certificate of an attestation key.
pub(super) fn fits_attestation_key(certificate: &Certificate) -> Result<(), Unfit> {
    if certificate.is_ca() {
        return Err(Unfit("an authority's certificate"));
    }
    if !certificate.key_usage().is_none_or(KeyUsage::digital_signature) {
        return Err(Unfit("a certificate whose key usage is not to sign"));
    }
    if has_usage(certificate, ATTESTATION_KEY_USAGE) || is_googles(certificate, KeyUsage::digital_signature) {
        Ok(())
    } else {
        Err(Unfit("a certificate without extended key usage 2.23.133.8.3"))
    }
}

/// Whether this is a certificate of an endorsement key.
pub(super) fn fits_endorsement_key(certificate: &Certificate) -> Result<(), Unfit> {
    if certificate.is_ca() {
        return Err(Unfit("an authority's certificate"));
    }
    let decrypts = |usage: KeyUsage| usage.key_encipherment() || usage.key_agreement();
    if has_usage(certificate, ENDORSEMENT_KEY_USAGE) || is_googles(certificate, decrypts) {
        Ok(())
    } else {
        Err(Unfit("a certificate without extended key usage 2.23.133.8.1"))
    }
}

pub(super) fn has_usage(certificate: &Certificate, oid: &str) -> bool {
    let usages = certificate.extended_key_usages().unwrap_or_default();
    usages.iter().any(|usage| usage == oid)
}

fn is_googles(certificate: &Certificate, fits: impl FnOnce(KeyUsage) -> bool) -> bool {
    certificate.extended_key_usages().is_none()
        && certificate.extension(GOOGLE_INSTANCE).is_some()
        && certificate.key_usage().is_some_and(fits)
}

/// Whether the certificate is over `key`. Some makers write an endorsement key with the algorithm RSAES-OAEP and its
/// parameters (RFC 4055 §4): there, the numbers alone are compared.
pub(super) fn is_over(certificate: &Certificate, key: &PublicKey) -> bool {
    let spki = certificate.spki_der();
    if spki == key.spki_der() {
        return true;
    }
    // id-RSAES-OAEP, 1.2.840.113549.1.1.7.
    const OAEP: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
    // Of an RSA key of 2048 bits or more: two headers with lengths of two bytes each, the algorithm, and the BIT
    // STRING's count of unused bits. What follows are the numbers, in the one form that DER allows.
    const HEAD_BYTES: usize = 4 + 15 + 4 + 1;
    let PublicKey::Rsa(rsa) = key else { return false };
    let numbers = rsa.spki_der().get(HEAD_BYTES..).unwrap_or_default();
    let named_oaep = spki.windows(OAEP.len()).position(|window| window == OAEP);
    !numbers.is_empty() && named_oaep.is_some_and(|place| place < HEAD_BYTES) && spki.ends_with(numbers)
}
