//! One exchange: measure, challenge, take the question from the measured process and nobody else, answer.
//!
//! A connected socket can be handed to another process, and a process can exec another program. So each read asks the
//! kernel who wrote (`SCM_CREDENTIALS`, unix(7)), and only what the measured process wrote after the challenge, which
//! leaves after the measurement, is a question.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::Serialize;
use strongroom_attest::platform::software::protocol::{
    DESCRIPTION_BYTES_MAX, FRAME_BYTES_MAX, Hello, Operation, Request, Response, is_counter_name,
};
use strongroom_attest::platform::software::{SIMULATION_MARKER, Statement};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::random;
use strongroom_workload::Description;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;

use crate::caller::Caller;
use crate::run::Platform;
use crate::{counter, folder::FolderError};

/// Answers one connection. What goes wrong ends in the log, and in a sentence to the caller where there is one.
pub(crate) async fn serve(mut stream: UnixStream, platform: std::sync::Arc<Platform>) -> io::Result<()> {
    rustix::net::sockopt::set_socket_passcred(&stream, true)?;
    let pid = stream.peer_cred()?.pid().unwrap_or(0);
    let measured = blocking(&platform, move |platform| {
        Caller::measure(pid, &platform.measurements, platform.now())
    });
    let caller = match measured.await? {
        Ok(caller) => caller,
        Err(error) => {
            tracing::warn!(
                pid,
                error = &error as &dyn std::error::Error,
                "caller not measured"
            );
            return send(&mut stream, &Response::Refused(error.to_string())).await;
        }
    };
    let challenge = Digest32(random::array(&*platform.random));
    send(
        &mut stream,
        &Hello {
            platform: SIMULATION_MARKER.to_owned(),
            challenge,
        },
    )
    .await?;
    let frame = receive(&stream, caller.pid()).await?;
    let response = match question(&frame, &challenge) {
        Ok(operation) => blocking(&platform, move |platform| answer(platform, &caller, operation)).await?,
        Err(sentence) => Err(sentence),
    };
    send(&mut stream, &response.unwrap_or_else(Response::Refused)).await
}

fn question(frame: &[u8], challenge: &Digest32) -> Result<Operation, String> {
    let request: Request =
        serde_json::from_slice(frame).map_err(|_| "the question cannot be read".to_owned())?;
    if request.challenge != *challenge {
        return Err("the question does not repeat the challenge".to_owned());
    }
    Ok(request.operation)
}

fn answer(platform: &Platform, caller: &Caller, operation: Operation) -> Result<Response, String> {
    caller.check_unchanged().map_err(|error| error.to_string())?;
    match operation {
        Operation::Evidence {
            report_data,
            description,
        } => evidence(platform, caller, &report_data, description),
        Operation::SealKey => Ok(Response::SealKey(
            BASE64.encode(platform.seal_key(caller.measurement())?.expose()),
        )),
        Operation::CounterRead { name } => counter(platform, &name, |folder| {
            counter::read(folder, caller.measurement(), &name)
        }),
        Operation::CounterAdvance { name } => counter(platform, &name, |folder| {
            counter::advance(folder, caller.measurement(), &name)
        }),
    }
}

fn evidence(
    platform: &Platform,
    caller: &Caller,
    report_data: &str,
    description: Option<String>,
) -> Result<Response, String> {
    let report_data = BASE64
        .decode(report_data)
        .ok()
        .and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
    let report_data = report_data.ok_or("report data is not 64 bytes in base64")?;
    let workload = description.map(|text| workload_digest(&text)).transpose()?;
    let statement = Statement {
        simulator_version: env!("CARGO_PKG_VERSION").to_owned(),
        report_data,
        measurement: *caller.measurement(),
        workload,
        issued_at: platform.now(),
        debug: platform.debug,
    };
    Ok(Response::Evidence(
        BASE64.encode(platform.authority.issue(&statement).to_bytes()),
    ))
}

fn workload_digest(description: &str) -> Result<Digest32, String> {
    let bytes = BASE64
        .decode(description)
        .map_err(|_| "the workload description is not base64")?;
    if bytes.len() > DESCRIPTION_BYTES_MAX {
        return Err(format!(
            "the workload description has more than {DESCRIPTION_BYTES_MAX} bytes"
        ));
    }
    let description = Description::parse(&bytes)
        .map_err(|error| format!("the workload description is refused: {error}"))?;
    Ok(description.digest())
}

fn counter(
    platform: &Platform,
    name: &str,
    step: impl FnOnce(&crate::folder::Folder) -> Result<u64, FolderError>,
) -> Result<Response, String> {
    if !is_counter_name(name) {
        return Err("a counter's name is 1 to 64 lower-case letters, digits, `-`, `_` and `.`".to_owned());
    }
    platform
        .with_folder(step)
        .map(Response::Counter)
        .map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "counter not kept");
            "the counter cannot be kept".to_owned()
        })
}

/// Runs what hashes or waits for the disk beside the connections.
async fn blocking<T: Send + 'static>(
    platform: &std::sync::Arc<Platform>,
    work: impl FnOnce(&Platform) -> T + Send + 'static,
) -> io::Result<T> {
    let platform = std::sync::Arc::clone(platform);
    tokio::task::spawn_blocking(move || work(&platform))
        .await
        .map_err(io::Error::other)
}

async fn send(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let frame = serde_json::to_vec(message)?;
    let length = u32::try_from(frame.len()).expect("answers are small");
    stream.write_u32(length).await?;
    stream.write_all(&frame).await
}

async fn receive(stream: &UnixStream, pid: i32) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    receive_exact(stream, pid, &mut length).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the question is too long",
        ));
    }
    let mut frame = vec![0; length];
    receive_exact(stream, pid, &mut frame).await?;
    Ok(frame)
}

async fn receive_exact(stream: &UnixStream, pid: i32, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = stream
            .async_io(Interest::READABLE, || receive_from(stream, pid, buffer))
            .await?;
        buffer = &mut buffer[read..];
    }
    Ok(())
}

/// One read, all of whose bytes the process `pid` wrote: the kernel never joins bytes of different writers.
fn receive_from(stream: &UnixStream, pid: i32, buffer: &mut [u8]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let read = rustix::net::recvmsg(
        stream,
        &mut [IoSliceMut::new(buffer)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if read.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let writer = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(writer) => Some(writer.pid.as_raw_nonzero().get()),
        _ => None,
    });
    if writer == Some(pid) {
        return Ok(read.bytes);
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "another process wrote than the one that connected",
    ))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use strongroom_crypto::random::SystemRandom;
    use strongroom_crypto::time::UnixTime;

    use super::*;
    use crate::{Config, Simulator};

    #[tokio::test]
    async fn a_caller_that_is_no_longer_there_gets_no_answer() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let simulator = Simulator::open(Config {
            dir: folder.path().join("platform"),
            socket: folder.path().join("socket"),
            debug: false,
            clock: || UnixTime(4_000_000_000),
            random: Arc::new(SystemRandom),
        });
        let platform = simulator.expect("a simulator").platform;
        let mut child = Command::new("sleep").arg("60").spawn().expect("a process");
        let pid = i32::try_from(child.id()).expect("a pid");
        let caller = Caller::measure(pid, &platform.measurements, platform.now()).expect("it runs");
        assert!(answer(&platform, &caller, Operation::SealKey).is_ok());
        child.kill().expect("own child");
        child.wait().expect("own child");
        let refused = answer(&platform, &caller, Operation::SealKey)
            .err()
            .expect("it is gone");
        assert!(refused.contains("no longer the program"), "{refused}");
    }
}
