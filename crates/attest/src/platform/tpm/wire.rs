//! Reads what TPMs write: big-endian numbers and sized buffers (TPM 2.0 Library, Part 2 §4). Copies and allocates
//! nothing.

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All that is left.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next `length` bytes; none where fewer are left.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A TPM2B structure: a size of 2 bytes and as many bytes behind it.
    pub(super) fn sized(&mut self) -> Option<&'a [u8]> {
        let size = self.u16()?;
        self.take(usize::from(size))
    }
}

/// What a TPM2B structure around exactly these bytes holds. The structures here all begin with a number that is no
/// possible size of theirs, so both forms can be told apart.
pub(super) fn unwrap_sized(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let inner = reader.sized()?;
    reader.is_empty().then_some(inner)
}

/// Numbers of the TCG Algorithm Registry.
pub(super) mod algorithm {
    pub(in super::super) const RSA: u16 = 0x0001;
    pub(in super::super) const SHA1: u16 = 0x0004;
    pub(in super::super) const SHA256: u16 = 0x000b;
    pub(in super::super) const SHA384: u16 = 0x000c;
    pub(in super::super) const SHA512: u16 = 0x000d;
    pub(in super::super) const NULL: u16 = 0x0010;
    pub(in super::super) const RSASSA: u16 = 0x0014;
    pub(in super::super) const RSAES: u16 = 0x0015;
    pub(in super::super) const RSAPSS: u16 = 0x0016;
    pub(in super::super) const OAEP: u16 = 0x0017;
    pub(in super::super) const ECDSA: u16 = 0x0018;
    pub(in super::super) const ECDAA: u16 = 0x001a;
    pub(in super::super) const ECC: u16 = 0x0023;
    pub(in super::super) const CURVE_P256: u16 = 0x0003;
    pub(in super::super) const CURVE_P384: u16 = 0x0004;

    /// The name of an algorithm that evidence may use, or its number.
    pub(in super::super) fn name(id: u16) -> String {
        match id {
            SHA1 => "SHA-1".to_owned(),
            SHA256 => "SHA-256".to_owned(),
            SHA384 => "SHA-384".to_owned(),
            SHA512 => "SHA-512".to_owned(),
            RSASSA => "RSASSA".to_owned(),
            RSAPSS => "RSAPSS".to_owned(),
            ECDSA => "ECDSA".to_owned(),
            other => format!("algorithm 0x{other:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut reader = Reader::new(&[0, 2, 7, 8, 9]);
        assert_eq!(reader.sized(), Some(&[7, 8][..]));
        assert_eq!(reader.u16(), None);
        assert_eq!(reader.u8(), Some(9));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&[0xff, 0xff, 1]).sized(), None);
        assert_eq!(unwrap_sized(&[0, 1, 5]), Some(&[5][..]));
        assert_eq!(unwrap_sized(&[0, 1, 5, 6]), None);
        assert_eq!(unwrap_sized(&[]), None);
    }
}
