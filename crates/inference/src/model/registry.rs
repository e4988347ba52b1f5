//! Which models there are, in which versions, in which state; and how requests find one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
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
    /// It is known and will be loaded.
    Start,
    /// Being read, decrypted, loaded or checked.
    Loading,
    /// Ready for requests.
    Available(Arc<Servable>),
    /// No longer found by requests; those that have it end, then its memory is given back.
    Unloading,
    /// Gone: unloaded.
    End,
    /// It could not be loaded; the text is safe to show.
    Failed(String),
}

/// One model and its versions.
///
/// Requests read an immutable view and wait for nobody; whoever changes something puts another view in its place.
pub struct Model {
    name: String,
    clients: Clients,
    view: ArcSwap<View>,
}

#[derive(Clone, Default)]
struct View {
    states: BTreeMap<i64, State>,
    /// `None` until a configuration has said which labels there are.
    labels: Option<BTreeMap<String, i64>>,
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

/// All models of this server, found without a lock.
#[derive(Default)]
pub struct Models {
    models: ArcSwap<BTreeMap<String, Arc<Model>>>,
}

impl Models {
    /// The models that a server begins with; no version is known yet.
    #[must_use]
    pub fn new(models: impl IntoIterator<Item = (String, Clients)>) -> Self {
        let all = Self::default();
        for (name, clients) in models {
            all.ensure(&name, &clients);
        }
        all
    }

    /// The model of that name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<Arc<Model>> {
        self.models.load().get(name).map(Arc::clone)
    }

    /// All models, in order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Model>> {
        self.models.load().values().map(Arc::clone).collect()
    }

    /// The model of that name, made if there is none. One that is no longer served stays, for its states to be asked
    /// for.
    pub fn ensure(&self, name: &str, clients: &Clients) -> Arc<Model> {
        if let Some(model) = self.model(name) {
            return model;
        }
        let model = Arc::new(Model {
            name: name.to_owned(),
            clients: clients.clone(),
            view: ArcSwap::default(),
        });
        self.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            models.insert(name.to_owned(), Arc::clone(&model));
            models
        });
        model
    }

    /// Forgets models of which nothing is left but ended versions, the first in order, while there are more than
    /// [`MODELS_ENDED_MAX`] of them and `keep` does not hold them.
    pub fn forget_ended(&self, keep: impl Fn(&str) -> bool) {
        self.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            let ended: Vec<String> = models
                .values()
                .filter(|model| !keep(&model.name) && model.view.load().states.values().all(State::is_over))
                .map(|model| model.name.clone())
                .collect();
            for name in &ended[..ended.len().saturating_sub(MODELS_ENDED_MAX)] {
                models.remove(name);
            }
            models
        });
    }
}

impl State {
    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::End | Self::Failed(_))
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

    /// Records the state of a version. Of versions that have ended, the newest [`VERSIONS_ENDED_MAX`] are remembered.
    pub fn set(&self, version: i64, state: State) {
        self.change(|view| {
            view.states.insert(version, state.clone());
            let over = |view: &View| view.states.values().filter(|state| state.is_over()).count();
            while over(view) > VERSIONS_ENDED_MAX {
                let oldest = view.states.iter().find(|(_, state)| state.is_over());
                let Some((&oldest, _)) = oldest else { break };
                view.states.remove(&oldest);
            }
        });
    }

    /// Says what labels stand for from now on.
    pub fn set_labels(&self, labels: BTreeMap<String, i64>) {
        self.change(|view| view.labels = Some(labels.clone()));
    }

    /// What labels stand for.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, i64> {
        self.view.load().labels.clone().unwrap_or_default()
    }

    /// All versions, newest first.
    #[must_use]
    pub fn states(&self) -> Vec<(i64, State)> {
        let view = self.view.load();
        view.states
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
        let view = self.view.load();
        let available = |state: &State| match state {
            State::Available(servable) => Some(Arc::clone(servable)),
            _ => None,
        };
        let number = |number: i64| view.states.get(&number).and_then(available);
        let found = match version {
            VersionChoice::Latest => view.states.values().rev().find_map(available),
            VersionChoice::Number(version) => number(*version),
            VersionChoice::Label(label) => {
                let Some(labels) = &view.labels else {
                    let text = format!("Model labels does not init yet.{label}");
                    return Err(RequestError::new(Code::Unavailable, text));
                };
                let Some(labelled) = labels.get(label) else {
                    return Err(not_found(&self.name, version));
                };
                let missing = || not_found(&self.name, &VersionChoice::Number(*labelled));
                return number(*labelled).ok_or_else(missing);
            }
        };
        found.ok_or_else(|| not_found(&self.name, version))
    }

    fn change(&self, mut change: impl FnMut(&mut View)) {
        self.view.rcu(|view| {
            let mut view = View::clone(view);
            change(&mut view);
            view
        });
    }
}

/// Versions of one model that have ended and are still shown.
pub const VERSIONS_ENDED_MAX: usize = 64;
/// Models that are no longer served and still shown.
pub const MODELS_ENDED_MAX: usize = 256;

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
        let label = |text: &str| find(VersionChoice::Label(text.to_owned()));
        assert_eq!(
            label("stable"),
            Err("Model labels does not init yet.stable".to_owned())
        );
        model.set_labels(BTreeMap::from([
            ("stable".to_owned(), 1),
            ("canary".to_owned(), 3),
        ]));
        assert_eq!(label("stable"), Ok(1));
        assert_eq!(label("canary"), missing("Specific(m, 3)"));
        assert_eq!(
            label("other"),
            Err("Unrecognized servable version label: other".to_owned())
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

    #[test]
    fn what_has_ended_is_remembered_and_not_for_ever() {
        let models = Models::new([("m".to_owned(), Clients::anyone())]);
        let model = models.model("m").expect("the model");
        model.set(0, available(0));
        let ended = i64::try_from(VERSIONS_ENDED_MAX).expect("small") + 10;
        for version in 1..=ended {
            model.set(version, State::End);
        }
        let states = model.states();
        assert_eq!(states.len(), VERSIONS_ENDED_MAX + 1);
        assert_eq!(states[0].0, ended);
        assert!(matches!(states.last(), Some((0, State::Available(_)))));
        for index in 0..MODELS_ENDED_MAX + 5 {
            models.ensure(&format!("x{index:04}"), &Clients::anyone());
        }
        models.forget_ended(|name| name == "x0000");
        assert!(models.model("m").is_some() && models.model("x0000").is_some());
        assert_eq!(models.list().len(), MODELS_ENDED_MAX + 2);
    }
}
