//! Which models there are, in which versions, in which state; and how requests find one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use strongroom_api::serving::{Code, SignatureDef};

use crate::clients::{Clients, Permit};
use crate::engine::{Call, Executable, Signature};
use crate::error::RequestError;
use crate::model::VersionChoice;
use crate::tensor::Tensor;

/// A loaded version of a model.
pub struct Servable {
    model: String,
    version: i64,
    executable: Arc<dyn Executable>,
}

/// Step of a version's life, as `GetModelStatus` shows it.
#[derive(Clone)]
pub enum State {
    /// Being read, decrypted, loaded or checked.
    Loading,
    /// Ready for requests.
    Available(Arc<Servable>),
    /// It could not be loaded; the text is safe to show.
    Failed(String),
}

/// One model and its versions.
pub struct Model {
    name: String,
    clients: Clients,
    versions: RwLock<BTreeMap<i64, State>>,
}

impl Servable {
    /// A version that has passed every check.
    #[must_use]
    pub fn new(model: &str, version: i64, executable: Arc<dyn Executable>) -> Self {
        Self {
            model: model.to_owned(),
            version,
            executable,
        }
    }

    /// Name of the model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Number of the version.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// How it can be called.
    #[must_use]
    pub fn signatures(&self) -> &BTreeMap<String, Signature> {
        self.executable.signatures()
    }

    /// How it can be called, for people and tools that ask for metadata.
    #[must_use]
    pub fn definitions(&self) -> BTreeMap<String, SignatureDef> {
        self.executable.definitions()
    }

    /// Runs it on the calling thread, for whoever has a permit for its model.
    ///
    /// # Errors
    /// What the engine says; `PERMISSION_DENIED` for a permit for another model.
    pub fn run(
        &self,
        permit: &Permit<Arc<Model>>,
        call: Call,
    ) -> Result<BTreeMap<String, Tensor>, RequestError> {
        self.check(permit)?;
        self.executable.run(call)
    }

    /// Runs several calls at once, as [`Self::run`] does one.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_together(
        &self,
        permit: &Permit<Arc<Model>>,
        calls: Vec<Call>,
    ) -> Result<Vec<BTreeMap<String, Tensor>>, RequestError> {
        self.check(permit)?;
        self.executable.run_together(calls)
    }

    fn check(&self, permit: &Permit<Arc<Model>>) -> Result<(), RequestError> {
        if permit.subject().name() == self.model {
            return Ok(());
        }
        Err(RequestError::new(
            Code::PermissionDenied,
            "This client may not use this model.",
        ))
    }
}

/// All models of this server. Fixed at start; the states of their versions change.
pub struct Models {
    models: BTreeMap<String, Arc<Model>>,
}

impl Models {
    /// The models that a server will have; no version is known yet.
    #[must_use]
    pub fn new(models: impl IntoIterator<Item = (String, Clients)>) -> Self {
        let model = |(name, clients): (String, Clients)| {
            let versions = RwLock::new(BTreeMap::new());
            (
                name.clone(),
                Arc::new(Model {
                    name,
                    clients,
                    versions,
                }),
            )
        };
        Self {
            models: models.into_iter().map(model).collect(),
        }
    }

    /// The model of that name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// All models.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }
}

impl Model {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who may predict with it.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Records the state of a version.
    pub fn set(&self, version: i64, state: State) {
        self.versions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(version, state);
    }

    /// All versions, newest first.
    #[must_use]
    pub fn states(&self) -> Vec<(i64, State)> {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        versions
            .iter()
            .rev()
            .map(|(version, state)| (*version, state.clone()))
            .collect()
    }

    /// The version that a request means, if it is available.
    ///
    /// # Errors
    /// With TensorFlow Serving's texts; readiness probes look for the word `Servable` in them.
    pub fn find(&self, version: &VersionChoice) -> Result<Arc<Servable>, RequestError> {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        let available = |state: &State| match state {
            State::Available(servable) => Some(Arc::clone(servable)),
            State::Loading | State::Failed(_) => None,
        };
        let found = match version {
            VersionChoice::Latest => versions.values().rev().find_map(available),
            VersionChoice::Number(number) => versions.get(number).and_then(available),
            VersionChoice::Label(_) => None,
        };
        found.ok_or_else(|| not_found(&self.name, version))
    }
}

/// The text for a model or version that is not there.
#[must_use]
pub fn not_found(name: &str, version: &VersionChoice) -> RequestError {
    match version {
        VersionChoice::Latest => RequestError::new(
            Code::NotFound,
            format!("Servable not found for request: Latest({name})"),
        ),
        VersionChoice::Number(number) => RequestError::new(
            Code::NotFound,
            format!("Servable not found for request: Specific({name}, {number})"),
        ),
        // No version has a label until labels can be configured.
        VersionChoice::Label(label) => {
            RequestError::invalid(format!("Unrecognized servable version label: {label}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing(BTreeMap<String, Signature>);

    impl Executable for Nothing {
        fn signatures(&self) -> &BTreeMap<String, Signature> {
            &self.0
        }

        fn run(&self, _call: Call) -> Result<BTreeMap<String, Tensor>, RequestError> {
            Ok(BTreeMap::new())
        }
    }

    fn available(version: i64) -> State {
        let executable: Arc<dyn Executable> = Arc::new(Nothing(BTreeMap::new()));
        State::Available(Arc::new(Servable::new("m", version, executable)))
    }

    #[test]
    fn the_newest_available_version_answers_unless_another_is_named() {
        let models = Models::new([("m".to_owned(), Clients::anyone())]);
        let model = models.model("m").expect("the model");
        let find = |version: VersionChoice| {
            model
                .find(&version)
                .map(|servable| servable.version)
                .map_err(|error| error.message().to_owned())
        };
        let missing = |text: &str| Err(format!("Servable not found for request: {text}"));
        assert_eq!(find(VersionChoice::Latest), missing("Latest(m)"));
        model.set(1, available(1));
        model.set(2, available(2));
        model.set(3, State::Loading);
        assert_eq!(find(VersionChoice::Latest), Ok(2));
        assert_eq!(find(VersionChoice::Number(1)), Ok(1));
        assert_eq!(find(VersionChoice::Number(3)), missing("Specific(m, 3)"));
        let label = find(VersionChoice::Label("stable".to_owned()));
        assert_eq!(
            label,
            Err("Unrecognized servable version label: stable".to_owned())
        );
        assert_eq!(
            model
                .states()
                .iter()
                .map(|(version, _)| *version)
                .collect::<Vec<_>>(),
            [3, 2, 1]
        );
    }
}
