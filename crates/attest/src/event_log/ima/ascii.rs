//! `ascii_runtime_measurements`: the same as text, one entry a line. The template's data, which is what was measured,
//! is put together again.

use std::borrow::Cow;

use super::{ENTRIES_MAX, Entry, ImaError, Template};

/// Digits of the longest hash that stands in a list, SHA-512.
const HASH_DIGITS_MAX: usize = 128;

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry<'static>>, ImaError> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut entries = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let number = entries.len() + 1;
        if number > ENTRIES_MAX {
            return Err(ImaError::TooManyEntries);
        }
        entries.push(entry(line, number)?);
    }
    Ok(entries)
}

fn entry(line: &[u8], number: usize) -> Result<Entry<'static>, ImaError> {
    let malformed = ImaError::Malformed { number };
    // Registers below 10 have a space before them.
    let line = line.strip_prefix(b" ").unwrap_or(line);
    let mut words = line.split(|byte| *byte == b' ');
    let mut word = || words.next().ok_or(malformed.clone());
    let (register, hash, name) = (word()?, word()?, word()?);
    let register = std::str::from_utf8(register)
        .ok()
        .and_then(|text| text.parse().ok());
    let register = register.ok_or(malformed.clone())?;
    let hash = digits(hash)
        .filter(|hash| !hash.is_empty() && 2 * hash.len() <= HASH_DIGITS_MAX)
        .ok_or(malformed.clone())?;
    let template = Template::of_name(name).ok_or_else(|| ImaError::Template {
        number,
        name: String::from_utf8_lossy(name.get(..32).unwrap_or(name)).into_owned(),
    })?;
    let data = data(template, &mut words).ok_or(malformed)?;
    Entry::new(number, register, &hash, template, Cow::Owned(data))
}

/// Spaces in paths are underscores in what is measured as well, so a word is a field. A field of no bytes leaves its
/// place empty.
fn data<'w>(template: Template, words: &mut impl Iterator<Item = &'w [u8]>) -> Option<Vec<u8>> {
    let hash = words.next()?;
    let colon = hash.iter().rposition(|byte| *byte == b':')?;
    let (name, digest) = hash.split_at(colon + 1);
    let path = words.next()?;
    let mut data = Vec::with_capacity(hash.len() + path.len() + 16);
    field(&mut data, &[name, &[0], &digits(digest)?])?;
    field(&mut data, &[path, &[0]])?;
    if template.has_more() {
        field(&mut data, &[&digits(words.next()?)?])?;
    }
    words.next().is_none().then_some(data)
}

fn field(data: &mut Vec<u8>, parts: &[&[u8]]) -> Option<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    data.extend(u32::try_from(length).ok()?.to_le_bytes());
    data.extend(parts.iter().copied().flatten());
    Some(())
}

fn digits(word: &[u8]) -> Option<Vec<u8>> {
    hex::decode(word).ok()
}
