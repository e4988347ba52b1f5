//! Every change of a good bundle is refused, with the code that names it: each row changes one thing.

use crate::support::{Far, Files, bundle, files, key, read_all};
use bytes::Bytes;
use strongroom_bundle::{BundleDigest, Reader};
use strongroom_crypto::secret::ModelKey;

const HEADER: usize = 512;
const CHUNK: usize = 4096;
const STORED: usize = CHUNK + 16;
/// 9000 + 5000 bytes, padded to 14336: three full chunks and one of 2048 bytes.
const CONTENT_CHUNKS: usize = 4;
const TABLE: usize = HEADER + 14_336 + CONTENT_CHUNKS * 16;
const LEAVES: usize = TABLE + 1024 + 16;
const FOOTER: usize = LEAVES + 5 * 32;
const WRAP: usize = 96;

struct Case {
    bytes: Vec<u8>,
    digest: BundleDigest,
    key: ModelKey,
}

fn content() -> Files {
    files(&[("model.onnx", 9000), ("labels.txt", 5000)])
}

fn good() -> Case {
    let (bytes, digest) = bundle(&content(), 1);
    assert_eq!(
        bytes.len(),
        FOOTER + 32,
        "the offsets of this test are those of the bundle"
    );
    Case {
        bytes,
        digest,
        key: key(1),
    }
}

fn chunk(index: usize) -> std::ops::Range<usize> {
    let start = HEADER + index * STORED;
    start..start + STORED
}

fn leaf(index: usize) -> std::ops::Range<usize> {
    LEAVES + index * 32..LEAVES + (index + 1) * 32
}

fn flip(at: usize) -> impl Fn(&mut Case) {
    move |case| case.bytes[at] ^= 1
}

fn swap(bytes: &mut [u8], a: std::ops::Range<usize>, b: std::ops::Range<usize>) {
    let (first, second) = (bytes[a.clone()].to_vec(), bytes[b.clone()].to_vec());
    bytes[a].copy_from_slice(&second);
    bytes[b].copy_from_slice(&first);
}

fn set_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

/// The change, opened and read through both ways of access, gives `expected`.
async fn check(what: &str, change: impl Fn(&mut Case), expected: Result<(), &str>) {
    let mut case = good();
    change(&mut case);
    let bytes = Bytes::from(case.bytes);
    let near = read_all(bytes.clone(), &case.digest, &case.key)
        .await
        .map_err(|error| error.code());
    let far = read_all(Far::new(bytes), &case.digest, &case.key)
        .await
        .map_err(|error| error.code());
    assert_eq!(
        near.as_ref().map(|_| ()).map_err(|code| *code),
        expected,
        "{what}"
    );
    assert_eq!(
        far.as_ref().map(|_| ()).map_err(|code| *code),
        expected,
        "{what}, behind a network"
    );
    if let (Ok(near), Ok(far)) = (near, far) {
        assert!(near == content() && far == content(), "{what}");
    }
}

