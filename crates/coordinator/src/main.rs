//! `strongroom-coordinator`: reads the arguments, makes clock and randomness, puts the parts together.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::Context as _;
use clap::Parser as _;
use serde::Serialize;
use strongroom_coordinator::app::{Coordinator, Parts};
use strongroom_coordinator::clock::Guarded;
use strongroom_coordinator::config::{Arguments, Config};
use strongroom_coordinator::server::Ports;
use strongroom_coordinator::state::PhaseName;
use strongroom_coordinator::store::file::FileStore;
use strongroom_coordinator::writer::Clock;
use strongroom_crypto::random::SystemRandom;
use strongroom_service::{Shutdown, process, ready, telemetry};

/// Arguments that were not understood.
const USAGE: u8 = 2;

#[derive(Serialize)]
struct Ready {
    client_addr: String,
    mesh_addr: String,
}

fn main() -> ExitCode {
    let config = match Arguments::parse().check() {
        Ok(config) => config,
        Err(error) => {
            report(&error.into());
            return ExitCode::from(USAGE);
        }
    };
    match start(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped");
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "whoever started the program reads this, with or without logs"
)]
fn report(error: &anyhow::Error) {
    eprintln!("strongroom-coordinator: {error:#}");
}

fn start(config: Config) -> anyhow::Result<()> {
    telemetry::init(config.log_format).context("logging")?;
    process::forbid_core_dumps().context("switching core dumps off")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(run(config))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("listening for signals")?;
    let attester = strongroom_attester::detect(&config.tee)?;
    let parts = Parts {
        store: Arc::new(FileStore::open(config.seal_dir)?),
        attester,
        random: Arc::new(SystemRandom),
        clock: clock(),
        names: config.names,
        endorsements: config.endorsements,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let coordinator = Coordinator::open(parts).await?;
    if let Some(raw) = config.startup_manifest {
        set_startup_manifest(&coordinator, raw).await?;
    }
    let ports = Ports::bind(&config.client_addr, &config.mesh_addr).await?;
    let (client_addr, mesh_addr) = ports.addresses();
    let text = |address: Option<std::net::SocketAddr>| {
        address.map(|address| address.to_string()).unwrap_or_default()
    };
    let ready = Ready {
        client_addr: text(client_addr),
        mesh_addr: text(mesh_addr),
    };
    tracing::info!(
        client_addr = ready.client_addr,
        mesh_addr = ready.mesh_addr,
        "listening"
    );
    if let Some(path) = &config.ready_file {
        ready::write_ready_file(path, &ready).context("writing the ready file")?;
    }
    ports.serve(coordinator, shutdown).await?;
    Ok(())
}

/// A manifest that is in force stays; another one in the file is an error, not an update.
async fn set_startup_manifest(coordinator: &Arc<Coordinator>, raw: Vec<u8>) -> anyhow::Result<()> {
    let view = coordinator.view();
    match (view.phase, &view.manifest) {
        (PhaseName::Running, Some(manifest)) if manifest.manifest.raw() == raw => Ok(()),
        (PhaseName::Running, _) => anyhow::bail!("another manifest than the startup manifest is in force"),
        (PhaseName::Recovery | PhaseName::RolledBack, _) => Ok(()),
        (PhaseName::AwaitingManifest, _) => {
            let recoverable =
                strongroom_manifest::Manifest::parse(&raw).is_ok_and(|m| !m.recovery_keys().is_empty());
            anyhow::ensure!(
                !recoverable,
                "the startup manifest names recovery keys, whose secrets nobody would receive: set it by `POST /manifest`"
            );
            coordinator.set_manifest(raw).await.map_err(|failure| {
                anyhow::anyhow!(
                    "the startup manifest is refused: {} [{}]",
                    failure.message,
                    failure.code
                )
            })?;
            Ok(())
        }
    }
}

fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    let wall = || {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    };
    let milliseconds = move || u64::try_from(wall().as_millis()).unwrap_or(u64::MAX);
    let (start, guarded) = (Instant::now(), Guarded::new(milliseconds()));
    Arc::new(move || guarded.now(milliseconds(), start.elapsed()))
}
