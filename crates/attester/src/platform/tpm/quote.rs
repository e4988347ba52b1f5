//! The quote, and what stands behind it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use strongroom_attest::event_log::runtime::{EVENT_TYPE, WORKLOAD_PCR};
use strongroom_attest::event_log::{Algorithm, LogWriter};
use strongroom_attest::parts::{Parts, Tag};
use strongroom_attest::{Evidence, Platform};
use strongroom_crypto::digest::{Digest32, sha256};

use super::register::WorkloadPcr;
use crate::error::AttesterError;
use crate::platform::measured::Measurements;
use crate::tpm::{Handle, PcrSelection, Pcrs, Quote, Tpm, TpmError, template};

/// Evidence of a TPM, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmQuote {
    /// `TPMS_ATTEST`; its extra data is SHA-256 of the report data.
    pub attest: Vec<u8>,
    /// `TPMT_SIGNATURE`.
    pub signature: Vec<u8>,
    /// The attestation key, `TPMT_PUBLIC`.
    pub ak_public: Vec<u8>,
    /// Values of PCRs 0 to 15, SHA-256 bank.
    pub pcrs: Pcrs,
    /// The firmware's log, and our events behind it.
    pub event_log: Vec<u8>,
    /// IMA's log, binary form.
    pub ima_log: Option<Vec<u8>>,
    /// The attestation key's certificate and its chain, DER.
    pub certificates: Vec<Vec<u8>>,
}

impl TpmQuote {
    /// The evidence, in our envelope.
    ///
    /// # Errors
    /// [`AttesterError::Evidence`] where it does not fit.
    pub fn into_evidence(self, report_data: &[u8; 64]) -> Result<Evidence, AttesterError> {
        let mut parts = Parts::new(self.attest)
            .with(Tag::Signature, self.signature)
            .with(Tag::AttestationKey, self.ak_public)
            .with(Tag::Pcrs, pcrs_bytes(&self.pcrs))
            .with(Tag::EventLog, self.event_log)
            .with(Tag::ReportData, report_data.to_vec());
        for certificate in self.certificates {
            parts = parts.with(Tag::Endorsement, certificate);
        }
        if let Some(ima_log) = self.ima_log {
            let with_log = parts.clone().with(Tag::ImaLog, ima_log);
            if with_log.fits() {
                parts = with_log;
            } else {
                tracing::warn!("IMA's log is too long for evidence: what it measured cannot be appraised");
            }
        }
        Ok(Evidence::from_parts(Platform::Tpm, &parts)?)
    }
}

/// For each register 1 byte index, then 32 bytes.
fn pcrs_bytes(pcrs: &Pcrs) -> Vec<u8> {
    let one = |(index, value): &(u32, Digest32)| {
        let index = u8::try_from(*index).expect("registers are 0 to 23");
        [&[index][..], value.as_bytes()].concat()
    };
    pcrs.iter().flat_map(one).collect()
}

/// Where the logs are that others write.
pub(super) struct Logs<'a> {
    pub(super) firmware: &'a Path,
    pub(super) ima: &'a Path,
}

/// Quotes the registers, with the log of what went into them; certificates come later.
pub(super) fn take(
    tpm: &mut Tpm,
    report_data: &[u8; 64],
    measurements: &Measurements,
    logs: &Logs<'_>,
) -> Result<TpmQuote, AttesterError> {
    let extra_data = sha256(report_data);
    let (ak_public, pcrs, quote) = tpm.with_primary(Handle::ENDORSEMENT, &template::ak(), |tpm, ak| {
        let (pcrs, quote) = consistent(tpm, ak.handle, &extra_data)?;
        Ok::<_, AttesterError>((ak.public.clone(), pcrs, quote))
    })?;
    measurements.expect(&WorkloadPcr(tpm), WorkloadPcr::among(&pcrs))?;
    // Read after the quote: these logs only grow, so everything that was quoted stands in them.
    Ok(TpmQuote {
        attest: quote.attest,
        signature: quote.signature,
        ak_public,
        pcrs,
        event_log: event_log(logs.firmware, measurements)?,
        ima_log: read_log(logs.ima)?,
        certificates: Vec::new(),
    })
}

/// A quote, and values that belong to it: a register may change between the two questions.
fn consistent(tpm: &mut Tpm, ak: Handle, extra_data: &Digest32) -> Result<(Pcrs, Quote), TpmError> {
    for _ in 0..CONSISTENT_ATTEMPTS_MAX {
        let pcrs = tpm.pcr_read(QUOTED)?;
        let quote = tpm.quote(ak, extra_data.as_bytes(), QUOTED)?;
        let quoted = quote.pcr_digest().map_err(TpmError::malformed("TPM2_Quote"))?;
        if quoted == crate::tpm::pcr_digest(&pcrs) {
            return Ok((pcrs, quote));
        }
    }
    Err(TpmError::Malformed {
        command: "TPM2_Quote",
        what: "it is about other values than the registers have",
    })
}

/// The firmware's log, or the beginning of one, then what this program measured.
fn event_log(firmware: &Path, measurements: &Measurements) -> Result<Vec<u8>, AttesterError> {
    let written = match read_log(firmware)? {
        Some(log) => LogWriter::resume(&log),
        None => LogWriter::new(&[Algorithm::Sha256]),
    };
    let mut log = written.map_err(|error| AttesterError::EventLog {
        path: firmware.to_owned(),
        what: error.to_string(),
    })?;
    for event in measurements.events() {
        // Only the SHA-256 bank was extended, whatever banks the firmware's log is about.
        let digest = sha256(&event);
        log = log.event_with(
            WORKLOAD_PCR,
            EVENT_TYPE,
            &[(Algorithm::Sha256, digest.as_bytes())],
            &event,
        );
    }
    Ok(log.finish())
}

/// A log of the kernel's; `None` where it has none.
fn read_log(path: &Path) -> Result<Option<Vec<u8>>, AttesterError> {
    let unreadable = |source| AttesterError::File {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unreadable)?,
    };
    let mut log = Vec::new();
    file.take(LOG_BYTES_MAX + 1)
        .read_to_end(&mut log)
        .map_err(unreadable)?;
    if log.len() as u64 > LOG_BYTES_MAX {
        return Err(unreadable(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "the log is too long",
        )));
    }
    Ok(Some(log))
}

/// Firmware to operating system, and ours.
const QUOTED: PcrSelection = PcrSelection::up_to(15);
const CONSISTENT_ATTEMPTS_MAX: usize = 4;
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;
