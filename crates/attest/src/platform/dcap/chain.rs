//! The PCK certificate chain of a quote: PCK certificate, the authority that issued it, root (Intel, "SGX PCK certificate
//! and certificate revocation list profile"). All keys are on P-256.

use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::sign::{Curve, PublicKey, VerifyingKey};
use strongroom_crypto::x509::crl::Crl;
use strongroom_crypto::x509::{Certificate, KeyUsage};

use super::pck::{self, PckIdentity};
use super::quote::{PCK_CERTIFICATE_CHAIN, Quote};
use crate::cache::SignatureCache;
use crate::endorsements::{Anchor, Roots, root_id};
use crate::platform::Platform;

/// SHA-256 of the DER SubjectPublicKeyInfo of Intel's SGX Root CA.
pub(super) const INTEL_ROOT_KEY: Digest32 = Digest32([
    0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4, 0x13, 0x2f, 0x91, 0x86, 0x06, 0x8a, 0x7f, 0xc1, 0x36,
    0x28, 0x63, 0x3b, 0xa2, 0x35, 0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e,
]);

/// Longest chain that is read, in bytes: three certificates in PEM have less than 4 KiB.
const CHAIN_BYTES_MAX: usize = 32 * 1024;

/// The chain, read and not verified.
#[derive(Debug)]
pub(super) struct PckChain {
    pub(super) leaf: Certificate,
    pub(super) ca: Certificate,
    pub(super) root: Certificate,
    pub(super) identity: PckIdentity,
}

/// A root that is accepted, and whose it is.
pub(super) struct AcceptedRoot<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) anchor: Anchor,
}

impl PckChain {
    /// Reads the chain from a quote's certification data.
    ///
    /// # Errors
    /// A half sentence about what is wrong.
    pub(super) fn parse(quote: &Quote) -> Result<Self, String> {
        match quote.certification_type {
            PCK_CERTIFICATE_CHAIN => {}
            1..=3 => {
                return Err(format!(
                    "certification data of type {}: the platform's PPID instead of its certificate",
                    quote.certification_type
                ));
            }
            other => return Err(format!("certification data of type {other}")),
        }
        let data = &quote.certification_data;
        if data.len() > CHAIN_BYTES_MAX {
            return Err(format!("{} bytes", data.len()));
        }
        let text = std::str::from_utf8(data).map_err(|_| "bytes that are no PEM")?;
        // A C string's end is part of the data.
        let certificates = Certificate::parse_pem_chain(text.trim_end_matches('\0'))
            .map_err(|_| "certificates that cannot be read")?;
        let count = certificates.len();
        let [leaf, ca, root] =
            <[Certificate; 3]>::try_from(certificates).map_err(|_| format!("{count} certificates"))?;
        let extension = leaf
            .extension(pck::EXTENSION)
            .ok_or("a certificate without Intel's extension")?;
        let identity = PckIdentity::parse(extension)?;
        p256(&leaf).ok_or("a PCK certificate whose key is not on P-256")?;
        Ok(Self {
            leaf,
            ca,
            root,
            identity,
        })
    }

    /// The certificates with their names, leaf first.
    pub(super) fn certificates(&self) -> [(&'static str, &Certificate); 3] {
        [
            ("the PCK certificate", &self.leaf),
            ("the PCK CA", &self.ca),
            ("the root", &self.root),
        ]
    }

    /// The root at the end of the chain, if it is accepted for `platform`: by its key alone, whatever it calls itself.
    pub(super) fn accepted_root<'a>(
        &'a self,
        roots: &'a Roots,
        platform: Platform,
    ) -> Option<AcceptedRoot<'a>> {
        if roots.accepts_vendor(platform) && sha256(self.root.spki_der()) == INTEL_ROOT_KEY {
            return Some(AcceptedRoot {
                certificate: &self.root,
                anchor: Anchor::Vendor,
            });
        }
        let named = roots
            .of(platform)
            .find(|root| root.spki_der() == self.root.spki_der());
        named.map(|certificate| AcceptedRoot {
            certificate,
            anchor: Anchor::Named,
        })
    }

    /// Checks names, usages and signatures from the root to the leaf.
    pub(super) fn check(&self, signatures: Option<&SignatureCache>) -> Result<(), String> {
        if self.leaf.is_ca() {
            return Err("the PCK certificate is an authority's".to_owned());
        }
        if !self.leaf.key_usage().is_none_or(KeyUsage::digital_signature) {
            return Err("the PCK certificate's key is not for signing".to_owned());
        }
        // Only itself stands between the root and a leaf of the PCK CA.
        if self.root.path_length() == Some(0) {
            return Err("the root allows no authority below itself".to_owned());
        }
        for (name, certificate) in self.certificates() {
            check_extensions(name, certificate)?;
        }
        // From the root down: what is remembered hangs on it, whatever comes after.
        issued("the root", &self.root, &self.root, signatures)?;
        issued("the PCK CA", &self.ca, &self.root, signatures)?;
        issued("the PCK certificate", &self.leaf, &self.ca, signatures)
    }
}

/// Checks that `certificate` was issued by `issuer`, an authority.
pub(super) fn issued(
    name: &str,
    certificate: &Certificate,
    issuer: &Certificate,
    signatures: Option<&SignatureCache>,
) -> Result<(), String> {
    if certificate.issuer_raw() != issuer.subject_raw() {
        return Err(format!("{name} names another issuer"));
    }
    if !issuer.allows_cert_sign() {
        return Err(format!("the issuer of {name} is no authority"));
    }
    let key = p256(issuer).ok_or_else(|| format!("the issuer of {name} has no key on P-256"))?;
    let good = match signatures {
        Some(signatures) => signatures.signed(issuer, certificate),
        None => certificate.verify_signature_by(&key).is_ok(),
    };
    if good {
        Ok(())
    } else {
        Err(format!("{name} is not signed by its issuer"))
    }
}

