//! The form of DCAP evidence: the quote, and beside it the collateral that came with it and, for TDX, an event log.

use std::sync::Arc;

use super::quote::Quote;
use crate::endorsements::Endorsements;
use crate::evidence::ParseError;
use crate::parts::{Parts, Tag};
use crate::platform::Platform;

/// Evidence of SGX or TDX that was read, and is not trusted yet.
#[derive(Debug)]
pub(crate) struct DcapEvidence {
    pub(crate) body: Vec<u8>,
    pub(crate) quote: Quote,
    pub(crate) endorsements: Endorsements,
    pub(crate) event_log: Option<Arc<[u8]>>,
}

impl DcapEvidence {
    pub(crate) fn parse(platform: Platform, body: &[u8]) -> Result<Self, ParseError> {
        let malformed = |what| ParseError::Body { platform, what };
        let parts = Parts::parse(body).map_err(malformed)?;
        let quote = Quote::parse(platform, parts.signed()).map_err(malformed)?;
        let mut endorsements = Endorsements::none();
        for tag in parts.tags() {
            match tag {
                Tag::Signed => {}
                Tag::EventLog if platform == Platform::Tdx => {}
                Tag::EventLog => return Err(malformed("no event log belongs to an SGX quote")),
                Tag::Collateral | Tag::Endorsement => {}
                _ => return Err(malformed("it has a part that no DCAP evidence has")),
            }
        }
        for part in parts.all(Tag::Collateral).chain(parts.all(Tag::Endorsement)) {
            endorsements
                .add(part)
                .map_err(|_| malformed("collateral beside the quote cannot be read"))?;
        }
        Ok(Self {
            body: body.to_vec(),
            quote,
            endorsements,
            event_log: parts.get(Tag::EventLog).map(Arc::from),
        })
    }
}

/// A quote as tools write it, and the event log beside it.
pub(crate) fn read_native(
    platform: Platform,
    bytes: &[u8],
    event_log: Option<&[u8]>,
) -> Result<Parts, ParseError> {
    let parts = Parts::new(bytes.to_vec());
    match event_log {
        None => Ok(parts),
        Some(log) if platform == Platform::Tdx => Ok(parts.with(Tag::EventLog, log.to_vec())),
        Some(_) => Err(ParseError::Body {
            platform,
            what: "no event log belongs to an SGX quote",
        }),
    }
}
