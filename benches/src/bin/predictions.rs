//! How many predictions a deployment answers in a second over verified TLS connections, against the same engine called in
//! process, in the same run; and against the same server without TLS and confidential mode.
//!
//!     cargo xtask bench predictions [--programs FOLDER] [--seconds S] [--count N] [--rounds N]
//!
//! The deployment is the demo's (`strongroom demo --keep`), stopped at the end also after a failure. Client and server
//! share this machine's cores. The client sends requests that were written beforehand and looks at an answer's status
//! only, after it compared one answer of each kind with the engine's; a row with the SDK shows what it adds.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use serde_json::{Value, json};
use strongroom_api::serving::{
    DEFAULT_SIGNATURE, DataType, ModelSpec, PredictRequest, PredictResponse, TensorProto, TensorShapeProto,
    tensor_shape_proto::Dim,
};
use strongroom_benches::Failure;
use strongroom_benches::arguments::Arguments;
use strongroom_benches::load::{self, Bounds, Figures, ms};
use strongroom_benches::programs::{Programs, Running};
use strongroom_client::Trust as Verified;
use strongroom_client::predict::{self, Protocol as SdkProtocol, VerifiedChannel};
use strongroom_inference::engine::rten::{Rten, in_own_pool};
use strongroom_inference::engine::{Call, Engine as _, Executable};
use strongroom_inference::model::ModelFiles;
use strongroom_inference::tensor::{Data, Tensor};
use strongroom_ratls::{Alpn, MarbleVerifier, Session, Target, Trust, connect};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

const MODEL: &str = "digits";
const MARBLE: &str = "inference";
const BATCHES: [usize; 2] = [1, 32];
const CONNECTIONS: [usize; 2] = [1, 8];
const PIXELS: usize = 8 * 8;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::read(&["programs", "seconds", "count", "rounds"])?;
    let bounds = arguments.bounds(1.0, 100_000)?;
    let needed = ["strongroom", "strongroom-inference", "strongroom-coordinator", "strongroom-launcher"];
    let programs = Programs::find(arguments.path("programs"), &needed)?;
    let folder = tempfile::tempdir()?;

    println!("predictions: playing the demo first, to have a deployment to verify");
    let demo = Demo::play(&programs, folder.path().join("demo"))?;
    let plain = PlainServer::start(&programs, folder.path(), &demo.folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cores = std::thread::available_parallelism()?.get();
    println!(
        "predictions: SIMULATED hardware, {cores} cores for client and server together; middle of {} rounds of at most \
         {} s or {} requests",
        bounds.rounds,
        bounds.time.as_secs_f64(),
        bounds.count
    );
    for batch in BATCHES {
        let asked = Asked::read(&demo.folder, batch)?;
        let model = Rten.load(asked.model.clone())?;
        let mut table = Table::new(batch, cores);
        for _ in 0..bounds.rounds {
            table.measure(&runtime, bounds, &demo, &plain, &model, &asked)?;
        }
        table.print()?;
    }
    Ok(())
}

// The table: one row for each way to ask.

#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    /// The engine in process, on so many threads: the baseline.
    Engine(usize),
    /// Requests on so many connections.
    Wire(Protocol, Security, usize),
    /// The SDK, one call after the other.
    Sdk(Protocol),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Rest,
    Grpc,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Security {
    /// The demo's workload: bundle, confidential mode, TLS to a verified marble.
    Confidential,
    /// The same server program with the same model as a plain file, without TLS.
    Plain,
}

struct Table {
    batch: usize,
    cores: usize,
    rows: Vec<(Row, Vec<Figures>)>,
}

impl Table {
    fn new(batch: usize, cores: usize) -> Self {
        let mut rows = vec![Row::Engine(1), Row::Engine(cores)];
        for connections in CONNECTIONS {
            for protocol in [Protocol::Rest, Protocol::Grpc] {
                for security in [Security::Plain, Security::Confidential] {
                    rows.push(Row::Wire(protocol, security, connections));
                }
            }
        }
        rows.extend([Row::Sdk(Protocol::Rest), Row::Sdk(Protocol::Grpc)]);
        let rows = rows.into_iter().map(|row| (row, Vec::new())).collect();
        Self { batch, cores, rows }
    }

