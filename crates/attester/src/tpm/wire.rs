//! The TPM's own marshalling (Part 1 §30): big-endian integers, and buffers with a 16-bit size in front.

/// Bytes that do not have the form they should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// Builds structures.
#[derive(Debug, Default, Clone)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `BYTE`.
    #[must_use]
    pub fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    /// `UINT16`.
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// `UINT32`.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// Bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A `TPM2B`: the size, then the bytes.
    ///
    /// # Panics
    /// For 64 KiB and more, which no caller has: what comes from outside is bounded where it comes in.
    #[must_use]
    pub fn sized(self, bytes: &[u8]) -> Self {
        let size = u16::try_from(bytes.len()).expect("buffers for a TPM are far below 64 KiB");
        self.u16(size).raw(bytes)
    }

    /// What was built.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads structures; never past their end.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// At the beginning of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Malformed`] where there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// `BYTE`.
    ///
    /// # Errors
    /// [`Malformed`] at the end.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// `UINT16`.
    ///
    /// # Errors
    /// [`Malformed`] at the end.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// `UINT32`.
    ///
    /// # Errors
    /// [`Malformed`] at the end.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// `UINT64`.
    ///
    /// # Errors
    /// [`Malformed`] at the end.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// The content of a `TPM2B`.
    ///
    /// # Errors
    /// [`Malformed`] where its size goes past the end.
    pub fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let size = self.u16()?;
        self.take(usize::from(size))
    }

    /// What is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// [`Malformed`] if something is.
    pub fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed("something follows its end"))
        }
    }
}

const CUT_SHORT: Malformed = Malformed("it ends early");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_again_and_no_read_passes_the_end() {
        let bytes = Writer::new()
            .u8(1)
            .u16(2)
            .u32(3)
            .sized(b"four")
            .raw(&[0; 8])
            .bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.u8(), reader.u16(), reader.u32()), (Ok(1), Ok(2), Ok(3)));
        assert_eq!(reader.clone().sized(), Ok(&b"four"[..]));
        assert_eq!(reader.end(), Err(Malformed("something follows its end")));
        assert_eq!(reader.sized(), Ok(&b"four"[..]));
        assert_eq!(reader.u64(), Ok(0));
        assert_eq!(reader.end(), Ok(()));
        assert_eq!(reader.u8(), Err(CUT_SHORT));
        assert_eq!(
            Reader::new(&[0, 5, 1]).sized(),
            Err(CUT_SHORT),
            "a size past the end"
        );
    }
}