#[tokio::test]
async fn whatever_is_changed_is_refused_with_its_code() {
    check("untouched", |_| {}, Ok(())).await;

    // Bits.
    check("a bit of a chunk", flip(HEADER), Err("bundle.chunk_corrupt")).await;
    check(
        "a bit of a chunk's tag",
        flip(chunk(1).end - 1),
        Err("bundle.chunk_corrupt"),
    )
    .await;
    check("a bit of the table", flip(TABLE), Err("bundle.chunk_corrupt")).await;
    check(
        "a bit of a leaf",
        flip(leaf(2).start),
        Err("bundle.digest_mismatch"),
    )
    .await;
    check(
        "a bit of the table's leaf",
        flip(leaf(4).start),
        Err("bundle.digest_mismatch"),
    )
    .await;
    check("a bit of the salt", flip(24), Err("bundle.digest_mismatch")).await;
    check(
        "a bit of the key commitment",
        flip(56),
        Err("bundle.digest_mismatch"),
    )
    .await;
    check("a reserved bit", flip(90), Err("bundle.malformed")).await;

    // Order and number of chunks.
    check(
        "two chunks swapped",
        |c| swap(&mut c.bytes, chunk(0), chunk(1)),
        Err("bundle.chunk_corrupt"),
    )
    .await;
    check(
        "two chunks swapped with their leaves",
        |c| {
            swap(&mut c.bytes, chunk(0), chunk(1));
            swap(&mut c.bytes, leaf(0), leaf(1));
        },
        Err("bundle.digest_mismatch"),
    )
    .await;
    check(
        "a chunk twice",
        |c| c.bytes.copy_within(chunk(0), chunk(1).start),
        Err("bundle.chunk_corrupt"),
    )
    .await;
    check(
        "a chunk twice with its leaf",
        |c| {
            c.bytes.copy_within(chunk(0), chunk(1).start);
            c.bytes.copy_within(leaf(0), leaf(1).start);
        },
        Err("bundle.digest_mismatch"),
    )
    .await;
    check(
        "a chunk more, with sizes to match",
        |c| {
            let (more, its_leaf) = (c.bytes[chunk(0)].to_vec(), c.bytes[leaf(0)].to_vec());
            c.bytes.splice(leaf(0).start..leaf(0).start, its_leaf);
            c.bytes.splice(HEADER..HEADER, more);
            let footer = c.bytes.len() - 32;
            set_u64(&mut c.bytes, footer, 14_336 + CHUNK as u64);
            set_u64(&mut c.bytes, footer + 16, 6);
        },
        Err("bundle.digest_mismatch"),
    )
    .await;
    check(
        "a chunk less, with sizes to match",
        |c| {
            c.bytes.drain(leaf(0));
            c.bytes.drain(chunk(0));
            let footer = c.bytes.len() - 32;
            set_u64(&mut c.bytes, footer, 14_336 - CHUNK as u64);
            set_u64(&mut c.bytes, footer + 16, 4);
        },
        Err("bundle.digest_mismatch"),
    )
    .await;

    // Length.
    check(
        "one byte less",
        |c| c.bytes.truncate(FOOTER + 31),
        Err("bundle.truncated"),
    )
    .await;
    check("no footer", |c| c.bytes.truncate(FOOTER), Err("bundle.truncated")).await;
    check(
        "half of it",
        |c| c.bytes.truncate(FOOTER / 2),
        Err("bundle.truncated"),
    )
    .await;
    check(
        "a header alone",
        |c| c.bytes.truncate(HEADER),
        Err("bundle.truncated"),
    )
    .await;
    check(
        "a part of the header",
        |c| c.bytes.truncate(20),
        Err("bundle.truncated"),
    )
    .await;
    check(
        "a part of the magic",
        |c| c.bytes.truncate(3),
        Err("bundle.truncated"),
    )
    .await;
    check("nothing", |c| c.bytes.clear(), Err("bundle.not_a_bundle")).await;
    check("one byte more", |c| c.bytes.push(0), Err("bundle.truncated")).await;
    check(
        "the footer twice",
        |c| c.bytes.extend_from_within(FOOTER..),
        Err("bundle.length"),
    )
    .await;
    check(
        "a byte cut out of the middle",
        |c| drop(c.bytes.drain(1000..1001)),
        Err("bundle.length"),
    )
    .await;
    check(
        "other sizes",
        |c| set_u64(&mut c.bytes, FOOTER, 14_335),
        Err("bundle.length"),
    )
    .await;
    check(
        "sizes that overflow",
        |c| set_u64(&mut c.bytes, FOOTER, u64::MAX),
        Err("bundle.too_large"),
    )
    .await;
    check(
        "a table that fills memory",
        |c| set_u64(&mut c.bytes, FOOTER + 8, 1 << 40),
        Err("bundle.too_large"),
    )
    .await;
    check(
        "another number of chunks",
        |c| set_u64(&mut c.bytes, FOOTER + 16, 6),
        Err("bundle.malformed"),
    )
    .await;
    check(
        "chunks of twice the size",
        |c| c.bytes[18] = 0x20,
        Err("bundle.malformed"),
    )
    .await;

    // Another bundle, and parts of one.
    check(
        "another bundle under the same key",
        |c| c.bytes = bundle(&content(), 2).0,
        Err("bundle.digest_mismatch"),
    )
    .await;
    check(
        "another digest",
        |c| c.digest = bundle(&content(), 2).1,
        Err("bundle.digest_mismatch"),
    )
    .await;
    check(
        "a chunk of another bundle under the same key",
        |c| c.bytes[chunk(0)].copy_from_slice(&bundle(&content(), 2).0[chunk(0)]),
        Err("bundle.chunk_corrupt"),
    )
    .await;
    check(
        "the table of another bundle",
        |c| c.bytes[TABLE..LEAVES].copy_from_slice(&bundle(&content(), 2).0[TABLE..LEAVES]),
        Err("bundle.chunk_corrupt"),
    )
    .await;

    // Keys.
    check("another key", |c| c.key = key(2), Err("bundle.wrong_key")).await;
    check("another key id", flip(WRAP + 4), Err("bundle.wrong_key")).await;
    check(
        "another salt of the wrap",
        flip(WRAP + 20),
        Err("bundle.wrap_corrupt"),
    )
    .await;
    check(
        "another commitment of the wrap",
        flip(WRAP + 52),
        Err("bundle.wrap_corrupt"),
    )
    .await;
    check("another wrapped key", flip(WRAP + 84), Err("bundle.wrap_corrupt")).await;
    check("another kind of wrap", flip(WRAP + 3), Err("bundle.malformed")).await;
    check(
        "no wrap",
        |c| c.bytes[WRAP..WRAP + 160].fill(0),
        Err("bundle.wrong_key"),
    )
    .await;
    check(
        "the wrap of another bundle under the same key",
        |c| c.bytes[WRAP..WRAP + 160].copy_from_slice(&bundle(&content(), 2).0[WRAP..WRAP + 160]),
        Err("bundle.wrap_corrupt"),
    )
    .await;

    // What it is.
    check("an older layout", |c| c.bytes[11] = 0, Err("bundle.version")).await;
    check("a newer layout", |c| c.bytes[11] = 2, Err("bundle.version")).await;
    check(
        "something else",
        |c| c.bytes[..4].copy_from_slice(b"PK\x03\x04"),
        Err("bundle.not_a_bundle"),
    )
    .await;
    check(
        "line ends of another system",
        |c| assert_eq!(c.bytes.remove(4), b'\r'),
        Err("bundle.not_a_bundle"),
    )
    .await;
}