    fn measure(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        bounds: Bounds,
        demo: &Demo,
        plain: &PlainServer,
        model: &Arc<dyn Executable>,
        asked: &Asked,
    ) -> Result<(), Failure> {
        for (row, rounds) in &mut self.rows {
            rounds.push(match *row {
                Row::Engine(threads) => load::on_threads(threads, bounds, in_pool, || asked.run(model))?,
                Row::Wire(protocol, security, connections) => runtime.block_on(async {
                    let mut wires = Vec::new();
                    for _ in 0..connections {
                        let mut wire = match security {
                            Security::Confidential => demo.wire(protocol).await?,
                            Security::Plain => plain.wire(protocol).await?,
                        };
                        asked.check(&mut wire, protocol).await?;
                        wires.push((wire, asked.request(protocol)));
                    }
                    load::together(wires, bounds, |(mut wire, request)| async move {
                        wire.ask(&request).await?;
                        Ok((wire, request))
                    })
                    .await
                })?,
                Row::Sdk(protocol) => runtime.block_on(async {
                    let channel = Arc::new((demo.channel(protocol).await?, asked.input.clone()));
                    load::together(vec![channel], bounds, |channel| async move {
                        channel.0.predict(&channel.1).await?;
                        Ok(channel)
                    })
                    .await
                })?,
            });
        }
        Ok(())
    }

    fn print(self) -> Result<(), Failure> {
        println!(
            "\n{:<52} {:>11} {:>9} {:>9}  of the engine",
            format!("batch of {}", self.batch),
            "images/s",
            "p50 ms",
            "p99 ms"
        );
        let mut engines = BTreeMap::new();
        let mut without = None;
        for (row, rounds) in self.rows {
            let middle = Figures::middle(rounds)?;
            let (name, threads) = match row {
                Row::Engine(threads) => (format!("engine in process, {threads} thread(s)"), threads),
                Row::Wire(protocol, security, connections) => (
                    format!("{}, {}, {connections} connection(s)", protocol.name(), security.name()),
                    connections.min(self.cores),
                ),
                Row::Sdk(protocol) => (format!("{}, TLS, SDK with metadata each time", protocol.name()), 1),
            };
            if matches!(row, Row::Engine(_)) {
                engines.insert(threads, middle.per_second);
            }
            let mut ratio = format!("{:>6.1} %", 100.0 * middle.per_second / engines[&threads]);
            match row {
                Row::Wire(_, Security::Plain, _) => without = Some(middle.per_second),
                Row::Wire(_, Security::Confidential, _) => {
                    if let Some(without) = without.take() {
                        ratio += &format!(", {:.0} % of plain", 100.0 * middle.per_second / without);
                    }
                }
                Row::Engine(_) | Row::Sdk(_) => {}
            }
            println!(
                "{name:<52} {:>11.0} {:>9} {:>9}  {ratio}",
                middle.per_second * self.batch as f64,
                ms(middle.p50),
                ms(middle.p99)
            );
        }
        Ok(())
    }
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Grpc => "gRPC",
        }
    }
}

impl Security {
    const fn name(self) -> &'static str {
        match self {
            Self::Confidential => "confidential over TLS",
            Self::Plain => "plain model over TCP",
        }
    }
}

// What is asked, in every form, and the answer that it must get.

struct Asked {
    model: ModelFiles,
    alias: String,
    tensor: Tensor,
    digits: Vec<i64>,
    rest: Bytes,
    grpc: Bytes,
    input: predict::Input,
}

impl Asked {
    /// The first images of those that the demo's user asks for.
    fn read(demo: &Path, batch: usize) -> Result<Self, Failure> {
        let onnx = fs::read(demo.join("owner/digits/model.onnx"))?;
        let model = ModelFiles::from_iter([("model.onnx".to_owned(), onnx)]);
        let loaded = Rten.load(model.clone())?;
        let signature = &loaded.signatures()[DEFAULT_SIGNATURE];
        let alias = signature.inputs.keys().next().ok_or("the model has no input")?.clone();

        let body: Value = serde_json::from_slice(&fs::read(demo.join("user/held-back.json"))?)?;
        let images = body["instances"].as_array().and_then(|all| all.get(..batch));
        let rows = Value::from(images.ok_or("the demo has too few images")?);
        let mut pixels = Vec::new();
        flatten(&rows, &mut pixels);
        if pixels.len() != batch * PIXELS {
            return Err("the demo's images are not 8 by 8".into());
        }
        let tensor = Tensor::new(vec![batch, 8, 8, 1], Data::Float(pixels.clone()))?;
        let request = PredictRequest {
            model_spec: Some(ModelSpec {
                name: MODEL.to_owned(),
                signature_name: DEFAULT_SIGNATURE.to_owned(),
                version_choice: None,
            }),
            inputs: BTreeMap::from([(alias.clone(), tensor_proto(batch, &pixels))]),
            ..PredictRequest::default()
        };
        let mut asked = Self {
            model,
            alias,
            tensor,
            digits: Vec::new(),
            rest: json!({ "instances": rows }).to_string().into(),
            grpc: framed(&request),
            input: predict::Input::Json(json!({ "instances": rows })),
        };
        let answer = loaded.run(asked.call(&loaded)?).map_err(|error| error.message().to_owned())?;
        asked.digits = integers(answer["digit"].data()).ok_or("the model has no output `digit`")?;
        Ok(asked)
    }

