//! MarbleRun's update log: its projection of ours, in its words.

use serde::Serialize;
use strongroom_api::coordinator::go_json;
use strongroom_api::coordinator::log::{Actor, Record};
use strongroom_api::coordinator::problem::Code;
use strongroom_crypto::time::UnixTime;

use super::{Coordinator, Failure};

/// Most entries that are shown: the newest.
pub const ENTRIES_MAX: usize = 10_000;

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    update: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'a str>,
}

impl Coordinator {
    /// One JSON object per entry, oldest first.
    ///
    /// # Errors
    /// [`Failure`] where there is no manifest yet, or the log cannot be read.
    pub async fn update_log(&self) -> Result<Vec<String>, Failure> {
        let view = self.view();
        let (deployment, _) = view.running()?;
        let skip = deployment.updates.len().saturating_sub(ENTRIES_MAX);
        let mut lines = Vec::new();
        for sequence in deployment.updates.iter().skip(skip) {
            let entries = self.store.read(*sequence, 1).await.map_err(|error| {
                tracing::error!(
                    code = "state.store",
                    error = &error as &dyn std::error::Error,
                    "the log cannot be read"
                );
                Failure::server(Code::StateStore, "the log cannot be read")
            })?;
            let record = entries
                .first()
                .and_then(|entry| serde_json::from_slice(&entry.record).ok());
            let record: Record = record.ok_or_else(Failure::internal)?;
            lines.push(line(&record));
        }
        Ok(lines)
    }
}

fn line(record: &Record) -> String {
    let detail = |name: &str| record.details.get(name).map(String::as_str);
    let user = match &record.actor {
        Actor::User { name, .. } => Some(name.as_str()),
        _ => None,
    };
    let set = record.event == "secret_set";
    let line = Line {
        time: iso(record.time_ms),
        update: if set { "Secret set" } else { "Initial manifest set" },
        user,
        secret: if set { detail("secret") } else { None },
        kind: if set { detail("type") } else { None },
    };
    let json = go_json::to_vec(&line).expect("texts serialise");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// ISO 8601 with milliseconds, UTC.
fn iso(time_ms: u64) -> String {
    let text = UnixTime(time_ms / 1000).to_string();
    let seconds = text.strip_suffix('Z').unwrap_or(&text);
    format!("{seconds}.{:03}Z", time_ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use strongroom_api::coordinator::bytes::Hex32;

    #[test]
    fn speaks_as_marblerun_does() {
        let mut record = Record {
            epoch: 0,
            sequence: 3,
            time_ms: 1_795_486_171_179,
            actor: Actor::Anonymous,
            event: "manifest_set".into(),
            details: BTreeMap::new(),
        };
        assert_eq!(
            line(&record),
            r#"{"time":"2026-11-24T02:09:31.179Z","update":"Initial manifest set"}"#
        );
        record.event = "secret_set".into();
        record.actor = Actor::User {
            name: "admin".into(),
            certificate: Hex32([0; 32]),
        };
        record.details = BTreeMap::from([("secret".into(), "plain".into()), ("type".into(), "plain".into())]);
        let want = r#"{"time":"2026-11-24T02:09:31.179Z","update":"Secret set","user":"admin","secret":"plain","type":"plain"}"#;
        assert_eq!(line(&record), want);
    }
}
