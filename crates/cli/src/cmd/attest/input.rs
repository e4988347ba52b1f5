//! Evidence in files, as it is given to `verify` and `explain`.

use std::path::PathBuf;

use strongroom_client::attestation::{Examination, Examined};
use strongroom_client::{Error, Platform, UnixTime};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(super) struct Input {
    /// Platform of the evidence: sgx, tdx, snp, tpm or software. Without it the bytes tell.
    #[arg(long, value_name = "NAME")]
    platform: Option<Platform>,

    /// The evidence, as bytes: a DCAP quote (with or without an Open Enclave header), an SNP report, a TPM quote as JSON,
    /// or evidence in our own envelope. Text in hexadecimal or base64 has to be decoded first.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,

    /// What the vendor signs about the platform: DCAP collateral (QuoteCollateralV3 JSON), certificates and revocation
    /// lists in PEM or DER; or a folder of such files. Can be given several times.
    #[arg(long, value_name = "FILE|DIR")]
    endorsements: Vec<PathBuf>,

    /// The event log beside the evidence: CCEL data of a TD.
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,

    /// Judge as of this time, in seconds since 1970. Without it: now.
    #[arg(long, value_name = "UNIXTIME")]
    at: Option<u64>,

    /// Report data that the evidence has to carry (of a TPM: extraData); shorter than 64 bytes, zeros must follow.
    #[arg(long, value_name = "HEX", value_parser = bytes)]
    report_data: Option<Bytes>,

    /// Nonce that the evidence has to answer: another name for --report-data.
    #[arg(long, value_name = "HEX", value_parser = bytes)]
    nonce: Option<Bytes>,

    /// A TPM's attestation key that you know to be genuine: its public area as written by TPM tools (TPMT_PUBLIC,
    /// TPM2B_PUBLIC), or the key in PEM or DER. Without it, an enrolment or a certificate has to vouch for the key.
    #[arg(long = "trusted-ak", value_name = "FILE")]
    trusted_ak: Option<PathBuf>,

    /// A policy (strongroom.policy.v1). Without it: strict, for any program.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Bytes that are given in hexadecimal.
#[derive(Debug, Clone)]
struct Bytes(Vec<u8>);

fn bytes(text: &str) -> Result<Bytes, String> {
    match hex::decode(text) {
        Ok(bytes) if bytes.is_empty() => Err("empty: nothing would be asked for".to_owned()),
        Ok(bytes) => Ok(Bytes(bytes)),
        Err(error) => Err(format!("no hexadecimal: {error}")),
    }
}

impl Input {
    /// Runs every check.
    pub(super) fn examine(&self, context: &Context) -> Result<Examined, Error> {
        let evidence = self.evidence.as_deref().ok_or_else(|| Error::Input {
            what: "--evidence".to_owned(),
            why: "not given".to_owned(),
        })?;
        let examination = Examination {
            platform: self.platform,
            evidence,
            endorsements: &self.endorsements,
            event_log: self.event_log.as_deref(),
            report_data: self.report_data.as_ref().map(|bytes| bytes.0.as_slice()),
            nonce: self.nonce.as_ref().map(|bytes| bytes.0.as_slice()),
            trusted_attestation_key: self.trusted_ak.as_deref(),
            policy: self.policy.as_deref(),
            at: self.at.map_or(context.now, UnixTime),
        };
        let examined = examination.examine()?;
        for file in &examined.passed_over {
            let file = file.display();
            context
                .output
                .note(&format!("{file} is no endorsement: passed over"));
        }
        Ok(examined)
    }
}
