//! Seals the content: each thread in turn reads a stretch, encrypts and hashes it on its own, and writes when the
//! stretches before it are written. Memory is one stretch for each thread, whatever the size of the model.

use std::io::{self, Read, Write};
use std::sync::{Condvar, Mutex};

use strongroom_crypto::digest::Digest32;

use super::WriteOptions;
use super::source::{Source, Sources};
use crate::error::BundleError;
use crate::format::padding::padme;
use crate::format::{CHUNKS_MAX, TAG_BYTES};
use crate::keys::SectionCipher;
use crate::progress::Counter;
use crate::threads::{lock, run};

/// Bytes that a thread reads at once, where a chunk is not larger: turns are then few, and buffers stay in cache.
const STRETCH_BYTES: usize = 256 * 1024;

/// What came of the content.
pub(super) struct Sealed {
    /// Names and lengths, in order.
    pub(super) files: Vec<(String, u64)>,
    pub(super) content_bytes_padded: u64,
    pub(super) leaves: Vec<Digest32>,
}

pub(super) fn seal(
    sources: Sources,
    sink: &mut (dyn Write + Send),
    cipher: &SectionCipher,
    options: &WriteOptions,
) -> Result<Sealed, BundleError> {
    let chunk_bytes = usize::try_from(options.chunk_bytes).expect("bounded");
    let counter = options.progress.counter(sources.bytes());
    let input = Mutex::new(Input::new(sources, chunk_bytes));
    let output = Output {
        state: Mutex::new(State {
            next: 0,
            stopped: false,
            leaves: Vec::new(),
            sink,
        }),
        turn: Condvar::new(),
    };

    run(options.threads.get(), || {
        // Whatever ends this thread's work early, the others must not wait for its turn.
        let mut stop = StopOnDrop {
            output: &output,
            armed: true,
        };
        let work = work(&input, &output, cipher, chunk_bytes, &counter);
        stop.armed = work.is_err();
        work
    })?;

    let leaves = lock(&output.state).leaves.split_off(0);
    let input = input
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Sealed {
        content_bytes_padded: input.taken,
        files: input.files,
        leaves,
    })
}

fn work(
    input: &Mutex<Input>,
    output: &Output<'_>,
    cipher: &SectionCipher,
    chunk_bytes: usize,
    counter: &Counter,
) -> Result<(), BundleError> {
    let mut buffer = vec![0; (STRETCH_BYTES / chunk_bytes).max(1) * (chunk_bytes + TAG_BYTES)];
    loop {
        let Some(stretch) = lock(input).fill(&mut buffer)? else {
            return Ok(());
        };
        let stored = &mut buffer[..stretch.bytes];
        let leaves: Vec<_> = (stretch.first_chunk..)
            .zip(stored.chunks_mut(chunk_bytes + TAG_BYTES))
            .map(|(index, chunk)| cipher.seal(index, chunk))
            .collect();
        if !output.put(stretch.index, stored, &leaves)? {
            return Ok(());
        }
        counter.add((stored.len() - leaves.len() * TAG_BYTES) as u64);
    }
}

/// A stretch of content in a thread's buffer, with room for a tag behind each chunk.
struct Stretch {
    index: u64,
    first_chunk: u64,
    bytes: usize,
}

/// The sources, one after the other, then the padding.
struct Input {
    waiting: std::vec::IntoIter<Source>,
    open: Option<Box<dyn Read + Send>>,
    files: Vec<(String, u64)>,
    /// Zeros still to come; `None` while there are sources.
    padding: Option<u64>,
    /// Bytes of content so far, padding included.
    taken: u64,
    stretches: u64,
    chunks: u64,
    chunk_bytes: usize,
}

impl Input {
    fn new(sources: Sources, chunk_bytes: usize) -> Self {
        let waiting = sources.into_files();
        Self {
            waiting,
            open: None,
            files: Vec::new(),
            padding: None,
            taken: 0,
            stretches: 0,
            chunks: 0,
            chunk_bytes,
        }
    }

