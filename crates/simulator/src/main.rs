//! Entry point: arguments in, exit code out.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Parser;
use serde::Serialize;
use strongroom_attest::platform::software::protocol::{Operation, Response};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::time::UnixTime;
use strongroom_service::Shutdown;
use strongroom_service::telemetry::{self, LogFormat};
use strongroom_simulator::{Config, ROOT_FILE, Simulator, probe};

/// Plays a trusted execution environment on this machine. It protects NOTHING: for laptops and tests.
#[derive(Debug, Parser)]
#[command(name = "strongroom-simulator", version)]
struct Arguments {
    /// Folder for root, seal secret and counters; made with mode 0700.
    #[arg(long, required_unless_present = "probe")]
    dir: Option<PathBuf>,
    /// Unix socket to listen on.
    #[arg(long, env = "STRONGROOM_SIMULATOR_SOCKET")]
    socket: PathBuf,
    /// Write a JSON file here once the socket is open.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Play a platform that runs its programs in debug mode: verifiers refuse its evidence.
    #[arg(long)]
    debug_mode: bool,
    /// Do not run: ask the simulator at the socket what it sees of this program, and print the evidence in base64.
    #[arg(long, conflicts_with_all = ["dir", "ready_file", "debug_mode"])]
    probe: bool,
    /// How log lines look: text or json.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Serialize)]
struct Ready<'a> {
    socket: &'a Path,
    root: &'a Path,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.dir {
        Some(dir) => run(dir, &arguments),
        None => ask(&arguments.socket),
    }
}

fn run(dir: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    telemetry::init(arguments.log_format)?;
    strongroom_service::process::forbid_core_dumps().context("core dumps cannot be switched off")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        let simulator = Simulator::open(Config {
            dir: dir.to_owned(),
            socket: arguments.socket.clone(),
            debug: arguments.debug_mode,
            clock,
            random: Arc::new(SystemRandom),
        })?;
        let root = dir.join(ROOT_FILE);
        tracing::warn!(socket = %arguments.socket.display(), root = %root.display(), "SIMULATED platform is ready: it protects nothing");
        if let Some(path) = &arguments.ready_file {
            strongroom_service::ready::write_ready_file(path, &Ready { socket: &arguments.socket, root: &root })
                .context("ready file cannot be written")?;
        }
        simulator.serve(shutdown).await;
        Ok(())
    })
}

fn ask(socket: &Path) -> anyhow::Result<()> {
    let operation = Operation::Evidence {
        report_data: BASE64.encode([0; 64]),
        description: None,
    };
    match probe::ask(socket, operation)? {
        Response::Evidence(envelope) => Ok(writeln!(std::io::stdout(), "{envelope}")?),
        Response::Refused(sentence) => anyhow::bail!("the simulator refuses: {sentence}"),
        _ => anyhow::bail!("the simulator answers another question"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator's own clock, made here and passed down"
)]
fn clock() -> UnixTime {
    std::time::SystemTime::now().into()
}
