//! One token that says "finish": set by SIGTERM, SIGINT or the program itself.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Asks a program to finish. Clones are the same token; once asked it stays asked.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A token that only [`Shutdown::trigger`] sets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that SIGTERM and SIGINT set as well. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let token = shutdown.token.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                () = token.cancelled() => return,
            };
            tracing::info!(signal = name, "shutdown asked for");
            token.cancel();
        });
        Ok(shutdown)
    }

    /// Asks for shutdown.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Whether shutdown was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until shutdown is asked for.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }
}
