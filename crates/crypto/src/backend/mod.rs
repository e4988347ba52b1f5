//! The two back ends. Both offer the same functions; `fast` is taken where both are built.

#[cfg(feature = "fast")]
mod fast;
#[cfg(feature = "portable")]
mod portable;

#[cfg(feature = "fast")]
pub(crate) use fast::*;
#[cfg(all(feature = "portable", not(feature = "fast")))]
pub(crate) use portable::*;

#[cfg(all(test, feature = "fast", feature = "portable"))]
mod tests;
