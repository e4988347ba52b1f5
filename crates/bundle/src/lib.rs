//! Encrypted models: writer, verifying random-access reader, object stores.
//!
//! A bundle holds a model's files encrypted under a key of its own, which is wrapped for the owner's model key. Its
//! [`BundleDigest`] stands for every stored byte but the wrap: a manifest names it, and [`Reader::open`] takes nothing
//! else. Whoever stores or carries a bundle sees its padded size and the name of the key, no more, and can change
//! nothing unnoticed. The layout is specified byte by byte in `docs/bundle-format.md`.
//!
//! The crate sees bytes, not policy: which digest may be served, and who gets the key, is decided elsewhere.

mod access;
mod error;
pub mod format;
pub mod fuzz;
mod inspect;
mod keys;
mod layout;
mod memory;
mod progress;
mod reader;
mod rewrap;
mod store;
mod threads;
mod writer;

pub use access::{DirectAccess, LocalFile, RandomAccess};
pub use error::{BundleError, Section};
pub use format::digest::BundleDigest;
pub use format::name::{REFERENCE_NAME, RESERVED_PREFIX};
pub use format::table::FileEntry;
pub use format::{CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, MAGIC};
pub use inspect::{Inspection, inspect};
pub use memory::InMemory;
pub use progress::Progress;
pub use reader::Reader;
pub use rewrap::Rewrapped;
pub use store::{Children, Environment, Listed, Location, StoreError};
pub use writer::{BundleSummary, Sources, WriteOptions, write};
