//! What can be wrong with a bundle, each with a code that stays the same for ever.

use std::path::PathBuf;

use strongroom_crypto::secret::KeyId;

use crate::format::digest::BundleDigest;
use crate::store::StoreError;

/// A part of a bundle that is encrypted in chunks of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// All files, one after the other, and padding.
    Content,
    /// Names and sizes of the files.
    Table,
}

impl Section {
    /// The number that stands for the section in keys, associated data and tree leaves.
    #[must_use]
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Content => 1,
            Self::Table => 2,
        }
    }

    /// The section's name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Table => "file table",
        }
    }
}

/// Why a bundle could not be written, opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The first bytes are not a bundle's.
    #[error("this is no encrypted bundle")]
    NotABundle,
    /// The layout is older or newer than what this build reads.
    #[error("bundle layout {found} is not read by this build, which reads layout {supported}: {advice}")]
    Version {
        /// Layout that the bundle names.
        found: u32,
        /// Layout that this build reads.
        supported: u32,
        /// What to do about it.
        advice: &'static str,
    },
    /// A field has a value that no writer makes.
    #[error("malformed bundle: {what}")]
    Malformed {
        /// The field, in words.
        what: &'static str,
    },
    /// The end is missing, or is not a bundle's end.
    #[error("the bundle does not end as one: it was cut short, or something was added")]
    Truncated,
    /// The object is longer or shorter than its own end says.
    #[error("the bundle has {found} bytes where its layout needs {expected}")]
    Length {
        /// Bytes that the layout needs.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The bundle is genuine or not, but it is not the one that was asked for.
    #[error("this is not the bundle that was asked for: expected digest {expected}, found {found}")]
    DigestMismatch {
        /// Digest that was asked for.
        expected: BundleDigest,
        /// Digest of what is there.
        found: BundleDigest,
    },
    /// The bundle is not encrypted for this key.
    #[error("the bundle is encrypted for key {}, not for key {given}", list(.wanted))]
    WrongKey {
        /// Keys that open the bundle.
        wanted: Vec<KeyId>,
        /// Key that was given.
        given: KeyId,
    },
    /// The wrapped data key was damaged. It lies outside the digest: only its own check can tell.
    #[error("the wrapped key in the bundle's header was changed")]
    WrapCorrupt,
    /// A chunk is not what the digest stands for.
    #[error("chunk {index} of the {} was changed", section.name())]
    ChunkCorrupt {
        /// Where the chunk lies.
        section: Section,
        /// Its index within the section, from zero.
        index: u64,
    },
    /// The file table breaks a rule: only whoever holds the key can have written it.
    #[error("malformed file table: {what}")]
    Table {
        /// The rule, in words.
        what: &'static str,
    },
    /// A file name is not allowed in a bundle.
    #[error("file name {name:?} is not allowed: {why}")]
    Name {
        /// The name.
        name: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// No such file in the bundle.
    #[error("the bundle holds no file {name:?}")]
    NoSuchFile {
        /// The name that was asked for.
        name: String,
    },
    /// A range reaches beyond its file.
    #[error("bytes {start}..{end} lie outside {name:?}, which has {length}")]
    Range {
        /// The file.
        name: String,
        /// First byte asked for.
        start: u64,
        /// End of the range asked for, exclusive.
        end: u64,
        /// Bytes that the file has.
        length: u64,
    },
    /// More than a named limit allows.
    #[error("{what}: {found} is more than the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The destination is already there.
    #[error("{0} is already there")]
    Exists(PathBuf),
    /// Reading or writing a local file failed.
    #[error("{what}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The place where the bundle lies answered with an error.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BundleError {
    /// The stable code: part of the interface, listed in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotABundle => "bundle.not_a_bundle",
            Self::Version { .. } => "bundle.version",
            Self::Malformed { .. } => "bundle.malformed",
            Self::Truncated => "bundle.truncated",
            Self::Length { .. } => "bundle.length",
            Self::DigestMismatch { .. } => "bundle.digest_mismatch",
            Self::WrongKey { .. } => "bundle.wrong_key",
            Self::WrapCorrupt => "bundle.wrap_corrupt",
            Self::ChunkCorrupt { .. } => "bundle.chunk_corrupt",
            Self::Table { .. } => "bundle.table",
            Self::Name { .. } => "bundle.name",
            Self::NoSuchFile { .. } => "bundle.no_such_file",
            Self::Range { .. } => "bundle.range",
            Self::TooLarge { .. } => "bundle.too_large",
            Self::Exists(_) => "bundle.exists",
            Self::Io { .. } => "bundle.io",
            Self::Store(error) => error.code(),
        }
    }

    /// An I/O error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

fn list(keys: &[KeyId]) -> String {
    keys.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" or ")
}
