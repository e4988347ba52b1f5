//! The contract that every attester keeps, for the software platform against a real simulator.

use std::sync::Arc;

use strongroom_attester::{TeeChoice, Workload, contract, detect};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::time::UnixTime;
use strongroom_service::Shutdown;
use strongroom_simulator::{Config, Simulator};
use strongroom_workload::{Description, Draft, DraftCoordinator, Measured};

#[tokio::test]
async fn the_software_platform_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("socket");
    let simulator = Simulator::open(Config {
        dir: folder.path().join("platform"),
        socket: socket.clone(),
        debug: false,
        clock: || UnixTime(1_790_000_000),
        random: Arc::new(SystemRandom),
    });
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(simulator.expect("a simulator").serve(shutdown.clone()));

    let program = Measured::new("/usr/bin/inference", sha256(b"program"));
    let description = Draft::new(program, DraftCoordinator::Unverified).to_json();
    let attester = detect(&TeeChoice::Software { socket }).expect("asked for by name");
    let workload = Workload {
        description: description.as_bytes(),
        digest: Description::parse(description.as_bytes())
            .expect("a description")
            .digest(),
    };
    contract::check(&*attester, workload)
        .await
        .expect("every question is answered");

    shutdown.trigger();
    serving.await.expect("it ends well");
}
