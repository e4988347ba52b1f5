//! Errors as a person and as a script read them: code, sentence, what to do, exit code.

use std::process::ExitCode;

use clap::error::ErrorKind;
use serde::Serialize;
use strongroom_client::{Error, Kind};

use crate::context::Context;
use crate::output::{Output, Style};

/// An error, ready to be told.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Failure {
    code: String,
    message: String,
    hint: Option<String>,
    /// What the other end calls it: its own word, and nothing that we vouch for.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_code: Option<String>,
    /// Every check of the evidence that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<serde_json::Value>,
    #[serde(skip)]
    report: Option<String>,
    #[serde(skip)]
    exit: u8,
}

/// Exit codes, documented in `docs/operations/cli.md`.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const UNVERIFIED: u8 = 3;
const UNREACHABLE: u8 = 4;

impl Failure {
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let Some(ours) = error.downcast_ref::<Error>() else {
            let message = chain(error.chain());
            return Self {
                code: "internal".to_owned(),
                message,
                hint: None,
                peer_code: None,
                evidence: None,
                report: None,
                exit: FAILED,
            };
        };
        let report = match ours {
            Error::Evidence(refused) => Some(refused.report()),
            _ => None,
        };
        Self {
            code: ours.code().to_owned(),
            message: chain(error.chain()),
            hint: ours.hint(),
            peer_code: ours.peer_code().map(str::to_owned),
            evidence: report.and_then(|report| serde_json::to_value(report).ok()),
            report: report.map(ToString::to_string),
            exit: match ours.kind() {
                Kind::Failed => FAILED,
                Kind::Usage => USAGE,
                Kind::Unverified => UNVERIFIED,
                Kind::Unreachable => UNREACHABLE,
            },
        }
    }

    pub(crate) fn report(&self, context: &Context) -> ExitCode {
        self.tell(context.output);
        ExitCode::from(self.exit)
    }

    fn tell(&self, output: Output) {
        if output.is_json() {
            let text = serde_json::json!({ "error": self }).to_string();
            // Nobody is left to tell if this fails.
            let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), format!("{text}\n").as_bytes());
            return;
        }
        if let Some(report) = &self.report {
            output.error_text(report);
        }
        output.error_line(Style::Bad, &format!("error[{}]", self.code), &self.message);
        if let Some(hint) = &self.hint {
            output.error_line(Style::Note, "hint", hint);
        }
    }
}

/// Tells that the arguments were not understood, or what was asked for: help and version are no errors.
pub(crate) fn usage(error: &clap::Error, json: bool) -> ExitCode {
    let help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if help || !json {
        // Nobody is left to tell if this fails.
        let _ = error.print();
        return ExitCode::from(if help { 0 } else { USAGE });
    }
    let text = error.to_string();
    // The sentence and what it lists; usage and tips stand behind an empty line.
    let sentence: Vec<_> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect();
    let message = sentence.join(" ").trim_start_matches("error: ").to_owned();
    Failure {
        code: "input.invalid".to_owned(),
        message,
        hint: Some("see --help".to_owned()),
        peer_code: None,
        evidence: None,
        report: None,
        exit: USAGE,
    }
    .tell(Output::new(true));
    ExitCode::from(USAGE)
}

/// An error with its causes. What a cause repeats is said once.
fn chain<'a>(errors: impl Iterator<Item = &'a (dyn std::error::Error + 'static)>) -> String {
    let mut text = String::new();
    for error in errors {
        let sentence = error.to_string();
        if !text.contains(&sentence) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&sentence);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use strongroom_client::Answerer;

    use super::*;

    fn failure(error: Error) -> Failure {
        Failure::of(&error.into())
    }

    #[test]
    fn an_error_has_code_sentence_hint_and_exit_code() {
        let gone = failure(Error::File {
            action: "read",
            path: PathBuf::from("x"),
            source: std::io::Error::from(std::io::ErrorKind::NotFound),
        });
        assert_eq!((gone.code.as_str(), gone.exit), ("file.failed", FAILED));
        assert_eq!(gone.message, "cannot read x: entity not found");

        let old = failure(Error::RolledBack {
            peer: "localhost:4433".to_owned(),
        });
        assert_eq!((old.code.as_str(), old.exit), ("state.rolled_back", UNVERIFIED));
        assert!(old.hint.unwrap().contains("nothing may be sent to it"));

        let late = failure(Error::Timeout {
            peer: "x".to_owned(),
            seconds: 1,
        });
        assert_eq!((late.code.as_str(), late.exit), ("channel.timeout", UNREACHABLE));

        let wrong = failure(Error::Input {
            what: "x".to_owned(),
            why: "y".to_owned(),
        });
        assert_eq!((wrong.code.as_str(), wrong.exit), ("input.invalid", USAGE));
    }

    #[test]
    fn a_refusal_of_the_other_end_has_its_code_beside_ours() {
        let refused = |answerer| {
            failure(Error::Refused {
                peer: "the coordinator at x:1".to_owned(),
                answerer,
                code: Some("secret.manifest_changed".to_owned()),
                message: "another manifest is in force".to_owned(),
                request_id: "7".to_owned(),
            })
        };
        let verified = refused(Answerer::Verified);
        assert_eq!(verified.exit, FAILED);
        assert_eq!(
            verified.message,
            "the coordinator at x:1 refused: another manifest is in force (request 7) \
             (its code: secret.manifest_changed)"
        );
        let json = serde_json::to_value(&verified).unwrap();
        assert_eq!(json["code"], "peer.refused");
        assert_eq!(json["peer_code"], "secret.manifest_changed");
        assert!(verified.hint.unwrap().contains("verify the deployment again"));
        assert_eq!(refused(Answerer::Unverified).hint, None);
    }

    #[test]
    fn json_has_the_three_parts() {
        let error = failure(Error::Exists(PathBuf::from("key")));
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(json["code"], "file.exists");
        assert_eq!(json["message"], "key is there already");
        assert!(json["hint"].as_str().unwrap().contains("--force"));
        assert_eq!(json.as_object().unwrap().len(), 3);
    }
}