    fn call(&self, model: &Arc<dyn Executable>) -> Result<Call, Failure> {
        let inputs = BTreeMap::from([(self.alias.clone(), self.tensor.clone())]);
        Call::new(&model.signatures()[DEFAULT_SIGNATURE], inputs, &[]).map_err(|error| error.message().into())
    }

    fn run(&self, model: &Arc<dyn Executable>) -> Result<(), Failure> {
        let answer = model.run(self.call(model)?).map_err(|error| error.message().to_owned())?;
        std::hint::black_box(answer);
        Ok(())
    }

    fn request(&self, protocol: Protocol) -> Request<Full<Bytes>> {
        let (path, kind, body) = match protocol {
            Protocol::Rest => ("/v1/models/digits:predict", "application/json", &self.rest),
            Protocol::Grpc => (
                "https://localhost/tensorflow.serving.PredictionService/Predict",
                "application/grpc",
                &self.grpc,
            ),
        };
        Request::post(path)
            .header(header::CONTENT_TYPE, kind)
            .header(header::TE, "trailers")
            .header(header::HOST, "localhost")
            .body(Full::new(body.clone()))
            .expect("its parts are constants")
    }

    /// Asks once, and compares the digits with the engine's.
    async fn check(&self, wire: &mut Wire, protocol: Protocol) -> Result<(), Failure> {
        let answer = wire.ask(&self.request(protocol)).await?;
        let digits: Option<Vec<i64>> = match protocol {
            Protocol::Rest => {
                let answer: Value = serde_json::from_slice(&answer)?;
                let rows = answer["predictions"].as_array().cloned().unwrap_or_default();
                rows.iter().map(|row| row["digit"].as_i64()).collect()
            }
            Protocol::Grpc => {
                let message = answer.get(FRAME_BYTES..).ok_or("a gRPC answer is too short")?;
                let mut outputs = PredictResponse::decode(message)?.outputs;
                let digit = outputs.remove("digit").ok_or("the answer has no `digit`")?;
                Some(if digit.int_val.is_empty() {
                    digit.int64_val
                } else {
                    digit.int_val.into_iter().map(i64::from).collect()
                })
            }
        };
        if digits.as_ref() == Some(&self.digits) {
            Ok(())
        } else {
            Err(format!("{} answers {digits:?}, the engine {:?}", protocol.name(), self.digits).into())
        }
    }
}

fn flatten(value: &Value, out: &mut Vec<f32>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, out)),
        other => out.extend(other.as_f64().map(|number| number as f32)),
    }
}

fn integers(data: &Data) -> Option<Vec<i64>> {
    match data {
        Data::Int64(values) => Some(values.clone()),
        Data::Int32(values) => Some(values.iter().copied().map(i64::from).collect()),
        _ => None,
    }
}

fn tensor_proto(batch: usize, pixels: &[f32]) -> TensorProto {
    let dim = |size: usize| Dim {
        size: i64::try_from(size).unwrap_or(i64::MAX),
        name: String::new(),
    };
    TensorProto {
        dtype: DataType::DtFloat.into(),
        tensor_shape: Some(TensorShapeProto {
            dim: [batch, 8, 8, 1].map(dim).to_vec(),
            unknown_rank: false,
        }),
        tensor_content: pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// A gRPC message: not compressed, its length, itself.
fn framed(message: &PredictRequest) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(FRAME_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).expect("a request of a few images"));
    frame.put_slice(&message.encode_to_vec());
    frame.freeze()
}

const FRAME_BYTES: usize = 5;

/// As the server's workers: each thread has the engine's pool for itself.
fn in_pool(work: &mut (dyn FnMut() + Send)) {
    let work = Mutex::new(work);
    in_own_pool(|| (work.lock().unwrap_or_else(PoisonError::into_inner))());
}

// Connections.

enum Wire {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Wire {
    async fn open<T>(io: T, protocol: Protocol) -> Result<Self, Failure>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(io);
        Ok(match protocol {
            Protocol::Rest => {
                let (sender, driver) = http1::handshake(io).await?;
                tokio::spawn(driver);
                Self::Http1(sender)
            }
            Protocol::Grpc => {
                let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(driver);
                Self::Http2(sender)
            }
        })
    }

