//! Reference values and their appraisal: what an owner, a client, a launcher or a manifest's package expects of an
//! attester. One JSON form, `strongroom.policy.v1` (schema in `docs/schema/policy.v1.json`), for all of them.
//!
//! Steps 8 to 14, after those of `verify`:
//!
//!  8. The platform protects as much as is accepted; what is less than confidential must be named.
//!  9. Nobody can look into the attester.
//! 10. The program is one of those expected.
//! 11. Its signer is one of those expected.
//! 12. Its product number is the expected one.
//! 13. Its security version is high enough.
//! 14. The workload description is one of those expected; where none is listed, there must be none.
//!
//! Before them, platform and root are held against *this* list again: a verifier that accepts the roots of several
//! packages lends none of them another's root.

use serde::{Deserialize, Serialize};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use crate::binding::Binding;
use crate::claims::Claims;
use crate::endorsements::{Anchor, AttestationKey, Endorsements, Roots, root_id};
use crate::error::VerifyError;
use crate::evidence::Evidence;
pub use crate::fields::{Fields, PolicyError};
use crate::fields::{check_policies, check_program, knows_attestation_keys};
use crate::platform::{Facts, Platform, tpm};
pub use crate::policy::{ClientPolicy, CoordinatorExpectation, POLICY_FORMAT, Roles};
use crate::report::Report;
use crate::rules::Rules;
pub use crate::rules::{Exception, Expiry};
use crate::step::{self, Step};
use crate::verify::{Verified, verify};

/// What is expected of an attester. Holds at least one measurement or signer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct ReferenceValues {
    fields: Fields,
    roots: Roots,
}

impl ReferenceValues {
    /// Checks reference values; afterwards they cannot be empty or contradict themselves.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn new(fields: Fields) -> Result<Self, PolicyError> {
        check_program(&fields)?;
        if fields.roots.is_empty() && !fields.platform.has_vendor_root() && !knows_attestation_keys(&fields) {
            return Err(PolicyError::NoRoot(fields.platform));
        }
        Self::of_any_program(fields)
    }

    /// Reference values that may name no program and no root: enough to look at evidence, never to trust it.
    pub(crate) fn of_any_program(fields: Fields) -> Result<Self, PolicyError> {
        let platform = fields.platform;
        if fields.protection.is_empty() {
            return Err(PolicyError::NoProtection(platform));
        }
        check_policies(&fields)?;
        Rules::validate(platform, &fields.exceptions, &fields.required_checks)?;
        let mut roots = Roots::none();
        if fields.roots.is_empty() {
            roots = roots.with_vendor(platform);
        }
        for (index, pem) in fields.roots.iter().enumerate() {
            let root = Certificate::parse_pem(pem).map_err(|_| PolicyError::Root { platform, index })?;
            roots = roots.with(platform, root);
        }
        for key in fields
            .tpm
            .iter()
            .flat_map(|policy| &policy.trusted_attestation_keys)
        {
            roots = roots.with_attestation_key(key.to_pin());
        }
        Ok(Self { fields, roots })
    }

    /// The values as they are written.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The platform.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        self.fields.platform
    }

    /// The accepted roots, to verify with.
    #[must_use]
    pub const fn roots(&self) -> &Roots {
        &self.roots
    }

    /// The same values for evidence by an attestation key that was enrolled on this very connection: it counts where its
    /// endorsement key hangs on a root of these values. A pin is none of a connection's business and changes nothing.
    #[must_use]
    pub fn with_enrolled(mut self, key: &AttestationKey) -> Self {
        if key.endorsement_root.is_some() {
            self.roots = self.roots.with_attestation_key(key.clone());
        }
        self
    }

    /// Holds verified claims against these values, and goes on with the report of the verification.
    ///
    /// # Errors
    /// [`VerifyError`] with the code of the first step that failed.
    pub fn appraise(&self, verified: Verified) -> Result<Appraised, VerifyError> {
        let Verified {
            claims,
            mut report,
            at,
        } = verified;
        self.check(&claims, &self.roots, &mut report, at);
        match report.first_failure() {
            None => Ok(Appraised { claims, report }),
            Some(_) => Err(VerifyError::of(&report)),
        }
    }

    /// Steps 8 to 14, into the report. `roots` are those of these values, and whatever else who looks accepts.
    pub(crate) fn check(&self, claims: &Claims, roots: &Roots, report: &mut Report, now: UnixTime) {
        let expected = &self.fields;
        report.under(Rules::new(&expected.exceptions, &expected.required_checks, now));
        if claims.platform() != expected.platform {
            report.fail(step::PLATFORM, expected.platform.name(), claims.platform().name());
            return;
        }
        // What nobody vouched for under any root is told already.
        let told = report.has_failed(step::ROOT) || report.has_failed(tpm::step::BOUND);
        if !names_root_of(roots, claims) && !told {
            report.fail(
                step::ROOT,
                "a root that these reference values name",
                format!("root {}", claims.root()),
            );
        }
        let protection = expected.protection.contains(&claims.protection());
        report.check(
            step::PROTECTION,
            protection,
            any_of(&expected.protection),
            claims.protection().to_string(),
        ); // 8
        let debug = if claims.debug() {
            "debug mode"
        } else {
            "no debug mode"
        };
        report.check(
            step::DEBUG,
            expected.debug || !claims.debug(),
            "no debug mode",
            debug,
        ); // 9
        claims.facts().appraise(expected, now, report); // 9
        one_of(
            report,
            step::MEASUREMENT,
            &expected.measurements,
            Some(claims.measurement()),
        ); // 10
        one_of(report, step::SIGNER, &expected.signers, claims.signer().as_ref()); // 11
        let product: Vec<u64> = expected.product.into_iter().collect();
        one_of(report, step::PRODUCT, &product, claims.product().as_ref()); // 12
        check_security_version(report, expected.security_version_min, claims.security_version()); // 13
        check_workload(report, expected, claims.workload()); // 14
        report.conclude();
    }
}

