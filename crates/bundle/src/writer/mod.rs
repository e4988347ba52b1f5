//! Writes bundles: reads the sources once, from first to last byte, in constant memory, sealing on several threads.
//!
//! What grows with the bundle is the tree's leaves alone, 32 bytes for each chunk.

mod pipeline;
pub(crate) mod source;

use std::io::Write;
use std::num::NonZeroUsize;

use serde::Serialize;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::random::{self, Random};
use strongroom_crypto::secret::{DataKey, KeyId, ModelKey};

pub use self::source::Sources;
use crate::error::{BundleError, Section};
use crate::format::digest::{BundleDigest, bundle_digest};
use crate::format::geometry::Geometry;
use crate::format::header::{Header, Parameters};
use crate::format::{
    CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, CHUNKS_MAX, LEAF_BYTES, TAG_BYTES, footer, table,
    tree,
};
use crate::keys::{self, SectionCipher};
use crate::progress::Progress;
use crate::threads::default_threads;

/// How to write a bundle.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// Bytes of plaintext in a chunk: a power of two from [`CHUNK_BYTES_MIN`] to [`CHUNK_BYTES_MAX`].
    pub chunk_bytes: u32,
    /// Threads that read, encrypt and write.
    pub threads: NonZeroUsize,
    /// Who wants to know how far it has come.
    pub progress: Progress,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            threads: default_threads(),
            progress: Progress::none(),
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleSummary {
    /// Names the bundle, in a manifest and to every reader.
    pub digest: BundleDigest,
    /// Name of the key that opens it.
    pub key_id: KeyId,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files together.
    pub content_bytes: u64,
    /// Bytes of the bundle.
    pub stored_bytes: u64,
}

/// Writes the bundle of `sources`, encrypted for `key`, to `sink`, front to back.
///
/// The data key and all salts come from `random`. An error leaves `sink` with a part of a bundle, which lacks its end
/// and is refused as `bundle.truncated`; the functions of [`crate::Location`] leave nothing at all.
///
/// # Errors
/// [`BundleError::Name`] and [`BundleError::TooLarge`] for sources that no bundle can hold, [`BundleError::Io`] from
/// sources and sink, [`BundleError::Malformed`] for a chunk size out of bounds.
pub fn write(
    sources: Sources,
    sink: &mut (dyn Write + Send),
    key: &ModelKey,
    random: &dyn Random,
    options: &WriteOptions,
) -> Result<BundleSummary, BundleError> {
    Writer::new(sources, key, random, options)?.write(sink)
}

/// Everything that a bundle needs but its bytes: made where key and randomness are, then free to go to another thread.
pub(crate) struct Writer {
    sources: Sources,
    options: WriteOptions,
    header: Header,
    data_key: DataKey,
    key_id: KeyId,
}

impl Writer {
    pub(crate) fn new(
        sources: Sources,
        key: &ModelKey,
        random: &dyn Random,
        options: &WriteOptions,
    ) -> Result<Self, BundleError> {
        let chunk_bytes = options.chunk_bytes;
        if !(CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&chunk_bytes) || !chunk_bytes.is_power_of_two() {
            return Err(BundleError::Malformed {
                what: "the chunk size is no power of two from 4 KiB to 16 MiB",
            });
        }
        let sources = sources.checked()?;
        let data_key = DataKey::generate(random);
        let salt = random::array(random);
        let key_commitment = keys::key_commitment(&data_key, &salt);
        let parameters = Parameters {
            chunk_bytes,
            salt,
            key_commitment,
        };
        let wrap = keys::wrap(&data_key, key, &parameters, random);
        let key_id = wrap.key_id;
        let header = Header {
            parameters,
            slots: [Some(wrap), None],
        };
        Ok(Self {
            sources,
            options: options.clone(),
            header,
            data_key,
            key_id,
        })
    }

    /// Most bytes that the bundle takes, where that is known before: for choosing the parts of an upload.
    pub(crate) fn stored_bytes_max(&self) -> Option<u64> {
        let content = self.sources.bytes()?;
        Some(
            content
                .saturating_add(content / 4)
                .saturating_add(CHUNKS_MAX * LEAF_BYTES as u64),
        )
    }

    pub(crate) fn write(self, sink: &mut (dyn Write + Send)) -> Result<BundleSummary, BundleError> {
        let Self {
            sources,
            options,
            header,
            data_key,
            key_id,
        } = self;
        let cipher = |section| SectionCipher::new(&data_key, &header.parameters.salt, section);
        put(sink, &header.encode())?;

        let sealed = pipeline::seal(sources, sink, &cipher(Section::Content), &options)?;
        let mut leaves = sealed.leaves;

        let mut plain = table::encode(&sealed.files)?;
        let geometry = Geometry::new(
            options.chunk_bytes,
            sealed.content_bytes_padded,
            plain.len() as u64,
        )?;
        put_table(
            sink,
            &cipher(Section::Table),
            &plain,
            options.chunk_bytes,
            &mut leaves,
        )?;
        strongroom_crypto::secret::wipe(&mut plain);

        for some in leaves.chunks(LEAVES_AT_ONCE) {
            let bytes: Vec<u8> = some.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
            put(sink, &bytes)?;
        }
        put(sink, &footer::encode(&geometry))?;
        sink.flush().map_err(BundleError::io(WRITING))?;
        Ok(BundleSummary {
            digest: bundle_digest(&header.parameters, &geometry, &tree::root(&leaves)),
            key_id,
            files: sealed.files.len() as u64,
            content_bytes: sealed.files.iter().map(|(_, length)| length).sum(),
            stored_bytes: geometry.total_bytes(),
        })
    }
}

fn put_table(
    sink: &mut (dyn Write + Send),
    cipher: &SectionCipher,
    plain: &[u8],
    chunk_bytes: u32,
    leaves: &mut Vec<Digest32>,
) -> Result<(), BundleError> {
    for (index, part) in (0..).zip(plain.chunks(usize::try_from(chunk_bytes).expect("bounded"))) {
        let mut stored = part.to_vec();
        stored.resize(part.len() + TAG_BYTES, 0);
        leaves.push(cipher.seal(index, &mut stored));
        put(sink, &stored)?;
    }
    Ok(())
}

fn put(sink: &mut (dyn Write + Send), bytes: &[u8]) -> Result<(), BundleError> {
    sink.write_all(bytes).map_err(BundleError::io(WRITING))
}

const WRITING: &str = "writing the bundle";
/// Leaves that are written in one call.
const LEAVES_AT_ONCE: usize = 32 * 1024;
