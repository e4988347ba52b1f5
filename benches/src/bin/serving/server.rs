//! The server that is measured, on free ports of loopback, with what is asked of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use rustls::pki_types::ServerName;
use serde_json::Value;
use strongroom_benches::Failure;
use strongroom_benches::load::Bounds;
use strongroom_benches::programs::{Programs, Running, processor_time};
use strongroom_benches::wire::{Protocol, Wire};
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use tokio::net::TcpStream;

use crate::models::Subject;
use crate::tools;

/// Whether the ports speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Plain,
    Tls,
}

impl Security {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
        }
    }
}

/// One row's figures.
pub struct Figures {
    pub per_second: f64,
    pub p50: Option<Duration>,
    pub p99: Option<Duration>,
    /// Of the server, user and system, for each request.
    pub processor: Duration,
}

/// A running server with one model.
pub struct Server {
    running: Running,
    security: Security,
    addresses: Addresses,
    rest_body: String,
    frame: Bytes,
    model: &'static str,
    folder: PathBuf,
}

struct Addresses {
    rest: SocketAddr,
    grpc: SocketAddr,
    health: SocketAddr,
}

impl Server {
    /// # Errors
    /// When it does not come up.
    pub fn start(
        programs: &Programs,
        subject: &Subject,
        security: Security,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let ready = folder.join("ready.json");
        // Another server's may lie there.
        let _ = std::fs::remove_file(&ready);
        let mut command = programs.command("strongroom-inference");
        command.args([
            "--listen_address=127.0.0.1",
            "--ephemeral_ports",
            "--port=1",
            "--rest_api_port=1",
            "--health_port=1",
        ]);
        command.arg(format!("--ready_file={}", ready.display()));
        command.arg(format!("--model_name={}", subject.name));
        command.arg(format!("--model_base_path={}", subject.base.display()));
        command.args(&subject.flags);
        if security == Security::Tls {
            let (certificate, key) = identity(folder)?;
            command.arg(format!("--tls_certificate_file={}", certificate.display()));
            command.arg(format!("--tls_key_file={}", key.display()));
        }
        let mut running = Running::start("strongroom-inference", command, &folder.join("server.log"))?;
        let text = running.wait_for(|| std::fs::read(&ready).ok())?;
        let told: Value = serde_json::from_slice(&text)?;
        let address = |name: &str| -> Result<SocketAddr, Failure> {
            Ok(told[name]
                .as_str()
                .ok_or("the ready file lacks an address")?
                .parse()?)
        };
        let frame = subject.frame();
        std::fs::write(folder.join(FRAME_FILE), &frame)?;
        Ok(Self {
            security,
            addresses: Addresses {
                rest: address("rest_addr")?,
                grpc: address("grpc_addr")?,
                health: address("health_addr")?,
            },
            running,
            rest_body: subject.rest_body.clone(),
            frame,
            model: subject.name,
            folder: folder.to_owned(),
        })
    }

    /// Asks once: what is measured has to be a success.
    ///
    /// # Errors
    /// When it is none.
    pub async fn check(&self, protocol: Protocol) -> Result<(), Failure> {
        let mut wire = self.wire(protocol).await?;
        wire.ask(&self.request(protocol)).await?;
        Ok(())
    }

