//! Replays the corpus and some thousand seeded mutations of it through the fuzz target: nothing panics, and no
//! mutation that opens gives other bytes.

use crate::support::{Seeded, noise, options};
use bytes::Bytes;
use strongroom_bundle::fuzz::{KEY, open_bundle, read_all};
use strongroom_bundle::{Sources, write};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::secret::ModelKey;

const MUTATIONS: u64 = 3000;

fn corpus() -> Vec<Vec<u8>> {
    let key = ModelKey::init_with(|key| *key = KEY);
    [
        &[][..],
        &[("a", 5)],
        &[("model/graph", 9000), ("model/weights", 700), ("z", 0)],
    ]
    .iter()
    .map(|files| {
        let sources = files.iter().fold(Sources::new(), |s, &(name, size)| {
            s.with_bytes(name, noise(1, size))
        });
        let mut bytes = Vec::new();
        write(sources, &mut bytes, &key, &Seeded::new(1), &options(1)).unwrap();
        bytes
    })
    .collect()
}

/// A number below `bound` that follows from the seed.
fn draw(seed: u64, which: u64, bound: usize) -> usize {
    let mut input = seed.to_be_bytes().to_vec();
    input.extend_from_slice(&which.to_be_bytes());
    let number = u64::from_be_bytes(*sha256(&input).as_bytes().first_chunk().unwrap());
    usize::try_from(number % bound.max(1) as u64).unwrap()
}

fn mutate(seed: u64, bytes: &mut Vec<u8>) {
    // Half of the changes fall on header and footer, where every byte means something.
    let length = bytes.len();
    let near_the_rim = draw(seed, 0, 2) == 0;
    let rim = [draw(seed, 1, 512), length.saturating_sub(1 + draw(seed, 1, 64))][draw(seed, 2, 2)];
    let at = if near_the_rim {
        rim.min(length.saturating_sub(1))
    } else {
        draw(seed, 1, length)
    };
    match draw(seed, 3, 5) {
        0 if length > 0 => bytes[at] ^= 1 << draw(seed, 4, 8),
        1 if length > 0 => bytes[at] = [0, 0xff, 0x7f, 0x80][draw(seed, 4, 4)],
        2 => bytes.truncate(at),
        3 => bytes.splice(at..at, noise(9, draw(seed, 4, 64))).for_each(drop),
        _ => {
            let end = (at + draw(seed, 4, 64)).min(length);
            bytes.drain(at..end).for_each(drop);
        }
    }
}

#[test]
fn nothing_panics_and_nothing_false_is_read() {
    let corpus = corpus();
    let mut opened = 0;
    for good in &corpus {
        open_bundle(good);
        assert!(read_all(Bytes::copy_from_slice(good)).is_ok());
    }
    for seed in 0..MUTATIONS {
        let good = &corpus[draw(seed, 5, corpus.len())];
        let mut bytes = good.clone();
        for step in 0..=draw(seed, 6, 3) as u64 {
            mutate(seed * 31 + step, &mut bytes);
        }
        open_bundle(&bytes);
        if bytes != *good && read_all(Bytes::from(bytes)).is_ok() {
            opened += 1;
        }
    }
    // No change outside the wrapped keys passes, and a change of these does not open.
    assert_eq!(opened, 0);
}

#[test]
fn parts_of_a_bundle_alone_do_no_harm() {
    for seed in 0..300 {
        open_bundle(&noise(u8::try_from(seed % 251).unwrap(), draw(seed, 7, 2000)));
    }
    open_bundle(&[]);
}
