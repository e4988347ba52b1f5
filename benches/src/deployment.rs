//! What is asked: the demo's deployment, verified; and beside it the same server without anything that protects it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use strongroom_client::Trust as Verified;
use strongroom_client::predict::{Protocol as SdkProtocol, Server, VerifiedChannel};
use strongroom_ratls::{Alpn, MarbleVerifier, Target, Trust, connect};
use tokio::net::TcpStream;

use crate::Failure;
use crate::programs::{Programs, Running};
use crate::wire::{Protocol, Wire};

/// The demo's model.
pub const MODEL: &str = "digits";
const MARBLE: &str = "inference";

/// A demo that was left running. It is stopped when this is dropped.
pub struct Demo {
    stop: Stop,
    rest: String,
    grpc: String,
    trust: Verified,
}

/// Stops the demo when it is dropped; a value of its own, because playing may fail half way.
struct Stop {
    program: PathBuf,
    folder: PathBuf,
}

impl Demo {
    /// Plays it.
    ///
    /// # Errors
    /// With all that the demo printed.
    pub fn play(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        let stop = Stop {
            program: programs.path("strongroom"),
            folder: folder.to_owned(),
        };
        let mut command = programs.command("strongroom");
        command.args(["demo", "--keep", "--dir"]).arg(folder);
        let log = folder.with_extension("log");
        let out = fs::File::create(&log)?;
        command.stdout(out.try_clone()?).stderr(out);
        if !command.status()?.success() {
            return Err(format!("the demo failed:\n{}", fs::read_to_string(&log)?).into());
        }
        let description: Value =
            serde_json::from_slice(&fs::read(folder.join("administrator/inference.json"))?)?;
        let arguments: Vec<&str> = description["argv"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let port = |flag: &str| {
            let found = arguments.iter().find_map(|argument| argument.strip_prefix(flag));
            found
                .map(|port| format!("localhost:{port}"))
                .ok_or_else(|| format!("the demo's workload has no {flag}"))
        };
        Ok(Self {
            rest: port("--rest_api_port=")?,
            grpc: port("--port=")?,
            trust: Verified::load(&folder.join("user/trust.json"))?,
            stop,
        })
    }

    /// The parties' folders.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.stop.folder
    }

    fn address(&self, protocol: Protocol) -> &str {
        match protocol {
            Protocol::Rest => &self.rest,
            Protocol::Grpc => &self.grpc,
        }
    }

    /// A connection to the marble that the trust file names, and to nobody else.
    ///
    /// # Errors
    /// When somebody else answers, or nobody.
    pub async fn wire(&self, protocol: Protocol) -> Result<Wire, Failure> {
        let alpn = match protocol {
            Protocol::Rest => Alpn::Http1,
            Protocol::Grpc => Alpn::Http2,
        };
        let verifier = MarbleVerifier::new(self.trust.marble_root(), MARBLE)?;
        let target = Target::new(self.address(protocol), alpn)?;
        let session = connect(&target, &Trust::Marble(verifier)).await?;
        Wire::open(session.into_io(), protocol).await
    }

    /// The SDK's way to the same.
    ///
    /// # Errors
    /// As [`Self::wire`].
    pub async fn channel(&self, protocol: Protocol) -> Result<VerifiedChannel, Failure> {
        let server = Server {
            address: self.address(protocol),
            model: MODEL,
            marble: None,
            name: None,
        };
        let sdk = match protocol {
            Protocol::Rest => SdkProtocol::Rest,
            Protocol::Grpc => SdkProtocol::Grpc,
        };
        Ok(VerifiedChannel::connect(&self.trust, &server, sdk, None).await?)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        let mut command = Command::new(&self.program);
        command
            .args(["demo", "--stop"])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => {}
            // A demo that failed has stopped what it started itself, and left no list.
            ended => eprintln!(
                "predictions: `strongroom demo --stop {}`: {ended:?}",
                self.folder.display()
            ),
        }
    }
}

/// The same server with the same model, without anything that protects it.
pub struct PlainServer {
    _running: Running,
    rest: u16,
    grpc: u16,
}

impl PlainServer {
    /// Starts it with the model that the demo's owner has as a plain file.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(programs: &Programs, folder: &Path, demo: &Path) -> Result<Self, Failure> {
        let [rest, grpc, health] = free_ports()?;
        let mut command = programs.command("strongroom-inference");
        let model = demo.join("owner/digits/model.onnx");
        command.args(["--listen_address=127.0.0.1", "--model_name=digits"]);
        command.arg(format!("--model_base_path={}", model.display()));
        command
            .arg(format!("--port={grpc}"))
            .arg(format!("--rest_api_port={rest}"));
        command.arg(format!("--health_port={health}"));
        let mut running = Running::start("strongroom-inference", command, &folder.join("plain.log"))?;
        running.wait_for(|| is_ready(health))?;
        Ok(Self {
            _running: running,
            rest,
            grpc,
        })
    }

    /// A connection without TLS.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn wire(&self, protocol: Protocol) -> Result<Wire, Failure> {
        let port = match protocol {
            Protocol::Rest => self.rest,
            Protocol::Grpc => self.grpc,
        };
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        tcp.set_nodelay(true)?;
        Wire::open(tcp, protocol).await
    }
}

/// Whether the health listener says that every model is served.
fn is_ready(port: u16) -> Option<()> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(2)))
        .ok()?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    (&head == b"HTTP/1.1 200").then_some(())
}

/// Free when they were looked for; all held until the last is found, so that none is given twice.
fn free_ports<const N: usize>() -> Result<[u16; N], Failure> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