#[tokio::test]
async fn not_one_byte_of_a_changed_chunk_is_handed_on() {
    let case = good();
    let mut bytes = case.bytes.clone();
    bytes[chunk(1).start] ^= 1;
    let reader = Reader::open(Bytes::from(bytes), &case.digest, &case.key)
        .await
        .unwrap();

    // The first chunk is good and is read; a range that touches the second gives nothing of either.
    let labels = reader.read_range("labels.txt", 0..4000).await.unwrap();
    assert_eq!(labels, content()["labels.txt"][..4000]);
    let mut out = vec![0xaa; 5000];
    assert_eq!(
        reader.read_into("labels.txt", 0, &mut out).unwrap_err().code(),
        "bundle.chunk_corrupt"
    );
    assert!(out.iter().all(|&byte| byte == 0));
    let error = reader
        .verify(strongroom_bundle::Progress::none())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "chunk 1 of the content was changed");
}

#[tokio::test]
async fn ranges_and_names_that_are_not_there_are_refused() {
    let case = good();
    let reader = Reader::open(Bytes::from(case.bytes), &case.digest, &case.key)
        .await
        .unwrap();
    let code = |name: &'static str, range| {
        let read = reader.read_range(name, range);
        async move { read.await.map(|_| ()).map_err(|error| error.code()) }
    };
    assert_eq!(code("labels.txt", 5000..5000).await, Ok(()));
    assert_eq!(code("labels.txt", 0..5001).await, Err("bundle.range"));
    let backwards = std::ops::Range { start: 2, end: 1 };
    assert_eq!(code("labels.txt", backwards).await, Err("bundle.range"));
    assert_eq!(code("labels.txt", 0..u64::MAX).await, Err("bundle.range"));
    assert_eq!(code("labels", 0..1).await, Err("bundle.no_such_file"));
}
