//! How fast bundles are written and read, against a plain copy and against the bare primitives (AES-256-GCM and SHA-256)
//! on the same buffers, in the same run; and how soon the first tensor of a large bundle is there.
//!
//!     cargo run --release --bin bundle [-- MIB [ROUNDS]]
//!
//! Each figure is the best of its rounds. Rounds of what is compared alternate, so that a busy machine slows both alike.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_bundle::{
    BundleDigest, CHUNK_BYTES_DEFAULT, LocalFile, RandomAccess, Reader, Sources, StoreError, WriteOptions,
    write,
};
use strongroom_crypto::aead::AeadKey;
use strongroom_crypto::digest::Sha256;
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::ModelKey;

type Failure = Box<dyn std::error::Error>;

const CHUNK: usize = CHUNK_BYTES_DEFAULT as usize;
const TENSOR_BYTES: u64 = 4 * 1024 * 1024;

fn main() -> Result<(), Failure> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mib = numbers.next().transpose()?.unwrap_or(1024);
    let rounds = numbers.next().transpose()?.unwrap_or(5);
    let folder = tempfile::tempdir()?;
    let (plain_path, bundle_path) = (folder.path().join("plain"), folder.path().join("bundle"));

    println!(
        "bundle: {mib} MiB, chunks of {} KiB, best of {rounds}",
        CHUNK / 1024
    );
    let size = mib * 1024 * 1024;
    write_noise(&plain_path, size)?;

    // First of all, while this process is still small.
    reset_peak();
    let before = peak_kib();
    let digest = encrypt_file(&plain_path, &bundle_path, 2)?;
    println!(
        "memory while encrypting {mib} MiB: {} MiB above {} MiB\n",
        (peak_kib() - before) / 1024,
        before / 1024
    );

    first_tensor(&bundle_path, digest, rounds)?;
    files(&plain_path, &bundle_path, digest, size, rounds)?;
    memory(&std::fs::read(&plain_path)?, rounds)
}

/// What one thing costs.
#[derive(Clone, Copy)]
struct Cost {
    /// Shortest time.
    best: Duration,
    /// Processor time of all threads, over all rounds. Says the same on a machine that has other work.
    busy: Duration,
}

/// Each of several things, in turn, round after round.
fn compare<const N: usize>(
    rounds: usize,
    mut things: [&mut dyn FnMut() -> Result<(), Failure>; N],
) -> Result<[Cost; N], Failure> {
    let mut costs = [Cost {
        best: Duration::MAX,
        busy: Duration::ZERO,
    }; N];
    for _ in 0..rounds {
        for (cost, thing) in costs.iter_mut().zip(&mut things) {
            let (started, busy) = (Instant::now(), processor_time());
            thing()?;
            cost.best = started.elapsed().min(cost.best);
            cost.busy += processor_time().saturating_sub(busy);
        }
    }
    Ok(costs)
}

fn report(what: &str, size: usize, cost: Cost, baseline: Cost, against: &str) {
    let rate = size as f64 / 1e6 / cost.best.as_secs_f64();
    let ratio =
        |baseline: Duration, time: Duration| 100.0 * baseline.as_secs_f64() / time.as_secs_f64().max(1e-3);
    let (wall, busy) = (ratio(baseline.best, cost.best), ratio(baseline.busy, cost.busy));
    println!("{what:<40} {rate:>7.0} MB/s {wall:>6.1} % of {against} ({busy:.1} % by processor time)");
}

/// Processor time of this process so far, in steps of a hundredth of a second (proc(5), fields 14 and 15).
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

// In memory: what the format costs beyond its primitives.

