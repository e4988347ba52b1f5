//! Structures that UEFI firmware logs (TCG PC Client Platform Firmware Profile 1.06 §10.2; UEFI 2.10).

use super::{Content, Measured, text};
use crate::reader::{LittleEndian, Reader};

/// UEFI_VARIABLE_DATA: whose it is, its name, its value.
struct Variable<'a> {
    owner: [u8; 16],
    name: String,
    value: &'a [u8],
}

impl<'a> Variable<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::<LittleEndian>::new(data);
        let owner = reader.array()?;
        let name_length = usize::try_from(reader.u64()?).ok()?.checked_mul(2)?;
        let value_length = usize::try_from(reader.u64()?).ok()?;
        let name = text::utf16(reader.take(name_length)?)?;
        let value = reader.take(value_length)?;
        reader.rest().is_empty().then_some(Self { owner, name, value })
    }

    /// As Linux names variables: `SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`.
    fn full_name(&self) -> String {
        format!("{}-{}", self.name, text::guid(self.owner))
    }

    /// What the boot menu calls it, for a `Boot####` variable (UEFI 2.10 §3.1.3, EFI_LOAD_OPTION).
    fn description(&self) -> Option<String> {
        let number = self.name.strip_prefix("Boot")?;
        if number.len() != 4 || !number.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let (_, units) = self.value.split_at_checked(6)?;
        let (units, _) = units.as_chunks::<2>();
        let end = units.iter().position(|unit| *unit == [0; 2])?;
        text::utf16(units[..end].as_flattened())
    }
}

/// The whole variable is measured.
pub(super) fn variable(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let variable = Variable::parse(data)?;
    let proven = measured.prove(data)?;
    let text = format!("{} = {}", variable.full_name(), text::value(variable.value));
    Some(Content::exact(proven, text))
}

/// The variable's value is measured, its name is a label; firmware that measures all of it exists.
pub(super) fn variable_value(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let found = Variable::parse(data)?;
    match measured.prove(found.value) {
        Some(proven) => Some(Content::exact(proven, text::value(found.value)).labelled(label(&found))),
        None => variable(data, measured),
    }
}

pub(super) fn claimed_variable(data: &[u8]) -> Option<Content> {
    let found = Variable::parse(data)?;
    Some(Content::opaque(text::value(found.value)).labelled(label(&found)))
}

fn label(variable: &Variable<'_>) -> String {
    match variable.description() {
        Some(description) => format!("{} ({description})", variable.name),
        None => variable.name.clone(),
    }
}

/// UEFI_GPT_DATA: the header of the partition table, the count of partitions, and they.
pub(super) fn partition_table(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    const HEADER_BYTES: usize = 92;
    const DISK_AT: usize = 56;
    let proven = measured.prove(data)?;
    let mut reader = Reader::<LittleEndian>::new(data);
    let header = reader.take(HEADER_BYTES)?;
    let (disk, _) = header.get(DISK_AT..)?.split_first_chunk()?;
    let partitions = reader.u64()?;
    let text = format!("disk {}, {partitions} partitions", text::guid(*disk));
    Some(Content::summary(proven, text))
}

/// UEFI_IMAGE_LOAD_EVENT: where an image lay, and the path that it was loaded from. Its file names are shown.
pub(super) fn image(data: &[u8]) -> Option<Content> {
    const MEDIA: u8 = 4;
    const FILE_PATH: u8 = 4;
    let mut reader = Reader::<LittleEndian>::new(data);
    reader.take(24)?; // address, length, address it was linked for
    let path_length = usize::try_from(reader.u64()?).ok()?;
    let mut path = Reader::<LittleEndian>::new(reader.take(path_length)?);
    let mut names = Vec::new();
    while let Some([kind, part, low, high]) = path.array() {
        let length = usize::from(u16::from_le_bytes([low, high])).checked_sub(4)?;
        let content = path.take(length)?;
        if (kind, part) == (MEDIA, FILE_PATH) {
            names.extend(text::utf16(content));
        }
    }
    let text = if names.is_empty() {
        "image without a file name".to_owned()
    } else {
        names.join("")
    };
    Some(Content::opaque(text))
}

/// A description with its length before it, and addresses behind it; or addresses alone.
pub(super) fn described(data: &[u8]) -> Option<Content> {
    let mut reader = Reader::<LittleEndian>::new(data);
    let length = usize::from(reader.u8()?);
    let description = reader.take(length).and_then(text::utf8);
    let rest = reader.rest().len();
    match description {
        Some(description) if rest >= 8 => Some(Content::opaque(description)),
        _ => {
            let mut addresses = Reader::<LittleEndian>::new(data);
            let (base, length) = (addresses.u64()?, addresses.u64()?);
            addresses
                .rest()
                .is_empty()
                .then(|| Content::opaque(format!("{length} bytes at 0x{base:x}")))
        }
    }
}
