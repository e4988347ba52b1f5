//! One question to a running simulator, as any program could ask it: what do you see of me? Shows a user that it works,
//! and the tests what a modified copy of this very program is answered.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use strongroom_attest::platform::software::protocol::{FRAME_BYTES_MAX, Hello, Operation, Request, Response};

/// How long each answer may take.
const ANSWER_SECONDS_MAX: u64 = 30;

/// Asks the simulator at `socket`.
///
/// # Errors
/// When nobody answers, or not in our protocol.
pub fn ask(socket: &Path, operation: Operation) -> io::Result<Response> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
    let first = read_frame(&mut stream)?;
    let Ok(hello) = serde_json::from_slice::<Hello>(&first) else {
        return Ok(serde_json::from_slice(&first)?); // refused before the question
    };
    write_frame(
        &mut stream,
        &Request {
            challenge: hello.challenge,
            operation,
        },
    )?;
    Ok(serde_json::from_slice(&read_frame(&mut stream)?)?)
}

/// Reads one frame of the protocol.
///
/// # Errors
/// When the other end closes, or sends more than the protocol allows.
pub fn read_frame(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

/// Writes one frame of the protocol.
///
/// # Errors
/// When the other end closes.
pub fn write_frame(stream: &mut UnixStream, message: &impl serde::Serialize) -> io::Result<()> {
    stream.write_all(&encode(message)?)
}

/// One frame's bytes.
///
/// # Errors
/// When the message cannot be written as JSON or is too long.
pub fn encode(message: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let frame = serde_json::to_vec(message)?;
    let length = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok([&length.to_be_bytes()[..], &frame].concat())
}
