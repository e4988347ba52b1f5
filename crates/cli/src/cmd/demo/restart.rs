//! Starting the long-running programs, as often as the play wants.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::hardware::{self, Machine};
use super::process::Program;
use super::stage::{Party, Stage};

/// What a start of the workload is expected to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// It waits for its model key.
    WaitingForKey,
    /// It answers predictions.
    Serving,
}

/// Starts a coordinator: `binary` on the ports and with the state given.
pub(super) fn coordinator_at(
    stage: &mut Stage,
    machine: Machine,
    binary: &Path,
    state: &Path,
    (client, mesh): (u16, u16),
) -> anyhow::Result<Program> {
    if !hardware::is_on(stage, machine) {
        hardware::boot(stage, machine)?;
    }
    let name = match machine {
        Machine::Attacker => "impostor",
        _ => "coordinator",
    };
    let ready = stage.root().join(format!("cloud/{name}.ready"));
    // A file of an earlier run would say that the new one is ready.
    let _ = std::fs::remove_file(&ready);
    let mut command = stage.command(binary, Party::Cloud);
    hardware::give(stage, machine, &mut command);
    command
        .arg("--ready-file")
        .arg(&ready)
        .env("EDG_COORDINATOR_CLIENT_ADDR", format!("127.0.0.1:{client}"))
        .env("EDG_COORDINATOR_MESH_ADDR", format!("127.0.0.1:{mesh}"))
        .env("EDG_COORDINATOR_DNS_NAMES", "localhost")
        .env("EDG_COORDINATOR_SEAL_DIR", state);
    let log = stage.root().join(format!("cloud/logs/{name}.log"));
    let mut program = Program::start("strongroom-coordinator", &mut command, &log)?;
    program.wait_until("it was ready", |_| ready.exists())?;
    Ok(program)
}

/// Starts the coordinator of the deployment, in place of one that runs.
pub(super) fn coordinator(stage: &mut Stage) -> anyhow::Result<()> {
    if let Some(running) = stage.coordinator.take() {
        running.stop()?;
    }
    let state = stage.root().join("cloud/coordinator-state");
    let binary = stage.program("strongroom-coordinator");
    let ports = (stage.ports.coordinator, stage.ports.mesh);
    let started = coordinator_at(stage, Machine::Coordinator, &binary, &state, ports)?;
    stage.coordinator = Some(started);
    Ok(())
}

/// Which launcher starts which description: the administrator's, or an attacker's.
pub(super) struct Start<'a> {
    pub(super) launcher: &'a Path,
    pub(super) description: &'a Path,
    /// What somebody measures into a register of the machine before, where the machine has any.
    pub(super) measured_before: Option<(u8, [u8; 32])>,
}

/// Starts the workload of the deployment, in place of one that runs, and waits for what is expected.
pub(super) fn workload(stage: &mut Stage, expect: Expect) -> anyhow::Result<()> {
    let launcher = stage.program("strongroom-launcher");
    let description = stage.folder(Party::Administrator).join("inference.json");
    let mut program = launch(
        stage,
        &Start {
            launcher: &launcher,
            description: &description,
            measured_before: None,
        },
    )?;
    match expect {
        Expect::WaitingForKey => {
            program.wait_until("it waited for its key", |program| {
                program
                    .lines()
                    .any(|line| line["whom"] == "the owner of the secret")
            })?;
        }
        Expect::Serving => {
            let port = stage.ports.health;
            program.wait_until("it was serving", |_| is_serving(port))?;
        }
    }
    stage.workload = Some(program);
    Ok(())
}

/// What came of a start that should fail.
pub(super) enum Came {
    /// It ended with an error; its log.
    Ended(String),
    /// It answers predictions: whatever was done to it went unnoticed.
    Serving,
}

/// Starts a workload that should not come up, in place of one that runs, and says what came of it.
pub(super) fn doomed_workload(stage: &mut Stage, start: &Start<'_>) -> anyhow::Result<Came> {
    let mut program = launch(stage, start)?;
    let port = stage.ports.health;
    let came = match program.ended_before(|_| is_serving(port))? {
        Some(status) if status.success() => bail!("the workload ended well without serving"),
        Some(_) => Came::Ended(program.log()),
        None => Came::Serving,
    };
    program.stop()?;
    Ok(came)
}

fn launch(stage: &mut Stage, start: &Start<'_>) -> anyhow::Result<Program> {
    if let Some(running) = stage.workload.take() {
        running.stop()?;
    }
    stage.runs += 1;
    // What was measured into a register stays until the machine starts anew, and each run measures what it runs.
    hardware::boot(stage, Machine::Workload)?;
    if let Some((register, digest)) = start.measured_before {
        hardware::extend(stage, Machine::Workload, register, digest)?;
    }
    let mut command = stage.command(start.launcher, Party::Cloud);
    command.args(["--log-format", "json"]);
    hardware::give(stage, Machine::Workload, &mut command);
    command
        .arg("--workload")
        .arg(start.description)
        .env(
            "EDG_MARBLE_COORDINATOR_ADDR",
            format!("localhost:{}", stage.ports.mesh),
        )
        .env("EDG_MARBLE_TYPE", "inference")
        .env("EDG_MARBLE_DNS_NAMES", "localhost")
        .env("EDG_MARBLE_UUID_FILE", stage.root().join("cloud/inference.uuid"));
    let log = stage
        .root()
        .join(format!("cloud/logs/inference-{}.log", stage.runs));
    Program::start("strongroom-launcher", &mut command, &log)
}

/// Whether the workload's health listener says that it is ready. One request in plain HTTP/1.1: this listener has
/// nothing to hide.
pub(super) fn is_serving(port: u16) -> bool {
    ask_readiness(port).is_ok_and(|ready| ready)
}

fn ask_readiness(port: u16) -> anyhow::Result<bool> {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, SocketAddr, TcpStream};
    use std::time::Duration;

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).context("connecting")?;
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .context("setting a limit")?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .context("asking")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).context("reading")?;
    Ok(&head == b"HTTP/1.1 200")
}