fn memory(plain: &[u8], rounds: usize) -> Result<(), Failure> {
    let size = plain.len();
    let plain: Arc<[u8]> = plain.into();
    let source = || Sources::new().with_reader("a", Shared(plain.clone(), 0));
    let mut sealed = Vec::new();
    let digest = write(source(), &mut sealed, &key(), &SystemRandom, &options(2))?.digest;
    let mut sink = vec![1; sealed.len()];
    let sealed = Bytes::from(sealed);
    let (mut buffer, mut out, mut decrypted) = (plain.to_vec(), vec![1; size], vec![1; size]);
    println!("\nin memory");
    for threads in [1, 2] {
        let reader = runtime()?.block_on(Reader::open(sealed.clone(), &digest, &key()))?;
        let reader = reader.with_threads(NonZeroUsize::new(threads).ok_or("no thread")?);
        let shared = RefCell::new(&mut buffer);
        let tags = RefCell::new(Vec::new());
        let [copy, bare, encrypt, encrypt_into, bare_decrypt, decrypt] = compare(
            rounds,
            [
                &mut || {
                    let copy = |at, part: &mut [u8]| part.copy_from_slice(&plain[at..at + part.len()]);
                    on_threads(threads, &mut shared.borrow_mut(), copy);
                    Ok(())
                },
                &mut || {
                    *tags.borrow_mut() = bare_seal(threads, &mut shared.borrow_mut());
                    Ok(())
                },
                &mut || {
                    write(
                        source(),
                        &mut io::sink(),
                        &key(),
                        &SystemRandom,
                        &options(threads),
                    )?;
                    Ok(())
                },
                &mut || {
                    let mut sink = Cursor::new(&mut sink[..]);
                    write(source(), &mut sink, &key(), &SystemRandom, &options(threads))?;
                    Ok(())
                },
                &mut || bare_open(threads, &shared.borrow(), &tags.borrow(), &mut out),
                &mut || Ok(reader.read_into("a", 0, &mut decrypted)?),
            ],
        )?;
        assert!(decrypted == *plain, "what comes out is what went in");

        let named = |what: &str| format!("{what}, {threads} thread{}", if threads == 1 { "" } else { "s" });
        report(&named("copy"), size, copy, copy, "itself");
        report(&named("bare seal and hash"), size, bare, copy, "copy");
        report(&named("encrypt"), size, encrypt, bare, "bare");
        report(
            &named("encrypt, and copy the bundle"),
            size,
            encrypt_into,
            bare,
            "bare",
        );
        report(&named("bare hash and open"), size, bare_decrypt, copy, "copy");
        report(&named("decrypt"), size, decrypt, bare_decrypt, "bare");
    }
    Ok(())
}

fn bare_seal(threads: usize, buffer: &mut [u8]) -> Vec<(usize, [u8; 16])> {
    let tags = std::sync::Mutex::new(Vec::new());
    on_threads(threads, buffer, |at, part| {
        let cipher = AeadKey::new(&[7; 32]);
        let mut own = Vec::new();
        for (index, chunk) in part.chunks_mut(CHUNK).enumerate() {
            let at = at + index * CHUNK;
            let tag = cipher.seal_separate(&nonce(at), b"", chunk);
            own.push((at, tag));
            std::hint::black_box(hash(chunk, &tag));
        }
        tags.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend(own);
    });
    let mut tags = tags
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    tags.sort_unstable();
    tags
}

fn bare_open(
    threads: usize,
    sealed: &[u8],
    tags: &[(usize, [u8; 16])],
    out: &mut [u8],
) -> Result<(), Failure> {
    let failed = std::sync::atomic::AtomicBool::new(false);
    on_threads(threads, out, |at, part| {
        let cipher = AeadKey::new(&[7; 32]);
        for (index, plain) in part.chunks_mut(CHUNK).enumerate() {
            let at = at + index * CHUNK;
            let chunk = &sealed[at..at + plain.len()];
            let tag = tags
                .binary_search_by_key(&at, |(at, _)| *at)
                .map(|found| tags[found].1)
                .unwrap_or_default();
            std::hint::black_box(hash(chunk, &tag));
            if cipher.open_separate(&nonce(at), b"", chunk, &tag, plain).is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        }
    });
    if failed.into_inner() {
        Err("the bare primitives disagree with themselves".into())
    } else {
        Ok(())
    }
}

fn hash(chunk: &[u8], tag: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(chunk);
    hash.update(tag);
    hash.finish().0
}

fn nonce(at: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(at as u64).to_be_bytes());
    nonce
}

fn on_threads(threads: usize, buffer: &mut [u8], work: impl Fn(usize, &mut [u8]) + Sync) {
    let share = buffer.len().div_ceil(threads).next_multiple_of(CHUNK);
    std::thread::scope(|scope| {
        for (index, part) in buffer.chunks_mut(share).enumerate() {
            let work = &work;
            scope.spawn(move || work(index * share, part));
        }
    });
}

/// Reads shared memory, as a file in the page cache would be read.
struct Shared(Arc<[u8]>, usize);

impl Read for Shared {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = &self.0[self.1..];
        let bytes = rest.len().min(out.len());
        out[..bytes].copy_from_slice(&rest[..bytes]);
        self.1 += bytes;
        Ok(bytes)
    }
}

// From file to file: what a user sees.

