//! The writer's loop: take what waits, decide, commit once, answer.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::core::{Core, Failed};
use super::view::View;
use super::{Answer, GROUP_COMMANDS_MAX, Job};
use crate::state::{Command, Phase, Refusal, decide};
use crate::store::keyfile::KeyFile;

/// How often a group is decided again after somebody else wrote.
const ATTEMPTS_MAX: usize = 3;

/// The task.
pub(super) struct Writer {
    pub(super) core: Core,
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) view: watch::Sender<Arc<View>>,
    pub(super) ended: CancellationToken,
}

impl Writer {
    /// Runs until every handle is gone or the state cannot be written.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            let mut jobs = vec![first];
            // A recovery changes what the rest would be decided on, so it stands alone.
            while jobs.len() < GROUP_COMMANDS_MAX && !is_recovery(jobs.last()) {
                match self.queue.try_recv() {
                    Ok(job) => jobs.push(job),
                    Err(_) => break,
                }
            }
            let recovery = if is_recovery(jobs.last()) {
                jobs.pop()
            } else {
                None
            };
            if self.commit(jobs).await.is_err() {
                break;
            }
            if let Some(job) = recovery
                && self.recover(job).await.is_err()
            {
                break;
            }
        }
        self.ended.cancel();
    }

    async fn commit(&mut self, jobs: Vec<Job>) -> Result<(), Failed> {
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(&jobs).await {
                Ok(answers) => {
                    self.publish();
                    answer(jobs, answers);
                    return Ok(());
                }
                Err(Failed::Conflict) => self.core.reload().await.map_err(|error| {
                    tracing::error!(code = "state.store", %error, "the state cannot be loaded again");
                    Failed::Fatal
                })?,
                Err(Failed::Forked) => {
                    self.core.freeze();
                    self.publish();
                    let refused = jobs.iter().map(|_| Err(Refusal::RolledBack)).collect();
                    answer(jobs, refused);
                    return Ok(());
                }
                Err(Failed::Fatal) => {
                    let refused = jobs.iter().map(|_| Err(Refusal::Store)).collect();
                    answer(jobs, refused);
                    return Err(Failed::Fatal);
                }
            }
        }
        let refused = jobs.iter().map(|_| Err(Refusal::Stale)).collect();
        answer(jobs, refused);
        Ok(())
    }

    async fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Failed> {
        let core = &mut self.core;
        let now = (core.tools.clock)();
        let mut staged = core.staged();
        let mut answers = Vec::with_capacity(jobs.len());
        let mut changed = false;
        for job in jobs {
            let decided = decide(&core.phase, &job.request.command, now);
            answers.push(decided.map(|events| {
                if let Command::SetManifest(set) = &job.request.command
                    && let Some(secret) = &set.recovery
                {
                    staged.key_file = Some(core.key_file().with_recovery(
                        &core.keys.as_ref().expect("an open state has its keys").barrier,
                        secret,
                        &*core.tools.random,
                    ));
                }
                changed |= !events.is_empty();
                for event in events {
                    let fact = core.fact(job.request.actor.clone(), event);
                    core.stage(&mut staged, &fact);
                }
                Arc::new(core.view())
            }));
        }
        if changed {
            core.flush(staged).await?;
        }
        Ok(answers)
    }

    /// Group commit is commit: readers and callers learn of nothing that is not on stable storage.
    pub(super) fn publish(&self) {
        self.view.send_replace(Arc::new(self.core.view()));
    }
}

impl Core {
    /// The key file for this machine, without a wrap for recovery.
    pub(super) fn key_file(&self) -> KeyFile {
        let keys = self.keys.as_ref().expect("an open state has its keys");
        KeyFile::seal(
            &self.sealed_by,
            &keys.barrier,
            &keys.guard,
            &self.seal_key,
            &*self.tools.random,
        )
    }

    /// Releases nothing from now on.
    pub(super) fn freeze(&mut self) {
        let authority = self.view().authority;
        let sealed = Phase::Recovery(crate::state::phase::Sealed {
            keys: self.key_file(),
        });
        self.phase = std::mem::replace(&mut self.phase, sealed).rolled_back();
        self.temporary = Some(authority);
    }
}

fn is_recovery(job: Option<&Job>) -> bool {
    job.is_some_and(|job| matches!(job.request.command, Command::Recover(_)))
}

fn answer(jobs: Vec<Job>, answers: Vec<Answer>) {
    for (job, answer) in jobs.into_iter().zip(answers) {
        send(job.reply, answer);
    }
}

pub(super) fn send(reply: oneshot::Sender<Answer>, answer: Answer) {
    // Who asked may have gone; what was committed stays committed.
    let _ = reply.send(answer);
}
