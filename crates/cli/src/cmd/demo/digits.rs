//! The demo's model and its held-back images, built into the program so that the demo needs no other file.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

const MODEL: &[u8] = include_bytes!("../../../../../models/digits/onnx/model.onnx");
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

/// Writes the owner's files: `digits/model.onnx`, `digits-older/model.onnx`, `reference.json`.
pub(super) fn write_owners_files(folder: &Path) -> anyhow::Result<()> {
    for (name, bytes) in [
        ("digits/model.onnx", MODEL),
        ("digits-older/model.onnx", OLDER_MODEL),
        ("reference.json", REFERENCE),
    ] {
        let path = folder.join(name);
        let parent = path.parent().context("a file has a folder")?;
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, bytes))
            .context("writing the model")?;
    }
    Ok(())
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
