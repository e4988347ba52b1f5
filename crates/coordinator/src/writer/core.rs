//! The open state, its keys and its log: staging events, and putting them on stable storage.

use std::sync::Arc;

use strongroom_api::coordinator::log::{Actor, Checkpoint, Record};
use strongroom_attester::CounterName;
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::secret::{GuardKey, SealKey};
use zeroize::Zeroizing;

use super::view::{View, checkpoint};
use super::{CHECKPOINT_ENTRIES_MAX, SNAPSHOT_ENTRIES_MAX, Tools};
use crate::pki::Authority;
use crate::state::{Event, Fact, Phase, persist};
use crate::store::barrier::{Barrier, DeploymentId, Place};
use crate::store::keyfile::{KeyFile, SealedBy};
use crate::store::{Batch, Entry, StoreError};

/// Everything that the writer's task owns.
pub(super) struct Core {
    pub(super) tools: Tools,
    pub(super) phase: Phase,
    pub(super) head: LogHead,
    pub(super) id: DeploymentId,
    /// This machine.
    pub(super) sealed_by: SealedBy,
    pub(super) seal_key: SealKey,
    /// Own measurement, in hex.
    pub(super) measurement: String,
    /// Keys of the state, where it is open.
    pub(super) keys: Option<Keys>,
    /// Identity while the state is sealed.
    pub(super) temporary: Option<Arc<Authority>>,
    pub(super) checkpoint: Option<Arc<Checkpoint>>,
    pub(super) since_checkpoint: u64,
    pub(super) since_snapshot: u64,
}

/// Keys of an open state.
pub(super) struct Keys {
    pub(super) barrier: Barrier,
    pub(super) guard: GuardKey,
}

/// Events that are part of the state in memory, and not yet on stable storage.
pub(super) struct Staged {
    entries: Vec<Entry>,
    /// The head on stable storage.
    before: LogHead,
    with_snapshot: bool,
    pub(super) wants_checkpoint: bool,
    /// A key file that has to be there first.
    pub(super) key_file: Option<KeyFile>,
    /// A key file that replaces the old one once the batch is there: until then the old one still opens the state.
    pub(super) key_file_after: Option<KeyFile>,
}

/// Staged events did not reach stable storage.
#[derive(Debug)]
pub(super) enum Failed {
    /// Somebody else wrote: reload and decide again.
    Conflict,
    /// The writer cannot go on.
    Fatal,
    /// The platform's counter was stepped by somebody else: another copy of this state is alive.
    Forked,
}

impl Core {
    pub(super) fn staged(&self) -> Staged {
        Staged {
            entries: Vec::new(),
            before: self.head,
            with_snapshot: false,
            wants_checkpoint: false,
            key_file: None,
            key_file_after: None,
        }
    }

    /// Makes a fact part of the state and of what is staged.
    pub(super) fn stage(&mut self, staged: &mut Staged, fact: &Fact) {
        let Some(epoch) = self.phase.deployment().map(|deployment| deployment.epoch) else {
            return;
        };
        let record = fact.record(epoch, self.head.size);
        let digest = sha256(&record.canonical_bytes());
        let sealed = self.seal(fact, epoch, &digest);
        let sealed_digest = sha256(&sealed);
        self.phase.apply(fact, self.head.size);
        self.head = self.head.append_digest(epoch, &digest, &sealed_digest);
        let record = serde_json::to_vec(&record).expect("a record serialises");
        staged.entries.push(Entry {
            record,
            sealed_digest,
            sealed,
        });
        staged.with_snapshot |= fact.event.needs_snapshot();
        staged.wants_checkpoint |= fact.event.wants_checkpoint();
    }

    fn seal(&self, fact: &Fact, epoch: u64, record: &Digest32) -> Vec<u8> {
        if fact.event.needs_snapshot() {
            return Vec::new();
        }
        let keys = self.keys.as_ref().expect("an open state has its keys");
        let plaintext =
            Zeroizing::new(serde_json::to_vec(&fact.event).expect("an event without secrets serialises"));
        keys.barrier.seal_record(
            Place {
                before: &self.head,
                epoch,
                record,
            },
            plaintext,
        )
    }