fn files(
    plain: &Path,
    bundle: &Path,
    digest: BundleDigest,
    size: usize,
    rounds: usize,
) -> Result<(), Failure> {
    println!("\nfrom file to file, in the page cache");
    let copy_path = plain.with_extension("copy");
    let other = bundle.with_extension("other");
    for threads in [1, 2] {
        let opened = runtime()?.block_on(Reader::open(LocalFile::open(bundle)?, &digest, &key()))?;
        let opened = opened.with_threads(NonZeroUsize::new(threads).ok_or("no thread")?);
        let out = plain.with_extension("out");
        let [copy, encrypt, decrypt] = compare(
            rounds,
            [
                &mut || copy_file(plain, &copy_path),
                &mut || encrypt_file(plain, &other, threads).map(|_| ()),
                &mut || {
                    let _ = std::fs::remove_dir_all(&out);
                    runtime()?.block_on(opened.decrypt_to_dir(&out, strongroom_bundle::Progress::none()))?;
                    Ok(())
                },
            ],
        )?;
        let named = |what: &str| format!("{what}, {threads} thread{}", if threads == 1 { "" } else { "s" });
        report("plain copy by read and write", size, copy, copy, "itself");
        report(&named("encrypt"), size, encrypt, copy, "plain copy");
        report(&named("decrypt"), size, decrypt, copy, "plain copy");
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::remove_file(&copy_path)?;
    std::fs::remove_file(&other)?;
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            bytes => to.write_all(&buffer[..bytes])?,
        }
    }
}

fn encrypt_file(from: &Path, to: &Path, threads: usize) -> Result<BundleDigest, Failure> {
    let sources = Sources::new().with_reader("a", File::open(from)?);
    Ok(write(
        sources,
        &mut File::create(to)?,
        &key(),
        &SystemRandom,
        &options(threads),
    )?
    .digest)
}

// The first tensor.

fn first_tensor(bundle: &Path, digest: BundleDigest, rounds: usize) -> Result<(), Failure> {
    let counted = Counted {
        file: LocalFile::open(bundle)?,
        read: Arc::default(),
    };
    let runtime = runtime()?;
    let open = |counted: &Counted| runtime.block_on(Reader::open(counted.clone(), &digest, &key()));
    let total = std::fs::metadata(bundle)?.len();
    let middle = total / 2;

    open(&counted)?;
    let to_open = counted.read.swap(0, Ordering::Relaxed);
    let [first, whole] = compare(
        rounds,
        [
            &mut || {
                let reader = open(&counted)?;
                runtime.block_on(reader.read_range("a", middle..middle + TENSOR_BYTES))?;
                Ok(())
            },
            &mut || {
                let reader = open(&counted)?;
                runtime.block_on(reader.read_file("a"))?;
                Ok(())
            },
        ],
    )?;
    counted.read.store(0, Ordering::Relaxed);
    let reader = open(&counted)?;
    runtime.block_on(reader.read_range("a", middle..middle + TENSOR_BYTES))?;
    let to_tensor = counted.read.load(Ordering::Relaxed);
    println!("first tensor ({} MiB, in the middle)", TENSOR_BYTES / 1024 / 1024);
    println!(
        "  open:          {to_open:>9} bytes read, {:.3} % of the bundle",
        percent(to_open, total)
    );
    println!(
        "  first tensor:  {to_tensor:>9} bytes read, {:.3} % of the bundle, {:.1} ms",
        percent(to_tensor, total),
        ms(first.best)
    );
    println!(
        "  all of it:     {total:>9} bytes read, {:.1} ms: {:.0} times as long",
        ms(whole.best),
        ms(whole.best) / ms(first.best)
    );
    Ok(())
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A local file as if behind a network: what is asked for is counted.
#[derive(Clone)]
struct Counted {
    file: LocalFile,
    read: Arc<AtomicU64>,
}

#[async_trait]
impl RandomAccess for Counted {
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError> {
        let found = self.file.tail(bytes_max).await?;
        self.read.fetch_add(found.0.len() as u64, Ordering::Relaxed);
        Ok(found)
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
        self.file.read(range).await
    }
}

// Shared parts.

fn key() -> ModelKey {
    ModelKey::init_with(|key| key.fill(1))
}

fn options(threads: usize) -> WriteOptions {
    WriteOptions {
        threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN),
        ..WriteOptions::default()
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
}

/// Bytes that do not repeat within a page, made quickly (xorshift).
fn write_noise(path: &Path, size: usize) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut buffer = vec![0u8; 1024 * 1024];
    let mut left = size;
    while left > 0 {
        for word in buffer.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let bytes = left.min(buffer.len());
        file.write_all(&buffer[..bytes])?;
        left -= bytes;
    }
    Ok(())
}

/// Highest resident memory of this process since the last reset, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn reset_peak() {
    // Where the kernel does not let us, the peak includes what came before.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
