//! How many workloads a coordinator activates in a second, over real connections to real processes, and beside it what
//! the bare cryptography of one activation costs in the same run.
//!
//!     cargo xtask bench activations [--programs FOLDER] [--seconds S] [--count N] [--rounds N]
//!
//! Client, coordinator and simulated hardware share this machine's cores, so the ratio to the bare cryptography, which
//! has one core for itself and is told for both ends and the hardware together, holds everything that each of them does.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use strongroom_attest::{CoordinatorExpectation, Endorsements};
use strongroom_attester::{Attester, TeeChoice, Workload, detect};
use strongroom_benches::Failure;
use strongroom_benches::arguments::Arguments;
use strongroom_benches::bare::{Bare, names, now};
use strongroom_benches::load::{self, Figures, ms};
use strongroom_benches::programs::{Programs, Running, processor_time};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::random::SystemRandom;
use strongroom_launcher::activate::activate;
use strongroom_launcher::caller::{self, Caller};
use strongroom_launcher::identity::ClientIdentity;
use strongroom_ratls::{Target, danger};
use strongroom_workload::{Description, Draft, DraftCoordinator, Measured};
use uuid::Uuid;

const MARBLE: &str = "bench";

fn main() -> ExitCode {
    strongroom_benches::end("activations", run())
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::read(&["programs", "seconds", "count", "rounds"])?;
    let bounds = arguments.bounds(3.0, 300)?;
    let programs = Programs::find(
        arguments.path("programs"),
        &["strongroom-simulator", "strongroom-coordinator"],
    )?;
    let folder = tempfile::tempdir()?;
    let deployment = Deployment::start(&programs, folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    println!(
        "activations: SIMULATED hardware, {} cores for client, coordinator and simulator together; middle of {} rounds \
         of at most {} s or {} repetitions",
        std::thread::available_parallelism()?,
        bounds.rounds,
        bounds.time.as_secs_f64(),
        bounds.count
    );
    // The first measures programs and fills what is kept; it also waits until the manifest is in force.
    runtime.block_on(deployment.activate())?;

    let bare = Bare::new()?;
    let deployment = Arc::new(deployment);
    let mut rows: [Vec<Figures>; 6] = Default::default();
    let (mut spent, mut made) = ([Duration::ZERO; 3], 0);
    for _ in 0..bounds.rounds {
        rows[0].push(load::alone(bounds, || bare.activation())?);
        rows[1].push(load::alone(bounds, || synced(folder.path()))?);
        let clients = |count| vec![Arc::clone(&deployment); count];
        rows[2].push(runtime.block_on(load::together(clients(1), bounds, evidence))?);
        rows[3].push(runtime.block_on(load::together(clients(1), bounds, connection))?);
        rows[4].push(runtime.block_on(load::together(clients(1), bounds, activation))?);
        let before = deployment.processor_times()?;
        let eight = runtime.block_on(load::together(clients(8), bounds, activation))?;
        for (sum, (before, after)) in spent
            .iter_mut()
            .zip(before.into_iter().zip(deployment.processor_times()?))
        {
            *sum += after.saturating_sub(before);
        }
        made += eight.count;
        rows[5].push(eight);
    }
    report(rows)?;
    let [client, coordinator, simulator] = spent.map(|time| time.as_secs_f64() * 1e3 / made as f64);
    println!(
        "Processor time of one activation with 8 clients: {:.2} ms, of them client {client:.2}, coordinator \
         {coordinator:.2}, simulator {simulator:.2}.",
        client + coordinator + simulator
    );
    Ok(())
}

fn report(rows: [Vec<Figures>; 6]) -> Result<(), Failure> {
    let names = [
        "bare cryptography, both ends, 1 thread",
        "append of 1 KiB, synced to disk",
        "evidence from the simulator",
        "identity made, connection opened",
        "activation, 1 client",
        "activation, 8 clients",
    ];
    let mut bare = None;
    println!(
        "\n{:<40} {:>9} {:>10} {:>10}  of bare cryptography",
        "", "each s", "p50 ms", "p99 ms"
    );
    for (name, rounds) in names.into_iter().zip(rows) {
        let middle = Figures::middle(rounds)?;
        let bare = *bare.get_or_insert(middle.per_second);
        let ratio = if name.starts_with("activation") {
            format!("{:>6.1} %", 100.0 * middle.per_second / bare)
        } else {
            String::new()
        };
        println!(
            "{name:<40} {:>9.0} {:>10} {:>10}  {ratio}",
            middle.per_second,
            ms(middle.p50),
            ms(middle.p99)
        );
    }
    println!(
        "\nAn activation asks the simulator twice (coordinator and workload) and is synced before it is answered."
    );
    Ok(())
}

// The real thing.

/// A coordinator with a manifest that names this very program, on simulated hardware.
struct Deployment {
    hardware: Running,
    coordinator: Running,
    attester: Arc<dyn Attester>,
    target: Target,
    expectation: CoordinatorExpectation,
    description: Description,
    description_bytes: Vec<u8>,
}

impl Deployment {
    fn start(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        let socket = folder.join("hardware.sock");
        let hardware = start_hardware(programs, folder, &socket)?;
        let root = fs::read_to_string(folder.join("hardware/root.pem"))?;

        let expectation = json!([{
            "platform": "software",
            "roots": [root],
            "measurements": [measurement(&programs.path("strongroom-coordinator"))?],
            "protection": ["simulated"],
        }]);
        let own = measurement(Path::new("/proc/self/exe"))?;
        let program = std::env::current_exe()?.display().to_string();
        let draft = Draft::new(
            Measured::new(program, own),
            DraftCoordinator::Expect(expectation.clone()),
        );
        let description = draft.check()?;
        let manifest = folder.join("manifest.json");
        fs::write(&manifest, manifest_text(&own, &description, &root))?;
        let (coordinator, mesh) = start_coordinator(programs, folder, &socket, &manifest)?;
        Ok(Self {
            hardware,
            coordinator,
            attester: detect(&TeeChoice::Software { socket })?,
            target: caller::target(&mesh)?,
            expectation: CoordinatorExpectation::parse(expectation.to_string().as_bytes())?,
            description,
            description_bytes: draft.to_json().into_bytes(),
        })
    }

    /// Of the client (this program), the coordinator and the simulator.
    fn processor_times(&self) -> Result<[Duration; 3], Failure> {
        Ok([
            processor_time(std::process::id())?,
            processor_time(self.coordinator.id())?,
            processor_time(self.hardware.id())?,
        ])
    }

    /// One workload, from its key to its checked certificate.
    async fn activate(&self) -> Result<(), Failure> {
        let caller = Caller {
            target: self.target.clone(),
            expectation: Some(self.expectation.clone()),
            endorsements: Endorsements::none(),
            attester: Arc::clone(&self.attester),
            description: self.description_bytes.clone(),
            workload: self.description.digest(),
            marble_type: MARBLE.to_owned(),
            uuid: Uuid::new_v4().to_string(),
            names: names(),
            now,
        };
        let activated = activate(&caller, &self.description).await.map_err(whole)?;
        let secret = activated.parameters.files.get(SECRET_FILE);
        if secret.is_none_or(|secret| secret.len() != 32) {
            return Err("the activation came without its secret".into());
        }
        Ok(())
    }
}

async fn activation(deployment: Arc<Deployment>) -> Result<Arc<Deployment>, Failure> {
    deployment.activate().await?;
    Ok(deployment)
}

/// What the platform costs each time it is asked: here a process that signs, elsewhere a device.
async fn evidence(deployment: Arc<Deployment>) -> Result<Arc<Deployment>, Failure> {
    let workload = Workload {
        description: &deployment.description_bytes,
        digest: deployment.description.digest(),
    };
    deployment.attester.evidence(&[7; 64], Some(workload)).await?;
    Ok(deployment)
}

/// A new key, its certificate and request, and the mutual TLS 1.3 handshake.
async fn connection(deployment: Arc<Deployment>) -> Result<Arc<Deployment>, Failure> {
    let identity = ClientIdentity::create(&names(), now(), &SystemRandom)?;
    danger::connect_unverified(&deployment.target.clone().presenting(identity.tls)).await?;
    Ok(deployment)
}

fn start_hardware(programs: &Programs, folder: &Path, socket: &Path) -> Result<Running, Failure> {
    let ready = folder.join("hardware.ready");
    let mut command = programs.command("strongroom-simulator");
    command.arg("--dir").arg(folder.join("hardware"));
    command
        .arg("--socket")
        .arg(socket)
        .arg("--ready-file")
        .arg(&ready);
    let mut hardware = Running::start("strongroom-simulator", command, &folder.join("hardware.log"))?;
    hardware.wait_for(|| ready.exists().then_some(()))?;
    Ok(hardware)
}

/// The coordinator, and where workloads call it.
fn start_coordinator(
    programs: &Programs,
    folder: &Path,
    socket: &Path,
    manifest: &Path,
) -> Result<(Running, String), Failure> {
    let ready = folder.join("coordinator.ready");
    let mut command = programs.command("strongroom-coordinator");
    command.args([
        "--tee",
        "software",
        "--mesh-addr",
        "127.0.0.1:0",
        "--client-addr",
        "127.0.0.1:0",
    ]);
    command
        .arg("--simulator-socket")
        .arg(socket)
        .arg("--ready-file")
        .arg(&ready);
    command
        .arg("--seal-dir")
        .arg(folder.join("state"))
        .arg("--startup-manifest")
        .arg(manifest);
    let mut coordinator = Running::start("strongroom-coordinator", command, &folder.join("coordinator.log"))?;
    let mesh = coordinator.wait_for(|| {
        let ready: serde_json::Value = serde_json::from_slice(&fs::read(&ready).ok()?).ok()?;
        Some(ready.get("mesh_addr")?.as_str()?.to_owned())
    })?;
    Ok((coordinator, mesh))
}

fn manifest_text(own: &Digest32, description: &Description, root: &str) -> String {
    json!({
        "Packages": { MARBLE: {
            "Platform": "software",
            "Measurements": [own],
            "Workloads": [description.digest()],
            "Roots": [root],
            "Protection": ["simulated"],
        } },
        "Marbles": { MARBLE: {
            "Package": MARBLE,
            "Parameters": { "Files": { SECRET_FILE: "{{ raw .Secrets.shared }}" } },
        } },
        "Secrets": { "shared": { "Type": "symmetric-key", "Size": 256, "Shared": true } },
    })
    .to_string()
}

fn measurement(program: &Path) -> Result<Digest32, Failure> {
    Ok(sha256(&fs::read(program)?))
}

/// An error with its causes.
fn whole(error: impl std::error::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.into()
}

const SECRET_FILE: &str = "/run/strongroom/shared";

/// What a commit costs at least on this disk.
fn synced(folder: &Path) -> Result<(), Failure> {
    let path = folder.join("appended");
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(&[7; 1024])?;
    Ok(file.sync_data()?)
}
