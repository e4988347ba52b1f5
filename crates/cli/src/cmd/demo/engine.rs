//! What runs the model in the demo: the engine that is part of the server, or TensorFlow's own library.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The choice of `--engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// The pure-Rust engine inside the server; the model is an ONNX file.
    Embedded,
    /// libtensorflow, from an installed `tensorflow-cpu` package; the model is a SavedModel.
    Tensorflow,
}

/// An engine, with what it needs beside the server.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) kind: Kind,
    libraries: Vec<PathBuf>,
}

impl Engine {
    /// Finds the libraries: where `given` says, else where `STRONGROOM_TENSORFLOW_LIBRARY` does, else in the active
    /// virtual environment.
    ///
    /// # Errors
    /// Says where was looked, and how to get them.
    pub(super) fn find(kind: Kind, given: Option<&Path>) -> anyhow::Result<Self> {
        let libraries = match kind {
            Kind::Embedded => Vec::new(),
            Kind::Tensorflow => tensorflow(given)?,
        };
        Ok(Self { kind, libraries })
    }

    /// In one line, for the demo's beginning.
    pub(super) fn in_words(&self) -> String {
        match self.libraries.last() {
            None => "engine: the one inside the server".to_owned(),
            Some(library) => format!("engine: {}", library.display()),
        }
    }

    /// Where the libraries lie, if there are any.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.libraries.last().and_then(|library| library.parent())
    }

    /// The libraries that the workload loads, each by its digest.
    pub(super) fn libraries(&self) -> &[PathBuf] {
        &self.libraries
    }
}

fn tensorflow(given: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    let folders = match given {
        Some(path) if path.is_file() => vec![path.parent().unwrap_or(Path::new(".")).to_owned()],
        Some(path) => vec![path.to_owned()],
        None => usual_places(),
    };
    for folder in &folders {
        let libraries = LIBRARIES.map(|name| folder.join(name));
        if libraries.iter().all(|library| library.is_file()) {
            return libraries
                .iter()
                .map(|path| path.canonicalize().context("finding TensorFlow's library"))
                .collect();
        }
    }
    bail!(
        "TensorFlow's library was not found ({}); `python3 -m venv .venv && . .venv/bin/activate && pip install \
         tensorflow-cpu` brings it, or name its folder with --tensorflow-library",
        match folders.as_slice() {
            [] => "no virtual environment is active".to_owned(),
            some => some
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        }
    )
}

fn usual_places() -> Vec<PathBuf> {
    if let Some(path) = std::env::var_os(LIBRARY_VARIABLE).map(PathBuf::from) {
        let folder = if path.is_file() {
            path.parent().map(Path::to_owned)
        } else {
            Some(path)
        };
        return folder.into_iter().collect();
    }
    let Some(environment) = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from) else {
        return Vec::new();
    };
    let versions = std::fs::read_dir(environment.join("lib"))
        .into_iter()
        .flatten()
        .flatten();
    versions
        .map(|version| version.path().join("site-packages/tensorflow"))
        .filter(|folder| folder.is_dir())
        .collect()
}

/// In the order in which they need each other.
const LIBRARIES: [&str; 2] = ["libtensorflow_framework.so.2", "libtensorflow_cc.so.2"];
const LIBRARY_VARIABLE: &str = "STRONGROOM_TENSORFLOW_LIBRARY";
