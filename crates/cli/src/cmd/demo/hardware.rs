//! The hardware of the play: the simulator for all, or for each machine a software TPM of its own.
//!
//! A software TPM (`swtpm`) is no hardware either, but everything around it is the real thing: endorsement certificates of
//! a maker, enrolment, quotes, sealing keys, NV counters. A machine that is started anew has empty registers and the same
//! non-volatile memory.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::process::{self, Program};
use super::say;
use super::stage::{Party, Stage};

/// Which platform the demo plays on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tee {
    /// The software platform: SIMULATED, protects nothing.
    Software,
    /// A TPM 2.0 for each machine, played by `swtpm`: INTEGRITY ONLY, hides no memory from the host.
    Tpm,
}

/// A machine of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    Coordinator,
    Workload,
    /// Of the same make as the others, so that its maker vouches for it too.
    Attacker,
}

const MACHINES: [Machine; 3] = [Machine::Coordinator, Machine::Workload, Machine::Attacker];

impl Tee {
    /// The platform's name in manifests and policies.
    pub(super) const fn platform(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Tpm => "tpm",
        }
    }

    /// The protection that manifests and policies have to accept by name.
    pub(super) const fn protection(self) -> &'static str {
        match self {
            Self::Software => "simulated",
            Self::Tpm => "integrity_only",
        }
    }

    /// The platform in words, wherever it is used.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Software => "SIMULATED hardware",
            Self::Tpm => "INTEGRITY ONLY: the host can read its memory",
        }
    }
}

impl Machine {
    const fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Workload => "workload",
            Self::Attacker => "attacker",
        }
    }

    fn folder(self, stage: &Stage) -> PathBuf {
        stage.root().join("cloud/machines").join(self.name())
    }

    fn socket(self, stage: &Stage) -> PathBuf {
        stage.root().join("cloud").join(format!("{}.tpm", self.name()))
    }
}

