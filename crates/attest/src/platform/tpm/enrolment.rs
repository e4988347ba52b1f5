//! What enrolment proves and how it is written down: the endorsement key is a genuine TPM's (here), the attestation key
//! lives beside it (credential activation, TPM 2.0 Library Part 1 §24; at whoever enrols), and a certificate says both
//! from then on.
//!
//! ```text
//! endorsement key, its certificates ─ EndorsementKey::verify(roots, lists, now) ─► EndorsementKey ─► challenge, secret
//! attestation key ─ AttestationKeyPublic::parse, check_attributes ─► certificate with EnrolmentExtension
//! ```

use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::sign::PublicKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use super::certificate::{self, Unfit};
use super::chain::{Path, Revocation};
use super::key::AttestationKeyPublic;
use super::public::{Attributes, Public, PublicError};
use crate::endorsements::{Endorsements, Roots, root_id};
use crate::platform::Platform;

/// The extension of an attestation key's certificate that says what was proven when it was enrolled: its value is an
/// [`EnrolmentExtension`] as it is, without DER around it.
pub const EXTENSION_OID: &str = "1.3.9903.2.9";
/// The same for who issues it.
pub const EXTENSION_ARCS: [u64; 5] = [1, 3, 9903, 2, 9];

/// Content of the extension, 96 bytes: three SHA-256 digests, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrolmentExtension {
    /// Of the root certificate (DER) that the endorsement key's certificate hangs on.
    pub endorsement_root: Digest32,
    /// Of the endorsement key's certificate (DER).
    pub endorsement_certificate: Digest32,
    /// Of the attestation key's public area (`TPMT_PUBLIC`): what the challenge was sealed for is this object, with its
    /// attributes, and not just any with the same key.
    pub attestation_key: Digest32,
}

impl EnrolmentExtension {
    /// What to write about `attestation_key`, once it opened a challenge made for `endorsement_key`.
    #[must_use]
    pub fn new(endorsement_key: &EndorsementKey, attestation_key: &AttestationKeyPublic) -> Self {
        Self {
            endorsement_root: endorsement_key.root(),
            endorsement_certificate: sha256(endorsement_key.certificate().der()),
            attestation_key: attestation_key.id(),
        }
    }

    /// The extension's value.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let digests = [
            self.endorsement_root,
            self.endorsement_certificate,
            self.attestation_key,
        ];
        digests.iter().flat_map(|digest| *digest.as_bytes()).collect()
    }

    /// Reads the extension's value; nothing for any other length.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (endorsement_root, rest) = bytes.split_first_chunk()?;
        let (endorsement_certificate, rest) = rest.split_first_chunk()?;
        Some(Self {
            endorsement_root: Digest32(*endorsement_root),
            endorsement_certificate: Digest32(*endorsement_certificate),
            attestation_key: Digest32(rest.try_into().ok()?),
        })
    }
}

/// An endorsement key that an accepted root certifies. [`EndorsementKey::verify`] is the only way to get one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndorsementKey {
    public: PublicKey,
    certificate: Certificate,
    root: Digest32,
}

/// An endorsement key cannot be enrolled with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolmentError {
    /// The public area cannot be read.
    #[error("the endorsement key cannot be read")]
    Public(#[source] PublicError),
    /// A key that does not only decrypt what was sealed for its TPM.
    #[error("the endorsement key is no restricted decryption key that is fixed to its TPM")]
    Attributes,
    /// No certificate was shown.
    #[error("the TPM shows no certificate of its endorsement key")]
    NoCertificate,
    /// The certificate is of another key.
    #[error("the certificate is not over the endorsement key that is shown")]
    OtherKey,
    /// The certificate is of another kind of key.
    #[error("the certificate is none of an endorsement key: {0}")]
    Usage(&'static str),
    /// Nothing leads to an accepted root.
    #[error("no accepted root vouches for the endorsement key: it is {0}")]
    Root(String),
    /// A certificate on the way lies outside its time.
    #[error("a certificate of the endorsement key is valid from {from} to {to}, and it is {now}")]
    Expired {
        /// First second of its validity.
        from: UnixTime,
        /// Last second of its validity.
        to: UnixTime,
        /// The time at which it was looked at.
        now: UnixTime,
    },
    /// A certificate on the way is revoked.
    #[error("{0} of the endorsement key is revoked")]
    Revoked(String),
    /// Whether one is revoked cannot be told.
    #[error("{0}, which the endorsement key hangs on, is out of date")]
    Stale(String),
}

impl EndorsementKey {
    /// Checks that an accepted root for TPMs certifies the endorsement key with this `TPMT_PUBLIC`. `certificates` holds
    /// the key's own first, and then those that lead to a root. Revocation lists among `endorsements` must be in force, and
    /// revoke none of them; of an issuer without a list nothing is known.
    ///
    /// # Errors
    /// [`EnrolmentError`].
    pub fn verify(
        public: &[u8],
        certificates: &[Certificate],
        roots: &Roots,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Self, EnrolmentError> {
        let public = Public::parse(public).map_err(EnrolmentError::Public)?;
        let wanted = Attributes(
            Attributes::FIXED_TPM.0
                | Attributes::FIXED_PARENT.0
                | Attributes::SENSITIVE_DATA_ORIGIN.0
                | Attributes::RESTRICTED.0
                | Attributes::DECRYPT.0,
        );
        let attributes = public.attributes();
        if !attributes.contains(wanted) || attributes.contains(Attributes::SIGN) {
            return Err(EnrolmentError::Attributes);
        }
        let (leaf, _) = certificates.split_first().ok_or(EnrolmentError::NoCertificate)?;
        if !certificate::is_over(leaf, public.key()) {
            return Err(EnrolmentError::OtherKey);
        }
        certificate::fits_endorsement_key(leaf).map_err(|Unfit(why)| EnrolmentError::Usage(why))?;
        let path =
            Path::find(leaf, certificates, roots.of(Platform::Tpm), now).map_err(EnrolmentError::Root)?;
        if let Some(outside) = path.outside(now) {
            return Err(EnrolmentError::Expired {
                from: outside.not_before(),
                to: outside.not_after(),
                now,
            });
        }
        match path.revocation(endorsements, endorsements, now) {
            Revocation::Revoked(what) => return Err(EnrolmentError::Revoked(what)),
            Revocation::Stale(what) => return Err(EnrolmentError::Stale(what)),
            Revocation::NoList | Revocation::Partial(_) | Revocation::Good(_) => {}
        }
        Ok(Self {
            public: public.key().clone(),
            certificate: leaf.clone(),
            root: root_id(path.root()),
        })
    }

    /// The key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// SHA-256 of the root certificate (DER) that it hangs on.
    #[must_use]
    pub const fn root(&self) -> Digest32 {
        self.root
    }
}