/// Whether the root that was used is one of these: a verifier may have accepted others as well.
fn names_root_of(roots: &Roots, claims: &Claims) -> bool {
    let platform = claims.platform();
    match (claims.facts(), claims.anchor()) {
        (Facts::Tpm(facts), _) => facts.is_vouched_for_by(roots),
        (_, Anchor::Vendor) => roots.accepts_vendor(platform),
        (_, Anchor::Named) => roots.of(platform).any(|root| root_id(root) == claims.root()),
        (_, Anchor::AttestationKey) => false,
    }
}

/// Evidence that verified, and is what was wanted. [`ReferenceValues::appraise`] is the only way to get one.
#[derive(Debug, Clone)]
#[must_use]
pub struct Appraised {
    claims: Claims,
    report: Report,
}

impl Appraised {
    /// What the evidence proves.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Every check.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    pub(crate) fn and(self, report: Report) -> Self {
        Self { report, ..self }
    }
}

/// Verifies and appraises in one call: one of the entries must hold as a whole, with its own roots.
///
/// # Errors
/// [`VerifyError`] of the entry that came furthest.
pub fn verify_against(
    entries: &[ReferenceValues],
    evidence: &Evidence,
    endorsements: &Endorsements,
    binding: &Binding,
    now: UnixTime,
) -> Result<Appraised, VerifyError> {
    let mut furthest: Option<VerifyError> = None;
    for entry in entries
        .iter()
        .filter(|entry| entry.platform() == evidence.platform())
    {
        let attempt = verify(evidence, endorsements, entry.roots(), binding, now)
            .and_then(|verified| entry.appraise(verified));
        match attempt {
            Ok(appraised) => return Ok(appraised),
            Err(error) if furthest.as_ref().is_none_or(|other| came_further(&error, other)) => {
                furthest = Some(error)
            }
            Err(_) => {}
        }
    }
    Err(furthest.unwrap_or_else(|| {
        let mut report = Report::new(
            binding.subject(),
            evidence.platform(),
            evidence.inner().protection(),
        );
        let accepted: Vec<_> = entries.iter().map(ReferenceValues::platform).collect();
        report.fail(step::PLATFORM, any_of(&accepted), evidence.platform().name());
        VerifyError::of(&report)
    }))
}

fn came_further(error: &VerifyError, other: &VerifyError) -> bool {
    error.report().passed_count() > other.report().passed_count()
}

fn one_of<T: PartialEq + std::fmt::Display>(
    report: &mut Report,
    step: Step,
    expected: &[T],
    found: Option<&T>,
) {
    if expected.is_empty() {
        report.skip(step, "no reference value");
        return;
    }
    let holds = found.is_some_and(|found| expected.contains(found));
    let found = found.map_or_else(|| "none".to_owned(), ToString::to_string);
    report.check(step, holds, any_of(expected), found);
}

fn check_security_version(report: &mut Report, least: Option<u64>, found: Option<u64>) {
    let Some(least) = least else {
        report.skip(step::SECURITY_VERSION, "no reference value");
        return;
    };
    let holds = found.is_some_and(|found| found >= least);
    let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
    report.check(step::SECURITY_VERSION, holds, format!("at least {least}"), found);
}

fn check_workload(report: &mut Report, expected: &Fields, found: Option<Digest32>) {
    let any_program = expected.measurements.is_empty() && expected.signers.is_empty();
    match found {
        None if expected.workloads.is_empty() => report.skip(step::WORKLOAD, "none expected, none described"),
        // Who names no program only looks at evidence.
        Some(found) if expected.workloads.is_empty() && any_program => {
            report.skip(step::WORKLOAD, format!("no reference value; it is {found}"));
        }
        Some(found) if expected.workloads.is_empty() => {
            report.fail(step::WORKLOAD, "no workload description", found.to_string());
        }
        found => one_of(report, step::WORKLOAD, &expected.workloads, found.as_ref()),
    }
}

/// At most this many accepted values stand in one line of a report.
const LISTED_MAX: usize = 4;

pub(crate) fn any_of<T: std::fmt::Display>(accepted: &[T]) -> String {
    let mut listed: Vec<String> = accepted
        .iter()
        .take(LISTED_MAX)
        .map(ToString::to_string)
        .collect();
    if accepted.len() > LISTED_MAX {
        listed.push(format!("{} more", accepted.len() - LISTED_MAX));
    }
    listed.join(" or ")
}

impl TryFrom<Fields> for ReferenceValues {
    type Error = PolicyError;

    fn try_from(fields: Fields) -> Result<Self, PolicyError> {
        Self::new(fields)
    }
}

impl From<ReferenceValues> for Fields {
    fn from(values: ReferenceValues) -> Self {
        values.fields
    }
}
