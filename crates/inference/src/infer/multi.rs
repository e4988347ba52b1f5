//! Several signatures of one model on the same rows, in one run of its graph.

use std::collections::BTreeSet;

use strongroom_api::serving::inference_result::Result as Outcome;
use strongroom_api::serving::{
    CLASSIFY_METHOD, Code, DEFAULT_SIGNATURE, InferenceResult, MultiInferenceRequest, MultiInferenceResponse,
    REGRESS_METHOD,
};

use super::{Context, classify, examples, regress, spec};
use crate::app::{App, signature};
use crate::engine::{Call, Signature};
use crate::error::RequestError;
use crate::model::version;

/// Answers of all tasks, in their order. The version is the first task's: those of the others are ignored, as in
/// TensorFlow Serving.
///
/// # Errors
/// With TensorFlow Serving's texts; one bad task fails all.
pub fn multi_inference(
    context: Context<'_>,
    request: &MultiInferenceRequest,
) -> Result<MultiInferenceResponse, RequestError> {
    let first = request.tasks.first().and_then(|task| task.model_spec.as_ref());
    let (model, version) = version::target(first)?;
    let (permit, servable) = App::find(context.permit, model, &version)?;
    let mut tasks: Vec<(&str, &Signature)> = Vec::new();
    let mut names = BTreeSet::new();
    for task in &request.tasks {
        let named = task.model_spec.as_ref();
        let name = named.map_or("", |spec| spec.name.as_str());
        if name.is_empty() {
            return Err(RequestError::invalid("Found ModelSpec with an empty model name."));
        }
        if name != model {
            return Err(RequestError::invalid(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            ));
        }
        let asked = named.map_or("", |spec| spec.signature_name.as_str());
        let asked = if asked.is_empty() {
            DEFAULT_SIGNATURE
        } else {
            asked
        };
        if !names.insert(asked) {
            return Err(RequestError::invalid(format!(
                "Duplicate evaluation of signature: {asked}"
            )));
        }
        let found = signature(&servable, asked).ok_or_else(|| {
            RequestError::invalid(format!("Requested signature not found in model graph: {asked}"))
        })?;
        match found.method_name.as_str() {
            CLASSIFY_METHOD => classify::check(context.app, found)?,
            REGRESS_METHOD => regress::check(context.app, found)?,
            other => {
                return Err(RequestError::new(
                    Code::Unimplemented,
                    format!("Unsupported signature method_name: {other}"),
                ));
            }
        }
        tasks.push((asked, found));
    }
    let rows = examples::read(request.input.as_ref())?;
    let mut calls = Vec::with_capacity(tasks.len());
    for (name, signature) in &tasks {
        let outputs = match signature.method_name.as_str() {
            CLASSIFY_METHOD => classify::outputs(signature),
            _ => regress::outputs(signature),
        };
        let inputs = [(examples::INPUT.to_owned(), rows.tensor.clone())].into();
        calls.push(Call::new(name, signature, inputs, &outputs)?.until(context.deadline));
    }
    let outputs = context
        .app
        .infer_together(permit, &servable, calls, "MultiInference")?;
    context.app.metrics.examples(servable.model(), rows.count);
    let results = tasks.iter().zip(&outputs).map(|((name, signature), outputs)| {
        let result = match signature.method_name.as_str() {
            CLASSIFY_METHOD => Outcome::ClassificationResult(classify::result(outputs, rows.count)?),
            _ => Outcome::RegressionResult(regress::result(outputs, rows.count)?),
        };
        Ok(InferenceResult {
            model_spec: Some(spec(&servable, name)),
            result: Some(result),
        })
    });
    Ok(MultiInferenceResponse {
        results: results.collect::<Result<_, RequestError>>()?,
    })
}
