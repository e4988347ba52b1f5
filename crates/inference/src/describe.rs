//! Answers about models: states of versions, signatures.

use std::collections::BTreeMap;

use strongroom_api::serving::{
    Code, GetModelStatusResponse, ModelVersionStatus, SignatureDef, StatusProto, model_version_status,
};

use crate::app::App;
use crate::error::RequestError;
use crate::model::VersionChoice;
use crate::model::registry::{Servable, State};

/// States of one version or of all, newest first. A label is ignored, as in TensorFlow Serving.
///
/// # Errors
/// `NOT_FOUND` where there is no such version.
pub fn status(
    app: &App,
    name: &str,
    version: &VersionChoice,
) -> Result<GetModelStatusResponse, RequestError> {
    let none = || {
        RequestError::new(
            Code::NotFound,
            format!("Could not find any versions of model {name}"),
        )
    };
    let states = app.models.model(name).ok_or_else(none)?.states();
    if states.is_empty() {
        return Err(none());
    }
    let states: Vec<_> = match version {
        VersionChoice::Number(number) => states
            .into_iter()
            .filter(|(version, _)| version == number)
            .collect(),
        VersionChoice::Latest | VersionChoice::Label(_) => states,
    };
    if let (VersionChoice::Number(number), true) = (version, states.is_empty()) {
        let text = format!("Could not find version {number} of model {name}");
        return Err(RequestError::new(Code::NotFound, text));
    }
    Ok(GetModelStatusResponse {
        model_version_status: states
            .iter()
            .map(|(version, state)| version_status(*version, state))
            .collect(),
    })
}

/// Signatures of a loaded version, as metadata shows them.
#[must_use]
pub fn signatures(servable: &Servable) -> BTreeMap<String, SignatureDef> {
    servable.definitions()
}

fn version_status(version: i64, state: &State) -> ModelVersionStatus {
    let (state, status) = match state {
        State::Start => (model_version_status::State::Start, StatusProto::default()),
        State::Loading => (model_version_status::State::Loading, StatusProto::default()),
        State::Available(_) => (model_version_status::State::Available, StatusProto::default()),
        State::Unloading => (model_version_status::State::Unloading, StatusProto::default()),
        State::End => (model_version_status::State::End, StatusProto::default()),
        State::Failed(message) => (
            model_version_status::State::End,
            StatusProto {
                error_code: Code::Unknown.into(),
                error_message: message.clone(),
            },
        ),
    };
    ModelVersionStatus {
        version,
        state: state.into(),
        status: Some(status),
    }
}
