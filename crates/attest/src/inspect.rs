//! Looking at evidence from a file: the same checks as [`crate::verify`] and [`crate::ReferenceValues::appraise`], all of
//! them, whatever failed before. What comes out is a report, never [`crate::Claims`]: evidence that is bound to no session
//! opens nothing.

use serde::Deserialize;
use serde::de::IgnoredAny;
use strongroom_crypto::time::UnixTime;

use crate::binding::Subject;
use crate::endorsements::{Endorsements, Roots};
use crate::evidence::{Evidence, ParseError};
use crate::platform::Platform;
use crate::policy::POLICY_FORMAT;
use crate::reference::{Fields, PolicyError, ReferenceValues};
use crate::report::Report;
use crate::step;
use crate::verify::{check_authenticity, check_form};

/// What evidence from a file is held against.
#[derive(Debug)]
pub struct Inspection<'a> {
    /// What vendors sign about the platform.
    pub endorsements: &'a Endorsements,
    /// What is expected; [`InspectionPolicy::strict`] where nobody says more.
    pub policy: &'a InspectionPolicy,
    /// Roots accepted beside those of the policy.
    pub roots: &'a Roots,
    /// What the evidence should say about the session, if that is known: report data, or a TPM's nonce (`extraData`).
    /// Shorter than report data, it is followed by zeros there.
    pub report_data: Option<&'a [u8]>,
    /// The time to judge at.
    pub now: UnixTime,
}

/// Reference values to look at evidence with. Unlike those that open something, they may name no program: then
/// `measurement` is not applicable.
#[derive(Debug, Clone)]
pub struct InspectionPolicy(Vec<ReferenceValues>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyJson {
    format: String,
    #[serde(default)]
    evidence: Vec<Fields>,
    #[serde(default)]
    coordinator: Vec<Fields>,
    // What is expected of a deployment, beside its machine: evidence from a file says nothing about it.
    #[serde(default, rename = "manifest_digests")]
    _manifest_digests: IgnoredAny,
    #[serde(default, rename = "roles")]
    _roles: IgnoredAny,
}

impl InspectionPolicy {
    /// The strict policy for any program on `platform`.
    #[must_use]
    pub fn strict(platform: Platform) -> Self {
        let fields = Fields {
            protection: vec![platform.protection()],
            ..Fields::of(platform)
        };
        let values = ReferenceValues::of_any_program(fields)
            .expect("the strict policy names nothing that could be wrong");
        Self(vec![values])
    }

    /// Reads a `strongroom.policy.v1`: the entries under `evidence`, or those under `coordinator`.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn parse(json: &[u8]) -> Result<Self, PolicyError> {
        let policy: PolicyJson = crate::policy::read(json)?;
        if policy.format != POLICY_FORMAT {
            return Err(PolicyError::Format(policy.format));
        }
        if !policy.evidence.is_empty() && !policy.coordinator.is_empty() {
            let what = "`evidence` and `coordinator` in one policy: which of them is meant";
            return Err(PolicyError::Json(what.to_owned()));
        }
        let entries = if policy.evidence.is_empty() {
            policy.coordinator
        } else {
            policy.evidence
        };
        if entries.is_empty() {
            return Err(PolicyError::NoReferenceValues);
        }
        entries
            .into_iter()
            .map(ReferenceValues::of_any_program)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Inspection<'_> {
    /// Every check, by the entry of the policy that is met, or else by the one that came furthest.
    #[must_use]
    pub fn report(&self, evidence: &Evidence) -> Report {
        let of_platform = |values: &&ReferenceValues| values.platform() == evidence.platform();
        let reports = self.policy.0.iter().filter(of_platform).map(|values| {
            let report = self.report_by(evidence, values);
            (report.first_failure().is_none(), report.passed_count(), report)
        });
        match reports.max_by_key(|(accepted, passed, _)| (*accepted, *passed)) {
            Some((_, _, report)) => report,
            None => {
                let mut report = self.begin(evidence);
                let accepted: Vec<_> = self
                    .policy
                    .0
                    .iter()
                    .map(|values| values.platform().name())
                    .collect();
                report.fail(step::PLATFORM, accepted.join(" or "), evidence.platform().name());
                report
            }
        }
    }

    /// The report on bytes of a known platform that cannot be read.
    #[must_use]
    pub fn unread(error: &ParseError) -> Report {
        Report::unread(Subject::File, error)
    }

    fn begin(&self, evidence: &Evidence) -> Report {
        Report::new(Subject::File, evidence.platform(), evidence.inner().protection())
    }

    fn report_by(&self, evidence: &Evidence, values: &ReferenceValues) -> Report {
        let mut report = self.begin(evidence);
        let roots = values.roots().clone().and(self.roots);
        check_form(evidence, &mut report); // 1
        // The policy names it. Whether any root is accepted for it as well, step 3 says.
        report.pass(step::PLATFORM, evidence.platform().name()); // 2
        let claims = check_authenticity(evidence, self.endorsements, &roots, self.now, &mut report); // 3–6
        self.check_report_data(evidence, &mut report); // 7
        if let Some(claims) = claims {
            values.check(&claims, &roots, &mut report, self.now); // 8–14
        }
        report
    }

    fn check_report_data(&self, evidence: &Evidence, report: &mut Report) {
        let found = evidence.inner().freshness();
        let shown = hex::encode(found);
        let Some(expected) = self.report_data else {
            report.skip(
                step::BINDING,
                format!("no report data and no nonce given; the evidence says {shown}"),
            );
            return;
        };
        report.check(step::BINDING, says(found, expected), hex::encode(expected), shown);
    }
}

/// Whether evidence that says `found` says what is expected: in report data zeros may follow. Nothing is never expected.
fn says(found: &[u8], expected: &[u8]) -> bool {
    let rest = match found.strip_prefix(expected) {
        Some(rest) if !expected.is_empty() => rest,
        _ => return false,
    };
    rest.is_empty() || found.len() == REPORT_DATA_BYTES && rest.iter().all(|byte| *byte == 0)
}

/// Length of report data. What else evidence says about a session, it says without filling.
const REPORT_DATA_BYTES: usize = 64;
