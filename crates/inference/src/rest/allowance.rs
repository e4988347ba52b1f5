//! Memory that one request may still take, counted before it is taken.

/// What is left of a limit.
#[derive(Debug)]
pub struct Allowance {
    left: usize,
    bytes_max: usize,
}

/// More was asked for than is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// The limit.
    pub bytes_max: usize,
}

impl Allowance {
    /// All of `bytes_max`.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            left: bytes_max,
            bytes_max,
        }
    }

    /// Takes `bytes`, for good.
    ///
    /// # Errors
    /// When that is more than is left.
    pub fn take(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let exhausted = Exhausted {
            bytes_max: self.bytes_max,
        };
        self.left = self.left.checked_sub(bytes).ok_or(exhausted)?;
        Ok(())
    }

    /// Makes room for one more element, and counts what the vector grows by.
    ///
    /// # Errors
    /// When that is more than is left; the vector is then as it was.
    pub fn grow<T>(&mut self, values: &mut Vec<T>) -> Result<(), Exhausted> {
        if values.len() < values.capacity() {
            return Ok(());
        }
        // From one element on: most lists of a document of many are short.
        let more = values.capacity().max(1);
        let allocation = if values.capacity() == 0 {
            ALLOCATION_BYTES
        } else {
            0
        };
        self.take(more.saturating_mul(size_of::<T>()).saturating_add(allocation))?;
        values.reserve_exact(more);
        Ok(())
    }
}

/// What an allocator adds to each piece of memory.
pub const ALLOCATION_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_beyond_the_limit() {
        let mut allowance = Allowance::new(10);
        assert_eq!(allowance.take(10), Ok(()));
        assert_eq!(allowance.take(0), Ok(()));
        assert_eq!(allowance.take(1), Err(Exhausted { bytes_max: 10 }));
        assert_eq!(allowance.take(usize::MAX), Err(Exhausted { bytes_max: 10 }));
    }

    #[test]
    fn a_vector_grows_by_what_is_counted() {
        let mut allowance = Allowance::new(ALLOCATION_BYTES + 4 * 8);
        let mut values: Vec<u64> = Vec::new();
        for value in 0..4 {
            allowance.grow(&mut values).expect("room");
            values.push(value);
        }
        assert_eq!(values.capacity(), 4);
        assert!(allowance.grow(&mut values).is_err());
        assert_eq!(values.capacity(), 4);
    }
}
