//! Takes fields off the front of bytes of unknown origin. Copies and allocates nothing, and never reads past the end.

use std::marker::PhantomData;

/// What is left to read, with numbers in one byte order.
#[derive(Debug)]
pub(crate) struct Reader<'a, Order> {
    rest: &'a [u8],
    order: PhantomData<Order>,
}

/// The order of the bytes of a number.
pub(crate) trait ByteOrder {
    fn u16(bytes: [u8; 2]) -> u16;
    fn u32(bytes: [u8; 4]) -> u32;
    fn u64(bytes: [u8; 8]) -> u64;
}

/// Least significant byte first: Intel's structures, TCG event logs.
#[derive(Debug)]
pub(crate) enum LittleEndian {}

/// Most significant byte first: what TPMs write.
#[derive(Debug)]
pub(crate) enum BigEndian {}

impl<'a, Order: ByteOrder> Reader<'a, Order> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            order: PhantomData,
        }
    }

    /// All that is left.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `length` bytes; none where fewer are left.
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(Order::u16)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(Order::u32)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(Order::u64)
    }
}

impl<'a> Reader<'a, LittleEndian> {
    /// A length of 4 bytes and as many bytes behind it.
    pub(crate) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }
}

impl<'a> Reader<'a, BigEndian> {
    /// A TPM2B structure: a size of 2 bytes and as many bytes behind it (TPM 2.0 Library, Part 2 §10.4).
    pub(crate) fn sized(&mut self) -> Option<&'a [u8]> {
        let size = self.u16()?;
        self.take(usize::from(size))
    }
}

// Derived ones would ask the same of `Order`.
impl<Order> Clone for Reader<'_, Order> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Order> Copy for Reader<'_, Order> {}

impl ByteOrder for LittleEndian {
    fn u16(bytes: [u8; 2]) -> u16 {
        u16::from_le_bytes(bytes)
    }

    fn u32(bytes: [u8; 4]) -> u32 {
        u32::from_le_bytes(bytes)
    }

    fn u64(bytes: [u8; 8]) -> u64 {
        u64::from_le_bytes(bytes)
    }
}

impl ByteOrder for BigEndian {
    fn u16(bytes: [u8; 2]) -> u16 {
        u16::from_be_bytes(bytes)
    }

    fn u32(bytes: [u8; 4]) -> u32 {
        u32::from_be_bytes(bytes)
    }

    fn u64(bytes: [u8; 8]) -> u64 {
        u64::from_be_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut reader = Reader::<BigEndian>::new(&[0, 2, 7, 8, 9]);
        assert_eq!(reader.sized(), Some(&[7, 8][..]));
        assert_eq!(reader.u16(), None);
        assert_eq!(reader.u8(), Some(9));
        assert!(reader.is_empty());
        assert_eq!(Reader::<BigEndian>::new(&[0xff, 0xff, 1]).sized(), None);
        assert_eq!(Reader::<LittleEndian>::new(&[0xff; 7]).sized(), None);
    }

    #[test]
    fn numbers_are_of_the_order_that_was_asked_for() {
        let bytes = [1, 0, 0, 0, 7];
        assert_eq!(Reader::<LittleEndian>::new(&bytes).u32(), Some(1));
        assert_eq!(Reader::<BigEndian>::new(&bytes).u32(), Some(1 << 24));
        assert_eq!(Reader::<LittleEndian>::new(&bytes).sized(), Some(&[7][..]));
        assert_eq!(Reader::<BigEndian>::new(&bytes).u64(), None);
    }
}
