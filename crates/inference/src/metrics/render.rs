//! Everything that was counted, in the order of the metrics' names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use strongroom_api::serving::Code;

use super::histogram::Latency;
use super::text::Text;
use super::{APIS, ENTRYPOINTS, Metrics, Number, OfModel, OfVersion, Phase, Requests};

type Models = Vec<(Box<str>, Arc<OfModel>)>;

impl Metrics {
    /// All metrics, in Prometheus' text form.
    #[must_use]
    pub fn render(&self) -> String {
        let models = self.models.sorted();
        let mut text = Text::default();
        per_version(&mut text, &models);
        self.loads_into(&mut text);
        lineage(&mut text, &models);
        self.warmup_into(&mut text);
        self.requests_into(&mut text, &models);
        latencies(&mut text, &models);
        text.metric("process_start_time_seconds", "gauge");
        if let Some(time) = self.started_at.get() {
            text.value(&[], time.0);
        }
        text.finish()
    }

    fn loads_into(&self, text: &mut Text) {
        let loads = self.loads();
        text.metric(":tensorflow:cc:saved_model:load_attempt_count", "counter");
        for ((path, status), count) in &loads.attempts {
            text.value(&[("model_path", path), ("status", status)], count);
        }
        text.metric(":tensorflow:cc:saved_model:load_latency", "counter");
        for (path, took) in &loads.latency {
            text.value(&[("model_path", path)], took.as_micros());
        }
    }

    fn warmup_into(&self, text: &mut Text) {
        let loads = self.loads();
        text.metric(":tensorflow:serving:model_warmup_latency", "histogram");
        for ((path, status), latency) in &loads.warmup_latency {
            text.histogram(&[("model_path", path), ("status", status)], &latency.read());
        }
        text.metric(":tensorflow:serving:model_warmup_records_read", "counter");
        for ((path, status), count) in &loads.warmup_records {
            text.value(&[("model_path", path), ("status", status)], count);
        }
    }

    fn requests_into(&self, text: &mut Text, models: &Models) {
        text.metric(":tensorflow:serving:request_count", "counter");
        for (model, of) in models {
            of.requests.render(text, model);
        }
        self.strangers.render(text, UNKNOWN);
    }
}

impl Requests {
    fn render(&self, text: &mut Text, model: &str) {
        for (code, count) in self.0.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            let code = i32::try_from(code)
                .ok()
                .and_then(|code| Code::try_from(code).ok());
            if let Some(code) = code.filter(|_| count > 0) {
                text.value(&[("model_name", model), ("status", code.as_str_name())], count);
            }
        }
    }
}

// Ours: nothing of TensorFlow Serving's tells versions or signatures apart.
fn per_version(text: &mut Text, models: &Models) {
    let versions = models.iter().flat_map(|(model, of)| {
        let version = move |(number, of): (Number, Arc<OfVersion>)| (model, number.0.to_string(), of);
        of.versions.sorted().into_iter().map(version)
    });
    let versions = versions.collect::<Vec<_>>();
    text.metric(":strongroom:inference:phase_seconds", "gauge");
    for (model, version, of) in &versions {
        for phase in Phase::ALL {
            let labels = [
                ("model_name", &***model),
                ("version", version),
                ("phase", phase.name()),
            ];
            if let Some(seconds) = of.phases[phase as usize].get() {
                text.value(&labels, seconds);
            }
        }
    }
    let signatures = versions.iter().flat_map(|(model, version, of)| {
        let signature = move |(name, of)| (*model, version, name, of);
        of.signatures.sorted().into_iter().map(signature)
    });
    let signatures = signatures.collect::<Vec<_>>();
    text.metric(":strongroom:inference:run_failure_count", "counter");
    for (model, version, signature, of) in &signatures {
        let labels = [
            ("model_name", &***model),
            ("version", version),
            ("signature", signature),
        ];
        text.value(&labels, of.failed.load(Ordering::Relaxed));
    }
    text.metric(":strongroom:inference:run_latency", "histogram");
    for (model, version, signature, of) in &signatures {
        let labels = [
            ("model_name", &***model),
            ("version", version),
            ("signature", signature),
        ];
        text.histogram(&labels, &of.run.read());
    }
}

// A gauge of text, which TensorFlow Serving prints as 0.
fn lineage(text: &mut Text, models: &Models) {
    text.metric(":tensorflow:serving:mlmd_map", "gauge");
    for (model, of) in models {
        for (number, of) in of.versions.sorted() {
            if of.has_lineage.get().is_some() {
                text.value(&[("model_name", model), ("version", &number.0.to_string())], 0);
            }
        }
    }
}

fn latencies(text: &mut Text, models: &Models) {
    text.metric(":tensorflow:serving:request_example_count_total", "counter");
    for (model, of) in models {
        if of.examples.get().is_some() {
            text.value(&[("model", model)], load(&of.example_total));
        }
    }
    text.metric(":tensorflow:serving:request_example_counts", "histogram");
    for (model, of) in models {
        if let Some(examples) = of.examples.get() {
            text.histogram(&[("model", model)], &examples.read());
        }
    }
    text.metric(":tensorflow:serving:request_latency", "histogram");
    for (model, of) in models {
        for (api, by_entrypoint) in APIS.iter().zip(&of.latency) {
            for (entrypoint, latency) in ENTRYPOINTS.iter().zip(by_entrypoint) {
                let labels = [("model_name", &**model), ("API", api), ("entrypoint", entrypoint)];
                filled(text, &labels, latency);
            }
        }
    }
    text.metric(":tensorflow:serving:request_log_count", "counter");
    text.metric(":tensorflow:serving:runtime_latency", "histogram");
    for (model, of) in models {
        for (api, latency) in APIS.iter().zip(&of.runtime) {
            filled(
                text,
                &[("model_name", model), ("API", api), ("runtime", "TF1")],
                latency,
            );
        }
    }
}

fn filled(text: &mut Text, labels: &[(&str, &str)], latency: &OnceLock<Box<Latency>>) {
    if let Some(latency) = latency.get() {
        text.histogram(labels, &latency.read());
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

const UNKNOWN: &str = "unknown";
