//! The form of software evidence: three length-prefixed fields, the statement, its signature, and the certificate of
//! the key that signed it.
//!
//! The statement is `enc(label, simulator version, report data, measurement, workload digest or nothing, issued-at,
//! flags)`; the signature is over exactly these bytes.

use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::{Decoder, Encoder, Malformed};
use strongroom_crypto::label;
use strongroom_crypto::sign::VerifyingKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use crate::claims::{Claims, Measurement, Protection};
use crate::evidence::{ParseError, PlatformEvidence};
use crate::platform::Platform;
use crate::report::Report;
use crate::verify::Context;

/// Longest simulator version, in bytes.
const VERSION_BYTES_MAX: usize = 32;
/// Longest attestation key certificate, in bytes.
const CERTIFICATE_BYTES_MAX: usize = 4096;
/// The one flag there is: the platform runs its programs in debug mode.
const FLAG_DEBUG: u64 = 1;

/// What the simulator states of its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Version of the simulator, printable ASCII.
    pub simulator_version: String,
    /// What the caller asked to have in its evidence.
    pub report_data: [u8; 64],
    /// SHA-256 of the caller's executable.
    pub measurement: Digest32,
    /// Digest of the workload description that the caller handed in, computed by the simulator.
    pub workload: Option<Digest32>,
    /// When the statement was made.
    pub issued_at: UnixTime,
    /// Whether the platform runs its programs in debug mode.
    pub debug: bool,
}

impl Statement {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        Encoder::new(label::SOFTWARE_EVIDENCE)
            .bytes(self.simulator_version.as_bytes())
            .bytes(&self.report_data)
            .bytes(self.measurement.as_bytes())
            .bytes(self.workload.as_ref().map_or(&[], |digest| digest.as_bytes()))
            .u64(self.issued_at.0)
            .u64(if self.debug { FLAG_DEBUG } else { 0 })
            .finish()
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let cut = |_: Malformed| "the statement is cut short or too long";
        let mut fields = Decoder::new(bytes);
        if fields.bytes().map_err(cut)? != label::SOFTWARE_EVIDENCE.as_bytes() {
            return Err("the statement has another label");
        }
        let version = fields.bytes().map_err(cut)?;
        if version.len() > VERSION_BYTES_MAX || !version.iter().all(u8::is_ascii_graphic) {
            return Err("the simulator version is no short printable text");
        }
        let report_data = fields.array().map_err(|_| "the report data has not 64 bytes")?;
        let measurement = Digest32(fields.array().map_err(|_| "the measurement has not 32 bytes")?);
        let workload = match fields.bytes().map_err(cut)? {
            [] => None,
            digest => Some(Digest32(
                digest
                    .try_into()
                    .map_err(|_| "the workload digest has not 32 bytes")?,
            )),
        };
        let issued_at = UnixTime(fields.u64().map_err(cut)?);
        let debug = match fields.u64().map_err(cut)? {
            0 => false,
            FLAG_DEBUG => true,
            _ => return Err("the statement has flags that this program does not know"),
        };
        fields.finish().map_err(cut)?;
        let simulator_version = String::from_utf8_lossy(version).into_owned();
        Ok(Self {
            simulator_version,
            report_data,
            measurement,
            workload,
            issued_at,
            debug,
        })
    }
}

/// Software evidence that was read, and is not trusted yet.
#[derive(Debug, Clone)]
pub struct SoftwareEvidence {
    body: Vec<u8>,
    pub(super) statement: Statement,
    pub(super) signed: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) certificate: Certificate,
    pub(super) key: VerifyingKey,
}

impl SoftwareEvidence {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let malformed = |what| ParseError::Body {
            platform: Platform::Software,
            what,
        };
        let cut = |_: Malformed| malformed("its fields are cut short or too long");
        let mut fields = Decoder::new(body);
        let signed = fields.bytes().map_err(cut)?;
        let signature = fields.bytes().map_err(cut)?;
        let certificate = fields.bytes().map_err(cut)?;
        fields.finish().map_err(cut)?;
        if certificate.len() > CERTIFICATE_BYTES_MAX {
            return Err(malformed("the attestation key's certificate is too long"));
        }
        let certificate = Certificate::parse(certificate)
            .map_err(|_| malformed("the attestation key's certificate cannot be read"))?;
        let key = certificate
            .verifying_key()
            .map_err(|_| malformed("the attestation key is of an unknown kind"))?;
        Ok(Self {
            body: body.to_vec(),
            statement: Statement::parse(signed).map_err(malformed)?,
            signed: signed.to_vec(),
            signature: signature.to_vec(),
            certificate,
            key,
        })
    }

    pub(super) fn encode(signed: &[u8], signature: &[u8], certificate: &Certificate) -> Vec<u8> {
        Encoder::unlabelled()
            .bytes(signed)
            .bytes(signature)
            .bytes(certificate.der())
            .finish()
    }
}

impl PlatformEvidence for SoftwareEvidence {
    fn body(&self) -> &[u8] {
        &self.body
    }

    fn report_data(&self) -> &[u8; 64] {
        &self.statement.report_data
    }

    fn protection(&self) -> Protection {
        Protection::Simulated
    }

    fn measurement(&self) -> Measurement {
        self.statement.measurement.into()
    }

    fn verify(&self, context: &Context<'_>, report: &mut Report) -> Option<Claims> {
        super::verify::verify(self, context, report)
    }
}
