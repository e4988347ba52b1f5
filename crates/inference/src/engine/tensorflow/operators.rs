//! Which operators a graph may have where its owner and the machine's owner do not trust each other.
//!
//! TensorFlow's operators include some that read and write files, run Python, load libraries, talk to other machines or
//! print. A model that came encrypted is no reason to run those: only operators of this list run, and all others are
//! refused before the library sees the graph. Checkpoints and tables are read from files by operators of the graph
//! itself; those may be there, but nothing that a client can call may reach them, what runs at load may read and not
//! write, and it reads nothing but files of the model (module `paths`).

use std::collections::{BTreeMap, BTreeSet};

use strongroom_api::serving::saved_model::{FunctionDef, NodeDef, attr_value, collection_def};
use strongroom_api::serving::tensor_info;

use super::allowed::ALLOWED;
use super::paths;
use super::saved_model::{Graph, LOADERS};
use crate::model::files::ModelFiles;

/// The graph has operators that may not run in confidential mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorError {
    /// Operators outside the list.
    #[error("the graph has operators that do not run in confidential mode: {0}")]
    NotAllowed(String),
    /// A signature leads to an operator that touches files.
    #[error("{from} leads to {operator}, which touches files")]
    ReachesFiles {
        /// What leads there.
        from: String,
        /// The operator.
        operator: String,
    },
    /// An operator reads a file whose name does not come from the model's loader.
    #[error("{operator} reads a file that need not be the model's own")]
    ForeignFile {
        /// The operator.
        operator: String,
    },
    /// An asset is no file of the model.
    #[error("the asset {0:?} is no file of the model")]
    Asset(String),
    /// One name stands for two nodes or functions: which of them is meant cannot be said.
    #[error("the graph has more than one node or function {0:?}")]
    Twice(String),
}

impl OperatorError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "model.operator_refused"
    }
}

/// Checks all operators of the graph and of its functions, and what each entry can reach.
pub(super) fn check(graph: &Graph, files: &ModelFiles) -> Result<(), OperatorError> {
    let bodies = Bodies::new(graph)?;
    let allowed: BTreeSet<&str> = ALLOWED
        .iter()
        .flat_map(|family| family.split_whitespace())
        .collect();
    let mut unknown = BTreeSet::new();
    for node in bodies.all() {
        let known = allowed.contains(node.op.as_str())
            || FILES.contains(&node.op.as_str())
            || bodies.functions.contains_key(&*node.op);
        if !known {
            unknown.insert(node.op.as_str());
        }
    }
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.into_iter().collect();
        return Err(OperatorError::NotAllowed(names.join(", ")));
    }
    for (name, definition) in &graph.meta.signature_def {
        let tensors = definition.inputs.values().chain(definition.outputs.values());
        let tensors = tensors.filter_map(|info| match &info.encoding {
            Some(tensor_info::Encoding::Name(name)) => Some(name.as_str()),
            _ => None,
        });
        let at_load = LOADERS.contains(&name.as_str());
        bodies.reach(
            &format!("signature {name:?}"),
            tensors,
            if at_load { NOT_AT_INIT } else { FILES },
        )?;
    }
    // What runs once, at load: it reads variables and tables, and has nothing to write.
    let restore = graph
        .meta
        .saver_def
        .iter()
        .map(|saver| saver.restore_op_name.as_str());
    bodies.reach("the restore operation", restore, WRITES)?;
    let nodes = INIT_COLLECTIONS
        .iter()
        .filter_map(|name| graph.meta.collection_def.get(*name));
    let names = nodes
        .flat_map(|collection| &collection.kind)
        .filter_map(|kind| match kind {
            collection_def::Kind::NodeList(nodes) => Some(&nodes.value),
            collection_def::Kind::AnyList(_) => None,
        });
    let names = names.flatten().map(String::as_str);
    bodies.reach("the init operation", names, NOT_AT_INIT)?;
    paths::check(graph, &bodies, files)
}

/// Nodes of the graph and of its functions, by name.
pub(super) struct Bodies<'a> {
    pub(super) nodes: BTreeMap<&'a str, &'a NodeDef>,
    pub(super) functions: BTreeMap<&'a str, &'a FunctionDef>,
}

impl<'a> Bodies<'a> {
    fn new(graph: &'a Graph) -> Result<Self, OperatorError> {
        let definition = graph.meta.graph_def.as_ref();
        let nodes = definition.into_iter().flat_map(|graph| &graph.node);
        let library = definition.and_then(|graph| graph.library.as_ref());
        let functions = library.into_iter().flat_map(|library| &library.function);
        let named = functions.map(|function| {
            let signature = function.signature.as_ref();
            (
                signature.map_or("", |signature| signature.name.as_str()),
                function,
            )
        });
        Ok(Self {
            nodes: unique(nodes.map(|node| (node.name.as_str(), node)))?,
            functions: unique(named)?,
        })
    }

