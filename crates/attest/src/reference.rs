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
use crate::claims::{Claims, Measurement, Protection};
use crate::code::{self, Code};
use crate::endorsements::{Anchor, Endorsements, Roots, root_id};
use crate::error::VerifyError;
use crate::evidence::Evidence;
use crate::platform::{Platform, sgx, snp, tdx, tpm};
pub use crate::policy::{ClientPolicy, CoordinatorExpectation, POLICY_FORMAT, Roles};
use crate::report::Report;
use crate::rules::Rules;
pub use crate::rules::{Exception, Expiry};
use crate::step::{self, Step};
use crate::verify::{Verified, verify};

/// Reference values as they are written. [`ReferenceValues::new`] checks them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The platform.
    pub platform: Platform,
    /// Accepted roots, PEM. The software platform has no default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
    /// Accepted measurements of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Accepted signers of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Digest32>,
    /// The product number, with a signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<u64>,
    /// Least security version, with a signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_version_min: Option<u64>,
    /// Accepted digests of workload descriptions; none means that the program must be no launcher of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<Digest32>,
    /// Accepted protection; `confidential` unless said otherwise.
    #[serde(default = "confidential", skip_serializing_if = "is_confidential")]
    pub protection: Vec<Protection>,
    /// What is asked of an SGX platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sgx: Option<sgx::Policy>,
    /// What is asked of a TDX platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tdx: Option<tdx::Policy>,
    /// What is asked of an SEV-SNP platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snp: Option<snp::Policy>,
    /// What is asked of a TPM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<tpm::Policy>,
    /// Checks, by id, that must find something to check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_checks: Vec<String>,
    /// Named exceptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// Whether debug mode is accepted. Only a manifest's package can say so (`Debug`), never a policy.
    #[serde(skip)]
    pub debug: bool,
}

impl Fields {
    /// Expects nothing yet: not enough for [`ReferenceValues::new`].
    #[must_use]
    pub fn of(platform: Platform) -> Self {
        Self {
            platform,
            roots: Vec::new(),
            measurements: Vec::new(),
            signers: Vec::new(),
            product: None,
            security_version_min: None,
            workloads: Vec::new(),
            protection: confidential(),
            sgx: None,
            tdx: None,
            snp: None,
            tpm: None,
            required_checks: Vec::new(),
            exceptions: Vec::new(),
            debug: false,
        }
    }
}

/// What is expected of an attester. Holds at least one measurement or signer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct ReferenceValues {
    fields: Fields,
    roots: Roots,
}

/// A policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No JSON of this form.
    #[error("the policy cannot be read: {0}")]
    Json(String),
    /// Too large to be one.
    #[error("the policy has {length} bytes, more than {max}")]
    TooLarge {
        /// Bytes found.
        length: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Another format, or another version.
    #[error("the policy says format {0:?}, this program reads \"strongroom.policy.v1\"")]
    Format(String),
    /// Nothing is expected of a program.
    #[error(
        "reference values for platform {0} name neither a measurement nor a signer: any program would do"
    )]
    NoProgram(Platform),
    /// The software platform has no default root.
    #[error("reference values for platform {0} name no root, and there is no default")]
    NoRoot(Platform),
    /// A root is no certificate.
    #[error("root {index} of the reference values for platform {platform} is no PEM certificate")]
    Root {
        /// The platform.
        platform: Platform,
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A measurement of another platform.
    #[error("measurement {found} has not the {bytes} bytes of a measurement of platform {platform}")]
    Measurement {
        /// The platform.
        platform: Platform,
        /// What is given.
        found: Measurement,
        /// What the platform has.
        bytes: usize,
    },
    /// A signer that cannot be told from the signer's other products.
    #[error("reference values for platform {0} name a signer without product and security_version_min")]
    SignerAlone(Platform),
    /// Signer fields for a platform without signers, or without a signer.
    #[error("reference values for platform {0} name product or security_version_min without a signer")]
    NoSigner(Platform),
    /// The platform knows no signers.
    #[error("platform {0} knows no signer of programs")]
    SignerUnknown(Platform),
    /// The policy of one platform in the reference values of another.
    #[error("reference values for platform {platform} hold a policy for platform {other}")]
    OtherPlatform {
        /// The platform of the reference values.
        platform: Platform,
        /// The platform of the policy.
        other: Platform,
    },
    /// No check has this id.
    #[error("there is no check {0:?}; docs/attestation.md lists them")]
    UnknownCheck(String),
    /// What is forged or of another session cannot be answered for.
    #[error("nobody can make an exception from check {0:?}")]
    NoException(String),
    /// An exception that nobody answers for.
    #[error("the exception from check {0:?} needs an owner and a reason of at most 512 bytes each")]
    ExceptionWithoutOwner(String),
    /// What a platform's policy says cannot be.
    #[error("the policy for platform {platform} cannot be used: {what}")]
    Platform {
        /// The platform.
        platform: Platform,
        /// What is wrong.
        what: String,
    },
    /// Nothing is accepted.
    #[error("reference values for platform {0} accept no protection at all")]
    NoProtection(Platform),
    /// No reference values.
    #[error(
        "the policy expects nothing of the coordinator: at least one entry of reference values is needed"
    )]
    NoReferenceValues,
    /// No manifest digest.
    #[error("the policy names no manifest digest: any manifest would do")]
    NoManifestDigest,
}

