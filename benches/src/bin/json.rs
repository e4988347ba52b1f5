//! What a REST request costs in reading its body and writing its answer, against serde_json on the same bytes in the
//! same run.
//!
//!     cargo xtask bench json [--rounds N]
//!
//! The baseline reads into vectors of the right type and writes these without white space: less than TensorFlow Serving's
//! interface asks for, whose floats are written with six digits where these do, and laid out.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_api::serving::DataType;
use strongroom_benches::Failure;
use strongroom_benches::arguments::Arguments;
use strongroom_inference::engine::{Signature, TensorSpec};
use strongroom_inference::rest::decode::{Body, Form};
use strongroom_inference::rest::{encode, stream};
use strongroom_inference::tensor::{Data, Tensor};

/// Rows and columns of the floats of a request.
const SIZES: [(usize, usize); 3] = [(1, 1), (1, 64), (256, 784)];
const ROUNDS: usize = 5;
/// Time for one round of one way.
const ROUND: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    strongroom_benches::end("json", run())
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::read(&["rounds"])?;
    let rounds = arguments.text("rounds").map_or(Ok(ROUNDS), str::parse)?;
    let spec = TensorSpec {
        name: "x:0".to_owned(),
        dtype: DataType::DtFloat,
        shape: None,
    };
    let signature = Signature::predict(BTreeMap::from([("x".to_owned(), spec)]), BTreeMap::new());
    for (rows, columns) in SIZES {
        let values: Vec<f32> = (0..rows * columns)
            .map(|index| (index % 1000) as f32 / 7.0)
            .collect();
        let lists: Vec<&[f32]> = values.chunks(columns).collect();
        let text = json!({"instances": lists}).to_string();
        let outputs = BTreeMap::from([(
            "y".to_owned(),
            Tensor::new(vec![rows, columns], Data::Float(values.clone()))?,
        )]);
        println!("\nfloats [{rows}, {columns}], a body of {} bytes", text.len());
        let read = |text: &str| stream::read(text.as_bytes(), usize::MAX, |_| Some(&signature));
        let whole = |text: &str| Body::parse(text.as_bytes(), 1 << 40)?.request(|_| Some(&signature));
        assert_eq!(read(&text), whole(&text).ok(), "both ways read the same");
        compare(
            rounds,
            &mut [
                ("read by serde_json, to vectors", &mut || {
                    black_box(
                        serde_json::from_str::<BTreeMap<String, Vec<Vec<f32>>>>(black_box(&text)).is_ok(),
                    );
                }),
                ("read by serde_json, to its values", &mut || {
                    black_box(serde_json::from_str::<Value>(black_box(&text)).is_ok());
                }),
                ("read straight to tensors", &mut || {
                    black_box(read(black_box(&text)).is_some());
                }),
                ("read by way of a document", &mut || {
                    black_box(whole(black_box(&text)).is_ok());
                }),
            ],
        );
        compare(
            rounds,
            &mut [
                ("written by serde_json", &mut || {
                    black_box(
                        serde_json::to_vec(&BTreeMap::from([("predictions", black_box(&lists))])).is_ok(),
                    );
                }),
                ("written as TensorFlow Serving does", &mut || {
                    black_box(encode::predict(black_box(&outputs), Form::Rows).is_ok());
                }),
            ],
        );
    }
    Ok(())
}

type Way<'a> = (&'a str, &'a mut dyn FnMut());

/// Best of all rounds, which alternate so that a busy machine slows all ways alike; the first is the baseline.
fn compare(rounds: usize, ways: &mut [Way<'_>]) {
    let mut best = vec![f64::INFINITY; ways.len()];
    for _ in 0..rounds {
        for ((_, way), best) in ways.iter_mut().zip(&mut best) {
            *best = best.min(nanoseconds(way));
        }
    }
    for ((name, _), taken) in ways.iter().zip(&best) {
        println!(
            "{name:36} {:10.2} µs  {:6.2} times {}",
            taken / 1000.0,
            taken / best[0],
            ways[0].0
        );
    }
}

fn nanoseconds(way: &mut dyn FnMut()) -> f64 {
    let begin = Instant::now();
    let mut calls = 0;
    while begin.elapsed() < ROUND {
        (0..16).for_each(|_| way());
        calls += 16;
    }
    begin.elapsed().as_nanos() as f64 / f64::from(calls)
}