    /// Fills a buffer with the next chunks; `None` at the end. After an error nothing more comes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<Option<Stretch>, BundleError> {
        let first_chunk = self.chunks;
        let mut bytes = 0;
        for place in buffer.chunks_exact_mut(self.chunk_bytes + TAG_BYTES) {
            let filled = self
                .fill_chunk(&mut place[..self.chunk_bytes])
                .inspect_err(|_| self.padding = Some(0))?;
            if filled == 0 {
                break;
            }
            bytes += filled + TAG_BYTES;
            self.chunks += 1;
            if self.chunks > CHUNKS_MAX {
                self.padding = Some(0);
                let (found, limit) = (self.chunks, CHUNKS_MAX);
                return Err(BundleError::TooLarge {
                    what: "chunks",
                    found,
                    limit,
                });
            }
            if filled < self.chunk_bytes {
                break;
            }
        }
        if bytes == 0 {
            return Ok(None);
        }
        let index = self.stretches;
        self.stretches += 1;
        Ok(Some(Stretch {
            index,
            first_chunk,
            bytes,
        }))
    }

    /// Fills a chunk, but for the last, which may be shorter.
    fn fill_chunk(&mut self, chunk: &mut [u8]) -> Result<usize, BundleError> {
        let mut filled = 0;
        while filled < chunk.len() {
            let more = self.read(&mut chunk[filled..])?;
            if more == 0 {
                break;
            }
            filled += more;
            self.taken += more as u64;
        }
        Ok(filled)
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, BundleError> {
        while self.padding.is_none() {
            let Some(open) = &mut self.open else {
                match self.waiting.next() {
                    Some(source) => {
                        let what = format!("reading {}", source.name);
                        self.open = Some((source.open)().map_err(BundleError::io(what))?);
                        self.files.push((source.name, 0));
                    }
                    None => {
                        let padded = padme(self.taken);
                        let limit = u64::MAX / 2;
                        self.padding = Some(
                            padded.ok_or(BundleError::TooLarge {
                                what: "bytes of content",
                                found: self.taken,
                                limit,
                            })? - self.taken,
                        );
                    }
                }
                continue;
            };
            let (name, length) = self.files.last_mut().expect("an open file is on the list");
            match open.read(out) {
                Ok(0) => self.open = None,
                Ok(more) => {
                    *length += more as u64;
                    return Ok(more);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(BundleError::io(format!("reading {name}"))(error)),
            }
        }
        let padding = self
            .padding
            .as_mut()
            .expect("the loop ends when the padding is known");
        let zeros = usize::try_from(*padding).unwrap_or(usize::MAX).min(out.len());
        out[..zeros].fill(0);
        *padding -= zeros as u64;
        Ok(zeros)
    }
}

/// The sink, and whose turn it is.
struct Output<'a> {
    state: Mutex<State<'a>>,
    turn: Condvar,
}

struct State<'a> {
    next: u64,
    stopped: bool,
    leaves: Vec<Digest32>,
    sink: &'a mut (dyn Write + Send),
}

impl Output<'_> {
    /// Writes a stretch when its turn has come; `false` where another thread has failed.
    fn put(&self, index: u64, stored: &[u8], leaves: &[Digest32]) -> Result<bool, BundleError> {
        let mut state = lock(&self.state);
        while state.next != index && !state.stopped {
            state = self
                .turn
                .wait(state)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        if state.stopped {
            return Ok(false);
        }
        super::put(&mut *state.sink, stored)?;
        state.leaves.extend_from_slice(leaves);
        state.next += 1;
        self.turn.notify_all();
        Ok(true)
    }
}

struct StopOnDrop<'a, 'b> {
    output: &'a Output<'b>,
    armed: bool,
}

impl Drop for StopOnDrop<'_, '_> {
    fn drop(&mut self) {
        if self.armed {
            lock(&self.output.state).stopped = true;
            self.output.turn.notify_all();
        }
    }
}
