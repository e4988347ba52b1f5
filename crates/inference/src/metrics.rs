//! Counters and histograms in Prometheus' text form, under TensorFlow Serving's names, and the phases of a start.
//!
//! Labels come from closed sets: a model that is not served is counted under the name `unknown`, where TensorFlow
//! Serving would make a new time series out of every name that anybody sends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use strongroom_api::serving::Code;

/// All metrics of a server.
#[derive(Debug)]
pub struct Metrics {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Model and status.
    requests: BTreeMap<(String, &'static str), u64>,
    /// Model, API and entry point.
    request_latency: BTreeMap<(String, &'static str, &'static str), Histogram>,
    /// Model and API.
    runtime_latency: BTreeMap<(String, &'static str), Histogram>,
    /// Model: rows of Classify, Regress and MultiInference.
    examples: BTreeMap<String, u64>,
    /// Model, version and phase: seconds since the start of the process.
    phases: BTreeMap<(String, i64, Phase), f64>,
}

/// Steps between the start and the first answer, kept apart because each has its own cause when it is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The model's key is in this process.
    KeyReleased,
    /// The bundle is open: digest, key and file table are verified.
    FirstByteDecrypted,
    /// The model answers.
    ModelLoaded,
    /// It has answered a request.
    FirstPrediction,
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrypoint {
    /// gRPC.
    Grpc,
    /// REST.
    Rest,
}

#[derive(Debug)]
struct Histogram {
    buckets: [u64; BUCKETS],
    sum: f64,
    count: u64,
}

impl Metrics {
    /// Nothing counted yet; the clock of the phases starts at `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            state: Mutex::default(),
        }
    }

    /// Counts a request and its outcome. `model` is `None` where no such model is served.
    pub fn request(&self, model: Option<&str>, code: Code) {
        let key = (model.unwrap_or(UNKNOWN).to_owned(), code.as_str_name());
        *self.lock().requests.entry(key).or_default() += 1;
    }

    /// Notes how long a request that was answered took. `api` is the method, empty for a status.
    pub fn latency(&self, model: &str, api: &'static str, entrypoint: Entrypoint, took: Duration) {
        let entrypoint = match entrypoint {
            Entrypoint::Grpc => "GRPC",
            Entrypoint::Rest => "REST",
        };
        let key = (model.to_owned(), api, entrypoint);
        self.lock().request_latency.entry(key).or_default().add(took);
    }

    /// Notes how long the model itself took.
    pub fn runtime(&self, model: &str, api: &'static str, took: Duration) {
        self.lock()
            .runtime_latency
            .entry((model.to_owned(), api))
            .or_default()
            .add(took);
    }

    /// Counts the rows of a request for classes or numbers.
    pub fn examples(&self, model: &str, count: usize) {
        *self.lock().examples.entry(model.to_owned()).or_default() += count as u64;
    }

    /// Notes that a version has come so far; the first time counts.
    pub fn phase(&self, model: &str, version: i64, phase: Phase) {
        let now = self.start.elapsed().as_secs_f64();
        let mut state = self.lock();
        if let std::collections::btree_map::Entry::Vacant(entry) =
            state.phases.entry((model.to_owned(), version, phase))
        {
            entry.insert(now);
            drop(state);
            tracing::info!(
                model,
                version,
                phase = phase.name(),
                seconds = now,
                "phase reached"
            );
        }
    }

