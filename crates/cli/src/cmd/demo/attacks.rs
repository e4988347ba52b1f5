//! The attacks by the cloud: five, and one more where machines have a TPM. Before each, the same steps without the attack have succeeded; each refusal must come
//! from the right process with the right code.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::hardware::{Machine, Tee};
use super::judge::{coordinators_log, judge_client, judge_coordinators_refusal, judge_workload};
use super::restart::{self, Came, Expect, Start};
use super::say;
use super::stage::{Party, Stage};
use super::steps;

/// An attack and what came of it.
pub(super) struct Attack {
    pub(super) number: usize,
    outcome: Outcome,
}

pub(super) enum Outcome {
    Refused,
    Succeeded(String),
    /// It failed, but not where or why it should have.
    Elsewhere(String),
}

impl Attack {
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.outcome, Outcome::Refused)
    }

    pub(super) fn verdict(&self) -> String {
        match &self.outcome {
            Outcome::Refused => "refused".into(),
            Outcome::Succeeded(how) => format!("SUCCEEDED ({how})"),
            Outcome::Elsewhere(how) => format!("FAILED FOR ANOTHER REASON ({how})"),
        }
    }
}

type Play = fn(&mut Stage) -> anyhow::Result<Outcome>;

/// Plays all, whatever comes of each.
pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Vec<Attack>> {
    let mut attacks: Vec<(&str, Play)> = vec![
        (
            "The cloud answers the owner with a coordinator of its own: same manifest, modified program",
            impostor,
        ),
        ("The cloud flips one bit of the encrypted model", flipped_bit),
        (
            "The cloud serves an older, genuine model encrypted under the same key",
            older_model,
        ),
        (
            "The cloud runs a modified inference program, then a modified launcher",
            modified_programs,
        ),
        ("The cloud puts back an old state of the coordinator", old_state),
    ];
    if stage.tee == Tee::Tpm {
        attacks.push((
            "The cloud starts something else on the workload's machine first: a TPM has that measured",
            measured_before,
        ));
    }
    let count = attacks.len();
    let mut played = Vec::new();
    for (index, (title, attack)) in attacks.into_iter().enumerate() {
        let number = index + 1;
        say(&format!("\n[attack {number}/{count}] {title}"));
        let outcome = match attack(stage) {
            Ok(outcome) => outcome,
            Err(error) => {
                super::process::stop_if_interrupted()?;
                Outcome::Elsewhere(format!("{error:#}"))
            }
        };
        let attack = Attack { number, outcome };
        say(&format!("  => {}", attack.verdict()));
        played.push(attack);
    }
    Ok(played)
}

fn impostor(stage: &mut Stage) -> anyhow::Result<Outcome> {
    let genuine = stage.coordinator_address();
    stage.strongroom(
        Party::Owner,
        &["deployment", "verify", &genuine, "--expect", "policy.json"],
    )?;

    let binary = modified_copy(stage, "strongroom-coordinator")?;
    let state = stage.root().join("attacker/state");
    let ports = (stage.ports.attacker, stage.ports.attacker_mesh);
    let impostor = restart::coordinator_at(stage, Machine::Attacker, &binary, &state, ports)?;
    let host = format!("localhost:{}", stage.ports.attacker);
    // The attacker expects its own program, of course, and sets the very same manifest.
    let measured = stage.strongroom_json(Party::Cloud, &["measure", &binary.display().to_string()])?;
    let policy =
        fs::read_to_string(stage.folder(Party::Administrator).join("policy.json")).context("policy")?;
    let mut policy: serde_json::Value = serde_json::from_str(&policy).context("policy")?;
    policy["coordinator"][0]["measurements"] = serde_json::json!([measured["measurement"]]);
    fs::write(stage.root().join("attacker/policy.json"), policy.to_string()).context("attacker's policy")?;
    stage.strongroom(
        Party::Cloud,
        &[
            "manifest",
            "set",
            "../administrator/manifest.json",
            &host,
            "--expect",
            "../attacker/policy.json",
        ],
    )?;

    let verified = stage.try_strongroom(
        Party::Owner,
        &["--json", "deployment", "verify", &host, "--expect", "policy.json"],
    )?;
    impostor.stop()?;
    Ok(judge_client(&verified, "evidence.measurement"))
}

