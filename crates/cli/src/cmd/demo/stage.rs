//! The stage: a folder for each party, the programs, the ports, and what runs.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::engine::Engine;
use super::hardware::{Machine, Tee};
use super::process::{self, Finished, Program};
use super::say;

/// A party of the play. Each has its own folder and works in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    Owner,
    Administrator,
    Cloud,
    User,
}

impl Party {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Cloud => "cloud",
            Self::User => "user",
        }
    }
}

/// Addresses on loopback, free when the demo began.
pub(super) struct Ports {
    pub(super) coordinator: u16,
    pub(super) mesh: u16,
    pub(super) rest: u16,
    pub(super) grpc: u16,
    pub(super) health: u16,
    pub(super) attacker: u16,
    pub(super) attacker_mesh: u16,
}

/// Everything that the steps and the attacks share.
pub(super) struct Stage {
    folder: Folder,
    programs: PathBuf,
    /// Where the cloud keeps the model's ciphertext, without a trailing slash.
    store: String,
    pub(super) ports: Ports,
    pub(super) tee: Tee,
    pub(super) engine: Engine,
    /// The TPMs of machines that are on.
    pub(super) tpms: Vec<(Machine, Program)>,
    pub(super) simulator: Option<Program>,
    pub(super) coordinator: Option<Program>,
    pub(super) workload: Option<Program>,
    /// Runs of the workload so far: each has a log of its own.
    pub(super) runs: u32,
}

enum Folder {
    Temporary(tempfile::TempDir),
    Given(PathBuf),
}

impl Stage {
    /// Makes the folders and finds the programs beside this one.
    pub(super) fn set_up(
        tee: Tee,
        engine: Engine,
        dir: Option<&Path>,
        store: Option<&str>,
        keep: bool,
    ) -> anyhow::Result<Self> {
        let folder = match dir {
            Some(path) => {
                std::fs::create_dir_all(path.parent().unwrap_or(path)).context("making the demo's folder")?;
                std::fs::create_dir(path)
                    .with_context(|| format!("{} must not exist yet", path.display()))?;
                Folder::Given(path.canonicalize().context("finding the demo's folder")?)
            }
            None => {
                let made = tempfile::Builder::new().prefix("strongroom-demo-").tempdir();
                let made = made.context("making a temporary folder")?;
                if keep {
                    Folder::Given(made.keep())
                } else {
                    Folder::Temporary(made)
                }
            }
        };
        let programs = std::env::current_exe().context("finding this program")?;
        let programs = programs
            .parent()
            .context("a program lies in a folder")?
            .to_owned();
        let root = match &folder {
            Folder::Temporary(made) => made.path().to_owned(),
            Folder::Given(path) => path.clone(),
        };
        for folder in [
            "owner",
            "administrator",
            "cloud/storage",
            "cloud/logs",
            "user",
            "attacker",
            "run",
        ] {
            std::fs::create_dir_all(root.join(folder)).context("making the parties' folders")?;
        }
        let store = match store {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("file://{}", root.join("cloud/storage").display()),
        };
        let stage = Self {
            folder,
            programs,
            store,
            ports: Ports::find()?,
            tee,
            engine,
            tpms: Vec::new(),
            simulator: None,
            coordinator: None,
            workload: None,
            runs: 0,
        };
        for name in [
            "strongroom-simulator",
            "strongroom-coordinator",
            "strongroom-launcher",
            "strongroom-inference",
        ] {
            ensure!(
                stage.program(name).is_file(),
                "{name} is not beside this program; build all programs, for instance with `cargo demo`"
            );
        }
        Ok(stage)
    }

    /// The folder of the whole demo.
    pub(super) fn root(&self) -> &Path {
        match &self.folder {
            Folder::Temporary(made) => made.path(),
            Folder::Given(path) => path,
        }
    }

    /// The folder of one party.
    pub(super) fn folder(&self, party: Party) -> PathBuf {
        self.root().join(party.name())
    }

    /// A program of ours.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Where the model's ciphertext lies.
    pub(super) fn bundle_url(&self) -> String {
        format!("{}/digits.bundle", self.store)
    }

    /// Another object in the same store.
    pub(super) fn object_url(&self, name: &str) -> String {
        format!("{}/{name}", self.store)
    }

    /// What the caller's environment says of the store that was asked for, and of no other.
    pub(super) fn store_settings(&self) -> Vec<Setting> {
        let prefix = match self.store.split_once("://") {
            Some(("s3", _)) => "AWS_",
            Some(("az", _)) => "AZURE_",
            Some(("gs", _)) => "GOOGLE_",
            _ => return Vec::new(),
        };
        let settings = std::env::vars().filter(|(name, _)| name.starts_with(prefix));
        settings.map(|(name, value)| Setting { name, value }).collect()
    }

