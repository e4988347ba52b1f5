//! The form of SNP evidence: the report, and beside it the certificates and lists that came with it, as the host hands them
//! to a guest.

use super::report::{AttestationReport, ECDSA_P384_SHA384, REPORT_BYTES, VERSIONS};
use crate::claims::{Claims, Measurement, Protection};
use crate::endorsements::Endorsements;
use crate::evidence::{ParseError, PlatformEvidence};
use crate::parts::{Parts, Tag};
use crate::platform::Platform;
use crate::report::Report;
use crate::verify::Context;

/// SNP evidence that was read, and is not trusted yet.
#[derive(Debug)]
pub(crate) struct SnpEvidence {
    body: Vec<u8>,
    pub(super) report: AttestationReport,
    endorsements: Endorsements,
}

impl SnpEvidence {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let parts = Parts::parse(body).map_err(malformed)?;
        let report = AttestationReport::read(parts.signed())
            .ok_or_else(|| malformed("the report has not 1184 bytes"))?;
        if let Some(tag) = parts
            .tags()
            .find(|tag| !matches!(tag, Tag::Signed | Tag::Endorsement))
        {
            return Err(malformed(match tag {
                Tag::EventLog => "no event log belongs to an SNP report",
                _ => "it has a part that no SNP evidence has",
            }));
        }
        let mut endorsements = Endorsements::none();
        for part in parts.all(Tag::Endorsement) {
            endorsements
                .add(part)
                .map_err(|_| malformed("an endorsement beside the report cannot be read"))?;
        }
        Ok(Self {
            body: body.to_vec(),
            report,
            endorsements,
        })
    }
}

impl PlatformEvidence for SnpEvidence {
    fn body(&self) -> &[u8] {
        &self.body
    }

    fn report_data(&self) -> &[u8; 64] {
        self.report.report_data()
    }

    fn protection(&self) -> Protection {
        Protection::Confidential
    }

    fn measurement(&self) -> Measurement {
        self.report.measurement().into()
    }

    fn endorsements(&self) -> Endorsements {
        self.endorsements.clone()
    }

    fn verify(&self, context: &Context<'_>, report: &mut Report) -> Option<Claims> {
        Some(super::verify::verify(&self.report, context, report))
    }
}

/// Whether bytes are an SNP report, damaged perhaps. With `expected`, whoever hands them in says that they are.
///
/// A DCAP quote begins with a number as small, of 16 bits; the next 16 are its kind of key and never zero.
pub(crate) fn recognise(expected: bool, bytes: &[u8]) -> bool {
    let word = |at: usize| {
        bytes
            .get(at..)?
            .first_chunk()
            .map(|word| u32::from_le_bytes(*word))
    };
    let version = word(0).is_some_and(|version| VERSIONS.contains(&version));
    let algorithm = word(52) == Some(ECDSA_P384_SHA384);
    match AttestationReport::read(bytes) {
        Some(report) => {
            let form = report.reserved_byte_set().is_none() && report.signature_byte_set().is_none();
            expected || version || (algorithm && form)
        }
        // Cut short or continued: both numbers stand where they should, as far as there are bytes.
        None => version && (algorithm || (expected && bytes.len() < ALGORITHM_END)),
    }
}

/// A report, alone: no event log belongs to it.
pub(crate) fn read_native(bytes: &[u8], event_log: Option<&[u8]>) -> Result<Parts, ParseError> {
    if event_log.is_some() {
        return Err(malformed("no event log belongs to an SNP report"));
    }
    if bytes.len() != REPORT_BYTES {
        return Err(malformed("the report has not 1184 bytes"));
    }
    Ok(Parts::new(bytes.to_vec()))
}

/// Where the number of the signature algorithm ends.
const ALGORITHM_END: usize = 56;

fn malformed(what: &'static str) -> ParseError {
    ParseError::Body {
        platform: Platform::Snp,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(version: u32, algorithm: u32) -> Vec<u8> {
        let mut bytes = vec![0; REPORT_BYTES];
        bytes[..4].copy_from_slice(&version.to_le_bytes());
        bytes[52..56].copy_from_slice(&algorithm.to_le_bytes());
        bytes
    }

    #[test]
    fn reports_are_recognised_and_damaged_ones_too() {
        for version in VERSIONS {
            let whole = report(version, 1);
            assert!(recognise(false, &whole));
            assert!(recognise(false, &report(version, 2)));
            assert!(recognise(false, &whole[..REPORT_BYTES - 1]));
            assert!(recognise(false, &whole[..56]));
            assert!(recognise(false, &[&whole[..], &[0]].concat()));
            assert!(!recognise(false, &whole[..55]), "too little to tell");
            assert!(recognise(true, &whole[..55]));
            assert!(recognise(true, &whole[..4]));
        }
        // A damaged version, in bytes that are a report in every other way.
        assert!(recognise(false, &report(0x82, 1)));
        assert!(!recognise(false, &report(0x82, 2)));
        assert!(recognise(true, &report(0x82, 2)));
    }

    #[test]
    fn other_evidence_is_not_taken_for_a_report() {
        // Version, kind of key and TEE of quotes; other texts.
        for quote in [
            [3, 0, 2, 0, 0, 0, 0, 0],
            [4, 0, 2, 0, 0x81, 0, 0, 0],
            [5, 0, 2, 0, 0x81, 0, 0, 0],
        ] {
            let mut bytes = quote.to_vec();
            bytes.resize(5000, 0);
            bytes[52] = 1;
            assert!(!recognise(false, &bytes));
            assert!(!recognise(true, &bytes));
        }
        for other in [&b""[..], b"{}", b"\x02\0\0", &[0xff; 300]] {
            assert!(!recognise(false, other));
            assert!(!recognise(true, other));
        }
    }
}
