//! The body of hardware evidence in our envelope: typed parts, as the platform's own tools make them, side by side.
//!
//! ```text
//! for each part: 2 bytes tag, 4 bytes length, both big-endian, then the part; nothing follows
//! ```
//!
//! What is signed is verified inside its part; the parts beside it (certificates, event logs) prove themselves or are
//! refused, so their order and presence need no signature.

use crate::evidence::Evidence;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tag {
    /// What the hardware signed: a DCAP quote, an SNP report, a `TPMS_ATTEST`. Exactly one.
    Signed,
    /// `TPMT_SIGNATURE` over a `TPMS_ATTEST`.
    Signature,
    /// `TPMT_PUBLIC` of the attestation key.
    AttestationKey,
    /// PCR values of the SHA-256 bank: for each 1 byte index, then 32 bytes.
    Pcrs,
    /// TCG event log: CCEL of a TD, or the firmware's log of a TPM, with our events at its end.
    EventLog,
    /// Linux' IMA measurement list, binary form.
    ImaLog,
    /// An endorsement that came with the evidence: a certificate or CRL, DER. May repeat.
    Endorsement,
    /// DCAP collateral that came with the evidence (`QuoteCollateralV3` JSON). May repeat.
    Collateral,
    /// The 64 bytes of report data, where the platform signs only a digest of them.
    ReportData,
}

/// Every tag with its number.
const TAGS: &[(Tag, u16)] = &[
    (Tag::Signed, 1),
    (Tag::Signature, 2),
    (Tag::AttestationKey, 3),
    (Tag::Pcrs, 4),
    (Tag::EventLog, 5),
    (Tag::ImaLog, 6),
    (Tag::Endorsement, 7),
    (Tag::Collateral, 8),
    (Tag::ReportData, 9),
];

/// Most parts in one body.
const PARTS_MAX: usize = 64;

/// The parts of one piece of hardware evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts(Vec<(Tag, Vec<u8>)>);

impl Parts {
    /// What the hardware signed, and nothing else yet.
    #[must_use]
    pub fn new(signed: Vec<u8>) -> Self {
        Self(vec![(Tag::Signed, signed)])
    }

    /// One part more.
    #[must_use]
    pub fn with(mut self, tag: Tag, part: Vec<u8>) -> Self {
        self.0.push((tag, part));
        self
    }

    /// Reads a body.
    ///
    /// # Errors
    /// A half sentence about what is wrong.
    pub(crate) fn parse(mut body: &[u8]) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        while !body.is_empty() {
            if parts.len() == PARTS_MAX {
                return Err("it has too many parts");
            }
            let (tag, rest) = body.split_first_chunk::<2>().ok_or("a part is cut short")?;
            let (length, rest) = rest.split_first_chunk::<4>().ok_or("a part is cut short")?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| "a part is cut short")?;
            let (part, rest) = rest.split_at_checked(length).ok_or("a part is cut short")?;
            let number = u16::from_be_bytes(*tag);
            let known = TAGS.iter().find(|(_, known)| *known == number);
            let (tag, _) = known.ok_or("it has a part that this program does not know")?;
            let repeats = matches!(tag, Tag::Endorsement | Tag::Collateral);
            if !repeats && parts.iter().any(|(other, _)| other == tag) {
                return Err("it has the same part twice");
            }
            parts.push((*tag, part.to_vec()));
            body = rest;
        }
        let parts = Self(parts);
        parts
            .get(Tag::Signed)
            .map(|_| ())
            .ok_or("it has nothing that the hardware signed")?;
        Ok(parts)
    }

    /// The body, as [`Parts::parse`] reads it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (tag, part) in &self.0 {
            let number = TAGS.iter().find(|(known, _)| known == tag);
            let (_, number) = number.expect("every tag has a number");
            let length = u32::try_from(part.len()).expect("evidence is bounded far below 4 GiB");
            body.extend_from_slice(&number.to_be_bytes());
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(part);
        }
        body
    }

    /// The first part with this tag.
    #[must_use]
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.all(tag).next()
    }

    /// All parts with this tag.
    pub fn all(&self, tag: Tag) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .filter(move |(known, _)| *known == tag)
            .map(|(_, part)| part.as_slice())
    }

    /// What there is, in order.
    pub(crate) fn tags(&self) -> impl Iterator<Item = Tag> {
        self.0.iter().map(|(tag, _)| *tag)
    }

    /// What the hardware signed.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        self.get(Tag::Signed).unwrap_or_default()
    }

    /// How many bytes the envelope will hold.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.to_bytes().len() <= Evidence::BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_again_and_damage_is_named() {
        let parts = Parts::new(b"quote".to_vec())
            .with(Tag::Endorsement, b"one".to_vec())
            .with(Tag::Endorsement, b"two".to_vec())
            .with(Tag::EventLog, Vec::new());
        let body = parts.to_bytes();
        assert_eq!(Parts::parse(&body), Ok(parts.clone()));
        assert_eq!(parts.all(Tag::Endorsement).count(), 2);
        let refused = |body: &[u8]| Parts::parse(body).expect_err("damaged");
        assert_eq!(refused(&body[..body.len() - 1]), "a part is cut short");
        assert_eq!(refused(b""), "it has nothing that the hardware signed");
        let twice = [body.clone(), Parts::new(b"quote".to_vec()).to_bytes()].concat();
        assert_eq!(refused(&twice), "it has the same part twice");
        let mut unknown = body;
        unknown[1] = 200;
        assert_eq!(refused(&unknown), "it has a part that this program does not know");
        let many = Parts::new(Vec::new()).to_bytes().repeat(2);
        assert_eq!(refused(&many), "it has the same part twice");
    }
}
