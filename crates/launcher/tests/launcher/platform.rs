//! A platform that says of every caller what the test wants: the simulator's protocol over a socket of the test's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_attest::platform::software::protocol::{Hello, Operation, Request, Response};
use strongroom_attest::platform::software::{Authority, SIMULATION_MARKER, Statement};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::random::SystemRandom;
use strongroom_workload::Description;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::fixture::now;

/// The platform's root and key.
#[derive(Clone)]
pub(crate) struct Platform {
    authority: Arc<Authority>,
}

impl Platform {
    pub(crate) fn new() -> Self {
        Self {
            authority: Arc::new(Authority::generate(now(), &SystemRandom).expect("authority")),
        }
    }

    pub(crate) fn root_pem(&self) -> String {
        self.authority.root().to_pem()
    }

    pub(crate) fn root(&self) -> strongroom_crypto::x509::Certificate {
        self.authority.root().clone()
    }

    /// Evidence of a program.
    pub(crate) fn evidence(
        &self,
        measurement: Digest32,
        workload: Option<Digest32>,
        report_data: [u8; 64],
    ) -> Vec<u8> {
        let statement = Statement {
            simulator_version: "test".to_owned(),
            report_data,
            measurement,
            workload,
            issued_at: now(),
            debug: false,
        };
        self.authority.issue(&statement).to_bytes()
    }

    /// Serves launchers at a socket in `folder`.
    pub(crate) fn serve(&self, folder: &Path) -> PathBuf {
        let path = folder.join("platform.sock");
        let listener = UnixListener::bind(&path).expect("bind");
        let platform = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(platform.clone().answer(stream));
            }
        });
        path
    }

    async fn answer(self, mut stream: UnixStream) {
        let challenge = sha256(b"challenge");
        write(
            &mut stream,
            &Hello {
                platform: SIMULATION_MARKER.to_owned(),
                challenge,
            },
        )
        .await;
        let length = stream.read_u32().await.expect("length");
        let mut frame = vec![0; usize::try_from(length).expect("small")];
        stream.read_exact(&mut frame).await.expect("frame");
        let request: Request = serde_json::from_slice(&frame).expect("request");
        let Operation::Evidence {
            report_data,
            description,
        } = request.operation
        else {
            panic!("a launcher asks for evidence only");
        };
        let report_data = STANDARD
            .decode(report_data)
            .expect("base64")
            .try_into()
            .expect("64 bytes");
        let workload = description.map(|text| {
            Description::parse(&STANDARD.decode(text).expect("base64"))
                .expect("description")
                .digest()
        });
        let evidence = self.evidence(launcher_measurement(), workload, report_data);
        write(&mut stream, &Response::Evidence(STANDARD.encode(evidence))).await;
    }
}

/// What this platform says of every launcher.
pub(crate) fn launcher_measurement() -> Digest32 {
    sha256(b"launcher")
}

async fn write(stream: &mut UnixStream, message: &impl serde::Serialize) {
    let frame = serde_json::to_vec(message).expect("json");
    stream
        .write_u32(u32::try_from(frame.len()).expect("small"))
        .await
        .expect("write");
    stream.write_all(&frame).await.expect("write");
}
