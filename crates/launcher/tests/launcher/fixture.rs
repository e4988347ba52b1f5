//! A launch in a folder of its own: a good one, of which each test changes one thing.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};

use strongroom_crypto::digest::sha256;
use strongroom_crypto::time::UnixTime;
use strongroom_workload::{Argv, Draft, DraftCoordinator, Measured};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::coordinator::{Coordinator, Script, coordinator_measurement};
use crate::platform::Platform;

#[expect(clippy::disallowed_methods, reason = "certificates of these tests are of now")]
pub(crate) fn now() -> UnixTime {
    SystemTime::now().into()
}

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) draft: Draft,
    pub(crate) coordinator: Coordinator,
    command: Command,
}

impl Fixture {
    /// A shell as program, which runs `script` (argument zero is `program`, `$P` in it the provision directory).
    pub(crate) async fn shell(script: &str, coordinator: Script) -> Self {
        let folder = memory_folder();
        let provision_dir = folder.path().join("provision");
        let program = folder.path().join("program");
        std::fs::copy("/bin/sh", &program).expect("copy");
        let platform = Platform::new();
        let expectation = serde_json::json!([{
            "platform": "software",
            "roots": [platform.root_pem()],
            "measurements": [coordinator_measurement()],
            "protection": ["simulated"],
        }]);
        let mut draft = Draft::new(measured(&program), DraftCoordinator::Expect(expectation));
        draft.provision_dir = text(&provision_dir);
        let script = script.replace("$P", &draft.provision_dir);
        draft.argv = Argv::Fixed(vec!["program".to_owned(), "-c".to_owned(), script]);
        draft.environment = vec!["PATH".to_owned(), "GREETING".to_owned()];

        let socket = platform.serve(folder.path());
        let coordinator = Coordinator::new(platform, coordinator);
        let address = coordinator.serve().await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom-launcher"));
        command
            .args(["--tee", "software", "--log-format", "json"])
            .arg("--workload")
            .arg(folder.path().join("workload.json"))
            .arg("--simulator-socket")
            .arg(socket)
            .arg("--ready-file")
            .arg(folder.path().join("ready.json"))
            .env("EDG_MARBLE_COORDINATOR_ADDR", address.to_string())
            .env("EDG_MARBLE_TYPE", "inference")
            .env("EDG_MARBLE_UUID_FILE", folder.path().join("uuid"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self {
            folder,
            draft,
            coordinator,
            command,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) {
        self.command.env(name, value);
    }

    pub(crate) fn start(&mut self) -> Child {
        std::fs::write(self.path("workload.json"), self.draft.to_json()).expect("write");
        self.command.spawn().expect("spawn")
    }

    pub(crate) async fn run(mut self) -> Ended {
        let child = self.start();
        end(child).await
    }

    /// Waits until the program is started; its process id.
    pub(crate) async fn ready(&self) -> i32 {
        let path = self.path("ready.json");
        eventually("the program starts", || path.exists()).await;
        let ready: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).expect("read")).expect("json");
        i32::try_from(ready["process"].as_i64().expect("number")).expect("process id")
    }
}

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) log: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, in_log: &str) {
        assert!(
            self.code == code && self.log.contains(in_log),
            "expected {code} and `{in_log}`, found {}:\n{}\n{}",
            self.code,
            self.out,
            self.log
        );
    }
}

pub(crate) async fn end(child: Child) -> Ended {
    let output = tokio::time::timeout(LIMIT, child.wait_with_output())
        .await
        .expect("the launcher ends")
        .expect("wait");
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = status.code().unwrap_or(-1);
    Ended {
        code,
        out: text(stdout),
        log: text(stderr),
    }
}

pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(LIMIT, wait).await.is_ok(),
        "it never comes true: {what}"
    );
}

pub(crate) fn measured(path: &Path) -> Measured {
    Measured::new(text(path), sha256(&std::fs::read(path).expect("read")))
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("plain path").to_owned()
}

/// In memory, so that the tests also pass where nothing can be mounted.
fn memory_folder() -> TempDir {
    let shared_memory = Path::new("/dev/shm")
        .canonicalize()
        .unwrap_or_else(|_| std::env::temp_dir());
    TempDir::new_in(shared_memory).expect("folder")
}

/// Far longer than anything takes; reached only by what hangs.
const LIMIT: Duration = Duration::from_secs(60);
