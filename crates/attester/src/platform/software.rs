//! Client of the simulator. One connection for each question; the simulator learns from the kernel who asks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use strongroom_attest::platform::software::SIMULATION_MARKER;
use strongroom_attest::platform::software::protocol::{FRAME_BYTES_MAX, Hello, Operation, Request, Response};
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_crypto::secret::SealKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::attester::{Attester, CounterName, SealPolicy, Workload};
use crate::error::AttesterError;

/// How long one question may take. The simulator reads the whole of the caller's executable for each.
const ANSWER_SECONDS_MAX: u64 = 30;

/// The simulated platform, through its socket.
#[derive(Debug)]
pub struct SoftwareAttester {
    socket: PathBuf,
}

impl SoftwareAttester {
    /// Asks the simulator at `socket`.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    async fn ask(&self, operation: Operation) -> Result<Response, AttesterError> {
        let answer = tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), self.exchange(operation));
        let timeout = |_| AttesterError::Timeout {
            path: self.socket.clone(),
            seconds: ANSWER_SECONDS_MAX,
        };
        match answer.await.map_err(timeout)?? {
            Response::Refused(sentence) => Err(AttesterError::Refused(sentence)),
            answer => Ok(answer),
        }
    }

    async fn exchange(&self, operation: Operation) -> Result<Response, AttesterError> {
        let unreachable = |source| AttesterError::Unreachable {
            path: self.socket.clone(),
            source,
        };
        let mut stream = UnixStream::connect(&self.socket).await.map_err(unreachable)?;
        let first = read_frame(&mut stream).await.map_err(unreachable)?;
        let Ok(hello) = serde_json::from_slice::<Hello>(&first) else {
            return self.decode(&first); // refused before the question
        };
        if hello.platform != SIMULATION_MARKER {
            return Err(self.protocol("it is no simulator of this version"));
        }
        let request = Request {
            challenge: hello.challenge,
            operation,
        };
        write_frame(&mut stream, &request).await.map_err(unreachable)?;
        self.decode(&read_frame(&mut stream).await.map_err(unreachable)?)
    }

    async fn counter(&self, operation: Operation) -> Result<u64, AttesterError> {
        match self.ask(operation).await? {
            Response::Counter(value) => Ok(value),
            _ => Err(self.protocol("it answers another question")),
        }
    }

    fn decode<T: DeserializeOwned>(&self, frame: &[u8]) -> Result<T, AttesterError> {
        serde_json::from_slice(frame).map_err(|_| self.protocol("it speaks another protocol"))
    }

    fn protocol(&self, what: &'static str) -> AttesterError {
        AttesterError::Protocol {
            path: self.socket.clone(),
            what,
        }
    }
}

#[async_trait]
impl Attester for SoftwareAttester {
    fn platform(&self) -> Platform {
        Platform::Software
    }

    fn protection(&self) -> Protection {
        Protection::Simulated
    }

    async fn evidence(
        &self,
        report_data: &[u8; 64],
        workload: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError> {
        let description = workload.map(|workload| BASE64.encode(workload.description));
        let operation = Operation::Evidence {
            report_data: BASE64.encode(report_data),
            description,
        };
        let Response::Evidence(envelope) = self.ask(operation).await? else {
            return Err(self.protocol("it answers another question"));
        };
        let envelope = BASE64
            .decode(envelope)
            .map_err(|_| self.protocol("its evidence is not base64"))?;
        let evidence = Evidence::parse(&envelope)?;
        super::of_this_session(evidence, report_data)
    }

    async fn seal_key(&self, policy: SealPolicy) -> Result<SealKey, AttesterError> {
        let SealPolicy::Measurement = policy;
        let Response::SealKey(mut text) = self.ask(Operation::SealKey).await? else {
            return Err(self.protocol("it answers another question"));
        };
        let mut decoded = BASE64.decode(&text).unwrap_or_default();
        let key =
            SealKey::from_slice(&decoded).map_err(|_| self.protocol("its sealing key has not 32 bytes"));
        strongroom_crypto::secret::wipe(&mut decoded);
        strongroom_crypto::secret::wipe(&mut text);
        key
    }

    async fn counter_read(&self, name: &CounterName) -> Result<u64, AttesterError> {
        self.counter(Operation::CounterRead {
            name: name.as_str().to_owned(),
        })
        .await
    }

    async fn counter_advance(&self, name: &CounterName) -> Result<u64, AttesterError> {
        self.counter(Operation::CounterAdvance {
            name: name.as_str().to_owned(),
        })
        .await
    }
}

async fn read_frame(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the answer is too long",
        ));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn write_frame(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let frame = serde_json::to_vec(message)?;
    let length = u32::try_from(frame.len())
        .ok()
        .filter(|_| frame.len() <= FRAME_BYTES_MAX)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the question is too long"))?;
    stream.write_u32(length).await?;
    stream.write_all(&frame).await
}
