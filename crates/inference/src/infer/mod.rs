//! Classify, Regress and both at once: rows of named features in, classes or numbers out. The same for REST and gRPC.
//!
//! Neither needs a particular engine: rows become one tensor of serialized `tensorflow.Example`s, and the signature's
//! graph parses them.

mod classify;
mod examples;
mod multi;
mod regress;
mod text;

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
    let named = Named::read(request.model_spec.as_ref())?;
    let (permit, servable) = App::find(context.permit, named.model, &named.version)?;
    let (signature_name, signature) = named.signature(&servable)?;
    classify::check(context.app, &signature)?;
    let rows = examples::read(request.input.as_ref())?;
    let (rows, count) = (rows.tensor, rows.count);
    let call = Call::new(
        signature_name,
        &signature,
        [(examples::INPUT.to_owned(), rows)].into(),
        &classify::outputs(&signature),
    )?;
    let outputs = context
        .app
        .infer(permit, &servable, call.until(context.deadline), "Classify")?;
    context.app.metrics.examples(servable.model(), count);
    Ok(ClassificationResponse {
        result: Some(classify::result(&outputs, count)?),
        model_spec: Some(spec(&servable, signature_name)),
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
    let named = Named::read(request.model_spec.as_ref())?;
    let (permit, servable) = App::find(context.permit, named.model, &named.version)?;
    let (signature_name, signature) = named.signature(&servable)?;
    regress::check(context.app, &signature)?;
    let rows = examples::read(request.input.as_ref())?;
    let (rows, count) = (rows.tensor, rows.count);
    let call = Call::new(
        signature_name,
        &signature,
        [(examples::INPUT.to_owned(), rows)].into(),
        &[regress::OUTPUT.to_owned()],
    )?;
    let outputs = context
        .app
        .infer(permit, &servable, call.until(context.deadline), "Regress")?;
    context.app.metrics.examples(servable.model(), count);
    Ok(RegressionResponse {
        result: Some(regress::result(&outputs, count)?),
        model_spec: Some(spec(&servable, signature_name)),
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

    fn signature(&self, servable: &Servable) -> Result<(&'a str, Signature), RequestError> {
        match signature(servable, self.signature) {
            Some(found) => Ok((self.signature, found.clone())),
            None => Err(RequestError::invalid(format!(
                "No signature was found with the name: {}",
                self.signature
            ))),
        }
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
