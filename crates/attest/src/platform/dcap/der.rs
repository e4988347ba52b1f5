//! Reads DER (X.690) as far as Intel's certificate extension needs it: definite lengths, one level at a time.

/// `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// `OBJECT IDENTIFIER`.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub(super) const OCTET_STRING: u8 = 0x04;
/// `ENUMERATED`.
pub(super) const ENUMERATED: u8 = 0x0a;
/// `BOOLEAN`.
pub(super) const BOOLEAN: u8 = 0x01;

/// One element: its tag and its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The one element that `bytes` are.
    pub(super) fn only(bytes: &'a [u8]) -> Option<Self> {
        let (element, rest) = take(bytes)?;
        rest.is_empty().then_some(element)
    }

    /// The content, if the tag is this one.
    pub(super) fn content_of(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// What a sequence holds; none for another tag, and for a sequence with damage in it.
    pub(super) fn sequence(self) -> Option<Vec<Self>> {
        let mut rest = self.content_of(SEQUENCE)?;
        let mut elements = Vec::new();
        while !rest.is_empty() {
            let (element, after) = take(rest)?;
            elements.push(element);
            rest = after;
        }
        Some(elements)
    }

    /// A non-negative integer of at most 16 bits, written with no byte too many.
    pub(super) fn u16(self) -> Option<u16> {
        match *self.content_of(INTEGER)? {
            [low @ 0..=0x7f] => Some(u16::from(low)),
            [0, low @ 0x80..=0xff] => Some(u16::from(low)),
            [high @ 1..=0x7f, low] => Some(u16::from_be_bytes([high, low])),
            [0, high @ 0x80..=0xff, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }
}

fn take(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&[length], rest) = rest.split_first_chunk::<1>()?;
            (length >= 0x80).then_some((usize::from(length), rest))?
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let length = u16::from_be_bytes(*length);
            (length >= 0x100).then_some((usize::from(length), rest))?
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag, content }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers_have_one_form() {
        let number = |bytes: &[u8]| Element::only(bytes).and_then(Element::u16);
        assert_eq!(number(&[2, 1, 0x7f]), Some(0x7f));
        assert_eq!(number(&[2, 2, 0, 0x80]), Some(0x80));
        assert_eq!(number(&[2, 2, 1, 0]), Some(0x100));
        assert_eq!(number(&[2, 3, 0, 0xff, 0xff]), Some(0xffff));
        for other in [
            &[2, 0][..],
            &[2, 1, 0x80],
            &[2, 2, 0, 0x7f],
            &[2, 3, 1, 0, 0],
            &[2, 1, 1, 0],
            &[2, 0x81, 1, 1],
            &[2, 0x82, 0, 1, 1],
            &[2, 0x80, 0, 0],
            &[4, 1, 1],
            &[2],
            &[],
        ] {
            assert_eq!(number(other), None, "{other:02x?}");
        }
    }

    #[test]
    fn a_sequence_gives_what_it_holds() {
        let inner = Element::only(&[0x30, 6, 2, 1, 1, 4, 1, 9]).and_then(Element::sequence);
        let inner = inner.expect("two elements");
        assert_eq!((inner.len(), inner[0].u16()), (2, Some(1)));
        assert_eq!(inner[1].content_of(OCTET_STRING), Some(&[9][..]));
        assert!(
            Element::only(&[0x30, 2, 2, 1])
                .and_then(Element::sequence)
                .is_none()
        );
        assert!(Element::only(&[2, 1, 1]).and_then(Element::sequence).is_none());
    }
}