fn flipped_bit(stage: &mut Stage) -> anyhow::Result<Outcome> {
    serves_when_untouched(stage)?;
    let url = stage.bundle_url();
    let kept = stage.object_url("kept-aside");
    let tampered = stage.root().join("attacker/tampered.bundle");
    copy_object(stage, &url, &kept)?;
    copy_object(stage, &url, &format!("file://{}", tampered.display()))?;
    let mut bytes = fs::read(&tampered).context("reading the bundle")?;
    // The middle lies in the encrypted weights.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&tampered, bytes).context("writing the bundle")?;
    copy_object(stage, &format!("file://{}", tampered.display()), &url)?;

    let came = restart_workload(stage);
    copy_object(stage, &kept, &url)?;
    Ok(judge_workload(
        &came?,
        "strongroom_inference",
        &["bundle.chunk_corrupt"],
    ))
}

fn older_model(stage: &mut Stage) -> anyhow::Result<Outcome> {
    serves_when_untouched(stage)?;
    let url = stage.bundle_url();
    let kept = stage.object_url("kept-aside");
    let older = stage.object_url("older.bundle");
    // The owner published this one, under the same key, before the current one.
    stage.strongroom(
        Party::Owner,
        &["model", "encrypt", "digits-older", &older, "--key", "model.key"],
    )?;
    copy_object(stage, &url, &kept)?;
    copy_object(stage, &older, &url)?;

    let came = restart_workload(stage);
    copy_object(stage, &kept, &url)?;
    Ok(judge_workload(
        &came?,
        "strongroom_inference",
        &["bundle.digest_mismatch"],
    ))
}

fn modified_programs(stage: &mut Stage) -> anyhow::Result<Outcome> {
    serves_when_untouched(stage)?;
    let genuine_launcher = stage.program("strongroom-launcher");
    let genuine_description = stage.folder(Party::Administrator).join("inference.json");
    let inference = modified_copy(stage, "strongroom-inference")?;

    // The genuine launcher is given the genuine description, and other bytes where the program should be.
    let swapped = stage.root().join("attacker/swapped.json");
    let description = fs::read_to_string(&genuine_description).context("reading the description")?;
    let genuine = stage.program("strongroom-inference");
    fs::write(
        &swapped,
        description.replace(&genuine.display().to_string(), &inference.display().to_string()),
    )
    .context("writing a description")?;
    let came = restart::doomed_workload(
        stage,
        &Start {
            launcher: &genuine_launcher,
            description: &swapped,
            measured_before: None,
        },
    )?;
    let outcome = judge_workload(&came, "strongroom_launcher", &["workload.program_digest"]);
    if !matches!(outcome, Outcome::Refused) {
        return Ok(outcome);
    }

    // A description that owns up to the modified program is another workload.
    serves_when_untouched(stage)?;
    let owned_up = stage.root().join("attacker/owned-up.json");
    let mut description: serde_json::Value = serde_json::from_str(&description).context("description")?;
    let measured = stage.strongroom_json(Party::Cloud, &["measure", &inference.display().to_string()])?;
    description["program"] = serde_json::json!({ "path": inference, "digest": measured["measurement"] });
    fs::write(&owned_up, description.to_string()).context("writing a description")?;
    let logged = coordinators_log(stage).len();
    let came = restart::doomed_workload(
        stage,
        &Start {
            launcher: &genuine_launcher,
            description: &owned_up,
            measured_before: None,
        },
    )?;
    let outcome = judge_coordinators_refusal(stage, &came, logged, "evidence.workload");
    if !matches!(outcome, Outcome::Refused) {
        return Ok(outcome);
    }

    serves_when_untouched(stage)?;
    let launcher = modified_copy(stage, "strongroom-launcher")?;
    let logged = coordinators_log(stage).len();
    let came = restart::doomed_workload(
        stage,
        &Start {
            launcher: &launcher,
            description: &genuine_description,
            measured_before: None,
        },
    )?;
    Ok(judge_coordinators_refusal(
        stage,
        &came,
        logged,
        "evidence.measurement",
    ))
}

