//! Where the names of files come from that a graph reads.
//!
//! TensorFlow's loader feeds one tensor with the checkpoint's place and one for each asset with the asset's. A file
//! operator that takes its name from such a tensor, directly, as argument of functions, or from a variable that holds
//! nothing else, reads a file of the model; one that takes it from anywhere else may read whatever the process can.

use std::collections::BTreeSet;

use prost::Message as _;
use strongroom_api::serving::saved_model::{AssetFileDef, NodeDef, attr_value, collection_def};
use strongroom_api::serving::tensor_info;

use super::operators::{Bodies, OperatorError, functions_of, operation};
use super::saved_model::Graph;
use crate::model::files::ModelFiles;

/// Checks all operators that read files, in the graph and in its functions, and the names of all assets.
pub(super) fn check(graph: &Graph, bodies: &Bodies<'_>, files: &ModelFiles) -> Result<(), OperatorError> {
    let saver = graph.meta.saver_def.iter();
    let checkpoint: BTreeSet<String> = saver
        .map(|saver| operation(&saver.filename_tensor_name).to_owned())
        .collect();
    let mut assets = BTreeSet::new();
    for asset in assets_of(graph) {
        let inside = files.read(&format!("assets/{}", asset.filename)).is_some();
        if !inside
            || asset
                .filename
                .split('/')
                .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(OperatorError::Asset(asset.filename));
        }
        let info = asset.tensor_info.as_ref().and_then(|info| info.encoding.as_ref());
        if let Some(tensor_info::Encoding::Name(name)) = info {
            assets.insert(operation(name).to_owned());
        }
    }
    for (operator, input, sources) in [
        ("RestoreV2", 0, &checkpoint),
        ("InitializeTableFromTextFile", 1, &assets),
        ("InitializeTableFromTextFileV2", 1, &assets),
    ] {
        let origin = Origin {
            bodies,
            sources,
            seen: BTreeSet::new(),
        };
        origin.of_all(operator, input)?;
    }
    Ok(())
}

/// Follows a name to where it comes from.
struct Origin<'a> {
    bodies: &'a Bodies<'a>,
    /// Operations that the loader feeds.
    sources: &'a BTreeSet<String>,
    /// Arguments of functions that were followed to all callers, and variables (with no number) to all writers.
    seen: BTreeSet<(&'a str, Option<usize>)>,
}

impl<'a> Origin<'a> {
    fn of_all(mut self, operator: &str, input: usize) -> Result<(), OperatorError> {
        let foreign = || OperatorError::ForeignFile {
            operator: operator.to_owned(),
        };
        for (function, node) in self.everywhere() {
            if node.op == operator && !self.is_ours(function, node, input) {
                return Err(foreign());
            }
        }
        Ok(())
    }

    /// All nodes, with the function that they are in.
    fn everywhere(&self) -> Vec<(Option<&'a str>, &'a NodeDef)> {
        let outer = self.bodies.nodes.values().map(|node| (None, *node));
        let inner = self
            .bodies
            .functions
            .iter()
            .flat_map(|(name, function)| function.node_def.iter().map(|node| (Some(*name), node)));
        outer.chain(inner).collect()
    }

    fn is_ours(&mut self, function: Option<&'a str>, node: &'a NodeDef, input: usize) -> bool {
        let mut node = node;
        let mut input = input;
        // A longer chain goes in a circle, or is not as TensorFlow writes it.
        for _ in 0..CHAIN_MAX {
            let Some(name) = node.input.get(input).map(|tensor| operation(tensor)) else {
                return false;
            };
            let next = match function {
                None => {
                    let next = self.bodies.nodes.get(name).copied();
                    if self.sources.contains(name) {
                        return next.is_some_and(|next| FED.contains(&next.op.as_str()));
                    }
                    next
                }
                Some(function) => {
                    let body = self.bodies.functions[function];
                    let arguments = body.signature.iter().flat_map(|signature| &signature.input_arg);
                    let mut arguments = arguments.enumerate();
                    if let Some((index, _)) = arguments.find(|(_, argument)| argument.name == name) {
                        return self.comes_from_all_callers(function, index);
                    }
                    body.node_def.iter().find(|inner| inner.name == name)
                }
            };
            match next {
                Some(next) if next.op == "Identity" => (node, input) = (next, 0),
                Some(next) if next.op == READS && function.is_none() => return self.holds_ours(next),
                _ => return false,
            }
        }
        false
    }

