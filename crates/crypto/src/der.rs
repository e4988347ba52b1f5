//! The few DER structures (X.690) that are compared byte for byte, put together or taken apart here.

use x509_parser::asn1_rs::{Any, FromDer};

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `NULL`, whole.
pub(crate) const NULL: &[u8] = &[0x05, 0x00];

/// Tag of `[number] EXPLICIT`.
pub(crate) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}

/// One element whose content is `parts`, one after the other.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if length < 0x80 {
        out.push(length.to_le_bytes()[0]);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        out.push(0x80 | bytes.len().to_le_bytes()[0]);
        out.extend_from_slice(bytes);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// `INTEGER` of a big-endian number that has no leading zeros.
pub(crate) fn unsigned(number: &[u8]) -> Vec<u8> {
    // The first bit is the sign's.
    let sign: &[u8] = if number.first().is_none_or(|byte| byte & 0x80 != 0) {
        &[0]
    } else {
        &[]
    };
    element(INTEGER, &[sign, number])
}

/// `number` without its leading zeros.
pub(crate) fn trim(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// What stands in a constructed element, each with its own tag and length. The lengths are checked, the tags are not.
pub(crate) fn elements(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, outer) = Any::from_der(der).ok()?;
    let mut rest = outer.data;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (after, _) = Any::from_der(rest).ok()?;
        found.push(&rest[..rest.len() - after.len()]);
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_signs_are_minimal() {
        assert_eq!(element(SEQUENCE, &[&[1], &[2]]), [0x30, 2, 1, 2]);
        assert_eq!(element(SEQUENCE, &[&[0; 127]])[..2], [0x30, 0x7f]);
        assert_eq!(element(SEQUENCE, &[&[0; 128]])[..3], [0x30, 0x81, 0x80]);
        assert_eq!(element(SEQUENCE, &[&[0; 256]])[..4], [0x30, 0x82, 1, 0]);
        assert_eq!(unsigned(&[0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(trim(&[0, 0])), [2, 1, 0]);
        assert_eq!(trim(&[0, 0, 1, 0]), [1, 0]);
    }

    #[test]
    fn takes_apart_what_was_put_together() {
        let (one, two) = (unsigned(&[1]), element(SEQUENCE, &[NULL]));
        let both = element(SEQUENCE, &[&one, &two]);
        assert_eq!(elements(&both), Some(vec![one.as_slice(), &two]));
        assert_eq!(elements(&element(SEQUENCE, &[])), Some(Vec::new()));
        assert_eq!(elements(&element(SEQUENCE, &[&one, &two[..1]])), None);
        assert_eq!(elements(&element(SEQUENCE, &[&[2, 5, 1]])), None);
        assert_eq!(elements(&[]), None);
    }
}
