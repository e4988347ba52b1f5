//! `enc(a, b, …)`: a length-prefixed encoding in which no byte can move from one field into the next.

use crate::digest::{Digest32, sha256, sha512};
use crate::label::Label;

/// Builds `enc(label, a, b, …)`: for each field a u32 big-endian length, then its bytes; integers are 8 bytes
/// big-endian.
#[derive(Debug, Clone)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Begins with the label, the first field of everything that is hashed or signed.
    #[must_use]
    pub fn new(label: Label) -> Self {
        Self(Vec::with_capacity(256)).bytes(label.as_bytes())
    }

    /// Begins without a label: for bytes that are stored, and neither hashed nor signed as they are.
    #[must_use]
    pub fn unlabelled() -> Self {
        Self(Vec::with_capacity(256))
    }

    /// Appends one field.
    ///
    /// # Panics
    /// If the field is 4 GiB or longer. Fields are digests, names and keys: their makers bound them far below.
    #[must_use]
    pub fn bytes(mut self, field: &[u8]) -> Self {
        let length = u32::try_from(field.len()).expect("a field is far shorter than 4 GiB");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(field);
        self
    }

    /// Appends an integer as a field of 8 bytes, big-endian.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// The encoding.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// SHA-256 of the encoding.
    #[must_use]
    pub fn sha256(self) -> Digest32 {
        sha256(&self.0)
    }

    /// SHA-512 of the encoding: the form of report data.
    #[must_use]
    pub fn sha512(self) -> [u8; 64] {
        sha512(&self.0)
    }
}

/// Reads what [`Encoder`] wrote, from bytes of unknown origin.
#[derive(Debug, Clone)]
pub struct Decoder<'a>(&'a [u8]);

/// The bytes are no such encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed length-prefixed encoding")]
pub struct Malformed;

impl<'a> Decoder<'a> {
    /// Reads from `bytes`; nothing is copied or allocated.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next field, of any length.
    ///
    /// # Errors
    /// [`Malformed`] when the input ends before the field does.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Malformed)?;
        let (field, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(field)
    }

    /// The next field, of exactly `N` bytes.
    ///
    /// # Errors
    /// [`Malformed`] when the field has another length.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.bytes()?.try_into().map_err(|_| Malformed)
    }

    /// The next field as an integer.
    ///
    /// # Errors
    /// [`Malformed`] when the field is not 8 bytes long.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`Malformed`] when bytes are left over.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_do_not_move_between_fields() {
        let ab_c = Encoder::new(crate::label::USER).bytes(b"ab").bytes(b"c").sha256();
        let a_bc = Encoder::new(crate::label::USER).bytes(b"a").bytes(b"bc").sha256();
        assert_ne!(ab_c, a_bc);
    }

    #[test]
    fn reads_back_what_was_written_and_nothing_else() {
        let written = Encoder::unlabelled().bytes(b"abc").u64(7).finish();
        let mut decoder = Decoder::new(&written);
        assert_eq!(decoder.bytes(), Ok(&b"abc"[..]));
        assert_eq!(decoder.u64(), Ok(7));
        assert_eq!(decoder.finish(), Ok(()));

        let mut short = Decoder::new(&written[..6]);
        assert_eq!(short.bytes(), Err(Malformed));
        let mut huge = Decoder::new(&[0xff; 8]);
        assert_eq!(huge.bytes(), Err(Malformed));
    }
}
