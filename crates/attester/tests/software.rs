//! The client of the simulator against doubles that answer wrongly. The contract suite against a real simulator runs
//! in `tests/e2e`, where both may be linked.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use strongroom_attest::platform::software::protocol::{FRAME_BYTES_MAX, Hello, Operation, Request, Response};
use strongroom_attest::platform::software::{Authority, SIMULATION_MARKER, Statement};
use strongroom_attest::{Platform, Protection};
use strongroom_attester::{SealPolicy, TeeChoice, detect};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::time::UnixTime;

const NOW: UnixTime = UnixTime(1_790_000_000);
const REPORT_DATA: [u8; 64] = [7; 64];

/// A double that says `hello`, and answers each question with `answer`.
struct Double {
    _folder: tempfile::TempDir,
    socket: PathBuf,
}

fn double(hello: Vec<u8>, answer: impl Fn(Operation) -> Vec<u8> + Send + 'static) -> Double {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(&hello);
            if let Some(operation) = question(&mut stream) {
                let _ = stream.write_all(&answer(operation));
            }
        }
    });
    Double {
        _folder: folder,
        socket,
    }
}

fn question(stream: &mut UnixStream) -> Option<Operation> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?];
    stream.read_exact(&mut frame).ok()?;
    let request: Request = serde_json::from_slice(&frame).ok()?;
    assert_eq!(request.challenge, Digest32([9; 32]), "the challenge is repeated");
    Some(request.operation)
}

fn frame(message: &impl serde::Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(message).expect("JSON");
    [
        &u32::try_from(json.len()).expect("small").to_be_bytes()[..],
        &json,
    ]
    .concat()
}

fn hello() -> Vec<u8> {
    frame(&Hello {
        platform: SIMULATION_MARKER.to_owned(),
        challenge: Digest32([9; 32]),
    })
}

fn evidence(report_data: [u8; 64]) -> Vec<u8> {
    let authority = Authority::generate(NOW, &SystemRandom).expect("an authority");
    let statement = Statement {
        simulator_version: "0.1.0".to_owned(),
        report_data,
        measurement: sha256(b"program"),
        workload: None,
        issued_at: NOW,
        debug: false,
    };
    frame(&Response::Evidence(
        BASE64.encode(authority.issue(&statement).to_bytes()),
    ))
}

async fn collect(double: &Double) -> Result<(), &'static str> {
    let attester = detect(&TeeChoice::Software {
        socket: double.socket.clone(),
    })
    .expect("asked for by name");
    assert_eq!(
        (attester.platform(), attester.protection()),
        (Platform::Software, Protection::Simulated)
    );
    attester
        .evidence(&REPORT_DATA, None)
        .await
        .map(|_| ())
        .map_err(|error| error.code())
}

#[tokio::test]
async fn takes_what_it_asked_for_and_nothing_else() {
    assert_eq!(collect(&double(hello(), |_| evidence(REPORT_DATA))).await, Ok(()));
    let other = double(hello(), |_| evidence([8; 64]));
    assert_eq!(
        collect(&other).await,
        Err("attester.protocol"),
        "evidence for another session"
    );
    let refusing = double(hello(), |_| frame(&Response::Refused("no".to_owned())));
    assert_eq!(collect(&refusing).await, Err("attester.refused"));
    let mistaken = double(hello(), |_| frame(&Response::Counter(1)));
    assert_eq!(collect(&mistaken).await, Err("attester.protocol"));
    let no_evidence = double(hello(), |_| {
        frame(&Response::Evidence(BASE64.encode("no evidence")))
    });
    assert_eq!(collect(&no_evidence).await, Err("attester.protocol"));
    let stranger = frame(&Hello {
        platform: "other".to_owned(),
        challenge: Digest32([9; 32]),
    });
    assert_eq!(
        collect(&double(stranger, |_| Vec::new())).await,
        Err("attester.protocol")
    );
    let early = frame(&Response::Refused("not measured".to_owned()));
    assert_eq!(
        collect(&double(early, |_| Vec::new())).await,
        Err("attester.refused"),
        "before the question"
    );
    let endless = u32::try_from(FRAME_BYTES_MAX + 1)
        .expect("small")
        .to_be_bytes()
        .to_vec();
    assert_eq!(
        collect(&double(endless, |_| Vec::new())).await,
        Err("attester.unreachable")
    );
}

#[tokio::test]
async fn a_sealing_key_has_32_bytes_or_is_none() {
    for (bytes, good) in [(32, true), (31, false), (0, false), (64, false)] {
        let double = double(hello(), move |_| {
            frame(&Response::SealKey(BASE64.encode(vec![5; bytes])))
        });
        let attester = detect(&TeeChoice::Software {
            socket: double.socket.clone(),
        })
        .expect("asked for by name");
        assert_eq!(
            attester.seal_key(SealPolicy::Measurement).await.is_ok(),
            good,
            "{bytes}"
        );
    }
}

#[tokio::test]
async fn a_simulator_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("socket");
    let attester = detect(&TeeChoice::Software {
        socket: socket.clone(),
    })
    .expect("asked for by name");
    let error = attester
        .evidence(&REPORT_DATA, None)
        .await
        .expect_err("nobody listens");
    assert_eq!(error.code(), "attester.unreachable");
    assert!(
        error.to_string().contains(&socket.display().to_string()),
        "{error}"
    );
}
