//! The form of a TPM's evidence: the quote, its signature, the attestation key, the values of the registers, and beside
//! them logs, certificates and report data. See [`super::native`] for the form of other tools.

use std::sync::Arc;

use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;

use super::attest::Attest;
use super::key::{AttestationKeyPublic, KeyError};
use super::log;
use super::pcrs::Pcrs;
use super::public::PublicError;
use super::signature::Signature;
use super::wire::unwrap_sized;
use crate::claims::{Claims, Measurement, Protection};
use crate::endorsements::Endorsements;
use crate::evidence::{ParseError, PlatformEvidence};
use crate::parts::{Parts, Tag};
use crate::platform::Platform;
use crate::report::Report;
use crate::verify::Context;

/// A TPM's evidence that was read, and is not trusted yet.
#[derive(Debug)]
pub(crate) struct TpmEvidence {
    body: Vec<u8>,
    /// What was signed, as it was received.
    pub(super) signed: Vec<u8>,
    pub(super) attest: Attest,
    pub(super) signature: Signature,
    pub(super) key: AttestationKeyPublic,
    pub(super) pcrs: Pcrs,
    pub(super) event_log: Option<Arc<[u8]>>,
    pub(super) ima_log: Option<Arc<[u8]>>,
    endorsements: Endorsements,
    report_data: Option<[u8; 64]>,
}

impl TpmEvidence {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let malformed = |what| ParseError::Body {
            platform: Platform::Tpm,
            what,
        };
        let parts = Parts::parse(body).map_err(malformed)?;
        Self::of(body, &parts).map_err(malformed)
    }

    fn of(body: &[u8], parts: &Parts) -> Result<Self, &'static str> {
        if parts.get(Tag::Collateral).is_some() {
            return Err("it has DCAP collateral, which no TPM has");
        }
        let signed = parts.signed();
        let signed = unwrap_sized(signed).unwrap_or(signed);
        let key = parts.get(Tag::AttestationKey).ok_or("ak_public: there is none")?;
        let key = AttestationKeyPublic::parse(key).map_err(describe)?;
        let signature = parts.get(Tag::Signature).ok_or("signature: there is none")?;
        let pcrs = parts.get(Tag::Pcrs).ok_or("pcrs: there are none")?;
        let mut endorsements = Endorsements::none();
        for part in parts.all(Tag::Endorsement) {
            let read = endorsements.add(part);
            read.map_err(|_| "a certificate or revocation list that came with it cannot be read")?;
        }
        let report_data = parts.get(Tag::ReportData).map(TryInto::try_into).transpose();
        Ok(Self {
            body: body.to_vec(),
            attest: Attest::parse(signed)?,
            signed: signed.to_vec(),
            signature: Signature::parse(signature, key.key())?,
            key,
            pcrs: Pcrs::parse(pcrs)?,
            event_log: parts.get(Tag::EventLog).map(Into::into),
            ima_log: parts.get(Tag::ImaLog).map(Into::into),
            endorsements,
            report_data: report_data.map_err(|_| "the report data has not 64 bytes")?,
        })
    }

    /// The report data, where the evidence has them: all that the TPM signs of them is a digest.
    pub(super) fn stated_report_data(&self) -> Option<&[u8; 64]> {
        self.report_data.as_ref()
    }

    /// Certificates that came with the evidence.
    pub(super) fn certificates(&self) -> &[Certificate] {
        self.endorsements.certificates()
    }

    /// The measurement where no log says what ran: a digest over the registers that were selected and over their values.
    /// Without the selection, registers that anybody may reset could stand for others.
    pub(super) fn quoted_measurement(&self) -> Measurement {
        let quote = self.attest.quote.as_ref();
        sha256(quote.map_or(&[], |quote| &quote.raw)).into()
    }
}

impl PlatformEvidence for TpmEvidence {
    fn body(&self) -> &[u8] {
        &self.body
    }

    fn report_data(&self) -> &[u8; 64] {
        // No report data is 64 zeros: those of a session are a digest.
        self.report_data.as_ref().unwrap_or(&[0; 64])
    }

    fn protection(&self) -> Protection {
        Protection::IntegrityOnly
    }

    fn measurement(&self) -> Measurement {
        let program = self.event_log.as_deref().and_then(log::stated_program);
        program.map_or_else(|| self.quoted_measurement(), Into::into)
    }

    fn freshness(&self) -> &[u8] {
        match &self.report_data {
            Some(report_data) => report_data,
            None => &self.attest.extra_data,
        }
    }

    fn endorsements(&self) -> Endorsements {
        self.endorsements.clone()
    }

    fn verify(&self, context: &Context<'_>, report: &mut Report) -> Option<Claims> {
        super::verify::verify(self, context, report)
    }
}

fn describe(error: KeyError) -> &'static str {
    match error {
        KeyError::Public(PublicError::Malformed) => {
            "ak_public: neither TPMT_PUBLIC nor SubjectPublicKeyInfo, or not whole"
        }
        KeyError::Public(PublicError::Kind) => {
            "ak_public: the object is no RSA key and none on an elliptic curve"
        }
        KeyError::Public(PublicError::NameAlgorithm) => {
            "ak_public: the object's name uses neither SHA-256 nor SHA-384 nor SHA-512"
        }
        _ => {
            "ak_public: the key is neither RSA of 2048 to 4096 bits with exponent 65537 nor on P-256 or P-384"
        }
    }
}
