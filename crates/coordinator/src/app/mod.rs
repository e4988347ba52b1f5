//! Use cases, one file each. Whoever asks is the first argument; what is decided is decided here and in `state`, not in
//! the handlers.

use std::sync::{Arc, Mutex};

use strongroom_attest::Endorsements;
use strongroom_attester::{Attester, EnrolmentRequest};
use strongroom_crypto::random::Random;
use strongroom_crypto::x509::Names;
use tokio::sync::OnceCell;

use crate::refusals::Refusals;
use crate::state::{Deployment, Now};
use crate::store::Store;
use crate::writer::{Clock, OpenError, Tools, View, WriterHandle};

pub mod activate;
pub mod asker;
pub mod attestation_key;
pub mod endorse;
pub mod enrol;
pub mod evidence;
pub mod failure;
pub mod generate;
pub mod log;
pub mod manifest;
pub mod once;
pub mod provision;
pub mod quote;
pub mod read_secrets;
pub mod recover;
pub mod render;
pub mod renew;
pub mod session;
pub mod set_manifest;
pub mod slots;
pub mod status;
pub mod ttls;
pub mod update_log;
pub mod write_secrets;

pub use asker::Asker;
pub use failure::Failure;
use slots::Slots;

/// Most pieces of our own evidence that are collected at once: platforms are slow.
pub const EVIDENCE_CONCURRENT_MAX: usize = 16;
/// Most activations and renewals that are verified at once.
pub const MARBLES_CONCURRENT_MAX: usize = 64;

/// What the coordinator is made of.
pub struct Parts {
    /// Where the state lies.
    pub store: Arc<dyn Store>,
    /// The platform.
    pub attester: Arc<dyn Attester>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The clock.
    pub clock: Clock,
    /// Names in the certificates of a new deployment.
    pub names: Names,
    /// What vendors sign about platforms, as the administrator's folder holds it.
    pub endorsements: Endorsements,
    /// Version of the program, for the log.
    pub version: String,
}

/// The coordinator: its use cases are its methods.
pub struct Coordinator {
    writer: WriterHandle,
    store: Arc<dyn Store>,
    attester: Arc<dyn Attester>,
    random: Arc<dyn Random>,
    clock: Clock,
    endorsements: Arc<Endorsements>,
    enrolments: enrol::Enrolments,
    /// The platform's keys, asked for once: anybody may ask, and a platform does one thing at a time.
    attestation_key: OnceCell<EnrolmentRequest>,
    refusals: Refusals,
    quote: Mutex<Option<quote::Cached>>,
    recovery_key: Mutex<Option<Arc<recover::Ephemeral>>>,
    evidence_slots: Slots,
    marble_slots: Slots,
}

impl Coordinator {
    /// Opens the state and starts the writer.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(parts: Parts) -> Result<Arc<Self>, OpenError> {
        let Parts {
            store,
            attester,
            random,
            clock,
            names,
            endorsements,
            version,
        } = parts;
        let endorsements = Arc::new(endorsements);
        let tools = Tools {
            store: store.clone(),
            attester: attester.clone(),
            random: random.clone(),
            clock: clock.clone(),
            names,
            endorsements: endorsements.clone(),
            version,
        };
        let writer = crate::writer::open(tools).await?;
        let enrolments = enrol::Enrolments::new((clock)().unix(), &*random).map_err(OpenError::Names)?;
        let refusals = Refusals::new((clock)().ms);
        let (quote, recovery_key) = (Mutex::default(), Mutex::default());
        let evidence_slots = Slots::new(EVIDENCE_CONCURRENT_MAX);
        let marble_slots = Slots::new(MARBLES_CONCURRENT_MAX);
        Ok(Arc::new(Self {
            writer,
            store,
            attester,
            random,
            clock,
            endorsements,
            enrolments,
            attestation_key: OnceCell::new(),
            refusals,
            quote,
            recovery_key,
            evidence_slots,
            marble_slots,
        }))
    }

    /// The state as it is committed now.
    pub fn view(&self) -> Arc<View> {
        self.writer.view()
    }

    /// The way to the writer.
    pub const fn writer(&self) -> &WriterHandle {
        &self.writer
    }

    /// The time by our clock.
    pub fn now(&self) -> Now {
        (self.clock)()
    }

    /// Randomness.
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// What vendors sign about platforms: the administrator's folder, and what users added.
    pub fn endorsements_of(&self, deployment: &Deployment) -> Endorsements {
        let own = Endorsements::clone(&self.endorsements);
        own.and(deployment.endorsed.endorsements())
    }

    /// Counts an unauthenticated peer that was refused.
    pub fn count_refusal(&self, code: &'static str) {
        self.refusals.count(code);
    }

    /// Commits what was counted since the last time.
    pub async fn commit_refusals(&self) {
        let Some(summary) = self.refusals.take(self.now().ms) else {
            return;
        };
        let command = crate::state::Command::CountRefusals {
            since_ms: summary.since_ms,
            counts: summary.counts,
        };
        // In a phase that commits nothing the counts are dropped: nothing was released either.
        if let Err(refusal) = self
            .writer
            .submit(strongroom_api::coordinator::log::Actor::Coordinator, command)
            .await
        {
            tracing::debug!(code = refusal.code(), "refusals are not recorded in this phase");
        }
    }
}

impl std::fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordinator")
            .field("phase", &self.view().phase)
            .finish_non_exhaustive()
    }
}

/// Runs work that takes a processor for long away from the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a task failed");
        Failure::internal()
    })
}