    fn all(&self) -> impl Iterator<Item = &'a NodeDef> {
        let inner = self.functions.values().flat_map(|function| &function.node_def);
        self.nodes.values().copied().chain(inner)
    }

    /// Follows inputs, control inputs and called functions from the tensors or operations in `from`.
    fn reach<'n>(
        &self,
        what: &str,
        from: impl Iterator<Item = &'n str>,
        forbidden: &[&str],
    ) -> Result<(), OperatorError>
    where
        'a: 'n,
    {
        let mut pending: Vec<&str> = from.collect();
        let (mut seen, mut called) = (BTreeSet::new(), BTreeSet::new());
        // TensorFlow may take one implementation of an interface for another, whoever is called.
        for (name, function) in &self.functions {
            if function.attr.contains_key(INTERFACE) {
                self.call(what, name, forbidden, &mut called)?;
            }
        }
        while let Some(tensor) = pending.pop() {
            let name = operation(tensor);
            let Some(node) = self.nodes.get(name) else {
                continue;
            };
            if !seen.insert(node.name.as_str()) {
                continue;
            }
            self.check(what, node, forbidden)?;
            for function in functions_of(node) {
                self.call(what, function, forbidden, &mut called)?;
            }
            pending.extend(node.input.iter().map(String::as_str));
        }
        Ok(())
    }

    /// All of a called function counts as reached: its body is small, and what it returns decides nothing here.
    fn call(
        &self,
        what: &str,
        function: &str,
        forbidden: &[&str],
        called: &mut BTreeSet<&'a str>,
    ) -> Result<(), OperatorError> {
        let mut pending = vec![function];
        while let Some(function) = pending.pop() {
            let Some((name, function)) = self.functions.get_key_value(function) else {
                continue;
            };
            if called.insert(name) {
                for inner in &function.node_def {
                    self.check(what, inner, forbidden)?;
                    pending.extend(functions_of(inner));
                }
            }
        }
        Ok(())
    }

    fn check(&self, what: &str, node: &NodeDef, forbidden: &[&str]) -> Result<(), OperatorError> {
        if forbidden.contains(&node.op.as_str()) {
            return Err(OperatorError::ReachesFiles {
                from: what.to_owned(),
                operator: node.op.clone(),
            });
        }
        Ok(())
    }
}

fn unique<'a, T>(named: impl Iterator<Item = (&'a str, T)>) -> Result<BTreeMap<&'a str, T>, OperatorError> {
    let mut map = BTreeMap::new();
    for (name, value) in named {
        if map.insert(name, value).is_some() {
            return Err(OperatorError::Twice(name.to_owned()));
        }
    }
    Ok(map)
}

/// Functions that a node calls: by its own name, or by an attribute.
pub(super) fn functions_of(node: &NodeDef) -> impl Iterator<Item = &str> {
    let by_attribute = node.attr.values().flat_map(|value| match &value.value {
        Some(attr_value::Value::Func(function)) => std::slice::from_ref(function),
        Some(attr_value::Value::List(list)) => list.func.as_slice(),
        Some(attr_value::Value::S(_)) | None => &[],
    });
    by_attribute
        .map(|function| function.name.as_str())
        .chain(std::iter::once(node.op.as_str()))
}

/// The operation of a tensor or control input: `^a`, `a:1` and `a` are all of `a`.
pub(super) fn operation(tensor: &str) -> &str {
    let tensor = tensor.strip_prefix('^').unwrap_or(tensor);
    tensor.split(':').next().unwrap_or(tensor)
}

/// Operators by which a SavedModel saves and restores its variables and fills its tables.
const FILES: &[&str] = &[
    "RestoreV2",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "SaveV2",
    "MergeV2Checkpoints",
    "ShardedFilename",
    "ShardedFilespec",
];
/// Those of them that write.
const WRITES: &[&str] = &["SaveV2", "MergeV2Checkpoints"];
/// Those that do not run after the variables were restored: then nobody says where the checkpoint lies.
const NOT_AT_INIT: &[&str] = &["SaveV2", "MergeV2Checkpoints", "RestoreV2"];
/// Attribute of functions that are implementations of one interface.
const INTERFACE: &str = "api_implements";
/// Collections that name what runs after the variables were restored.
const INIT_COLLECTIONS: [&str; 2] = ["saved_model_main_op", "legacy_init_op"];

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
