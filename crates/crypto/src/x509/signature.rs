//! Signature algorithms of certificates and lists: what an AlgorithmIdentifier says, and whether the key fits it.

use x509_parser::asn1_rs::{BitString, Tag};
use x509_parser::x509::AlgorithmIdentifier;

use super::X509Error;
use crate::der;
use crate::rsa_verify::RsaScheme;
use crate::sign::{Curve, PublicKey};

/// Checks `signature` over `signed` by `key`.
pub(super) fn verify_signed(
    key: &PublicKey,
    algorithm: &AlgorithmIdentifier<'_>,
    signed: &[u8],
    signature: &BitString<'_>,
) -> Result<(), X509Error> {
    if signature.unused_bits != 0 {
        return Err(X509Error::Malformed);
    }
    let signature = signature.data.as_ref();
    match (Algorithm::read(algorithm)?, key) {
        (Algorithm::Ecdsa(curve), PublicKey::Ecdsa(key)) if key.curve() == curve => {
            key.verify(signed, signature)
        }
        (Algorithm::Rsa(scheme), PublicKey::Rsa(key)) => key.verify(scheme, signed, signature),
        _ => return Err(X509Error::Unsupported),
    }
    .map_err(|_| X509Error::BadSignature)
}

/// Whether a certificate or list names its algorithm outside as inside, in the part that is signed, byte for byte
/// (RFC 5280 §4.1.1.2, §5.1.1.2).
pub(super) fn algorithms_agree(der: &[u8]) -> bool {
    let Some(outer) = der::elements(der) else {
        return false;
    };
    let [signed, algorithm, _] = outer.as_slice() else {
        return false;
    };
    der::elements(signed).is_some_and(|inner| inner.contains(algorithm))
}

enum Algorithm {
    /// The curve whose hash is signed.
    Ecdsa(Curve),
    Rsa(RsaScheme),
}

impl Algorithm {
    fn read(algorithm: &AlgorithmIdentifier<'_>) -> Result<Self, X509Error> {
        let parameters = algorithm.parameters.as_ref();
        // RFC 5758 §3.2: none with ECDSA. RFC 4055 §5: NULL with PKCS#1, and absent must be accepted.
        let absent = parameters.is_none();
        let null = parameters.is_none_or(|any| any.tag() == Tag::Null && any.data.is_empty());
        match algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.10045.4.3.2" if absent => Ok(Self::Ecdsa(Curve::P256)),
            "1.2.840.10045.4.3.3" if absent => Ok(Self::Ecdsa(Curve::P384)),
            "1.2.840.113549.1.1.11" if null => Ok(Self::Rsa(RsaScheme::Pkcs1Sha256)),
            "1.2.840.113549.1.1.12" if null => Ok(Self::Rsa(RsaScheme::Pkcs1Sha384)),
            "1.2.840.113549.1.1.13" if null => Ok(Self::Rsa(RsaScheme::Pkcs1Sha512)),
            "1.2.840.113549.1.1.10" => parameters
                .filter(|any| any.tag() == Tag::Sequence)
                .and_then(|any| pss_scheme(any.data))
                .map(Self::Rsa)
                .ok_or(X509Error::Unsupported),
            _ => Err(X509Error::Unsupported),
        }
    }
}

/// Reads the content of RSASSA-PSS-params (RFC 4055 §3.1). It is compared with every way to write the parameters that
/// are supported, which is stricter than interpreting it.
fn pss_scheme(content: &[u8]) -> Option<RsaScheme> {
    [RsaScheme::PssSha256, RsaScheme::PssSha384, RsaScheme::PssSha512]
        .into_iter()
        .find(|scheme| {
            [Trailer::Default, Trailer::Written].into_iter().any(|trailer| {
                [der::NULL, &[]].into_iter().any(|hash| {
                    [der::NULL, &[]]
                        .into_iter()
                        .any(|mask| pss_params(*scheme, hash, mask, trailer) == content)
                })
            })
        })
}

/// The AlgorithmIdentifier of an RSA scheme, as vendors write it.
#[cfg(feature = "fast")]
pub(crate) fn rsa_algorithm(scheme: RsaScheme) -> Vec<u8> {
    let (last, parameters) = match scheme {
        RsaScheme::Pkcs1Sha256 => (11, der::NULL.to_vec()),
        RsaScheme::Pkcs1Sha384 => (12, der::NULL.to_vec()),
        RsaScheme::Pkcs1Sha512 => (13, der::NULL.to_vec()),
        RsaScheme::PssSha256 | RsaScheme::PssSha384 | RsaScheme::PssSha512 => {
            let parameters = pss_params(scheme, der::NULL, der::NULL, Trailer::Written);
            (10, der::element(der::SEQUENCE, &[&parameters]))
        }
    };
    // Children of 1.2.840.113549.1.1.
    let oid = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last];
    der::element(der::SEQUENCE, &[&oid, &parameters])
}

/// The trailer field has one value. DER leaves a default out; AMD's certificates write it.
#[derive(Clone, Copy)]
enum Trailer {
    Default,
    Written,
}

/// Content of RSASSA-PSS-params. `hash` and `mask` are the parameters of the two mentions of the hash: RFC 4055 §2.1
/// wants NULL and has absence accepted.
fn pss_params(scheme: RsaScheme, hash: &[u8], mask: &[u8], trailer: Trailer) -> Vec<u8> {
    let (last, salt) = match scheme {
        RsaScheme::PssSha256 | RsaScheme::Pkcs1Sha256 => (1, 32),
        RsaScheme::PssSha384 | RsaScheme::Pkcs1Sha384 => (2, 48),
        RsaScheme::PssSha512 | RsaScheme::Pkcs1Sha512 => (3, 64),
    };
    // id-sha256, id-sha384 and id-sha512: 2.16.840.1.101.3.4.2.{1,2,3}.
    let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    let hash = der::element(der::SEQUENCE, &[&oid, hash]);
    let mask = der::element(der::SEQUENCE, &[&oid, mask]);
    let mask = der::element(der::SEQUENCE, &[MGF1, &mask]);
    let trailer = match trailer {
        Trailer::Default => Vec::new(),
        Trailer::Written => der::element(der::explicit(3), &[&der::unsigned(&[1])]),
    };
    [
        der::element(der::explicit(0), &[&hash]),
        der::element(der::explicit(1), &[&mask]),
        der::element(der::explicit(2), &[&der::unsigned(&[salt])]),
        trailer,
    ]
    .concat()
}

/// The object identifier id-mgf1, 1.2.840.113549.1.1.8.
const MGF1: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
