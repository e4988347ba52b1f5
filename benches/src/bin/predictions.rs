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
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, header};
use http_body_util::Full;
use prost::Message as _;
use serde_json::{Value, json};
use strongroom_api::serving::{
    DEFAULT_SIGNATURE, DataType, ModelSpec, PredictRequest, PredictResponse, TensorProto, TensorShapeProto,
    tensor_shape_proto::Dim,
};
use strongroom_benches::Failure;
use strongroom_benches::arguments::Arguments;
use strongroom_benches::deployment::{Demo, MODEL, PlainServer};
use strongroom_benches::load::{self, Bounds, Figures, ms};
use strongroom_benches::programs::Programs;
use strongroom_benches::wire::{Protocol, Wire};
use strongroom_client::predict::Input;
use strongroom_inference::engine::rten::{Rten, in_own_pool};
use strongroom_inference::engine::{Call, Engine as _, Executable};
use strongroom_inference::model::ModelFiles;
use strongroom_inference::tensor::{Data, Tensor};

const BATCHES: [usize; 2] = [1, 32];
const CONNECTIONS: [usize; 2] = [1, 8];
const PIXELS: usize = 8 * 8;

fn main() -> ExitCode {
    strongroom_benches::end("predictions", run())
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::read(&["programs", "seconds", "count", "rounds"])?;
    let bounds = arguments.bounds(1.0, 100_000)?;
    let needed = [
        "strongroom",
        "strongroom-inference",
        "strongroom-coordinator",
        "strongroom-launcher",
    ];
    let programs = Programs::find(arguments.path("programs"), &needed)?;
    let folder = tempfile::tempdir()?;

    println!("predictions: playing the demo first, to have a deployment to verify");
    let demo = Demo::play(&programs, &folder.path().join("demo"))?;
    let plain = PlainServer::start(&programs, folder.path(), demo.folder())?;
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
        let asked = Asked::read(demo.folder(), batch)?;
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
                    format!(
                        "{}, {}, {connections} connection(s)",
                        protocol.name(),
                        security.name()
                    ),
                    connections.min(self.cores),
                ),
                Row::Sdk(protocol) => (
                    format!("{}, TLS, SDK with metadata each time", protocol.name()),
                    1,
                ),
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
    input: Input,
}

impl Asked {
    /// The first images of those that the demo's user asks for.
    fn read(demo: &Path, batch: usize) -> Result<Self, Failure> {
        let onnx = fs::read(demo.join("owner/digits/model.onnx"))?;
        let model = ModelFiles::from_iter([("model.onnx".to_owned(), onnx)]);
        let loaded = Rten.load(model.clone())?;
        let signature = &loaded.signatures()[DEFAULT_SIGNATURE];
        let alias = signature
            .inputs
            .keys()
            .next()
            .ok_or("the model has no input")?
            .clone();

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
            input: Input::Json(json!({ "instances": rows })),
        };
        let answer = loaded
            .run(asked.call(&loaded)?)
            .map_err(|error| error.message().to_owned())?;
        asked.digits = integers(answer["digit"].data()).ok_or("the model has no output `digit`")?;
        Ok(asked)
    }

    fn call(&self, model: &Arc<dyn Executable>) -> Result<Call, Failure> {
        let inputs = BTreeMap::from([(self.alias.clone(), self.tensor.clone())]);
        Call::new(
            DEFAULT_SIGNATURE,
            &model.signatures()[DEFAULT_SIGNATURE],
            inputs,
            &[],
        )
        .map_err(|error| error.message().into())
    }

    fn run(&self, model: &Arc<dyn Executable>) -> Result<(), Failure> {
        let answer = model
            .run(self.call(model)?)
            .map_err(|error| error.message().to_owned())?;
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
            Err(format!(
                "{} answers {digits:?}, the engine {:?}",
                protocol.name(),
                self.digits
            )
            .into())
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
