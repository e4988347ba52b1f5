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
//!
//! Evidence as vendors' tools write it, without our envelope, is read by [`Evidence::read_native`]; a peer's evidence
//! only ever comes in the envelope, or in the form of a MarbleRun workload ([`Evidence::parse_marblerun`]).

use std::fmt;
use std::sync::Arc;

use crate::claims::{Claims, Measurement, Protection};
use crate::endorsements::Endorsements;
use crate::parts::Parts;
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
    form: Form,
    inner: Arc<dyn PlatformEvidence>,
}

/// How evidence travelled: what may be bound to it depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In our envelope.
    Envelope,
    /// An SGX quote behind an Open Enclave header, as a MarbleRun workload sends it.
    OpenEnclave,
    /// As the vendor's tools write it: to look at, never a peer's.
    Native,
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
    /// What the evidence says about the session where the platform signs less than report data, or other bytes: a TPM's
    /// `extraData`.
    fn freshness(&self) -> &[u8] {
        self.report_data()
    }
    /// Endorsements that came with the evidence.
    fn endorsements(&self) -> Endorsements {
        Endorsements::none()
    }
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
    /// No platform's evidence begins so.
    #[error("these bytes are the evidence of no platform that this program knows")]
    NoPlatform,
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
    pub const BYTES_MAX: usize = 512 * 1024;

    /// Most bytes of evidence in a file: a TPM's has event logs within.
    pub const NATIVE_BYTES_MAX: usize = 32 * 1024 * 1024;

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
            form: Form::Envelope,
            inner: platform::parse(platform, body)?,
        })
    }

    /// Reads what a MarbleRun workload sends: an SGX quote behind an Open Enclave header.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse_marblerun(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(ParseError::TooLarge { length: bytes.len() });
        }
        let quote = open_enclave(bytes).ok_or(ParseError::Magic)?;
        let parts = Parts::new(quote.to_vec());
        Ok(Self {
            form: Form::OpenEnclave,
            ..Self::from_parts(Platform::Sgx, &parts)?
        })
    }

    /// Evidence in the parts that the platform's own tools make, as an attester puts it together.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn from_parts(platform: Platform, parts: &Parts) -> Result<Self, ParseError> {
        let body = parts.to_bytes();
        if body.len() > Self::BYTES_MAX - HEADER_BYTES {
            return Err(ParseError::TooLarge { length: body.len() });
        }
        Ok(Self {
            platform,
            form: Form::Envelope,
            inner: platform::parse(platform, &body)?,
        })
    }

    /// Reads evidence as vendors' tools write it, with the event log that lies beside it: a DCAP quote (with or without an
    /// Open Enclave header), an SNP report, a TPM quote as JSON; our envelope as well.
    ///
    /// # Errors
    /// [`ParseError::NoPlatform`] where the bytes are no known platform's, or not that of `platform`; others where they are
    /// and are damaged.
    pub fn read_native(
        platform: Option<Platform>,
        bytes: &[u8],
        event_log: Option<&[u8]>,
    ) -> Result<Self, ParseError> {
        if bytes.starts_with(&MAGIC) {
            let evidence = Self::parse(bytes)?;
            let same = platform.is_none_or(|platform| platform == evidence.platform);
            return if same {
                Ok(evidence)
            } else {
                Err(ParseError::NoPlatform)
            };
        }
        let quote = open_enclave(bytes).unwrap_or(bytes);
        let platform = platform::recognise(platform, quote).ok_or(ParseError::NoPlatform)?;
        if bytes.len() > Self::NATIVE_BYTES_MAX {
            let what = "it is larger than any evidence";
            return Err(ParseError::Body { platform, what });
        }
        let parts = platform::read_native(platform, quote, event_log)?;
        Ok(Self {
            platform,
            form: Form::Native,
            inner: platform::parse(platform, &parts.to_bytes())?,
        })
    }

    /// How the evidence travelled.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
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
        Self {
            platform,
            form: Form::Envelope,
            inner,
        }
    }
}

/// The quote behind an Open Enclave header: version 1, type 2, and the length of what follows, 8 bytes little-endian.
fn open_enclave(bytes: &[u8]) -> Option<&[u8]> {
    let (length, quote) = bytes
        .strip_prefix(&OPEN_ENCLAVE_HEADER)?
        .split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    (length == quote.len()).then_some(quote)
}

impl ParseError {
    /// Whether the bytes are the evidence of no known platform at all, rather than that of one, and damaged.
    #[must_use]
    pub const fn is_foreign(&self) -> bool {
        matches!(
            self,
            Self::Empty | Self::Magic | Self::OpenEnclave | Self::UnknownPlatform(_) | Self::NoPlatform
        )
    }

    /// The platform that the evidence is of, where that much could be read.
    #[must_use]
    pub const fn platform(&self) -> Option<Platform> {
        match self {
            Self::NotBuiltIn(platform) | Self::Body { platform, .. } => Some(*platform),
            _ => None,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envelope => "an envelope of ours",
            Self::OpenEnclave => "MarbleRun's own form",
            Self::Native => "the vendor's own form",
        })
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
