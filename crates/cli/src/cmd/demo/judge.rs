//! What became of an attack, by what the right process said: who refused, with which code and which exit code.

use super::attacks::Outcome;
use super::process::{Finished, Program, json_lines};
use super::restart::Came;
use super::say;
use super::stage::Stage;

/// A client command that must have been refused with `code`, by the client itself.
pub(super) fn judge_client(finished: &Finished, code: &str) -> Outcome {
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
pub(super) fn judge_workload(came: &Came, program: &str, codes: &[&str]) -> Outcome {
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
                sentence(&line)
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
pub(super) fn judge_coordinators_refusal(stage: &Stage, came: &Came, logged: usize, code: &str) -> Outcome {
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
            say(&format!("  strongroom_coordinator: {code}: {}", sentence(&line)));
            Outcome::Refused
        }
        None => Outcome::Elsewhere(format!(
            "expected {code} from the coordinator, its log ends: {}",
            end(&log)
        )),
    }
}

pub(super) fn coordinators_log(stage: &Stage) -> String {
    stage.coordinator.as_ref().map(Program::log).unwrap_or_default()
}

/// What a log line says of a refusal.
fn sentence(line: &serde_json::Value) -> &str {
    let said = ["error", "reason", "message"]
        .into_iter()
        .find_map(|field| line[field].as_str());
    said.unwrap_or_default()
}

/// Exit code of a client that verified something which did not hold.
const UNVERIFIED: i32 = 3;

fn end(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}
