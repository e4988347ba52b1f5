//! Counters and histograms under TensorFlow Serving's names and beside them ours, and the phases of a start.
//!
//! Labels come from closed sets: a model that is not served is counted under the name `unknown`, where TensorFlow
//! Serving would make a new time series out of every name that anybody sends. What a request counts takes no lock and,
//! but for the first of its kind, no memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use strongroom_api::serving::Code;
use strongroom_crypto::UnixTime;

mod cells;
mod histogram;
mod render;
mod text;

use cells::Cells;
use histogram::{Examples, Latency};

/// All metrics of a server.
pub struct Metrics {
    start: Instant,
    started_at: OnceLock<UnixTime>,
    models: Cells<Box<str>, OfModel>,
    /// Requests that name no model that is served.
    strangers: Requests,
    loads: Mutex<Loads>,
}

/// What is counted of one model.
#[derive(Default)]
struct OfModel {
    requests: Requests,
    /// By API and entry point.
    latency: [[OnceLock<Box<Latency>>; ENTRYPOINTS.len()]; APIS.len()],
    /// By API.
    runtime: [OnceLock<Box<Latency>>; APIS.len()],
    example_total: AtomicU64,
    examples: OnceLock<Box<Examples>>,
    versions: Cells<Number, OfVersion>,
}

/// What is counted of one version.
#[derive(Default)]
struct OfVersion {
    /// Seconds since the start of the process.
    phases: [OnceLock<f64>; Phase::ALL.len()],
    signatures: Cells<Box<str>, OfSignature>,
    /// Whether the version says which training run it comes from.
    has_lineage: OnceLock<()>,
}

/// What is counted of one signature of a version.
#[derive(Default)]
struct OfSignature {
    run: Latency,
    failed: AtomicU64,
}

/// By status.
#[derive(Default)]
struct Requests([AtomicU64; CODES]);