fn old_state(stage: &mut Stage) -> anyhow::Result<Outcome> {
    let state = stage.root().join("cloud/coordinator-state");
    let old = stage.root().join("attacker/old-state");
    let current = stage.root().join("attacker/current-state");
    stop_coordinator(stage)?;
    copy_folder(&state, &old)?;

    // The same steps with the state as it was left: the coordinator goes on, and the owner's pinned log is extended.
    restart::coordinator(stage)?;
    let host = stage.coordinator_address();
    let verify = [
        "deployment",
        "verify",
        &host,
        "--expect",
        "policy.json",
        "--trust",
        "trust.json",
    ];
    stage.strongroom(Party::Owner, &verify)?;
    steps::upload_key(stage)?;
    stop_coordinator(stage)?;
    copy_folder(&state, &current)?;

    let outcome = open_old_state(stage, &old, &state, &verify);
    if stage.coordinator.is_some() {
        stop_coordinator(stage)?;
    }
    fs::remove_dir_all(&state).context("removing the state")?;
    copy_folder(&current, &state)?;
    restart::coordinator(stage)?;
    outcome
}

fn open_old_state(stage: &mut Stage, old: &Path, state: &Path, verify: &[&str]) -> anyhow::Result<Outcome> {
    fs::remove_dir_all(state).context("removing the state")?;
    copy_folder(old, state)?;
    restart::coordinator(stage)?;
    let arguments: Vec<_> = ["--json"].iter().chain(verify).copied().collect();
    let verified = stage.try_strongroom(Party::Owner, &arguments)?;
    Ok(judge_client(&verified, "state.rolled_back"))
}

fn measured_before(stage: &mut Stage) -> anyhow::Result<Outcome> {
    serves_when_untouched(stage)?;
    let launcher = stage.program("strongroom-launcher");
    let description = stage.folder(Party::Administrator).join("inference.json");
    let something = [0xee; 32];

    // Where boot loaders are measured: the genuine launcher runs on, and its evidence tells.
    let logged = coordinators_log(stage).len();
    let before = Start {
        launcher: &launcher,
        description: &description,
        measured_before: Some((BOOT_LOADER, something)),
    };
    let came = restart::doomed_workload(stage, &before)?;
    let outcome = judge_coordinators_refusal(stage, &came, logged, "evidence.event_log");
    let named = coordinators_log(stage)
        .get(logged..)
        .is_some_and(|log| log.contains("PCR 4"));
    match outcome {
        Outcome::Refused if !named => {
            return Ok(Outcome::Elsewhere(
                "the refusal does not name the register".into(),
            ));
        }
        Outcome::Refused => {}
        other => return Ok(other),
    }

    // Where the program is measured: it would vouch for something else as well, and does not start.
    let before = Start {
        measured_before: Some((PROGRAM, something)),
        ..before
    };
    let came = restart::doomed_workload(stage, &before)?;
    Ok(judge_workload(
        &came,
        "strongroom_launcher",
        &["attester.measurements"],
    ))
}

/// The register that holds boot loaders (TCG PC Client Platform Firmware Profile §2.3.4).
const BOOT_LOADER: u8 = 4;
/// The register that holds program and workload.
const PROGRAM: u8 = 13;

/// The same restart without an attack.
fn serves_when_untouched(stage: &mut Stage) -> anyhow::Result<()> {
    restart::workload(stage, Expect::Serving).context("the same steps without the attack")?;
    let read = steps::predictions(stage, stage.ports.rest, &[])?;
    ensure!(!read.is_empty(), "the untouched service answers");
    Ok(())
}

fn restart_workload(stage: &mut Stage) -> anyhow::Result<Came> {
    let launcher = stage.program("strongroom-launcher");
    let description = stage.folder(Party::Administrator).join("inference.json");
    restart::doomed_workload(
        stage,
        &Start {
            launcher: &launcher,
            description: &description,
            measured_before: None,
        },
    )
}

fn stop_coordinator(stage: &mut Stage) -> anyhow::Result<()> {
    stage.coordinator.take().context("the coordinator runs")?.stop()
}

/// A copy of a program with one byte more at its end: it runs as before, and is not what was published.
fn modified_copy(stage: &Stage, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = stage.root().join("attacker").join(name);
    let mut bytes = fs::read(stage.program(name)).context("reading a program")?;
    bytes.push(0);
    fs::write(&path, bytes).context("writing a program")?;
    let mut permissions = fs::metadata(&path).context("reading permissions")?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&path, permissions).context("setting permissions")?;
    Ok(path)
}

/// Copies ciphertext as it lies, as whoever runs the store can.
fn copy_object(stage: &Stage, from: &str, to: &str) -> anyhow::Result<()> {
    stage.strongroom(Party::Cloud, &["model", "copy", from, to])?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).context("making a folder")?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry.context("reading a folder")?;
        let target = to.join(entry.file_name());
        if entry.file_type().context("reading a folder")?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).context("copying a file")?;
        }
    }
    Ok(())
}
