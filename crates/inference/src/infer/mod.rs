//! Classify, Regress and both at once: rows of named features in, classes or numbers out. The same for REST and gRPC.
//!
//! Neither needs a particular engine: rows become one tensor of serialized `tensorflow.Example`s, and the signature's
//! graph parses them.

mod classify;
mod examples;
mod multi;
mod regress;
mod text;

use std::collections::BTreeMap;
use std::time::Instant;

use strongroom_api::serving::{
    ClassificationRequest, ClassificationResponse, DEFAULT_SIGNATURE, Input, ModelSpec, RegressionRequest,
    RegressionResponse, model_spec::VersionChoice as SpecVersion,
};

use crate::app::{App, ModelPermit, signature};
use crate::engine::{Call, Signature};
use crate::error::RequestError;
use crate::model::registry::Servable;
use crate::model::version;
use crate::tensor::Tensor;

pub use multi::multi_inference;

/// What every inference is told beside its input.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Everything that requests share.
    pub app: &'a App,
    /// Leave to use the model.
    pub permit: &'a ModelPermit,
    /// When nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

/// Classes of each row.
///
/// # Errors
/// With TensorFlow Serving's texts.
pub fn classify(
    context: Context<'_>,
    request: &ClassificationRequest,
) -> Result<ClassificationResponse, RequestError> {
    let kind = Kind {
        api: "Classify",
        check: classify::check,
        outputs: classify::outputs,
    };
    let answer = run(context, request.model_spec.as_ref(), request.input.as_ref(), kind)?;
    Ok(ClassificationResponse {
        result: Some(classify::result(&answer.outputs, answer.rows)?),
        model_spec: Some(answer.spec),
    })
}

/// A number for each row.
///
/// # Errors
/// With TensorFlow Serving's texts.
pub fn regress(
    context: Context<'_>,
    request: &RegressionRequest,
) -> Result<RegressionResponse, RequestError> {
    let kind = Kind {
        api: "Regress",
        check: regress::check,
        outputs: regress::outputs,
    };
    let answer = run(context, request.model_spec.as_ref(), request.input.as_ref(), kind)?;
    Ok(RegressionResponse {
        result: Some(regress::result(&answer.outputs, answer.rows)?),
        model_spec: Some(answer.spec),
    })
}

/// What makes the two differ before the model runs.
struct Kind {
    api: &'static str,
    check: fn(&App, &Signature) -> Result<(), RequestError>,
    outputs: fn(&Signature) -> Vec<String>,
}

/// What a signature gave for the rows of a request.
struct Answer {
    outputs: BTreeMap<String, Tensor>,
    rows: usize,
    spec: ModelSpec,
}

fn run(
    context: Context<'_>,
    model_spec: Option<&ModelSpec>,
    input: Option<&Input>,
    kind: Kind,
) -> Result<Answer, RequestError> {
    let named = Named::read(model_spec)?;
    let (permit, servable) = App::find(context.permit, named.model, &named.version)?;
    let signature = named.signature(&servable)?;
    (kind.check)(context.app, signature)?;
    let rows = examples::read(input)?;
    let inputs = [(examples::INPUT.to_owned(), rows.tensor)].into();
    let call = Call::new(named.signature, signature, inputs, &(kind.outputs)(signature))?;
    let call = call.until(context.deadline);
    let outputs = context.app.infer(permit, &servable, call, kind.api)?;
    context.app.metrics.examples(servable.model(), rows.count);
    Ok(Answer {
        outputs,
        rows: rows.count,
        spec: spec(&servable, named.signature),
    })
}

/// What a `ModelSpec` names.
struct Named<'a> {
    model: &'a str,
    version: version::VersionChoice,
    signature: &'a str,
}

impl<'a> Named<'a> {
    fn read(spec: Option<&'a ModelSpec>) -> Result<Self, RequestError> {
        let (model, version) = version::target(spec)?;
        let signature = spec.map_or("", |spec| spec.signature_name.as_str());
        Ok(Self {
            model,
            version,
            signature: if signature.is_empty() {
                DEFAULT_SIGNATURE
            } else {
                signature
            },
        })
    }

    fn signature<'s>(&self, servable: &'s Servable) -> Result<&'s Signature, RequestError> {
        signature(servable, self.signature).ok_or_else(|| {
            let text = format!("No signature was found with the name: {}", self.signature);
            RequestError::invalid(text)
        })
    }
}

fn spec(servable: &Servable, signature: &str) -> ModelSpec {
    ModelSpec {
        name: servable.model().to_owned(),
        version_choice: Some(SpecVersion::Version(servable.version())),
        signature_name: signature.to_owned(),
    }
}

/// Rows of a request, for whoever builds one from another form.
#[must_use]
pub fn input(examples: Vec<strongroom_api::serving::example::Example>) -> Input {
    use strongroom_api::serving::{ExampleList, input::Kind};
    Input {
        kind: Some(Kind::ExampleList(ExampleList { examples })),
    }
}

#[cfg(test)]
mod tests;
