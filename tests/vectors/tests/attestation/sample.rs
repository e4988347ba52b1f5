//! One sample with its endorsements, judged at a time.

use std::collections::BTreeSet;

use strongroom_attest::{
    Endorsements, Evidence, Inspection, InspectionPolicy, Outcome, Platform, Report, Roots,
};
use strongroom_crypto::time::UnixTime;

use crate::FAMILY;

/// Evidence and what it is held against.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) platform: Platform,
    pub(crate) evidence: Vec<u8>,
    pub(crate) endorsements: Endorsements,
    pub(crate) event_log: Option<Vec<u8>>,
    pub(crate) at: UnixTime,
}

impl Sample {
    /// A sample of the family: evidence and endorsements are files of `folder`.
    pub(crate) fn read(folder: &str, evidence: &str, endorsements: &[&str], at: u64) -> Self {
        let (platform, _) = folder.split_once('/').expect("a folder below the platform's");
        let mut read = Endorsements::none();
        for name in endorsements {
            let bytes = FAMILY.read(&format!("{folder}/{name}"));
            read.add(&bytes)
                .unwrap_or_else(|error| panic!("{folder}/{name}: {error}"));
        }
        Self {
            platform: platform.parse().expect("a platform"),
            evidence: FAMILY.read(&format!("{folder}/{evidence}")),
            endorsements: read,
            event_log: None,
            at: UnixTime(at),
        }
    }

    /// The same with other bytes for evidence.
    pub(crate) fn with_evidence(&self, evidence: Vec<u8>) -> Self {
        Self {
            evidence,
            ..self.clone()
        }
    }

    /// The report by the strict policy; none where the bytes are not taken for evidence of the platform at all.
    pub(crate) fn report(&self) -> Option<Report> {
        self.report_by(&InspectionPolicy::strict(self.platform))
    }

    pub(crate) fn report_by(&self, policy: &InspectionPolicy) -> Option<Report> {
        let inspection = Inspection {
            endorsements: &self.endorsements,
            policy,
            roots: &Roots::none(),
            report_data: None,
            now: self.at,
        };
        match Evidence::read_native(Some(self.platform), &self.evidence, self.event_log.as_deref()) {
            Ok(evidence) => Some(inspection.report(&evidence)),
            Err(error) if error.is_foreign() => None,
            Err(error) => Some(Inspection::unread(&error)),
        }
    }
}

/// Ids of the checks that failed, of steps 1 to 5: whether it is real. What is wanted of it comes after.
pub(crate) fn not_authentic(report: &Report) -> BTreeSet<&'static str> {
    let early = |step: &str| step.parse::<u8>().is_ok_and(|step| step <= 5);
    report
        .checks()
        .iter()
        .filter(|check| early(check.step) && matches!(check.outcome, Outcome::Failed { .. }))
        .map(|check| check.id)
        .collect()
}

/// Ids of all checks that failed.
pub(crate) fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.checks().iter();
    failed
        .filter(|check| matches!(check.outcome, Outcome::Failed { .. }))
        .map(|check| check.id)
        .collect()
}
