//! Frames of an append-only file: length, checksum, payload. Tells a torn tail from damage.
//!
//! ```text
//! 4 bytes  length of the payload, big-endian
//! 8 bytes  first bytes of SHA-256 over length and payload
//!          payload
//! ```
//!
//! The checksum guards against crashes, not against people: the barrier and the hash chain do that.

use strongroom_crypto::digest::Sha256;

/// Bytes before a payload.
pub(super) const HEADER_BYTES: usize = 12;

/// Largest payload that is read or written.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// Appends one frame to `out`.
pub(super) fn write(out: &mut Vec<u8>, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("payloads are bounded far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&checksum(length, payload));
    out.extend_from_slice(payload);
}

/// How reading the next frame came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A whole frame, and what follows it.
    Frame { payload: &'a [u8], rest: &'a [u8] },
    /// The end.
    End,
    /// An unfinished write: nothing follows it, so nothing that was acknowledged is lost by cutting it off.
    Torn,
    /// A broken frame with more behind it: no crash leaves that.
    Damaged,
}

/// Reads the frame at the start of `bytes`, which reach to the end of the file.
pub(super) fn next(bytes: &[u8]) -> Next<'_> {
    if bytes.is_empty() {
        return Next::End;
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Next::Torn;
    };
    // A file that grew before its content arrived ends in zeros; no frame begins with them.
    if header.iter().all(|b| *b == 0) {
        return if body.iter().all(|b| *b == 0) {
            Next::Torn
        } else {
            Next::Damaged
        };
    }
    let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size > PAYLOAD_BYTES_MAX {
        return Next::Damaged;
    }
    let Some((payload, rest)) = body.split_at_checked(size) else {
        return Next::Torn;
    };
    if checksum(length, payload) == header[4..] {
        Next::Frame { payload, rest }
    } else if rest.is_empty() {
        Next::Torn
    } else {
        Next::Damaged
    }
}

fn checksum(length: u32, payload: &[u8]) -> [u8; 8] {
    let mut hash = Sha256::new();
    hash.update(&length.to_be_bytes());
    hash.update(payload);
    let digest = hash.finish();
    let mut short = [0; 8];
    short.copy_from_slice(&digest.as_bytes()[..8]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, b"first");
        write(&mut out, b"second");
        out
    }

    #[test]
    fn reads_what_was_written() {
        let bytes = two();
        let Next::Frame {
            payload: b"first",
            rest,
        } = next(&bytes)
        else {
            panic!("first frame")
        };
        let Next::Frame {
            payload: b"second",
            rest,
        } = next(rest)
        else {
            panic!("second frame")
        };
        assert_eq!(next(rest), Next::End);
    }

    #[test]
    fn a_cut_last_frame_is_torn_and_a_changed_earlier_one_is_damage() {
        let bytes = two();
        let Next::Frame { rest, .. } = next(&bytes) else {
            panic!("first frame")
        };
        for cut in 1..rest.len() {
            assert_eq!(next(&rest[..cut]), Next::Torn, "cut at {cut}");
        }
        for at in 4..HEADER_BYTES + 5 {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(next(&changed), Next::Damaged, "changed at {at}");
        }
        assert_eq!(next(&[0; 40]), Next::Torn);
    }
}
