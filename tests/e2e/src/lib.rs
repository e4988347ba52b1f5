//! The programs together, as real processes.