/// Checks that a certificate that signs TCB information was issued by the root itself.
pub(super) fn check_signer(
    name: &str,
    signer: &Certificate,
    root: &Certificate,
    signatures: Option<&SignatureCache>,
) -> Result<(), String> {
    if signer.is_ca() {
        return Err(format!("{name} is an authority's"));
    }
    if !signer.key_usage().is_none_or(KeyUsage::digital_signature) {
        return Err(format!("the key of {name} is not for signing"));
    }
    check_extensions(name, signer)?;
    issued(name, signer, root, signatures)
}

/// Checks that `issuer` signed the list.
pub(super) fn check_crl(
    list: &Crl,
    issuer: &Certificate,
    signatures: Option<&SignatureCache>,
) -> Result<(), &'static str> {
    if list.issuer_raw() != issuer.subject_raw() {
        return Err("a list of another issuer");
    }
    if !issuer.allows_crl_sign() {
        return Err("a list of an issuer whose key is not for lists");
    }
    let key = p256(issuer).ok_or("a list of an issuer without a key on P-256")?;
    let good = match signatures {
        Some(signatures) => signatures.signed_list(issuer, list),
        None => list.verify_signature_by_key(&PublicKey::Ecdsa(key)).is_ok(),
    };
    if good {
        Ok(())
    } else {
        Err("a list that its issuer did not sign")
    }
}

/// Checks a signature `r || s` of a certificate's key over bytes.
pub(super) fn check_raw(
    certificate: &Certificate,
    bytes: &[u8],
    signature: &[u8],
    signatures: Option<&SignatureCache>,
) -> bool {
    let Some(key) = p256(certificate) else {
        return false;
    };
    match signatures {
        Some(signatures) => signatures.signed_raw(&key, bytes, signature),
        None => key.verify_raw(bytes, signature).is_ok(),
    }
}

/// How a certificate that is accepted as a root is named in claims.
pub(super) fn named(root: &AcceptedRoot<'_>) -> Digest32 {
    root_id(root.certificate)
}

fn p256(certificate: &Certificate) -> Option<VerifyingKey> {
    let key = certificate.verifying_key().ok()?;
    (key.curve() == Curve::P256).then_some(key)
}

/// Key usage and basic constraints are understood, and Intel makes nothing else critical.
fn check_extensions(name: &str, certificate: &Certificate) -> Result<(), String> {
    let unknown = certificate
        .critical_extensions()
        .find(|oid| !matches!(*oid, "2.5.29.15" | "2.5.29.19"));
    match unknown {
        None => Ok(()),
        Some(oid) => Err(format!(
            "{name} has a critical extension {oid} that is not understood"
        )),
    }
}

#[cfg(all(test, feature = "fast"))]
mod tests {
    use strongroom_crypto::issue::custom::SubjectPart;
    use strongroom_crypto::issue::vendor::{Constraints, IssuerKey, Shape, Vendor};
    use strongroom_crypto::sign::SigningKey;
    use strongroom_crypto::time::UnixTime;

    use super::*;
    use crate::hex_bytes::HexBytes;
    use crate::platform::dcap::SgxType;

    fn certificate(issuer: (&str, &SigningKey), name: &str, key: &SigningKey, leaf: bool) -> Certificate {
        let named = |name: &str| vec![(SubjectPart::CommonName, name.to_owned())];
        let shape = Shape {
            subject: named(name),
            serial: vec![1],
            not_before: UnixTime(1_790_000_000),
            not_after: UnixTime(1_800_000_000),
            constraints: if leaf {
                Constraints::Leaf
            } else {
                Constraints::Authority(None)
            },
            key_usage: Some(KeyUsage::from_bits(if leaf { 1 } else { 32 | 64 })),
            extended_key_usages: Vec::new(),
            extensions: Vec::new(),
        };
        Vendor::new(&named(issuer.0), IssuerKey::Ecdsa(issuer.1))
            .issue(&shape, key.spki_der())
            .expect("a certificate")
    }

    fn chain(signs_ca: &SigningKey, root: &Certificate) -> PckChain {
        let ca = SigningKey::generate_p256();
        PckChain {
            leaf: certificate(("CA", &ca), "PCK", &SigningKey::generate_p256(), true),
            ca: certificate(("Root", signs_ca), "CA", &ca, false),
            root: root.clone(),
            identity: PckIdentity {
                ppid: HexBytes([0; 16]),
                sgx_tcb_svns: HexBytes([0; 16]),
                pce_svn: 0,
                cpu_svn: HexBytes([0; 16]),
                pce_id: HexBytes([0; 2]),
                fmspc: HexBytes([0; 6]),
                sgx_type: SgxType::Standard,
                platform_instance_id: None,
                dynamic_platform: None,
                cached_keys: None,
                smt: None,
            },
        }
    }

    #[test]
    fn nothing_is_remembered_that_does_not_hang_on_the_root() {
        let (key, other) = (SigningKey::generate_p256(), SigningKey::generate_p256());
        let root = certificate(("Root", &key), "Root", &key, false);
        let signatures = SignatureCache::default();
        for _ in 0..3 {
            // An authority of the attester's own, below a root that did not certify it.
            let refused = chain(&other, &root).check(Some(&signatures));
            assert_eq!(refused, Err("the PCK CA is not signed by its issuer".to_owned()));
        }
        assert_eq!(signatures.len(), 1, "the root alone");
        assert_eq!(chain(&key, &root).check(Some(&signatures)), Ok(()));
        assert_eq!(signatures.len(), 3);
    }
}