    /// A connection.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn wire(&self, protocol: Protocol) -> Result<Wire, Failure> {
        let tcp = TcpStream::connect(self.address(protocol)).await?;
        tcp.set_nodelay(true)?;
        match self.security {
            Security::Plain => Wire::open(tcp, protocol).await,
            Security::Tls => {
                let connector =
                    tokio_rustls::TlsConnector::from(Arc::new(tls_client(&self.folder, protocol)?));
                let name = ServerName::try_from("localhost")?;
                Wire::open(connector.connect(name, tcp).await?, protocol).await
            }
        }
    }

    /// The request of every row.
    pub fn request(&self, protocol: Protocol) -> Request<Full<Bytes>> {
        let (path, kind, body) = match protocol {
            Protocol::Rest => (
                self.rest_path(),
                "application/json",
                Bytes::from(self.rest_body.clone()),
            ),
            Protocol::Grpc => (
                format!("http://localhost{GRPC_PATH}"),
                "application/grpc",
                self.frame.clone(),
            ),
        };
        Request::post(path)
            .header(header::CONTENT_TYPE, kind)
            .header(header::TE, "trailers")
            .header(header::HOST, "localhost")
            .body(Full::new(body))
            .expect("its parts are constants")
    }

    /// One round of one row.
    ///
    /// # Errors
    /// When the generator or a request failed.
    pub fn load(&self, protocol: Protocol, connections: usize, bounds: Bounds) -> Result<Figures, Failure> {
        let scheme = match self.security {
            Security::Plain => "http",
            Security::Tls => "https",
        };
        let (before, answered) = (processor_time(self.running.id())?, self.answered()?);
        let address = self.address(protocol);
        let report = match protocol {
            Protocol::Rest => {
                let url = format!("{scheme}://{address}{}", self.rest_path());
                tools::wrk(&url, &self.rest_body, connections, bounds.time, &self.folder)?
            }
            Protocol::Grpc => {
                let url = format!("{scheme}://{address}{GRPC_PATH}");
                tools::h2load(&url, &self.folder.join(FRAME_FILE), connections, bounds.time)?
            }
        };
        let spent = processor_time(self.running.id())?.saturating_sub(before);
        let count = self.answered()? - answered;
        if count == 0 {
            return Err("the server answered nothing".into());
        }
        Ok(Figures {
            per_second: report.per_second,
            p50: report.p50,
            p99: report.p99,
            processor: Duration::from_secs_f64(spent.as_secs_f64() / count as f64),
        })
    }

    /// Requests that succeeded so far. Generators do not read gRPC's status; the server's counters must show no other.
    fn answered(&self) -> Result<u64, Failure> {
        let text = get(self.addresses.health, METRICS_PATH)?;
        let mut ok = 0;
        for line in text.lines().filter(|line| line.starts_with(COUNTER)) {
            let value: f64 = line.rsplit(' ').next().unwrap_or_default().parse()?;
            if line.contains("status=\"OK\"") {
                ok += value as u64;
            } else if value > 0.0 {
                return Err(format!("requests failed: {line}").into());
            }
        }
        Ok(ok)
    }

    fn address(&self, protocol: Protocol) -> SocketAddr {
        match protocol {
            Protocol::Rest => self.addresses.rest,
            Protocol::Grpc => self.addresses.grpc,
        }
    }

    fn rest_path(&self) -> String {
        format!("/v1/models/{}:predict", self.model)
    }
}

/// Processor time of this program.
///
/// # Errors
/// When the kernel does not tell.
pub fn own_processor_time() -> Result<Duration, Failure> {
    processor_time(std::process::id())
}

fn get(address: SocketAddr, path: &str) -> Result<String, Failure> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// A self-signed certificate and its key, P-256, as files.
fn identity(folder: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join("key.pem"));
    if !certificate.exists() {
        let now = strongroom_benches::bare::now();
        let signing = SigningKey::generate_p256();
        let template = Template {
            common_name: "localhost".to_owned(),
            names: strongroom_benches::bare::names(),
            not_before: now.minus(60),
            not_after: now.plus(86_400),
            usage: Usage::Leaf,
            extensions: Vec::new(),
        };
        let made = issue::self_signed(&template, &signing, &SystemRandom)?;
        std::fs::write(&key, signing.to_pkcs8_pem().as_bytes())?;
        std::fs::write(&certificate, made.to_pem())?;
    }
    Ok((certificate, key))
}

fn tls_client(folder: &Path, protocol: Protocol) -> Result<rustls::ClientConfig, Failure> {
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(
        folder.join(CERTIFICATE_FILE),
    )?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![match protocol {
        Protocol::Rest => b"http/1.1".to_vec(),
        Protocol::Grpc => b"h2".to_vec(),
    }];
    Ok(config)
}

const GRPC_PATH: &str = "/tensorflow.serving.PredictionService/Predict";
const METRICS_PATH: &str = "/monitoring/prometheus/metrics";
const COUNTER: &str = ":tensorflow:serving:request_count{";
const CERTIFICATE_FILE: &str = "certificate.pem";
const FRAME_FILE: &str = "frame.bin";
