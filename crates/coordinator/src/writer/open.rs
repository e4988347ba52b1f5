//! Opening the state at the start: found a deployment, go on with one, or say why not.

use std::sync::Arc;

use strongroom_api::coordinator::log::{Actor, Record};
use strongroom_attest::Protection;
use strongroom_attester::{AttesterError, SealPolicy};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue::IssueError;
use strongroom_crypto::random;
use strongroom_crypto::secret::{GuardKey, RootSecret, SealKey, StateKey};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::core::{Core, Failed, Keys, counter_name, read_record};
use super::group::Writer;
use super::{QUEUE_COMMANDS_MAX, Tools, WriterHandle};
use crate::pki::Authority;
use crate::state::persist::{self, Guard, Unreadable};
use crate::state::phase::Sealed;
use crate::state::{Deployment, Endorsed, Event, Fact, Leaves, Phase};
use crate::store::barrier::{Barrier, Place, Tampered};
use crate::store::keyfile::{KeyFile, KeyFileError, SealedBy};
use crate::store::{Entry, Loaded, READ_ENTRIES_MAX, StoreError};

/// The state cannot be opened, and the program must not go on as if there were none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The platform.
    #[error("the platform does not serve the coordinator")]
    Attester(#[from] AttesterError),
    /// Stored parts do not belong together.
    #[error(transparent)]
    Tampered(#[from] Tampered),
    /// The state was written by another version.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The key file is missing or damaged.
    #[error("{0}: the state cannot be opened without it")]
    KeyFile(&'static str),
    /// SIMULATED state never becomes real, nor the other way round.
    #[error(
        "the state was made on platform {found} (simulated: {found_simulated}); this is platform {own} (simulated: {own_simulated}): start with another folder"
    )]
    OtherPlatform {
        /// Platform of the state.
        found: String,
        /// Whether that one is simulated.
        found_simulated: bool,
        /// Own platform.
        own: String,
        /// Whether this one is simulated.
        own_simulated: bool,
    },
    /// A configured name cannot stand in a certificate.
    #[error(transparent)]
    Names(#[from] IssueError),
    /// The first commit did not reach stable storage.
    #[error("the state cannot be written")]
    Write,
}

/// Opens the state and starts the writer.
///
/// # Errors
/// [`OpenError`].
pub async fn open(tools: Tools) -> Result<WriterHandle, OpenError> {
    let loaded = tools.store.load().await?;
    let simulated = tools.attester.protection() == Protection::Simulated;
    let sealed_by = SealedBy {
        platform: tools.attester.platform().name().to_owned(),
        simulated,
    };
    let seal_key = tools.attester.seal_key(SealPolicy::Measurement).await?;
    let own = tools.attester.evidence(&[0; 64], None).await?;
    let own = Own {
        sealed_by,
        seal_key,
        measurement: own.stated_measurement().to_string(),
    };
    let mut core = if loaded.size == 0 && loaded.snapshot.is_none() {
        found(tools, own).await?
    } else {
        go_on(tools, own, loaded).await?
    };
    if !matches!(core.phase, Phase::Recovery(_) | Phase::RolledBack(_)) {
        core.start().await?;
    }
    tracing::info!(phase = %core.phase.name(), entries = core.head.size, "state opened");
    let (queue, jobs) = mpsc::channel(QUEUE_COMMANDS_MAX);
    let (sender, view) = watch::channel(Arc::new(core.view()));
    let ended = CancellationToken::new();
    let writer = Writer {
        core,
        queue: jobs,
        view: sender,
        ended: ended.clone(),
    };
    tokio::spawn(writer.run());
    Ok(WriterHandle { queue, view, ended })
}

/// What the platform says of this machine and this program.
struct Own {
    sealed_by: SealedBy,
    seal_key: SealKey,
    measurement: String,
}

async fn found(tools: Tools, own: Own) -> Result<Core, OpenError> {
    let Own {
        sealed_by,
        seal_key,
        measurement,
    } = own;
    let random = tools.random.clone();
    let now = (tools.clock)().unix();
    let id = random::array(&*random);
    let authority = Authority::found(&tools.names, now, &*random)?;
    let keys = Keys {
        barrier: Barrier::new(id, StateKey::generate(&*random), random.clone()),
        guard: GuardKey::generate(&*random),
    };
    let deployment = Deployment {
        id,
        sealed_by: sealed_by.clone(),
        measurement: measurement.clone(),
        epoch: 0,
        revision: 0,
        authority: Arc::new(authority),
        root_secret: Arc::new(RootSecret::generate(&*random)),
        secrets: Arc::default(),
        activations: std::collections::BTreeMap::new(),
        counter: tools.attester.counter_read(&counter_name(&id)).await?,
        newest_time: now,
        endorsed: Endorsed::default(),
        updates: Arc::default(),
    };
    let founded = Event::Founded(Box::new(deployment.clone()));
    let mut core = Core {
        tools,
        phase: Phase::begin(deployment, None, Leaves::default()),
        head: LogHead::genesis(&id),
        id,
        sealed_by,
        seal_key,
        measurement,
        keys: Some(keys),
        temporary: None,
        checkpoint: None,
        since_checkpoint: 0,
        since_snapshot: 0,
    };
    let mut staged = core.staged();
    staged.key_file = Some(core.key_file());
    let fact = core.fact(Actor::Coordinator, founded);
    core.stage(&mut staged, &fact);
    core.flush(staged).await.map_err(|_| OpenError::Write)?;
    Ok(core)
}

async fn go_on(tools: Tools, own: Own, loaded: Loaded) -> Result<Core, OpenError> {
    let Own {
        sealed_by,
        seal_key,
        measurement,
    } = own;
    let keys = loaded
        .keys
        .as_deref()
        .ok_or(OpenError::KeyFile("the key file is missing"))?;
    let file = KeyFile::parse(keys).map_err(|_| OpenError::KeyFile("the key file cannot be read"))?;
    let made = file.sealed_by();
    if made.simulated != sealed_by.simulated {
        return Err(OpenError::OtherPlatform {
            found: made.platform.clone(),
            found_simulated: made.simulated,
            own: sealed_by.platform,
            own_simulated: sealed_by.simulated,
        });
    }
    let id = file.deployment();
    let random = tools.random.clone();
    let opened = file.open(&seal_key);
    let log = read_log(
        &tools,
        id,
        loaded.snapshot.as_ref().map_or(0, |(head, _)| head.size),
    )
    .await?;
    let mut core = Core {
        phase: Phase::Recovery(Sealed { keys: file }),
        head: log.head,
        id,
        sealed_by,
        seal_key,
        measurement,
        keys: None,
        temporary: None,
        checkpoint: None,
        since_checkpoint: 0,
        since_snapshot: log.tail.len() as u64,
        tools,
    };
    match opened {
        Ok((state_key, guard)) => {
            let keys = Keys {
                barrier: Barrier::new(id, state_key, random),
                guard,
            };
            core.phase = open_state(&keys.barrier, Guard::Key(&keys.guard), &loaded, &log)?;
            core.keys = Some(keys);
            core.check_counter().await?;
        }
        Err(KeyFileError::WrongKey) => {
            tracing::warn!(
                "the state was sealed by another machine or another build: it takes a recovery secret to open it"
            );
            let now = (core.tools.clock)().unix();
            core.temporary = Some(Arc::new(Authority::found(
                &core.tools.names,
                now,
                &*core.tools.random,
            )?));
        }
        Err(_) => return Err(OpenError::KeyFile("the key file cannot be read")),
    }
    Ok(core)
}

impl Core {
    /// A state behind the platform's counter was put back by somebody.
    async fn check_counter(&mut self) -> Result<(), OpenError> {
        let name = counter_name(&self.id);
        let own = self.phase.deployment().map_or(0, |deployment| deployment.counter);
        let platform = self.tools.attester.counter_read(&name).await?;
        let reached = match platform.checked_add(1) {
            // The state said what the counter was about to get, and then we crashed.
            Some(next) if next == own => self.tools.attester.counter_advance(&name).await?,
            _ => platform,
        };
        if reached != own {
            tracing::error!(
                code = "state.rolled_back",
                state = own,
                platform = reached,
                "the state is not the newest that this platform has seen: nothing is released"
            );
            self.freeze();
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<(), OpenError> {
        let command = crate::state::Command::Start {
            version: self.tools.version.clone(),
        };
        let events = crate::state::decide(&self.phase, &command, (self.tools.clock)());
        let mut staged = self.staged();
        for event in events.unwrap_or_default() {
            let fact = self.fact(Actor::Coordinator, event);
            self.stage(&mut staged, &fact);
        }
        let mut started = self.flush(staged).await;
        if started.is_ok() {
            // A second step: a copy taken of the state after it named its next counter value, and before the counter
            // got there, is behind for good once any other copy has started.
            let mut again = self.staged();
            again.wants_checkpoint = true;
            started = self.flush(again).await;
        }
        match started {
            Ok(()) => Ok(()),
            Err(Failed::Forked) => {
                self.freeze();
                Ok(())
            }
            Err(Failed::Conflict | Failed::Fatal) => Err(OpenError::Write),
        }
    }

    /// Loads again what somebody else has written.
    pub(super) async fn reload(&mut self) -> Result<(), OpenError> {
        let loaded = self.tools.store.load().await?;
        let covered = loaded.snapshot.as_ref().map_or(0, |(head, _)| head.size);
        let log = read_log(&self.tools, self.id, covered).await?;
        let Some(keys) = &self.keys else {
            return Ok(());
        };
        self.phase = open_state(&keys.barrier, Guard::Key(&keys.guard), &loaded, &log)?;
        self.head = log.head;
        self.since_snapshot = log.tail.len() as u64;
        Ok(())
    }
}

/// The log, read from its beginning: the chain, and the entries that the snapshot does not cover.
pub(super) struct ReadLog {
    pub(super) head: LogHead,
    covered: LogHead,
    tail: Vec<(LogHead, Record, Entry)>,
}

/// Reads the whole log, following the chain; entries from `covered` on are kept.
pub(super) async fn read_log(tools: &Tools, id: [u8; 16], covered: u64) -> Result<ReadLog, OpenError> {
    let mut head = LogHead::genesis(&id);
    let mut log = ReadLog {
        head,
        covered: head,
        tail: Vec::new(),
    };
    loop {
        let entries = tools.store.read(head.size, READ_ENTRIES_MAX).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let record = read_record(&entry, head.size)?;
            let before = head;
            head = head.append_digest(
                record.epoch,
                &sha256(&record.canonical_bytes()),
                &entry.sealed_digest,
            );
            if before.size >= covered {
                log.tail.push((before, record, entry));
            }
            if head.size == covered {
                log.covered = head;
            }
        }
    }
    log.head = head;
    Ok(log)
}

/// Opens the snapshot and applies what came after it.
pub(super) fn open_state(
    barrier: &Barrier,
    guard: Guard<'_>,
    loaded: &Loaded,
    log: &ReadLog,
) -> Result<Phase, OpenError> {
    let damaged = |what: &str| OpenError::Store(StoreError::Damaged(what.to_owned()));
    let (head, sealed) = loaded
        .snapshot
        .as_ref()
        .ok_or_else(|| damaged("the snapshot is missing"))?;
    if *head != log.covered {
        return Err(damaged("the log is not the one that the snapshot belongs to"));
    }
    let mut phase = persist::decode(&barrier.open_snapshot(head, sealed)?, guard)?;
    for (before, record, entry) in &log.tail {
        if sha256(&entry.sealed) != entry.sealed_digest {
            return Err(damaged("a sealed part is not the one that was logged"));
        }
        let digest = sha256(&record.canonical_bytes());
        let place = Place {
            before,
            epoch: record.epoch,
            record: &digest,
        };
        let plaintext = barrier.open_record(place, &entry.sealed)?;
        let event: Event =
            serde_json::from_slice(&plaintext).map_err(|_| damaged("an event of another version"))?;
        let fact = Fact {
            actor: record.actor.clone(),
            time_ms: record.time_ms,
            event,
        };
        phase.apply(&fact, before.size);
    }
    phase.forget_guarded_of_others();
    Ok(phase)
}
