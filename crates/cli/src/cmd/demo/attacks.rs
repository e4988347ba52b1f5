//! Five attacks by the cloud. Before each, the same steps without the attack have succeeded; each refusal must come
//! from the right process with the right code.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::process::{Finished, json_lines};
use super::restart::{self, Came, Expect, Start};
use super::say;
use super::stage::{Party, Stage};
use super::steps;

/// An attack and what came of it.
pub(super) struct Attack {
    pub(super) number: usize,
    outcome: Outcome,
}

enum Outcome {
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

/// Plays all five, whatever comes of each.
pub(super) fn play(stage: &mut Stage) -> anyhow::Result<Vec<Attack>> {
    let attacks: [(&str, Play); 5] = [
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
    let mut played = Vec::new();
    for (index, (title, attack)) in attacks.into_iter().enumerate() {
        let number = index + 1;
        say(&format!("\n[attack {number}/5] {title}"));
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
    let impostor = restart::coordinator_at(stage, "impostor", &binary, &state, ports)?;
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
        },
    )
}

fn stop_coordinator(stage: &mut Stage) -> anyhow::Result<()> {
    stage.coordinator.take().context("the coordinator runs")?.stop()
}

/// A client command that must have been refused with `code`, by the client itself.
fn judge_client(finished: &Finished, code: &str) -> Outcome {
    if finished.success {
        return Outcome::Succeeded("the owner's client accepted it".into());
    }
    let printed = if finished.stderr.trim().is_empty() {
        &finished.stdout
    } else {
        &finished.stderr
    };
    let error: serde_json::Value = serde_json::from_str(printed.trim()).unwrap_or_default();
    // Exit code 3: this end verified something and it did not hold. What the other end says of itself never gives it.
    if error["error"]["code"] == code && finished.code == Some(UNVERIFIED) {
        say(&format!(
            "  the owner's client: {code}: {}",
            error["error"]["message"].as_str().unwrap_or_default()
        ));
        Outcome::Refused
    } else {
        Outcome::Elsewhere(format!(
            "expected {code} from the owner's client, it says: {}",
            printed.trim()
        ))
    }
}

/// A workload that must have been refused by one of its own programs: a log line of `program` with a code of `codes`.
fn judge_workload(came: &Came, program: &str, codes: &[&str]) -> Outcome {
    let log = match came {
        Came::Serving => return Outcome::Succeeded("the workload serves".into()),
        Came::Ended(log) => log,
    };
    let refusal = json_lines(log).find(|line| {
        codes.iter().any(|code| line["code"] == *code)
            && line["target"]
                .as_str()
                .is_some_and(|target| target.starts_with(program))
    });
    match refusal {
        Some(line) => {
            say(&format!(
                "  {program}: {}: {}",
                line["code"].as_str().unwrap_or_default(),
                line["error"]
                    .as_str()
                    .or(line["message"].as_str())
                    .unwrap_or_default()
            ));
            Outcome::Refused
        }
        None => Outcome::Elsewhere(format!(
            "expected {codes:?} from {program}, its log ends: {}",
            end(log)
        )),
    }
}

/// A workload that the coordinator must have refused: its own log says so with `code` after its first `logged` bytes,
/// and the launcher's says that it was refused.
fn judge_coordinators_refusal(stage: &Stage, came: &Came, logged: usize, code: &str) -> Outcome {
    let workload = match came {
        Came::Serving => return Outcome::Succeeded("the workload serves".into()),
        Came::Ended(log) => log,
    };
    if !json_lines(workload).any(|line| line["code"] == "launcher.activation_refused") {
        return Outcome::Elsewhere(format!(
            "the launcher was not refused, its log ends: {}",
            end(workload)
        ));
    }
    let log = coordinators_log(stage);
    let from_coordinator = |line: &serde_json::Value| {
        line["target"]
            .as_str()
            .is_some_and(|target| target.starts_with("strongroom_coordinator"))
    };
    let since = log.get(logged..).unwrap_or_default();
    match json_lines(since)
        .filter(|line| line["code"] == code && from_coordinator(line))
        .last()
    {
        Some(line) => {
            say(&format!(
                "  strongroom_coordinator: {code}: {}",
                line["error"]
                    .as_str()
                    .or(line["message"].as_str())
                    .unwrap_or_default()
            ));
            Outcome::Refused
        }
        None => Outcome::Elsewhere(format!(
            "expected {code} from the coordinator, its log ends: {}",
            end(&log)
        )),
    }
}

fn coordinators_log(stage: &Stage) -> String {
    stage
        .coordinator
        .as_ref()
        .map(super::process::Program::log)
        .unwrap_or_default()
}

/// Exit code of a client that verified something which did not hold.
const UNVERIFIED: i32 = 3;

fn end(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
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