    /// Where the launcher mounts the workload's memory-backed files.
    pub(super) fn provision_dir(&self) -> PathBuf {
        self.root().join("run")
    }

    /// The simulated hardware's socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.root().join("cloud/hardware.sock")
    }

    /// The coordinator's address for clients.
    pub(super) fn coordinator_address(&self) -> String {
        format!("localhost:{}", self.ports.coordinator)
    }

    /// A command of one of our programs with next to nothing of the caller's environment.
    pub(super) fn command(&self, program: &Path, party: Party) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder(party));
        command.envs(std::env::vars().filter(|(name, _)| name == "PATH" || name == "HOME"));
        command
    }

    /// Runs `strongroom ARGUMENTS` as `party`, shows the command, and fails where it fails.
    pub(super) fn strongroom(&self, party: Party, arguments: &[&str]) -> anyhow::Result<Finished> {
        let finished = self.try_strongroom(party, arguments)?;
        if !finished.success {
            bail!(
                "{}$ strongroom {} failed:\n{}",
                party.name(),
                arguments.join(" "),
                finished.stderr
            );
        }
        Ok(finished)
    }

    /// Runs `strongroom ARGUMENTS` as `party`, shows the command, and leaves judging to the caller.
    pub(super) fn try_strongroom(&self, party: Party, arguments: &[&str]) -> anyhow::Result<Finished> {
        process::stop_if_interrupted()?;
        say(&format!("  {}$ strongroom {}", party.name(), arguments.join(" ")));
        let program = std::env::current_exe().context("finding this program")?;
        let settings = self.store_settings();
        let settings = settings.iter().map(|setting| (&setting.name, &setting.value));
        process::finish(self.command(&program, party).args(arguments).envs(settings))
    }

    /// Runs `strongroom --json ARGUMENTS` and reads what it prints.
    pub(super) fn strongroom_json(&self, party: Party, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments: Vec<_> = ["--json"].iter().chain(arguments).copied().collect();
        let finished = self.strongroom(party, &arguments)?;
        serde_json::from_str(&finished.stdout)
            .with_context(|| format!("`strongroom {}` printed no JSON", arguments.join(" ")))
    }

    /// Lets everything run on, and says how to use and stop it.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        let programs = [&mut self.simulator, &mut self.coordinator, &mut self.workload];
        let programs = programs.into_iter().flatten();
        let tpms = self.tpms.iter_mut().map(|(_, tpm)| tpm);
        let kept: Vec<_> = tpms.chain(programs).map(Program::keep).collect();
        let list = process::kept_file(self.root());
        std::fs::write(&list, serde_json::to_vec_pretty(&kept)?)
            .context("writing the list of running programs")?;

        let Ports {
            coordinator,
            rest,
            grpc,
            health,
            ..
        } = self.ports;
        say("");
        say("Left running:");
        say(&format!(
            "  coordinator   https://localhost:{coordinator}/api/v2/status"
        ));
        say(&format!(
            "  REST          https://localhost:{rest}/v1/models/digits"
        ));
        say(&format!(
            "  gRPC          localhost:{grpc} (TLS), tensorflow.serving.PredictionService"
        ));
        say(&format!("  health        http://localhost:{health}/readyz"));
        say("Predict with curl; ca.pem is the marble root that the verified coordinator gave:");
        let ca = self.folder(Party::User).join("ca.pem");
        let body = self.folder(Party::User).join("one.json");
        say(&format!(
            "  curl --cacert {} -d @{} https://localhost:{rest}/v1/models/digits:predict",
            ca.display(),
            body.display()
        ));
        say("Stop it all:");
        say(&format!("  strongroom demo --stop {}", self.root().display()));
        Ok(())
    }
}

impl Ports {
    fn find() -> anyhow::Result<Self> {
        // All are held open until the last is found, so that none is given twice.
        let mut held = Vec::new();
        let mut free = || -> anyhow::Result<u16> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
            let port = listener.local_addr().context("reading a port")?.port();
            held.push(listener);
            Ok(port)
        };
        Ok(Self {
            coordinator: free()?,
            mesh: free()?,
            rest: free()?,
            grpc: free()?,
            health: free()?,
            attacker: free()?,
            attacker_mesh: free()?,
        })
    }
}

/// A variable that tells a store client who it is, and where the store lies.
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
}

impl Setting {
    /// The secret of the deployment that carries the value, where everybody who reads the manifest must not.
    pub(super) fn secret(&self) -> Option<String> {
        let telling = ["SECRET", "TOKEN", "KEY", "PASSWORD"]
            .iter()
            .any(|word| self.name.contains(word));
        // An access key id names an account, and opens nothing.
        (telling && !self.name.ends_with("ACCESS_KEY_ID")).then(|| self.name.to_lowercase())
    }
}
