//! A SavedModel's own description: which graph is meant, its signatures, its functions.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use strongroom_api::serving::saved_model::{MetaGraphDef, SavedModel};
use strongroom_api::serving::{DataType, SignatureDef, TensorInfo, tensor_info};

use crate::engine::{Signature, TensorSpec};
use crate::model::files::ModelFiles;
use crate::tensor::{Tensor, proto};

/// The files are no SavedModel that can be served.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SavedModelError {
    /// The format before SavedModel.
    #[error("Session Bundle is deprecated and removed.")]
    SessionBundle,
    /// A SavedModel as text.
    #[error("saved_model.pbtxt is not read by this server; write the model as saved_model.pb")]
    Text,
    /// The file is damaged.
    #[error("saved_model.pb is malformed: {0}")]
    Malformed(String),
    /// No graph of the file has exactly the tags.
    #[error(
        "Could not find meta graph def matching supplied tags: {{ {tags} }}. To inspect available tag-sets in the \
         SavedModel, please use the SavedModel CLI: `saved_model_cli`; there are: {available}"
    )]
    Tags {
        /// What was asked for.
        tags: String,
        /// What there is.
        available: String,
    },
    /// A signature's default value cannot be read.
    #[error("signature {signature:?}: the default value of {input:?} cannot be read")]
    Default {
        /// The signature.
        signature: String,
        /// The input.
        input: String,
    },
}

impl SavedModelError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SessionBundle | Self::Text => "model.unsupported",
            _ => "model.malformed",
        }
    }
}

/// The graph that will be served.
#[derive(Debug)]
pub(super) struct Graph {
    /// Its tags, all of them.
    pub(super) tags: Vec<String>,
    /// The whole description.
    pub(super) meta: MetaGraphDef,
}

/// Whether the files look like one; an unreadable kind is taken too, to be refused with its own text.
pub(super) fn is_one(files: &ModelFiles) -> bool {
    [FILE, FILE_TEXT, FILE_BUNDLE]
        .iter()
        .any(|name| files.read(name).is_some())
}

/// Reads the graph whose tags are exactly `tags`.
pub(super) fn read(files: &ModelFiles, tags: &[String]) -> Result<Graph, SavedModelError> {
    let Some(file) = files.read(FILE) else {
        return Err(match files.read(FILE_BUNDLE) {
            Some(_) => SavedModelError::SessionBundle,
            None => SavedModelError::Text,
        });
    };
    let model = SavedModel::decode(file).map_err(|error| SavedModelError::Malformed(error.to_string()))?;
    let asked: BTreeSet<&str> = tags.iter().map(String::as_str).collect();
    let tags_of = |meta: &MetaGraphDef| {
        let info = meta.meta_info_def.as_ref();
        info.map(|info| info.tags.clone()).unwrap_or_default()
    };
    let mut available = Vec::new();
    for meta in model.meta_graphs {
        let tags = tags_of(&meta);
        if tags.iter().map(String::as_str).collect::<BTreeSet<_>>() == asked {
            return Ok(Graph { tags, meta });
        }
        available.push(format!("{{ {} }}", tags.join(", ")));
    }
    Err(SavedModelError::Tags {
        tags: tags.join(" "),
        available: available.join(", "),
    })
}

impl Graph {
    /// Signatures that clients can call: not those by which a SavedModel talks to its loader.
    pub(super) fn definitions(&self) -> BTreeMap<String, SignatureDef> {
        let signatures = self.meta.signature_def.iter();
        signatures
            .filter(|(name, _)| !LOADERS.contains(&name.as_str()))
            .map(|(name, definition)| (name.clone(), definition.clone()))
            .collect()
    }
}

/// A definition as calls are checked against it.
pub(super) fn signature(name: &str, definition: &SignatureDef) -> Result<Signature, SavedModelError> {
    let defaults = definition.defaults.iter().map(|(input, value)| {
        let tensor = proto::decode(value.clone(), DEFAULT_BYTES_MAX).map_err(|_| SavedModelError::Default {
            signature: name.to_owned(),
            input: input.clone(),
        });
        tensor.map(|tensor| (input.clone(), tensor))
    });
    Ok(Signature {
        inputs: specs(&definition.inputs),
        outputs: specs(&definition.outputs),
        method_name: definition.method_name.clone(),
        defaults: defaults.collect::<Result<BTreeMap<String, Tensor>, _>>()?,
    })
}

fn specs(infos: &BTreeMap<String, TensorInfo>) -> BTreeMap<String, TensorSpec> {
    infos
        .iter()
        .map(|(alias, info)| (alias.clone(), spec(info)))
        .collect()
}

fn spec(info: &TensorInfo) -> TensorSpec {
    let name = match &info.encoding {
        Some(tensor_info::Encoding::Name(name)) => name.clone(),
        // Sparse tensors have no one name; TensorFlow Serving takes an empty one, which no call can feed.
        _ => String::new(),
    };
    let shape = info.tensor_shape.as_ref().filter(|shape| !shape.unknown_rank);
    TensorSpec {
        name,
        dtype: plain_type(info.dtype),
        shape: shape.map(|shape| {
            let sizes = shape.dim.iter();
            sizes.map(|dim| usize::try_from(dim.size).ok()).collect()
        }),
    }
}

/// The type without the mark of TensorFlow 1's references.
pub(super) fn plain_type(number: i32) -> DataType {
    let plain = if number > REFERENCE {
        number - REFERENCE
    } else {
        number
    };
    DataType::try_from(plain).unwrap_or(DataType::DtInvalid)
}

const FILE: &str = "saved_model.pb";
const FILE_TEXT: &str = "saved_model.pbtxt";
/// Forms of the same file that some versions of the library look for as well: text, and split into chunks.
pub(super) const OTHER_FORMS: [&str; 2] = [FILE_TEXT, "saved_model.cpb"];
const FILE_BUNDLE: &str = "export.meta";
/// Signatures that TensorFlow writes for its own loader.
pub(super) const LOADERS: [&str; 2] = ["__saved_model_init_op", "__saved_model_train_op"];
/// Added to a type's number where a tensor is a reference to a variable.
const REFERENCE: i32 = 100;
const DEFAULT_BYTES_MAX: usize = 64 << 20;
