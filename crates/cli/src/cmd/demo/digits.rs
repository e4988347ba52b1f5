//! The demo's model and its held-back images, built into the program so that the demo needs no other file.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::engine;

const MODEL: &[u8] = include_bytes!("../../../../../models/digits/onnx/model.onnx");
const GRAPH: &[u8] = include_bytes!("../../../../../models/digits/saved_model/1/saved_model.pb");
const VARIABLES: &[u8] =
    include_bytes!("../../../../../models/digits/saved_model/1/variables/variables.data-00000-of-00001");
const VARIABLES_INDEX: &[u8] =
    include_bytes!("../../../../../models/digits/saved_model/1/variables/variables.index");
const OLDER_MODEL: &[u8] = include_bytes!("../../../../../models/digits/older/model.onnx");
const REFERENCE: &[u8] = include_bytes!("../../../../../models/digits/reference.json");
const HELD_BACK: &[u8] = include_bytes!("../../../../../models/digits/held_back.json");

/// Images that the model never saw in training, with what they show.
#[derive(Deserialize)]
pub(super) struct HeldBack {
    /// 8 × 8 pixels each, row by row, 0 (paper) to 16 (ink).
    pub(super) images: Vec<Vec<u8>>,
    /// The digit that the writer meant.
    pub(super) labels: Vec<u8>,
}

/// Writes the owner's files: the model in the folder `digits`, an earlier one in `digits-older`, `reference.json`.
pub(super) fn write_owners_files(folder: &Path, engine: engine::Kind) -> anyhow::Result<()> {
    let model: &[(&str, &[u8])] = match engine {
        engine::Kind::Embedded => &[("digits/model.onnx", MODEL)],
        engine::Kind::Tensorflow => &[
            ("digits/saved_model.pb", GRAPH),
            ("digits/variables/variables.index", VARIABLES_INDEX),
            ("digits/variables/variables.data-00000-of-00001", VARIABLES),
        ],
    };
    let others: [(&str, &[u8]); 2] = [
        ("digits-older/model.onnx", OLDER_MODEL),
        ("reference.json", REFERENCE),
    ];
    for (name, bytes) in model.iter().copied().chain(others) {
        let path = folder.join(name);
        let parent = path.parent().context("a file has a folder")?;
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, bytes))
            .context("writing the model")?;
    }
    Ok(())
}

/// What a thief would look for in the cloud's copy.
pub(super) fn plaintext(engine: engine::Kind) -> &'static [u8] {
    match engine {
        engine::Kind::Embedded => MODEL,
        engine::Kind::Tensorflow => GRAPH,
    }
}

/// The held-back images.
pub(super) fn held_back() -> anyhow::Result<HeldBack> {
    serde_json::from_slice(HELD_BACK).context("reading the held-back images")
}

impl HeldBack {
    /// A TensorFlow Serving predict body in row form: [n, 8, 8, 1], ink 0.0 to 1.0.
    pub(super) fn predict_body(&self) -> serde_json::Value {
        let instances: Vec<_> = self
            .images
            .iter()
            .map(|image| {
                let rows = image
                    .chunks(8)
                    .map(|row| row.iter().map(|&ink| vec![f64::from(ink) / 16.0]).collect());
                rows.collect::<Vec<Vec<Vec<f64>>>>()
            })
            .collect();
        serde_json::json!({ "instances": instances })
    }

    /// Some images side by side, as text.
    pub(super) fn pictures(&self, indices: &[usize]) -> String {
        const INK: [char; 5] = [' ', '░', '▒', '▓', '█'];
        let mut text = String::new();
        for row in 0..8 {
            text.push_str("     ");
            for &index in indices {
                for column in 0..8 {
                    let ink = INK[usize::from(self.images[index][row * 8 + column]) * (INK.len() - 1) / 16];
                    text.extend([ink, ink]);
                }
                text.push_str("   ");
            }
            text.push('\n');
        }
        text
    }

    /// The line below the pictures: what the model says of each.
    pub(super) fn captions(&self, indices: &[usize], predicted: &[u8]) -> String {
        let mut text = String::from("     ");
        for &index in indices {
            let mark = if predicted[index] == self.labels[index] {
                "✓"
            } else {
                "✗"
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "{:<19}", format!("predicted {} {mark}", predicted[index]));
        }
        text
    }

    /// The share of images that were read right.
    pub(super) fn accuracy(&self, predicted: &[u8]) -> f64 {
        let right = self
            .labels
            .iter()
            .zip(predicted)
            .filter(|(label, digit)| label == digit)
            .count();
        f64::from(u32::try_from(right).unwrap_or(0))
            / f64::from(u32::try_from(self.labels.len()).unwrap_or(1))
    }
}
