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
use crate::evidence::Evidence;
use crate::report::{Report, step};

/// How far two honest clocks may lie apart.
pub const TOLERANCE_SECONDS: u64 = 5 * 60;

/// Evidence is made for one connection; older evidence is refused even where its binding would still hold.
pub const EVIDENCE_AGE_SECONDS_MAX: u64 = 60 * 60;

/// Evidence that verified: what is true of the machine. Whether that is wanted, an appraisal says.
#[derive(Debug, Clone)]
pub struct Verified {
    claims: Claims,
    report: Report,
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

    /// Claims, and the report for the appraisal to go on with.
    #[must_use]
    pub fn into_parts(self) -> (Claims, Report) {
        (self.claims, self.report)
    }
}

/// What a platform's checks may look at.
pub(crate) struct Context<'a> {
    #[cfg_attr(
        not(feature = "simulation"),
        expect(dead_code, reason = "no platform is built in")
    )]
    pub(crate) roots: &'a Roots,
    #[cfg_attr(
        not(feature = "simulation"),
        expect(dead_code, reason = "no platform is built in")
    )]
    pub(crate) now: UnixTime,
    /// Platforms with collateral read it.
    #[expect(dead_code, reason = "the software platform has no collateral")]
    pub(crate) endorsements: &'a Endorsements,
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
    report.pass(
        step::FORM,
        format!("an envelope of {} bytes", evidence.to_bytes().len()),
    );
    check_platform(evidence, roots, &mut report); // 2
    let context = Context {
        roots,
        now,
        endorsements,
    };
    let claims = evidence.inner().verify(&context, &mut report); // 3–6
    check_binding(evidence, binding, &mut report); // 7
    match (report.first_failure(), claims) {
        (None, Some(claims)) => Ok(Verified { claims, report }),
        _ => Err(VerifyError::of(&report)),
    }
}

fn check_platform(evidence: &Evidence, roots: &Roots, report: &mut Report) {
    let platform = evidence.platform();
    let accepted = roots.of(platform).next().is_some();
    report.check(
        step::PLATFORM,
        accepted,
        format!("a platform with an accepted root, {platform} has none"),
        platform.name(),
    );
}

fn check_binding(evidence: &Evidence, binding: &Binding, report: &mut Report) {
    // MarbleRun's form carries no type, no UUID and no exporter: never enough for evidence in our envelope, which
    // could have carried all of them.
    if matches!(binding, Binding::MarbleRun { .. }) {
        report.fail(
            step::BINDING,
            "SGX evidence in MarbleRun's own form",
            "evidence in an envelope of ours",
        );
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