    /// The whole answer, of which the status was looked at.
    async fn ask(&mut self, request: &Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let request = request.clone();
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let grpc = body.trailers().or(Some(&head.headers)).and_then(|map| map.get("grpc-status"));
        let fine = head.status == StatusCode::OK && grpc.is_none_or(|status| status == "0");
        let bytes = body.to_bytes();
        if fine && !bytes.is_empty() {
            Ok(bytes)
        } else {
            Err(format!("the server answers {}: {}", head.status, String::from_utf8_lossy(&bytes)).into())
        }
    }
}

// The deployment.

/// A demo that was left running. It is stopped when this is dropped.
struct Demo {
    programs: PathBuf,
    folder: PathBuf,
    rest: String,
    grpc: String,
    trust: Verified,
}

/// Stops the demo; a value of its own, because the demo may fail after it started programs.
struct Stop(PathBuf, PathBuf);

impl Demo {
    fn play(programs: &Programs, folder: PathBuf) -> Result<Self, Failure> {
        let stop = Stop(programs.path("strongroom"), folder.clone());
        let mut command = programs.command("strongroom");
        command.args(["demo", "--keep", "--dir"]).arg(&folder);
        let log = folder.with_extension("log");
        let out = fs::File::create(&log)?;
        command.stdout(out.try_clone()?).stderr(out);
        if !command.status()?.success() {
            return Err(format!("the demo failed:\n{}", fs::read_to_string(&log)?).into());
        }
        let description: Value = serde_json::from_slice(&fs::read(folder.join("administrator/inference.json"))?)?;
        let arguments: Vec<&str> =
            description["argv"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let port = |flag: &str| {
            let found = arguments.iter().find_map(|argument| argument.strip_prefix(flag));
            found.map(|port| format!("localhost:{port}")).ok_or_else(|| format!("the demo's workload has no {flag}"))
        };
        let demo = Self {
            rest: port("--rest_api_port=")?,
            grpc: port("--port=")?,
            trust: Verified::load(&folder.join("user/trust.json"))?,
            programs: stop.0.clone(),
            folder,
        };
        std::mem::forget(stop);
        Ok(demo)
    }

    fn address(&self, protocol: Protocol) -> &str {
        match protocol {
            Protocol::Rest => &self.rest,
            Protocol::Grpc => &self.grpc,
        }
    }

    /// A connection to the marble that the trust file names, and to nobody else.
    async fn wire(&self, protocol: Protocol) -> Result<Wire, Failure> {
        let alpn = match protocol {
            Protocol::Rest => Alpn::Http1,
            Protocol::Grpc => Alpn::Http2,
        };
        let verifier = MarbleVerifier::new(self.trust.marble_root(), MARBLE)?;
        let target = Target::new(self.address(protocol), alpn)?;
        let session: Session = connect(&target, &Trust::Marble(verifier)).await?;
        Wire::open(session.into_io(), protocol).await
    }

    async fn channel(&self, protocol: Protocol) -> Result<VerifiedChannel, Failure> {
        let server = predict::Server {
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

impl Drop for Demo {
    fn drop(&mut self) {
        drop(Stop(self.programs.clone(), self.folder.clone()));
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(&self.0);
        command.args(["demo", "--stop"]).arg(&self.1).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => {}
            // A demo that failed has stopped what it started itself, and left no list.
            ended => eprintln!("predictions: `strongroom demo --stop {}`: {ended:?}", self.1.display()),
        }
    }
}

/// The same server with the same model, without anything that protects it.
struct PlainServer {
    _running: Running,
    rest: u16,
    grpc: u16,
}

impl PlainServer {
    fn start(programs: &Programs, folder: &Path, demo: &Path) -> Result<Self, Failure> {
        let [rest, grpc, health] = free_ports()?;
        let mut command = programs.command("strongroom-inference");
        let model = demo.join("owner/digits/model.onnx");
        command.args(["--listen_address=127.0.0.1", "--model_name=digits"]);
        command.arg(format!("--model_base_path={}", model.display()));
        command.arg(format!("--port={grpc}")).arg(format!("--rest_api_port={rest}"));
        command.arg(format!("--health_port={health}"));
        let mut running = Running::start("strongroom-inference", command, &folder.join("plain.log"))?;
        running.wait_for(|| is_ready(health))?;
        Ok(Self {
            _running: running,
            rest,
            grpc,
        })
    }

    async fn wire(&self, protocol: Protocol) -> Result<Wire, Failure> {
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
    stream.set_read_timeout(Some(std::time::Duration::from_secs(2))).ok()?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
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