/// What happens seldom, by path of the version.
#[derive(Default)]
struct Loads {
    attempts: BTreeMap<(String, &'static str), u64>,
    latency: BTreeMap<String, Duration>,
    warmup_latency: BTreeMap<(String, &'static str), Box<Latency>>,
    warmup_records: BTreeMap<(String, &'static str), u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Number(i64);

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

impl Metrics {
    /// Nothing counted yet; the clock of the phases starts at `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            started_at: OnceLock::new(),
            models: Cells::default(),
            strangers: Requests::default(),
            loads: Mutex::default(),
        }
    }

    /// Tells scrapers when the process started; the first time counts.
    pub fn started_at(&self, time: UnixTime) {
        let _ = self.started_at.set(time);
    }

    /// Counts a request and its outcome. `model` is `None` where no such model is served.
    pub fn request(&self, model: Option<&str>, code: Code) {
        match model {
            Some(model) => self.models.with(model, |of| of.requests.count(code)),
            None => self.strangers.count(code),
        }
    }

    /// Notes how long a request that was answered took. `api` is the method, empty for a status.
    pub fn latency(&self, model: &str, api: &'static str, entrypoint: Entrypoint, took: Duration) {
        let Some(api) = index(api) else {
            return;
        };
        self.models.with(model, |of| {
            of.latency[api][entrypoint as usize]
                .get_or_init(Box::default)
                .add(took);
        });
    }

    /// Notes how long the model itself took.
    pub fn runtime(&self, model: &str, api: &'static str, took: Duration) {
        let Some(api) = index(api) else {
            return;
        };
        self.models
            .with(model, |of| of.runtime[api].get_or_init(Box::default).add(took));
    }

    /// Notes how long one signature of a version took, or that it failed.
    pub fn run(&self, model: &str, version: i64, signature: &str, took: Option<Duration>) {
        self.version(model, version, |of| {
            of.signatures.with(signature, |of| match took {
                Some(took) => of.run.add(took),
                None => {
                    of.failed.fetch_add(1, Ordering::Relaxed);
                }
            });
        });
    }

    /// Counts the rows of a request for classes or numbers.
    pub fn examples(&self, model: &str, count: usize) {
        self.models.with(model, |of| {
            of.example_total.fetch_add(count as u64, Ordering::Relaxed);
            of.examples.get_or_init(Box::default).add(count);
        });
    }

    /// Notes an attempt to load the version at `path`.
    pub fn load(&self, path: &str, loaded: bool, took: Duration) {
        let status = if loaded { "success" } else { "fail" };
        let mut loads = self.loads();
        if loads.has_room_for(path) {
            *loads.attempts.entry((path.to_owned(), status)).or_default() += 1;
            *loads.latency.entry(path.to_owned()).or_default() += took;
        }
    }

    /// Notes that the recorded requests of the version at `path` were replayed.
    pub fn warmup(&self, path: &str, outcome: Code, records: u64, took: Duration) {
        let key = (path.to_owned(), outcome.as_str_name());
        let mut loads = self.loads();
        if loads.has_room_for(path) {
            *loads.warmup_records.entry(key.clone()).or_default() += records;
            loads.warmup_latency.entry(key).or_default().add(took);
        }
    }

    /// Notes that a version says which training run it comes from (`assets.extra/mlmd_uuid`).
    pub fn lineage(&self, model: &str, version: i64) {
        self.version(model, version, |of| {
            let _ = of.has_lineage.set(());
        });
    }

    /// Notes that a version has come so far; the first time counts.
    pub fn phase(&self, model: &str, version: i64, phase: Phase) {
        self.version(model, version, |of| {
            let reached = &of.phases[phase as usize];
            if reached.get().is_some() {
                return;
            }
            let seconds = self.start.elapsed().as_secs_f64();
            if reached.set(seconds).is_ok() {
                let phase = phase.name();
                tracing::info!(model, version, phase, seconds, "phase reached");
            }
        });
    }

    /// Forgets what was counted of a version by itself, once it is gone for good.
    pub fn forget(&self, model: &str, version: i64) {
        self.models.with(model, |of| of.versions.remove(&Number(version)));
    }

    fn version(&self, model: &str, version: i64, update: impl FnOnce(&Arc<OfVersion>)) {
        self.models
            .with(model, |of| of.versions.with(&Number(version), update));
    }

    fn loads(&self) -> std::sync::MutexGuard<'_, Loads> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&Self> for Number {
    fn from(number: &Self) -> Self {
        *number
    }
}

impl Requests {
    fn count(&self, code: Code) {
        // Codes are those of gRPC, 0 to 16, and one that generated code keeps apart.
        let cell = self
            .0
            .get(code as usize)
            .unwrap_or(&self.0[Code::Unknown as usize]);
        cell.fetch_add(1, Ordering::Relaxed);
    }
}

impl Loads {
    fn has_room_for(&self, path: &str) -> bool {
        let paths = self.latency.len().max(self.warmup_records.len());
        paths < PATHS_MAX || self.latency.contains_key(path)
    }
}

impl Phase {
    const ALL: [Self; 4] = [
        Self::KeyReleased,
        Self::FirstByteDecrypted,
        Self::ModelLoaded,
        Self::FirstPrediction,
    ];

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

fn index(api: &str) -> Option<usize> {
    let index = APIS.iter().position(|known| *known == api);
    debug_assert!(index.is_some(), "{api:?} is an API");
    index
}

/// Methods as gRPC and as REST name them; status and metadata have no name.
const APIS: [&str; 8] = [
    "",
    "Predict",
    "Classify",
    "Regress",
    "MultiInference",
    "predict",
    "classify",
    "regress",
];
/// In the order of [`Entrypoint`].
const ENTRYPOINTS: [&str; 2] = ["GRPC", "REST"];
const CODES: usize = 17;
/// Versions come and go; beyond so many, new ones are not counted by path.
const PATHS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_was_counted() {
        let metrics = Metrics::new(Instant::now());
        metrics.started_at(UnixTime(1_700_000_000));
        metrics.request(Some("digits"), Code::Ok);
        metrics.request(Some("digits"), Code::Ok);
        metrics.request(None, Code::NotFound);
        metrics.latency("digits", "predict", Entrypoint::Rest, Duration::from_micros(25));
        metrics.latency("digits", "Predict", Entrypoint::Grpc, Duration::from_micros(7));
        metrics.runtime("digits", "Predict", Duration::from_micros(5));
        metrics.run("digits", 2, "serving_default", Some(Duration::from_micros(5)));
        metrics.run("digits", 2, "serving_default", None);
        metrics.examples("digits", 3);
        metrics.load("/m/2", true, Duration::from_millis(2));
        metrics.load("/m/2", false, Duration::from_millis(1));
        metrics.warmup("/m/2", Code::Ok, 4, Duration::from_micros(50));
        metrics.lineage("digits", 2);
        metrics.phase("digits", 1, Phase::ModelLoaded);
        let text = metrics.render();
        for expected in [
            "# TYPE :tensorflow:serving:request_count counter\n",
            ":tensorflow:serving:request_count{model_name=\"digits\",status=\"OK\"} 2\n",
            ":tensorflow:serving:request_count{model_name=\"unknown\",status=\"NOT_FOUND\"} 1\n",
            "{model_name=\"digits\",API=\"predict\",entrypoint=\"REST\",le=\"18\"} 0\n",
            "{model_name=\"digits\",API=\"predict\",entrypoint=\"REST\",le=\"32.4\"} 1\n",
            "_bucket{model_name=\"digits\",API=\"predict\",entrypoint=\"REST\",le=\"+Inf\"} 1\n",
            "request_latency_bucket{model_name=\"digits\",API=\"Predict\",entrypoint=\"GRPC\",le=\"10\"} 1\n",
            ":tensorflow:serving:runtime_latency_sum{model_name=\"digits\",API=\"Predict\",runtime=\"TF1\"} 5\n",
            ":tensorflow:serving:request_example_count_total{model=\"digits\"} 3\n",
            ":tensorflow:serving:request_example_counts_bucket{model=\"digits\",le=\"2\"} 0\n",
            ":tensorflow:serving:request_example_counts_bucket{model=\"digits\",le=\"4\"} 1\n",
            ":tensorflow:cc:saved_model:load_attempt_count{model_path=\"/m/2\",status=\"success\"} 1\n",
            ":tensorflow:cc:saved_model:load_attempt_count{model_path=\"/m/2\",status=\"fail\"} 1\n",
            ":tensorflow:cc:saved_model:load_latency{model_path=\"/m/2\"} 3000\n",
            ":tensorflow:serving:model_warmup_latency_count{model_path=\"/m/2\",status=\"OK\"} 1\n",
            ":tensorflow:serving:model_warmup_records_read{model_path=\"/m/2\",status=\"OK\"} 4\n",
            ":tensorflow:serving:mlmd_map{model_name=\"digits\",version=\"2\"} 0\n",
            ":strongroom:inference:run_latency_sum{model_name=\"digits\",version=\"2\",signature=\"serving_default\"} 5\n",
            ":strongroom:inference:run_failure_count{model_name=\"digits\",version=\"2\",signature=\"serving_default\"} 1\n",
            ":strongroom:inference:phase_seconds{model_name=\"digits\",version=\"1\",phase=\"model_loaded\"} ",
            "process_start_time_seconds{} 1700000000\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in:\n{text}");
        }
        let bounds = |name: &str| {
            text.lines()
                .filter(|line| line.starts_with(&format!("{name}_bucket{{")))
                .count()
        };
        assert_eq!(bounds(":tensorflow:serving:runtime_latency"), 34);
        assert_eq!(bounds(":tensorflow:serving:request_example_counts"), 16);
    }

    #[test]
    fn metrics_have_their_line_before_anything_is_counted() {
        let text = Metrics::new(Instant::now()).render();
        let names = text
            .lines()
            .map(|line| line.strip_prefix("# TYPE ").expect("no values yet"));
        let names = names.collect::<Vec<_>>();
        assert!(names.is_sorted(), "{names:?}");
        for name in [
            "request_count counter",
            "request_latency histogram",
            "runtime_latency histogram",
        ] {
            assert!(
                names.contains(&format!(":tensorflow:serving:{name}").as_str()),
                "{names:?}"
            );
        }
    }

    #[test]
    fn strangers_make_no_series() {
        let metrics = Metrics::new(Instant::now());
        let before = metrics.render().lines().count();
        for _ in 0..100 {
            metrics.request(None, Code::NotFound);
        }
        assert_eq!(metrics.render().lines().count(), before + 1);
    }

    #[test]
    fn a_version_that_is_gone_is_forgotten() {
        let metrics = Metrics::new(Instant::now());
        metrics.run("m", 1, "s", Some(Duration::ZERO));
        metrics.run("m", 2, "s", Some(Duration::ZERO));
        metrics.forget("m", 1);
        let text = metrics.render();
        assert!(
            !text.contains("version=\"1\"") && text.contains("version=\"2\""),
            "{text}"
        );
    }

    #[test]
    fn the_first_time_of_a_phase_counts() {
        let metrics = Metrics::new(Instant::now());
        metrics.phase("m", 1, Phase::FirstPrediction);
        let line = |text: &str| {
            text.lines()
                .find(|line| line.contains("first_prediction"))
                .map(str::to_owned)
        };
        let first = line(&metrics.render()).expect("the phase");
        metrics.phase("m", 1, Phase::FirstPrediction);
        assert_eq!(line(&metrics.render()), Some(first));
    }
}
