//! `verdicts.json`: what the strict default policy says of each sample, at several times.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use strongroom_attest::{Outcome, Report};

use crate::FAMILY;
use crate::sample::{Sample, failed};

/// One row.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) case: String,
    pub(crate) evidence: String,
    pub(crate) endorsements: Vec<String>,
    pub(crate) at: u64,
    accepted: bool,
    reasons: Vec<String>,
    tcb_status: Option<String>,
    advisories: Option<Vec<String>>,
    generation: Option<String>,
    signing_key: Option<String>,
}

impl Row {
    pub(crate) fn name(&self) -> String {
        format!("{} {} {:?}", self.id, self.case, self.endorsements)
    }

    fn of(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let texts = |name: &str| -> Option<Vec<String>> {
            let texts = row[name].as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect()
        };
        Self {
            id: text("id").expect("id"),
            case: text("case").expect("case"),
            evidence: text("evidence").expect("evidence"),
            endorsements: texts("endorsements").expect("endorsements"),
            at: row["at"].as_u64().expect("at"),
            accepted: match row["strict_default"].as_str().expect("strict_default") {
                "accepted" => true,
                "refused" => false,
                other => panic!("{other}"),
            },
            reasons: texts("reasons").expect("reasons"),
            tcb_status: text("tcb_status"),
            advisories: texts("advisories"),
            generation: text("generation"),
            signing_key: text("signing_key"),
        }
    }

    pub(crate) fn sample(&self) -> Sample {
        let endorsements: Vec<&str> = self.endorsements.iter().map(String::as_str).collect();
        Sample::read(&self.id, &self.evidence, &endorsements, self.at)
    }

    /// What of a report in JSON is not as the row says.
    pub(crate) fn differences(&self, report: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differs = |what: &str, expected: String, found: &Value| {
            differences.push(format!(
                "{}: {what}: expected {expected}, found {found}",
                self.name()
            ));
        };
        let verdict = if self.accepted { "accepted" } else { "refused" };
        if report["verdict"] != verdict {
            differs("verdict", verdict.to_owned(), &report["verdict"]);
        }
        let first = &report["first_failed_check"];
        let among = |id: &str| self.reasons.iter().any(|reason| reason == id);
        if !first.as_str().map_or(self.accepted, among) {
            differs("first failed check", format!("{:?}", self.reasons), first);
        }
        if let Some(status) = &self.tcb_status
            && report["tcb_status"] != status.as_str()
        {
            differs("TCB status", status.clone(), &report["tcb_status"]);
        }
        if let Some(advisories) = &self.advisories {
            let found: Option<Vec<String>> = serde_json::from_value(report["advisories"].clone()).ok();
            let sorted = |mut list: Vec<String>| {
                list.sort();
                list
            };
            if found.map(sorted) != Some(sorted(advisories.clone())) {
                differs("advisories", format!("{advisories:?}"), &report["advisories"]);
            }
        }
        let told = |id: &str| {
            let checks = report["checks"].as_array().into_iter().flatten();
            let mut told = checks.filter(|check| check["id"] == id);
            told.next().cloned().unwrap_or_default()
        };
        for (id, expected) in [("generation", &self.generation), ("vek.kind", &self.signing_key)] {
            let check = told(id);
            let found = check["found"].as_str().unwrap_or_default().to_ascii_lowercase();
            if let Some(expected) = expected
                && !found.contains(&expected.to_ascii_lowercase())
            {
                differs(id, expected.clone(), &check["found"]);
            }
        }
        differences
    }
}

/// Every row.
pub(crate) fn rows() -> Vec<Row> {
    let verdicts: Value = serde_json::from_str(&FAMILY.text("verdicts.json")).expect("JSON");
    let rows = verdicts["cases"].as_array().expect("a list");
    assert_eq!(rows.len(), 111, "the file has changed");
    rows.iter().map(Row::of).collect()
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_verdict_is_ours() {
    let mut differences = Vec::new();
    for row in rows() {
        let report = row.sample().report().expect("evidence of its platform");
        let json = serde_json::to_value(&report).expect("JSON");
        differences.extend(row.differences(&json));
        println!("{}: {} {:?}", row.name(), report.verdict(), failed(&report));
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The results as `docs/attestation.md` shows them.
fn table() -> String {
    let mut table = "\n| sample | endorsements | as of | verdict | first failed check | TCB |\n|---|---|---|---|---|---|\n".to_owned();
    let mut outside: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for row in rows() {
        let report = row.sample().report().expect("evidence of its platform");
        let first = report.first_failure().map_or("–", |check| check.id);
        if !row.case.starts_with("inside") {
            *outside.entry((row.case.clone(), first)).or_default() += 1;
            continue;
        }
        let endorsements = match &row.endorsements[..] {
            [collateral] => collateral
                .trim_start_matches("collateral-")
                .trim_end_matches(".json"),
            _ => "chain",
        };
        let tcb = report.tcb().map_or_else(
            || "–".to_owned(),
            |tcb| match tcb.advisories.len() {
                0 => tcb.status.clone(),
                count => format!("{}, {count} advisories", tcb.status),
            },
        );
        let at = strongroom_crypto::time::UnixTime(row.at);
        writeln!(
            table,
            "| {} | {endorsements} | {at} | {} | {} | {tcb} |",
            row.id,
            report.verdict(),
            if first == "–" {
                first.to_owned()
            } else {
                format!("`{first}`")
            }
        )
        .expect("text");
    }
    table.push('\n');
    for ((case, first), count) in outside {
        writeln!(table, "- {case}: {count} by `{first}`").expect("text");
    }
    table + "\n"
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn the_page_shows_these_results() {
    let (begin, end) = ("<!-- samples -->", "<!-- end of samples -->");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attestation.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(begin).expect("the beginning of the table");
    let (shown, after) = rest.split_once(end).expect("its end");
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{}{end}{after}", table())).expect("writable");
        return;
    }
    assert_eq!(shown, table());
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_report_says_what_it_could_not_check() {
    for row in rows() {
        let report = row.sample().report().expect("evidence of its platform");
        let not_applicable = |report: &Report, id: &str| {
            let mut checks = report.checks().iter().filter(|check| check.id == id);
            checks.any(|check| matches!(check.outcome, Outcome::NotApplicable { .. }))
        };
        for id in ["binding", "measurement"] {
            assert!(not_applicable(&report, id), "{}: {id}: {report}", row.name());
        }
    }
}