    /// All metrics, in Prometheus' text form.
    #[must_use]
    pub fn render(&self) -> String {
        let state = self.lock();
        let mut out = String::new();
        head(&mut out, REQUEST_COUNT, "counter");
        for ((model, status), count) in &state.requests {
            let labels = labels(&[("model_name", model), ("status", status)]);
            line(&mut out, REQUEST_COUNT, "", &labels, count);
        }
        head(&mut out, REQUEST_LATENCY, "histogram");
        for ((model, api, entrypoint), histogram) in &state.request_latency {
            let labels = labels(&[("model_name", model), ("API", api), ("entrypoint", entrypoint)]);
            histogram.render(&mut out, REQUEST_LATENCY, &labels);
        }
        head(&mut out, RUNTIME_LATENCY, "histogram");
        for ((model, api), histogram) in &state.runtime_latency {
            let labels = labels(&[("model_name", model), ("API", api), ("runtime", "TF1")]);
            histogram.render(&mut out, RUNTIME_LATENCY, &labels);
        }
        head(&mut out, EXAMPLE_COUNT, "counter");
        for (model, count) in &state.examples {
            line(&mut out, EXAMPLE_COUNT, "", &labels(&[("model", model)]), count);
        }
        head(&mut out, PHASE_SECONDS, "gauge");
        for ((model, version, phase), seconds) in &state.phases {
            let version = version.to_string();
            let labels = labels(&[
                ("model_name", model),
                ("version", &version),
                ("phase", phase.name()),
            ]);
            line(&mut out, PHASE_SECONDS, "", &labels, seconds);
        }
        out
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Phase {
    /// Its name in labels and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyReleased => "key_released",
            Self::FirstByteDecrypted => "first_byte_decrypted",
            Self::ModelLoaded => "model_loaded",
            Self::FirstPrediction => "first_prediction",
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [0; BUCKETS],
            sum: 0.0,
            count: 0,
        }
    }
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let micros = took.as_secs_f64() * 1e6;
        if let Some(index) = (0..BUCKETS).find(|index| micros <= bound(*index)) {
            self.buckets[index] += 1;
        }
        self.sum += micros;
        self.count += 1;
    }

    fn render(&self, out: &mut String, name: &str, labels: &str) {
        let mut cumulative = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            cumulative += count;
            let bound = crate::rest::json::number::six_digits(bound(index));
            line(
                out,
                name,
                "_bucket",
                &format!("{labels},le=\"{bound}\""),
                &cumulative,
            );
        }
        line(
            out,
            name,
            "_bucket",
            &format!("{labels},le=\"+Inf\""),
            &self.count,
        );
        line(out, name, "_sum", labels, &self.sum);
        line(out, name, "_count", labels, &self.count);
    }
}

// Microseconds: 10 · 1.8^k.
fn bound(index: usize) -> f64 {
    10.0 * 1.8f64.powi(index as i32)
}

fn head(out: &mut String, name: &str, kind: &str) {
    let _ = writeln!(out, "# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, suffix: &str, labels: &str, value: &dyn std::fmt::Display) {
    let _ = writeln!(out, "{name}{suffix}{{{labels}}} {value}");
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| {
        format!(
            "{name}=\"{}\"",
            value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        )
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join(",")
}

const BUCKETS: usize = 33;
const UNKNOWN: &str = "unknown";
const REQUEST_COUNT: &str = ":tensorflow:serving:request_count";
const REQUEST_LATENCY: &str = ":tensorflow:serving:request_latency";
const RUNTIME_LATENCY: &str = ":tensorflow:serving:runtime_latency";
const EXAMPLE_COUNT: &str = ":tensorflow:serving:request_example_count_total";
const PHASE_SECONDS: &str = ":strongroom:inference:phase_seconds";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_was_counted() {
        let metrics = Metrics::new(Instant::now());
        metrics.request(Some("digits"), Code::Ok);
        metrics.request(Some("digits"), Code::Ok);
        metrics.request(None, Code::NotFound);
        metrics.latency("digits", "predict", Entrypoint::Rest, Duration::from_micros(25));
        metrics.runtime("digits", "Predict", Duration::from_micros(5));
        metrics.phase("digits", 1, Phase::ModelLoaded);
        let text = metrics.render();
        for expected in [
            "# TYPE :tensorflow:serving:request_count counter\n",
            ":tensorflow:serving:request_count{model_name=\"digits\",status=\"OK\"} 2\n",
            ":tensorflow:serving:request_count{model_name=\"unknown\",status=\"NOT_FOUND\"} 1\n",
            "{model_name=\"digits\",API=\"predict\",entrypoint=\"REST\",le=\"18\"} 0\n",
            "{model_name=\"digits\",API=\"predict\",entrypoint=\"REST\",le=\"32.4\"} 1\n",
            "_bucket{model_name=\"digits\",API=\"predict\",entrypoint=\"REST\",le=\"+Inf\"} 1\n",
            ":tensorflow:serving:runtime_latency_sum{model_name=\"digits\",API=\"Predict\",runtime=\"TF1\"} 5\n",
            ":strongroom:inference:phase_seconds{model_name=\"digits\",version=\"1\",phase=\"model_loaded\"} ",
        ] {
            assert!(text.contains(expected), "{expected} is not in:\n{text}");
        }
    }
}
