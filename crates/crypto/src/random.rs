//! Randomness as an argument: made once in `main.rs`, passed down, replaced by given bytes in known-answer tests.

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `out` with random bytes.
    ///
    /// # Panics
    /// If the operating system has no randomness to give: nothing sensible can go on then.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator, through the `fast` back end.
#[cfg(feature = "fast")]
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

#[cfg(feature = "fast")]
impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        aws_lc_rs::rand::fill(out).expect("the operating system gives randomness");
    }
}

/// `N` random bytes that are no secret: nonces, salts, ids.
#[must_use]
pub fn array<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}
