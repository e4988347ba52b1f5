//! `binary_runtime_measurements`, little-endian: register, SHA-1 hash, the template's name and the template's data with
//! their lengths before them.

use std::borrow::Cow;

use super::{ENTRIES_MAX, Entry, ImaError, Template};
use crate::reader::{LittleEndian, Reader};

const SHA1_BYTES: usize = 20;

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry<'_>>, ImaError> {
    let mut reader = Reader::<LittleEndian>::new(bytes);
    let mut entries = Vec::new();
    while !reader.rest().is_empty() {
        let number = entries.len() + 1;
        if number > ENTRIES_MAX {
            return Err(ImaError::TooManyEntries);
        }
        let malformed = ImaError::Malformed { number };
        let mut head = || Some((reader.u32()?, reader.array::<SHA1_BYTES>()?, reader.sized()?));
        let (register, hash, name) = head().ok_or(malformed.clone())?;
        let template = Template::of_name(name).ok_or_else(|| ImaError::Template {
            number,
            name: String::from_utf8_lossy(name.get(..32).unwrap_or(name)).into_owned(),
        })?;
        let data = reader.sized().ok_or(malformed)?;
        entries.push(Entry::new(
            number,
            register,
            &hash,
            template,
            Cow::Borrowed(data),
        )?);
    }
    Ok(entries)
}
