//! What TPMs write: big-endian numbers and sized buffers (TPM 2.0 Library, Part 2 §4), and the numbers of algorithms.

/// What is left of what a TPM wrote.
pub(super) type Reader<'a> = crate::reader::Reader<'a, crate::reader::BigEndian>;

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
    fn a_sized_structure_is_unwrapped_where_it_is_all_there_is() {
        assert_eq!(unwrap_sized(&[0, 1, 5]), Some(&[5][..]));
        assert_eq!(unwrap_sized(&[0, 1, 5, 6]), None);
        assert_eq!(unwrap_sized(&[]), None);
    }
}