    /// A variable that is handed to nothing but plain reads and writes in the graph itself, and written from our tensors.
    fn holds_ours(&mut self, read: &'a NodeDef) -> bool {
        let handle = read
            .input
            .first()
            .and_then(|name| self.bodies.nodes.get(operation(name)));
        let Some(handle) = handle.copied().filter(|handle| handle.op == HANDLE) else {
            return false;
        };
        if !self.seen.insert((&handle.name, None)) {
            return true;
        }
        let everywhere = self.everywhere();
        // A second handle of the same name is a handle of the same variable; those of functions get names at run time.
        let handles = everywhere.iter().filter(|(function, node)| {
            node.op == HANDLE && (function.is_some() || variable(node) == variable(handle))
        });
        if handles.count() != 1 {
            return false;
        }
        let takes_it = |name: &String| !name.starts_with('^') && operation(name) == handle.name;
        let mut users = everywhere
            .into_iter()
            .filter(|(function, node)| function.is_none() && node.input.iter().any(takes_it));
        users.all(|(_, node)| match node.op.as_str() {
            READS | "VarIsInitializedOp" => true,
            "AssignVariableOp" => takes_it(&node.input[0]) && self.is_ours(None, node, 1),
            _ => false,
        })
    }

    fn comes_from_all_callers(&mut self, function: &'a str, argument: usize) -> bool {
        if !self.seen.insert((function, Some(argument))) {
            return true;
        }
        if self.seen.len() > FOLLOWED_MAX {
            return false;
        }
        let everywhere = self.everywhere();
        everywhere.into_iter().all(|(within, node)| {
            if !functions_of(node).any(|called| called == function) {
                return true;
            }
            // Of all that call functions these hand on their inputs one by one.
            let plain = node.op == function || CALLS.contains(&node.op.as_str());
            plain && self.is_ours(within, node, argument)
        })
    }
}

/// Assets as the loader finds them: in a field of their own, else in the collection that TensorFlow 1 wrote.
fn assets_of(graph: &Graph) -> Vec<AssetFileDef> {
    if !graph.meta.asset_file_def.is_empty() {
        return graph.meta.asset_file_def.clone();
    }
    let collection = graph
        .meta
        .collection_def
        .get(ASSETS)
        .and_then(|collection| collection.kind.as_ref());
    let Some(collection_def::Kind::AnyList(list)) = collection else {
        return Vec::new();
    };
    let assets = list
        .value
        .iter()
        .map(|any| AssetFileDef::decode(any.value.as_slice()));
    // One that cannot be read has no name, and that is no file of the model.
    assets.map(Result::unwrap_or_default).collect()
}

/// The name under which sessions keep a variable.
fn variable(handle: &NodeDef) -> &[u8] {
    match handle
        .attr
        .get("shared_name")
        .and_then(|value| value.value.as_ref())
    {
        Some(attr_value::Value::S(name)) if !name.is_empty() => name,
        _ => handle.name.as_bytes(),
    }
}

const ASSETS: &str = "saved_model_assets";
const HANDLE: &str = "VarHandleOp";
const READS: &str = "ReadVariableOp";
/// What the loader can feed without anything having run.
const FED: [&str; 4] = ["Const", "Placeholder", "PlaceholderWithDefault", "PlaceholderV2"];
const CALLS: [&str; 2] = ["PartitionedCall", "StatefulPartitionedCall"];
const CHAIN_MAX: usize = 64;
/// Arguments and variables that are followed for one operator. Models have two or three.
const FOLLOWED_MAX: usize = 64;
