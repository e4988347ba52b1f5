//! The numbered steps of verification, RFC 9334 §3. Steps 8 to 15 belong to the appraisal, see [`crate::reference`].
//!
//! 1. The bytes are evidence ([`Evidence::parse`]).
//! 2. The platform is one that this program can verify, and some root is accepted for it.
//! 3. An accepted root vouches for the key that signed the evidence.
//! 4. What vouches lies within its time.
//! 5. The signature over the evidence is right.
//! 6. The evidence was made about now.
//! 7. Its report data is that of the session, as the verifier itself sees the session.
//!
//! Every step is made and reported even after one failed; the error carries the code of the first.

use strongroom_crypto::time::UnixTime;

use crate::binding::Binding;
use crate::claims::Claims;
use crate::endorsements::{Endorsements, Roots};
use crate::error::VerifyError;
use crate::evidence::{Evidence, Form};
use crate::report::{Report, step};

/// How far two honest clocks may lie apart.
pub const TOLERANCE_SECONDS: u64 = 5 * 60;

/// Evidence is made for one connection; older evidence is refused even where its binding would still hold.
pub const EVIDENCE_AGE_SECONDS_MAX: u64 = 60 * 60;

/// Evidence that verified: what is true of the machine. Whether that is wanted, an appraisal says.
#[derive(Debug, Clone)]
pub struct Verified {
    pub(crate) claims: Claims,
    pub(crate) report: Report,
    pub(crate) at: UnixTime,
}

impl Verified {
    /// What the evidence proves.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The checks made so far.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// The time of the verification: exceptions from the policy end by it.
    #[must_use]
    pub const fn at(&self) -> UnixTime {
        self.at
    }
}

/// What a platform's checks may look at.
pub(crate) struct Context<'a> {
    pub(crate) roots: &'a Roots,
    pub(crate) now: UnixTime,
    /// The verifier's own endorsements, and those that came with the evidence.
    pub(crate) endorsements: &'a Endorsements,
    /// The verifier's own alone: of what may be left out, whoever sends evidence chooses what suits them.
    pub(crate) own: &'a Endorsements,
}

/// Verifies evidence against what this end knows of the session.
///
/// # Errors
/// [`VerifyError`] with the code of the first step that failed, whose evidence it was, and the report of all.
pub fn verify(
    evidence: &Evidence,
    endorsements: &Endorsements,
    roots: &Roots,
    binding: &Binding,
    now: UnixTime,
) -> Result<Verified, VerifyError> {
    let mut report = Report::new(
        binding.subject(),
        evidence.platform(),
        evidence.inner().protection(),
    );
    check_form(evidence, &mut report); // 1
    check_platform(evidence, roots, &mut report); // 2
    let claims = check_authenticity(evidence, endorsements, roots, now, &mut report); // 3–6
    check_binding(evidence, binding, &mut report); // 7
    match (report.first_failure(), claims) {
        (None, Some(claims)) => Ok(Verified {
            claims,
            report,
            at: now,
        }),
        _ => Err(VerifyError::of(&report)),
    }
}

/// Step 1: it could be read.
pub(crate) fn check_form(evidence: &Evidence, report: &mut Report) {
    let form = evidence.form();
    let found = match form {
        // Our body is not what lies in the file.
        Form::Native => form.to_string(),
        Form::Envelope | Form::OpenEnclave => format!("{form}, {} bytes", evidence.inner().body().len()),
    };
    report.pass(step::FORM, found);
}

/// Steps 3 to 6: is it real? Makes claims even when a check failed; only the report says whether they hold.
pub(crate) fn check_authenticity(
    evidence: &Evidence,
    endorsements: &Endorsements,
    roots: &Roots,
    now: UnixTime,
    report: &mut Report,
) -> Option<Claims> {
    let all = endorsements.clone().and(&evidence.inner().endorsements());
    let context = Context {
        roots,
        now,
        endorsements: &all,
        own: endorsements,
    };
    evidence.inner().verify(&context, report) // 3–6
}

fn check_platform(evidence: &Evidence, roots: &Roots, report: &mut Report) {
    let platform = evidence.platform();
    let accepted = roots.accepts(platform);
    report.check(
        step::PLATFORM,
        accepted,
        format!("a platform with an accepted root, {platform} has none"),
        platform.name(),
    );
}

fn check_binding(evidence: &Evidence, binding: &Binding, report: &mut Report) {
    // MarbleRun's form carries no type, no UUID and no exporter: never enough for evidence in our envelope, which
    // could have carried all of them. Evidence from a file was made for nobody's session.
    let fitting = match evidence.form() {
        Form::Envelope => !matches!(binding, Binding::MarbleRun { .. }),
        Form::OpenEnclave => matches!(binding, Binding::MarbleRun { .. }),
        Form::Native => false,
    };
    if !fitting {
        let expected = if matches!(binding, Binding::MarbleRun { .. }) {
            "SGX evidence in MarbleRun's own form"
        } else {
            "evidence in an envelope of ours"
        };
        report.fail(step::BINDING, expected, evidence.form().to_string());
        return;
    }
    let expected = binding.report_data();
    let found = evidence.report_data();
    report.check(step::BINDING, &expected == found, short(&expected), short(found));
}

/// Enough of 64 bytes to compare two ends' logs.
fn short(report_data: &[u8; 64]) -> String {
    format!("report data {}…", hex::encode(&report_data[..12]))
}