impl PolicyError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        code::POLICY
    }
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
        Rules::validate(&fields.exceptions, &fields.required_checks)?;
        let mut roots = Roots::none();
        if fields.roots.is_empty() {
            roots = roots.with_vendor(platform);
        }
        for (index, pem) in fields.roots.iter().enumerate() {
            let root = Certificate::parse_pem(pem).map_err(|_| PolicyError::Root { platform, index })?;
            roots = roots.with(platform, root);
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
        self.check(&claims, &mut report, at);
        match report.first_failure() {
            None => Ok(Appraised { claims, report }),
            Some(_) => Err(VerifyError::of(&report)),
        }
    }

    /// Steps 8 to 14, into the report.
    pub(crate) fn check(&self, claims: &Claims, report: &mut Report, now: UnixTime) {
        let expected = &self.fields;
        report.under(Rules::new(&expected.exceptions, &expected.required_checks, now));
        if claims.platform() != expected.platform {
            report.fail(step::PLATFORM, expected.platform.name(), claims.platform().name());
            return;
        }
        if !self.names_root_of(claims) {
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
        check_workload(report, &expected.workloads, claims.workload()); // 14
    }

    /// Whether the root that was used is one of this list: a verifier may have accepted others as well.
    fn names_root_of(&self, claims: &Claims) -> bool {
        let platform = self.fields.platform;
        match claims.anchor() {
            Anchor::Vendor => self.roots.accepts_vendor(platform),
            Anchor::Named => self.roots.of(platform).any(|root| root_id(root) == claims.root()),
            // The platform's own policy says which keys these are.
            Anchor::AttestationKey => knows_attestation_keys(&self.fields),
        }
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

fn check_program(fields: &Fields) -> Result<(), PolicyError> {
    let platform = fields.platform;
    if fields.measurements.is_empty() && fields.signers.is_empty() {
        return Err(PolicyError::NoProgram(platform));
    }
    let signed = !fields.signers.is_empty();
    if signed && platform != Platform::Sgx {
        return Err(PolicyError::SignerUnknown(platform));
    }
    match (signed, fields.product, fields.security_version_min) {
        (true, Some(_), Some(_)) | (false, None, None) => Ok(()),
        (true, ..) => Err(PolicyError::SignerAlone(platform)),
        (false, ..) => Err(PolicyError::NoSigner(platform)),
    }
}

/// What a platform's policy says must be of that platform, and make sense.
fn check_policies(fields: &Fields) -> Result<(), PolicyError> {
    let platform = fields.platform;
    let bytes = platform.measurement_bytes();
    let other = |measurement: &&Measurement| measurement.as_bytes().len() != bytes;
    if let Some(found) = fields.measurements.iter().find(other) {
        return Err(PolicyError::Measurement {
            platform,
            found: found.clone(),
            bytes,
        });
    }
    let present = [
        (Platform::Sgx, fields.sgx.is_some()),
        (Platform::Tdx, fields.tdx.is_some()),
        (Platform::Snp, fields.snp.is_some()),
        (Platform::Tpm, fields.tpm.is_some()),
    ];
    match present.iter().find(|(of, present)| *present && *of != platform) {
        Some((other, _)) => Err(PolicyError::OtherPlatform {
            platform,
            other: *other,
        }),
        None => Ok(()),
    }
}

/// Whether the values know TPM attestation keys themselves.
fn knows_attestation_keys(fields: &Fields) -> bool {
    let _ = fields;
    false
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

fn check_workload(report: &mut Report, expected: &[Digest32], found: Option<Digest32>) {
    match found {
        None if expected.is_empty() => report.skip(step::WORKLOAD, "none expected, none described"),
        Some(found) if expected.is_empty() => {
            report.fail(step::WORKLOAD, "no workload description", found.to_string());
        }
        found => one_of(report, step::WORKLOAD, expected, found.as_ref()),
    }
}

/// At most this many accepted values stand in one line of a report.
const LISTED_MAX: usize = 4;

fn any_of<T: std::fmt::Display>(accepted: &[T]) -> String {
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

fn confidential() -> Vec<Protection> {
    vec![Protection::Confidential]
}

fn is_confidential(protection: &[Protection]) -> bool {
    protection == [Protection::Confidential]
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
