//! One task owns the phase. It takes commands from a bounded queue, commits their events in groups (one sync for many),
//! makes them part of the state, and answers. Readers have a [`View`] that never changes, and wait for nobody.

use std::sync::Arc;

use strongroom_api::coordinator::log::Actor;
use strongroom_attest::Endorsements;
use strongroom_attester::Attester;
use strongroom_crypto::random::Random;
use strongroom_crypto::x509::Names;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::state::command::Request;
use crate::state::{Command, Now, Refusal};
use crate::store::Store;

mod core;
mod group;
mod open;
mod recover;
#[cfg(test)]
mod tests;
pub mod view;

pub use open::{OpenError, open};
pub use view::View;

/// Most commands that wait for the writer.
pub const QUEUE_COMMANDS_MAX: usize = 1024;
/// Most commands that are committed together.
pub const GROUP_COMMANDS_MAX: usize = 128;
/// Most entries between two steps of the platform's counter: what a rollback can hide at most.
pub const CHECKPOINT_ENTRIES_MAX: u64 = 64;
/// Most entries between two snapshots.
pub const SNAPSHOT_ENTRIES_MAX: u64 = 2048;

/// The clock, made in `main`.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// What the writer works with.
pub struct Tools {
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
    /// What vendors sign about platforms.
    pub endorsements: Arc<Endorsements>,
    /// Version of the program, for the log.
    pub version: String,
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    queue: mpsc::Sender<Job>,
    view: watch::Receiver<Arc<View>>,
    ended: CancellationToken,
}

/// One command on its way.
#[derive(Debug)]
struct Job {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

/// The state right after a command, which is on stable storage by then.
type Answer = Result<Arc<View>, Refusal>;

impl WriterHandle {
    /// What is committed now.
    pub fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    /// Changes of the view.
    pub fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// Gives a command, and waits until its events are on stable storage.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::QueueFull`] at once when too many wait.
    pub async fn submit(&self, actor: Actor, command: Command) -> Result<Arc<View>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            request: Request { actor, command },
            reply,
        };
        self.queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::QueueFull,
            mpsc::error::TrySendError::Closed(_) => Refusal::Store,
        })?;
        answer.await.unwrap_or(Err(Refusal::Store))
    }

    /// Waits until the writer has ended: it drained after the last handle was dropped, or the store failed.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}