/// Says before anything is done that programs are missing.
pub(super) fn check_installed(tee: Tee) -> anyhow::Result<()> {
    let needed: &[&str] = match tee {
        Tee::Software => &[],
        Tee::Tpm => &["swtpm", "swtpm_setup", "swtpm_localca"],
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed =
        |program: &&str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    match needed.iter().find(|program| !installed(program)) {
        None => Ok(()),
        Some(missing) => bail!("{missing} is not installed; {NOT_INSTALLED}"),
    }
}

/// Makes the hardware, and starts what has to run before anything else.
pub(super) fn make(stage: &mut Stage) -> anyhow::Result<()> {
    match stage.tee {
        Tee::Software => start_simulator(stage),
        Tee::Tpm => {
            say("  a maker of TPMs certifies one for each machine of the cloud (software TPMs play them)");
            MACHINES
                .into_iter()
                .try_for_each(|machine| manufacture(stage, machine))
        }
    }
}

/// Starts a machine anew, as far as the demo can tell.
pub(super) fn boot(stage: &mut Stage, machine: Machine) -> anyhow::Result<()> {
    if stage.tee != Tee::Tpm {
        return Ok(());
    }
    if let Some(index) = stage.tpms.iter().position(|(of, _)| *of == machine) {
        stage.tpms.remove(index).1.stop()?;
    }
    let socket = machine.socket(stage);
    // A socket of an earlier run would say that the new one is ready.
    let _ = std::fs::remove_file(&socket);
    let mut command = stage.command(Path::new("swtpm"), Party::Cloud);
    command
        .args([
            "socket",
            "--tpm2",
            "--flags",
            "not-need-init,startup-clear",
            "--tpmstate",
        ])
        .arg(format!("dir={}", machine.folder(stage).display()))
        .args([
            "--server".to_owned(),
            format!("type=unixio,path={}", socket.display()),
        ]);
    let log = stage
        .root()
        .join(format!("cloud/logs/tpm-{}.log", machine.name()));
    let mut program = Program::start("swtpm", &mut command, &log)?;
    program.wait_until("its socket was open", |_| socket.exists())?;
    stage.tpms.push((machine, program));
    Ok(())
}

/// Whether a machine was started.
pub(super) fn is_on(stage: &Stage, machine: Machine) -> bool {
    stage.tee != Tee::Tpm || stage.tpms.iter().any(|(of, _)| *of == machine)
}

/// Tells a program on which platform of which machine it runs.
pub(super) fn give(stage: &Stage, machine: Machine, command: &mut Command) {
    command.args(["--tee", stage.tee.platform()]);
    match stage.tee {
        Tee::Software => command.arg("--simulator-socket").arg(stage.socket()),
        Tee::Tpm => command.arg("--tpm").arg(machine.socket(stage)),
    };
}

/// The certificate that the hardware's maker would publish.
pub(super) fn root(stage: &Stage) -> anyhow::Result<String> {
    let file = match stage.tee {
        Tee::Software => "cloud/hardware/root.pem",
        Tee::Tpm => "cloud/maker/issuercert.pem",
    };
    std::fs::read_to_string(stage.root().join(file)).context("reading the hardware's root")
}

/// Measures something into a register of a machine's TPM, as anybody who reaches it can (TPM2_PCR_Extend, TPM 2.0
/// Library Part 3 §22.2).
pub(super) fn extend(stage: &Stage, machine: Machine, register: u8, digest: [u8; 32]) -> anyhow::Result<()> {
    // Sessions, the length of all, the command, the register; a password session with an empty password; one digest.
    let command = [
        &[0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, 0, 0, 0, register][..],
        &[0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0],
        &[0, 0, 0, 1, 0, 0x0b],
        &digest,
    ]
    .concat();
    let mut tpm = UnixStream::connect(machine.socket(stage)).context("reaching a TPM")?;
    tpm.write_all(&command).context("asking a TPM")?;
    let mut answer = [0; 10];
    tpm.read_exact(&mut answer).context("a TPM's answer")?;
    ensure!(answer[6..] == [0; 4], "the TPM refuses: {:02x?}", &answer[6..]);
    Ok(())
}

fn start_simulator(stage: &mut Stage) -> anyhow::Result<()> {
    let ready = stage.root().join("cloud/hardware.ready");
    let mut command = stage.command(&stage.program("strongroom-simulator"), Party::Cloud);
    command.arg("--dir").arg(stage.root().join("cloud/hardware"));
    command
        .arg("--socket")
        .arg(stage.socket())
        .arg("--ready-file")
        .arg(&ready);
    let log = stage.root().join("cloud/logs/simulator.log");
    let mut program = Program::start("strongroom-simulator", &mut command, &log)?;
    program.wait_until("its socket was open", |_| ready.exists())?;
    stage.simulator = Some(program);
    Ok(())
}

/// Makes a TPM with an endorsement certificate, under the authority that all machines of the demo share.
fn manufacture(stage: &Stage, machine: Machine) -> anyhow::Result<()> {
    let (state, maker) = (machine.folder(stage), stage.root().join("cloud/maker"));
    std::fs::create_dir_all(&state).context("making a TPM's folder")?;
    std::fs::create_dir_all(&maker).context("making the maker's folder")?;
    let write = |name: &str, text: String| -> anyhow::Result<String> {
        let path = maker.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path.display().to_string())
    };
    let place = maker.display();
    let names = write(
        "names.options",
        "--tpm-manufacturer IBM\n--tpm-model swtpm\n--tpm-version 2\n--platform-manufacturer Demo\n\
         --platform-version 1\n--platform-model Demo\n"
            .to_owned(),
    )?;
    let authority = write(
        "localca.conf",
        format!(
            "statedir = {place}\nsigningkey = {place}/signkey.pem\nissuercert = {place}/issuercert.pem\n\
             certserial = {place}/certserial\n"
        ),
    )?;
    let setup = write(
        "setup.conf",
        format!(
            "create_certs_tool = swtpm_localca\ncreate_certs_tool_config = {authority}\n\
             create_certs_tool_options = {names}\nactive_pcr_banks = sha256\n"
        ),
    )?;
    let mut command = stage.command(Path::new("swtpm_setup"), Party::Cloud);
    command
        .args([
            "--tpm2",
            "--lock-nvram",
            "--create-ek-cert",
            "--config",
            &setup,
            "--tpmstate",
        ])
        .arg(&state);
    let made = process::finish(&mut command)?;
    if !made.success {
        bail!("swtpm_setup failed:\n{}{}", made.stdout, made.stderr);
    }
    Ok(())
}

const NOT_INSTALLED: &str = "the demo with --tee tpm needs swtpm, swtpm_setup and swtpm_localca: \
                             on Debian and Ubuntu `apt-get install swtpm swtpm-tools`";
