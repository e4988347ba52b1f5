//! What boot loaders and kernels log.

use super::{Content, Measured, text};
use crate::reader::{LittleEndian, Reader};

/// Prefixes of GRUB's strings (GRUB manual, "Measured Boot"; the second of each as Red Hat's GRUB wrote it before), and
/// the label that stands for them.
const GRUB_PREFIXES: [(&[u8], &str); 5] = [
    (b"grub_cmd: ", "grub_cmd"),
    (b"grub_cmd ", "grub_cmd"),
    (b"kernel_cmdline: ", "kernel_cmdline"),
    (b"grub_kernel_cmdline ", "kernel_cmdline"),
    (b"module_cmdline: ", "module_cmdline"),
];

/// GRUB measures the string behind a prefix, with or without its NUL; systemd-stub and systemd-boot measure a UTF-16
/// string, or show in UTF-16 the name of a section whose measured name is ASCII and ends in NUL.
pub(super) fn ipl(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    grub(data, measured)
        .or_else(|| wide_string(data, measured))
        .or_else(|| section_name(data, measured))
}

pub(super) fn claimed_ipl(data: &[u8]) -> Option<Content> {
    let (rest, label) = split_grub(data)?;
    Some(Content::opaque(text::claimed(rest)).labelled(label))
}

fn split_grub(data: &[u8]) -> Option<(&[u8], &'static str)> {
    GRUB_PREFIXES
        .into_iter()
        .find_map(|(prefix, label)| Some((data.strip_prefix(prefix)?, label)))
}

fn grub(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let (rest, label) = split_grub(data)?;
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let with_nul = rest.get(..=end).unwrap_or(rest);
    let proven = measured
        .prove(&rest[..end])
        .or_else(|| measured.prove(with_nul))?;
    Some(Content::of_bytes(proven).labelled(label))
}

/// Some versions log the string with one byte of its two-byte NUL.
fn wide_string(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let whole = match data.len() % 2 {
        0 => data.to_vec(),
        _ => [data, &[0]].concat(),
    };
    let text = text::utf16(&whole)?;
    Some(Content::exact(measured.prove(&whole)?, text))
}

fn section_name(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let name = text::utf16(data)?;
    let ascii = [name.as_bytes(), &[0]].concat();
    Some(Content::exact(measured.prove(&ascii)?, name).labelled("section"))
}

/// TCG_PCClientTaggedEvent: a number, a length, and as many bytes.
struct Tagged<'a> {
    tag: u32,
    content: &'a [u8],
}

impl<'a> Tagged<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::<LittleEndian>::new(data);
        let tag = reader.u32()?;
        let content = reader.sized()?;
        reader.rest().is_empty().then_some(Self { tag, content })
    }

    fn label(&self) -> String {
        format!("tag 0x{:08x}", self.tag)
    }
}

/// The content alone is measured, or all of the event.
pub(super) fn tagged(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    let tagged = Tagged::parse(data)?;
    let proven = measured.prove(tagged.content).or_else(|| measured.prove(data))?;
    let content = match text::decode(tagged.content) {
        Some(text) => Content::exact(proven, text),
        None => Content::summary(proven, text::sum_up(tagged.content)),
    };
    Some(content.labelled(tagged.label()))
}

/// Linux and systemd put a description there, and measure command line, initrd and the like.
pub(super) fn claimed_tagged(data: &[u8]) -> Option<Content> {
    let tagged = Tagged::parse(data)?;
    Some(Content::opaque(text::claimed(tagged.content)).labelled(tagged.label()))
}

/// TD_SHIM_PLATFORM_CONFIG_INFO (TD-shim specification, "Event log"): a name of 16 bytes, a length, and what is
/// measured; for `td_payload_info` that is the command line with zeros behind it.
pub(super) fn td_shim(data: &[u8], measured: Measured<'_>) -> Option<Content> {
    const NAME_BYTES: usize = 16;
    let mut reader = Reader::<LittleEndian>::new(data);
    let name = reader.take(NAME_BYTES)?;
    let info = reader.sized()?;
    if !reader.rest().is_empty() {
        return None;
    }
    let proven = measured.prove(info)?;
    let end = info
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let content = match text::utf8(&info[..end]) {
        Some(text) => Content::exact(proven, text),
        None => Content::summary(proven, text::sum_up(info)),
    };
    let name_end = name.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
    Some(match text::utf8(&name[..name_end]) {
        Some(name) => content.labelled(name),
        None => content,
    })
}