    /// Puts what is staged on stable storage, and steps the platform's counter where that is due.
    pub(super) async fn flush(&mut self, mut staged: Staged) -> Result<(), Failed> {
        let due = staged.wants_checkpoint
            || self.since_checkpoint + staged.entries.len() as u64 >= CHECKPOINT_ENTRIES_MAX;
        let stepped = if due {
            Some(self.stage_checkpoint(&mut staged))
        } else {
            None
        };
        let count = staged.entries.len() as u64;
        staged.with_snapshot |= self.since_snapshot + count >= SNAPSHOT_ENTRIES_MAX;
        if let Some(key_file) = &staged.key_file {
            self.tools
                .store
                .put_keys(key_file.to_bytes())
                .await
                .map_err(|error| fatal(&error))?;
        }
        let snapshot = staged.with_snapshot.then(|| self.sealed_snapshot());
        let batch = Batch {
            entries: staged.entries,
            head: self.head,
            snapshot,
        };
        self.tools
            .store
            .append(&staged.before, batch)
            .await
            .map_err(|error| match error {
                StoreError::Conflict { .. } => Failed::Conflict,
                other => fatal(&other),
            })?;
        if let Some(key_file) = &staged.key_file_after {
            let put = self.tools.store.put_keys(key_file.to_bytes()).await;
            put.map_err(|error| fatal(&error))?;
        }
        self.since_snapshot = if staged.with_snapshot {
            0
        } else {
            self.since_snapshot + count
        };
        self.since_checkpoint += count;
        match stepped {
            Some(value) => self.finish_checkpoint(value).await,
            None => Ok(()),
        }
    }

    /// First the state says what value the counter will have, then the counter gets it: a crash in between leaves the
    /// counter one behind, never ahead.
    fn stage_checkpoint(&mut self, staged: &mut Staged) -> u64 {
        let value = self.phase.deployment().map_or(0, |deployment| deployment.counter) + 1;
        let fact = self.fact(Actor::Coordinator, Event::Checkpoint { counter: value });
        self.stage(staged, &fact);
        value
    }

    async fn finish_checkpoint(&mut self, value: u64) -> Result<(), Failed> {
        let name = counter_name(&self.id);
        let reached = self
            .tools
            .attester
            .counter_advance(&name)
            .await
            .map_err(|error| {
                tracing::error!(code = error.code(), %error, "the platform's counter cannot be stepped");
                Failed::Fatal
            })?;
        if reached != value {
            tracing::error!(
                code = "state.rolled_back",
                expected = value,
                found = reached,
                "the platform's counter was stepped by another copy of this state"
            );
            return Err(Failed::Forked);
        }
        self.since_checkpoint = 0;
        if let Some(deployment) = self.phase.deployment() {
            let now = (self.tools.clock)().unix();
            let signed = checkpoint(&deployment.authority, &self.id, &self.head, now);
            self.checkpoint = Some(Arc::new(signed));
        }
        Ok(())
    }

    fn sealed_snapshot(&self) -> Vec<u8> {
        let keys = self.keys.as_ref().expect("an open state has its keys");
        let state = persist::encode(&self.phase, &keys.guard, &*self.tools.random);
        keys.barrier
            .seal_snapshot(&self.head, state.expect("an open state can be encoded"))
    }

    pub(super) fn fact(&self, actor: Actor, event: Event) -> Fact {
        Fact {
            actor,
            time_ms: (self.tools.clock)().ms,
            event,
        }
    }

    /// What readers see of the state as it is in memory now.
    pub(super) fn view(&self) -> View {
        let deployment = self.phase.deployment();
        let authority = deployment
            .map(|deployment| deployment.authority.clone())
            .or_else(|| self.temporary.clone());
        View {
            phase: self.phase.name(),
            id: self.id,
            sealed_by: self.sealed_by.clone(),
            authority: authority.expect("a sealed state has a temporary identity"),
            deployment: deployment.cloned(),
            manifest: self.phase.manifest().cloned(),
            head: self.head,
            checkpoint: self.checkpoint.clone(),
        }
    }
}

/// Name of the platform's counter for a deployment.
pub(super) fn counter_name(id: &DeploymentId) -> CounterName {
    format!("coordinator-{}", hex::encode(id))
        .parse()
        .expect("hex digits are allowed in a counter's name")
}

/// Reads an entry's public record.
pub(super) fn read_record(entry: &Entry, sequence: u64) -> Result<Record, StoreError> {
    let damaged = || StoreError::Damaged(format!("entry {sequence} is no record of this log"));
    let record: Record = serde_json::from_slice(&entry.record).map_err(|_| damaged())?;
    if record.sequence == sequence {
        Ok(record)
    } else {
        Err(damaged())
    }
}

fn fatal(error: &StoreError) -> Failed {
    tracing::error!(
        code = "state.store",
        error = error as &dyn std::error::Error,
        "the state cannot be written"
    );
    Failed::Fatal
}
