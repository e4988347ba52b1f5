//! The verifier's end of an enrolment: from the keys that a TPM shows to an attestation key that is known to live in it
//! (credential activation, TPM 2.0 Library Part 1 §24). Each arrow is a type that only the step before can make:
//!
//! ```text
//! Shown ─ challenge(roots, lists, now) ─► Challenged ─ conclude(secret) ─► Enrolled
//! ```
//!
//! An [`Enrolled`] cannot be made otherwise:
//!
//! ```compile_fail,E0451
//! fn forge(public: Vec<u8>) -> strongroom_ratls::enrolment::Enrolled {
//!     strongroom_ratls::enrolment::Enrolled { public, endorsement_key: panic!(), attestation_key: panic!() }
//! }
//! ```

use strongroom_attest::platform::tpm::{
    AttestationKeyPublic, EndorsementKey, EnrolmentError, EnrolmentExtension, KeyError,
};
use strongroom_attest::{AttestationKey, Endorsements, Roots};
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::tpm_credential::{self, CredentialBlob, CredentialError};
use strongroom_crypto::x509::Certificate;

/// Most certificates that are looked at.
pub const CERTIFICATES_MAX: usize = 8;
/// Most bytes of a certificate, and of a public area.
pub const PART_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the secret in a credential.
const SECRET_BYTES: usize = 32;

/// What a TPM shows of itself; believed in nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The endorsement key, `TPMT_PUBLIC`.
    pub ek_public: Vec<u8>,
    /// The endorsement key's own certificate (DER), then those that lead to a root.
    pub ek_certificates: Vec<Vec<u8>>,
    /// The attestation key, `TPMT_PUBLIC`.
    pub ak_public: Vec<u8>,
}

/// An enrolment that does not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// More than any TPM shows.
    #[error("the TPM shows more, or larger, certificates than are looked at")]
    TooMuch,
    /// A certificate that is none.
    #[error("certificate {0} that the TPM shows cannot be read")]
    Certificate(usize),
    /// The endorsement key is not one of a genuine TPM.
    #[error(transparent)]
    EndorsementKey(#[from] EnrolmentError),
    /// The attestation key is none.
    #[error("the attestation key cannot be enrolled: {0}")]
    AttestationKey(#[from] KeyError),
    /// No credential can be made for these keys.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The answer is another secret.
    #[error("the secret that came back is not the one that was sent: the two keys do not live in one TPM")]
    OtherSecret,
}

impl EnrolError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "enrolment.refused"
    }
}

impl Shown {
    /// Makes a credential that only the TPM with both keys can open, if an accepted root for TPMs vouches for its
    /// endorsement key, and no revocation list among `endorsements` speaks against it.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub fn challenge(
        &self,
        roots: &Roots,
        endorsements: &Endorsements,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Challenged, EnrolError> {
        let large = |part: &[u8]| part.len() > PART_BYTES_MAX;
        let certificates = &self.ek_certificates;
        if certificates.len() > CERTIFICATES_MAX
            || certificates.iter().any(|certificate| large(certificate))
            || large(&self.ek_public)
            || large(&self.ak_public)
        {
            return Err(EnrolError::TooMuch);
        }
        let certificates: Vec<Certificate> = certificates
            .iter()
            .enumerate()
            .map(|(index, der)| Certificate::parse(der).map_err(|_| EnrolError::Certificate(index)))
            .collect::<Result<_, _>>()?;
        let endorsement_key =
            EndorsementKey::verify(&self.ek_public, &certificates, roots, endorsements, now)?;
        let attestation_key = AttestationKeyPublic::parse(&self.ak_public)?;
        // A key that also signs what did not come out of its TPM proves nothing, wherever it lives.
        attestation_key.check_attributes()?;
        let name = attestation_key.name().ok_or(KeyError::Attributes)?;
        let mut secret = vec![0; SECRET_BYTES];
        random.fill(&mut secret);
        let secret = SecretBytes::new(secret);
        let ek = tpm_credential::EndorsementKey::try_from(endorsement_key.public().clone())?;
        let credential = tpm_credential::make_credential(&ek, &name, secret.expose())?;
        let enrolled = Enrolled {
            public: self.ak_public.clone(),
            endorsement_key,
            attestation_key,
        };
        Ok(Challenged {
            credential,
            secret,
            enrolled,
        })
    }
}

/// A credential that was made, and the secret in it. Good for one answer.
#[derive(Debug)]
#[must_use]
pub struct Challenged {
    credential: CredentialBlob,
    secret: SecretBytes,
    enrolled: Enrolled,
}

impl Challenged {
    /// What the TPM is to open.
    #[must_use]
    pub const fn credential(&self) -> &CredentialBlob {
        &self.credential
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// [`EnrolError::OtherSecret`]; there is no second try.
    pub fn conclude(self, answer: &SecretBytes) -> Result<Enrolled, EnrolError> {
        if *answer == self.secret {
            Ok(self.enrolled)
        } else {
            Err(EnrolError::OtherSecret)
        }
    }
}

/// An attestation key that lives in a genuine TPM. [`Challenged::conclude`] is the only way to get one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Enrolled {
    public: Vec<u8>,
    endorsement_key: EndorsementKey,
    attestation_key: AttestationKeyPublic,
}

impl Enrolled {
    /// To verify evidence with, on the connection on which it was enrolled.
    #[must_use]
    pub fn known_key(&self) -> AttestationKey {
        AttestationKey {
            public: self.public.clone(),
            endorsement_root: Some(self.endorsement_key.root()),
        }
    }

    /// The key (DER SubjectPublicKeyInfo), for a certificate.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        self.attestation_key.spki_der()
    }

    /// What the certificate says was proven.
    #[must_use]
    pub fn extension(&self) -> EnrolmentExtension {
        EnrolmentExtension::new(&self.endorsement_key, &self.attestation_key)
    }

    /// The endorsement key.
    #[must_use]
    pub const fn endorsement_key(&self) -> &EndorsementKey {
        &self.endorsement_key
    }
}
