//! Evidence as it travels: one envelope of our own around each platform's form.
//!
//! ```text
//! 8 bytes  magic 89 'S' 'R' 'E' 'V' 0d 0a 01     the last byte is the version
//! 2 bytes  platform, big-endian
//! 4 bytes  length of the body, big-endian
//!          body, in the platform's form; nothing follows
//! ```
//!
//! The first byte is neither an Open Enclave header's (01) nor a raw quote's (a small little-endian version), so none
//! can be mistaken for the other, and the line end inside shows a transfer that changed line ends.

use std::fmt;
use std::sync::Arc;

use crate::claims::{Claims, Measurement, Protection};
use crate::platform::{self, Platform};
use crate::report::Report;
use crate::verify::Context;

const MAGIC: [u8; 8] = [0x89, b'S', b'R', b'E', b'V', b'\r', b'\n', 0x01];
const HEADER_BYTES: usize = MAGIC.len() + 2 + 4;
const OPEN_ENCLAVE_HEADER: [u8; 8] = [1, 0, 0, 0, 2, 0, 0, 0];

/// Evidence that was read, and is not trusted yet: see [`crate::verify`].
#[derive(Clone)]
pub struct Evidence {
    platform: Platform,
    inner: Arc<dyn PlatformEvidence>,
}

/// What every platform's evidence can do.
pub(crate) trait PlatformEvidence: fmt::Debug + Send + Sync {
    /// The body as it travels.
    fn body(&self) -> &[u8];
    /// The report data that the platform signed, as the evidence states it.
    fn report_data(&self) -> &[u8; 64];
    /// What the platform protects from, were the evidence genuine: reports say it in words from their first line.
    fn protection(&self) -> Protection;
    /// The measurement that the platform signed, as the evidence states it.
    fn measurement(&self) -> Measurement;
    /// Steps 3 to 6 of [`crate::verify`]. Makes claims even when a check failed: the caller hands none on then.
    fn verify(&self, context: &Context<'_>, report: &mut Report) -> Option<Claims>;
}

/// The bytes are no evidence that this program can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// There is nothing.
    #[error("there is no evidence: it is empty")]
    Empty,
    /// MarbleRun's own form.
    #[error("this is a quote in an Open Enclave header, not evidence in an envelope of ours")]
    OpenEnclave,
    /// Something else.
    #[error("this is no evidence: it does not begin as an envelope of ours")]
    Magic,
    /// The bytes end early, or go on after the end.
    #[error("evidence has {found} bytes where its header says {expected}")]
    Length {
        /// What the header says, header included.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// More than any platform needs.
    #[error("evidence of {length} bytes is larger than {max} bytes", max = Evidence::BYTES_MAX)]
    TooLarge {
        /// What there is.
        length: usize,
    },
    /// A platform number of the future.
    #[error("evidence names platform number {0}, which this program does not know")]
    UnknownPlatform(u16),
    /// A platform that this program cannot verify.
    #[error("evidence of platform {0} cannot be verified: the platform is not built into this program")]
    NotBuiltIn(Platform),
    /// The platform's own form is broken.
    #[error("evidence of platform {platform} is malformed: {what}")]
    Body {
        /// The platform.
        platform: Platform,
        /// What is wrong.
        what: &'static str,
    },
}

impl Evidence {
    /// Most bytes of evidence that are looked at.
    pub const BYTES_MAX: usize = 256 * 1024;

    /// Reads evidence from its envelope (step 1).
    ///
    /// # Errors
    /// [`ParseError`]; [`ParseError::of`] adds whose evidence it was.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.is_empty() {
            return Err(ParseError::Empty);
        }
        if bytes.len() > Self::BYTES_MAX {
            return Err(ParseError::TooLarge { length: bytes.len() });
        }
        if bytes.starts_with(&OPEN_ENCLAVE_HEADER) {
            return Err(ParseError::OpenEnclave);
        }
        let rest = bytes.strip_prefix(&MAGIC).ok_or(ParseError::Magic)?;
        let length = ParseError::Length {
            expected: HEADER_BYTES,
            found: bytes.len(),
        };
        let (tag, rest) = rest.split_first_chunk::<2>().ok_or_else(|| length.clone())?;
        let (body_length, body) = rest.split_first_chunk::<4>().ok_or(length)?;
        let body_length = usize::try_from(u32::from_be_bytes(*body_length)).unwrap_or(usize::MAX);
        if body.len() != body_length {
            let expected = HEADER_BYTES.saturating_add(body_length);
            return Err(ParseError::Length {
                expected,
                found: bytes.len(),
            });
        }
        let tag = u16::from_be_bytes(*tag);
        let platform = Platform::from_tag(tag).ok_or(ParseError::UnknownPlatform(tag))?;
        Ok(Self {
            platform,
            inner: platform::parse(platform, body)?,
        })
    }

    /// The envelope, as [`Evidence::parse`] reads it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = self.inner.body();
        let length = u32::try_from(body.len()).expect("a body that was parsed is bounded far below 4 GiB");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.platform.tag().to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// The platform that the evidence names.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    /// The report data, untrusted: an attester compares it with what it asked for.
    #[must_use]
    pub fn report_data(&self) -> &[u8; 64] {
        self.inner.report_data()
    }

    /// The measurement, untrusted: what a program's own platform says to itself. Of anybody else it proves nothing:
    /// there, [`crate::verify`] gives [`Claims`].
    #[must_use]
    pub fn stated_measurement(&self) -> Measurement {
        self.inner.measurement()
    }

    pub(crate) fn inner(&self) -> &dyn PlatformEvidence {
        &*self.inner
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn of(platform: Platform, inner: Arc<dyn PlatformEvidence>) -> Self {
        Self { platform, inner }
    }
}

impl fmt::Debug for Evidence {
    /// The platform and the size: evidence bodies do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("platform", &self.platform)
            .field("body_bytes", &self.inner.body().len())
            .finish()
    }
}

impl PartialEq for Evidence {
    fn eq(&self, other: &Self) -> bool {
        self.platform == other.platform && self.inner.body() == other.inner.body()
    }
}

impl Eq for Evidence {}
