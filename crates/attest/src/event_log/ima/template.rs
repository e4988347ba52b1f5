//! What an entry consists of: fields with their lengths before them, which ones its template says.

use crate::reader::{LittleEndian, Reader};

/// Which fields an entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// `ima-ng`: hash and path.
    Ng,
    /// `ima-sig`: hash, path, signature.
    Sig,
    /// `ima-buf`: hash, name, content.
    Buf,
    /// `ima-ngv2`: hash with its kind, path.
    NgV2,
    /// `ima-sigv2`: hash with its kind, path, signature.
    SigV2,
}

const ALL: [Template; 5] = [
    Template::Ng,
    Template::Sig,
    Template::Buf,
    Template::NgV2,
    Template::SigV2,
];

impl Template {
    /// The template of a name, if its form is known here.
    #[must_use]
    pub fn of_name(name: &[u8]) -> Option<Self> {
        ALL.into_iter()
            .find(|template| template.name().as_bytes() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ng => "ima-ng",
            Self::Sig => "ima-sig",
            Self::Buf => "ima-buf",
            Self::NgV2 => "ima-ngv2",
            Self::SigV2 => "ima-sigv2",
        }
    }

    /// Whether a third field follows hash and path.
    pub(super) const fn has_more(self) -> bool {
        matches!(self, Self::Sig | Self::Buf | Self::SigV2)
    }

    /// Whether the hash says of what it is.
    const fn has_kind(self) -> bool {
        matches!(self, Self::NgV2 | Self::SigV2)
    }
}

/// The kind of hash that is of a file's content, and goes without saying in the first version.
const OF_CONTENT: &str = "ima";

/// The fields of an entry.
pub(super) struct Fields<'d> {
    kind: &'d str,
    algorithm: &'d str,
    pub(super) digest: &'d [u8],
    pub(super) path: &'d [u8],
}

impl<'d> Fields<'d> {
    pub(super) fn parse(template: Template, data: &'d [u8]) -> Option<Self> {
        let mut reader = Reader::<LittleEndian>::new(data);
        let hash = reader.sized()?;
        let path = reader.sized()?.strip_suffix(&[0])?;
        if template.has_more() {
            reader.sized()?;
        }
        if !reader.rest().is_empty() || path.contains(&0) {
            return None;
        }
        let end = hash.iter().position(|byte| *byte == 0)?;
        let (name, digest) = (&hash[..end], &hash[end + 1..]);
        let name = std::str::from_utf8(name).ok()?.strip_suffix(':')?;
        let (kind, algorithm) = if template.has_kind() {
            name.split_once(':')?
        } else {
            (OF_CONTENT, name)
        };
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_graphic() && c != b':');
        (is_word(kind) && is_word(algorithm)).then_some(Self {
            kind,
            algorithm,
            digest,
            path,
        })
    }

    pub(super) fn file_hash(&self) -> String {
        let hash = format!("{}:{}", self.algorithm, hex::encode(self.digest));
        if self.kind == OF_CONTENT {
            hash
        } else {
            format!("{}:{hash}", self.kind)
        }
    }
}
