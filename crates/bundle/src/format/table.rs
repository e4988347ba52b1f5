//! The file table: names and sizes, in the order in which the files lie in the content. Encrypted as a section of
//! its own; what is parsed here was already verified, and is nevertheless bounded.

use super::padding::padme;
use super::{FILES_MAX, TABLE_BYTES_MAX, name};
use crate::error::BundleError;

/// Shortest table that is written, so that short tables all look alike.
const PADDED_BYTES_MIN: u64 = 1024;
/// Bytes before the first entry.
const HEAD_BYTES: usize = 4;
/// Bytes of an entry beside its name.
const ENTRY_BYTES_MIN: usize = 2 + 8;

/// One file in a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl FileEntry {
    /// The file's name: a relative path with `/` between its parts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's size in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }
}

/// Encodes and pads the table of `files`, which are in order and checked.
///
/// # Errors
/// [`BundleError::TooLarge`].
pub(crate) fn encode(files: &[(String, u64)]) -> Result<Vec<u8>, BundleError> {
    let count = u32::try_from(files.len())
        .ok()
        .filter(|&count| u64::from(count) <= FILES_MAX)
        .ok_or(BundleError::TooLarge {
            what: "files",
            found: files.len() as u64,
            limit: FILES_MAX,
        })?;
    let mut out = count.to_be_bytes().to_vec();
    for (name, length) in files {
        let name_bytes = u16::try_from(name.len()).expect("names are checked");
        out.extend_from_slice(&name_bytes.to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&length.to_be_bytes());
    }
    let found = out.len() as u64;
    let padded = padme(found.max(PADDED_BYTES_MIN)).expect("a table is far shorter");
    if padded > TABLE_BYTES_MAX {
        return Err(BundleError::TooLarge {
            what: "bytes of file table",
            found,
            limit: TABLE_BYTES_MAX,
        });
    }
    out.resize(usize::try_from(padded).expect("bounded"), 0);
    Ok(out)
}

/// Reads a table whose files must lie within `content_bytes`.
///
/// # Errors
/// [`BundleError::Table`], [`BundleError::Name`] or [`BundleError::TooLarge`].
pub(crate) fn parse(bytes: &[u8], content_bytes: u64) -> Result<Vec<FileEntry>, BundleError> {
    let short = BundleError::Table {
        what: "it ends within an entry",
    };
    let Some((count, mut rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Err(short);
    };
    let count = u32::from_be_bytes(*count);
    if u64::from(count) > FILES_MAX {
        return Err(BundleError::TooLarge {
            what: "files",
            found: u64::from(count),
            limit: FILES_MAX,
        });
    }
    // The count is not believed beyond what the bytes can hold.
    let mut files = Vec::with_capacity((count as usize).min(rest.len() / ENTRY_BYTES_MIN));
    let mut offset = 0u64;
    for _ in 0..count {
        let Some((entry, after)) = entry(rest)? else {
            return Err(short);
        };
        rest = after;
        let end = offset.checked_add(entry.1).filter(|&end| end <= content_bytes);
        let end = end.ok_or(BundleError::Table {
            what: "the files are longer than the content",
        })?;
        files.push(FileEntry {
            name: entry.0.to_owned(),
            offset,
            length: entry.1,
        });
        offset = end;
    }
    if rest.iter().any(|&byte| byte != 0) {
        return Err(BundleError::Table {
            what: "its padding is not zero",
        });
    }
    if padme(offset) != Some(content_bytes) {
        return Err(BundleError::Table {
            what: "the content is not padded as it should be",
        });
    }
    name::check_all(files.iter().map(|file| file.name.as_str()))?;
    Ok(files)
}

type Entry<'a> = ((&'a str, u64), &'a [u8]);

fn entry(bytes: &[u8]) -> Result<Option<Entry<'_>>, BundleError> {
    let Some((name_bytes, rest)) = bytes.split_first_chunk::<2>() else {
        return Ok(None);
    };
    let Some((name, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*name_bytes))) else {
        return Ok(None);
    };
    let Some((length, rest)) = rest.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let name = std::str::from_utf8(name).map_err(|_| BundleError::Table {
        what: "a name is not UTF-8",
    })?;
    Ok(Some(((name, u64::from_be_bytes(*length)), rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(files: &[(&str, u64)]) -> Vec<u8> {
        let files: Vec<_> = files
            .iter()
            .map(|&(name, length)| (name.to_owned(), length))
            .collect();
        encode(&files).unwrap()
    }

    #[test]
    fn reads_back_what_was_written() {
        let bytes = table(&[("a", 3), ("b/c", 0), ("d", 7)]);
        assert_eq!(bytes.len(), 1024);
        let files = parse(&bytes, 10).unwrap();
        assert_eq!(
            files[2],
            FileEntry {
                name: "d".into(),
                offset: 3,
                length: 7
            }
        );
        assert_eq!(files.len(), 3);
        assert!(parse(&table(&[]), 0).unwrap().is_empty());
    }

    #[test]
    fn refuses_what_no_writer_makes() {
        let good = table(&[("a", 3), ("b", 7)]);
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        let code = |bytes: &[u8], content| parse(bytes, content).map(|_| ()).map_err(|error| error.code());
        assert_eq!(code(&good, 10), Ok(()));
        assert_eq!(code(&good, 9), Err("bundle.table"));
        assert_eq!(code(&good, 11), Err("bundle.table"));
        assert_eq!(code(&good[..20], 10), Err("bundle.table"));
        assert_eq!(code(&[], 0), Err("bundle.table"));
        assert_eq!(code(&changed(0, 0xff), 10), Err("bundle.too_large"));
        assert_eq!(code(&changed(1023, 1), 10), Err("bundle.table"));
        assert_eq!(code(&changed(6, 0xff), 10), Err("bundle.table"));
        assert_eq!(code(&changed(6, b'b'), 10), Err("bundle.name"));
        assert_eq!(code(&changed(7, 0xff), 10), Err("bundle.table"));
    }
}
