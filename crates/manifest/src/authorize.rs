//! From proven claims to leave to activate: the appraisal policy of the relying party.

use strongroom_attest::{
    Appraised, Check, Claims, Outcome, ReferenceValues, Report, Roots, Subject, Verified, VerifyError,
};
use strongroom_crypto::digest::Digest32;

use crate::manifest::Manifest;
use crate::marble::Marble;
use crate::names::{MarbleType, PackageName};

/// Leave to activate one marble once. Not `Clone`: spending it consumes it.
///
/// It carries the manifest's digest and revision: whoever commits the activation refuses one of an older manifest.
/// [`Manifest::authorize`] is the only way to get one:
///
/// ```compile_fail,E0451
/// use strongroom_manifest::{ActivationGrant, MarbleType};
/// fn forge(result: strongroom_manifest::AttestationResult) -> ActivationGrant {
///     ActivationGrant { marble: MarbleType::from("frontend"), result }
/// }
/// ```
///
/// and it can be spent only once:
///
/// ```compile_fail,E0382
/// fn twice(grant: strongroom_manifest::ActivationGrant) {
///     drop(grant);
///     let _ = grant.marble();
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ActivationGrant {
    marble: MarbleType,
    result: AttestationResult,
    manifest_digest: Digest32,
    revision: u64,
    activations: u64,
}

/// Leave to give an already activated marble new certificates, and nothing else.
#[derive(Debug)]
#[must_use]
pub struct RenewalGrant {
    marble: MarbleType,
    result: AttestationResult,
    manifest_digest: Digest32,
    revision: u64,
}

/// Attestation result of RFC 9334: which package the evidence is of, what it proves, and every check on the way.
#[derive(Debug)]
#[must_use]
pub struct AttestationResult {
    package: PackageName,
    appraised: Appraised,
}

/// A marble is not what the manifest wants, or there are enough of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The manifest has no such marble.
    #[error("unknown marble type requested")]
    UnknownType {
        /// What was asked for.
        requested: MarbleType,
    },
    /// The marble's package is not in the manifest.
    #[error("undefined package {package:?}")]
    Package {
        /// The package that the marble names.
        package: PackageName,
    },
    /// Evidence that was verified for a session of somebody else.
    #[error("the evidence was verified as that of {verified}, not of marble {requested}")]
    OtherSubject {
        /// Whose it was when it was verified.
        verified: Subject,
        /// Whom it is to activate.
        requested: MarbleType,
    },
    /// Evidence that is not what the package wants.
    #[error(transparent)]
    Evidence(#[from] VerifyError),
    /// There were as many activations as the manifest allows.
    #[error("reached max activations count ({max}) for marble type {marble:?}")]
    MaxActivations {
        /// The marble.
        marble: MarbleType,
        /// How many there may be.
        max: u64,
    },
}

impl Refusal {
    /// Stable code, such as `marble.unknown_type`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownType { .. } => "marble.unknown_type",
            Self::Package { .. } => "marble.package",
            Self::OtherSubject { .. } => strongroom_attest::code::BINDING.as_str(),
            Self::Evidence(error) => error.code().as_str(),
            Self::MaxActivations { .. } => "marble.max_activations",
        }
    }
}

impl Manifest {
    /// What the evidence of a marble has to meet, one of these as a whole; their roots are those to verify with.
    ///
    /// # Errors
    /// [`Refusal::UnknownType`], [`Refusal::Package`].
    pub fn expectation(&self, marble: &MarbleType) -> Result<&[ReferenceValues], Refusal> {
        let declared = self.declared(marble)?;
        let package = self.packages().get(&declared.package);
        let package = package.ok_or_else(|| Refusal::Package {
            package: declared.package.clone(),
        })?;
        Ok(package.reference_values())
    }

    /// Every root that evidence of a marble may hang on. [`Self::authorize`] holds the one that was used against the
    /// reference values that name it.
    ///
    /// # Errors
    /// As [`Self::expectation`].
    pub fn roots(&self, marble: &MarbleType) -> Result<Roots, Refusal> {
        let expectation = self.expectation(marble)?.iter();
        Ok(expectation.fold(Roots::none(), |roots, values| roots.and(values.roots())))
    }

    /// Decides about an activation. `activations` are those of this type so far, `revision` is that of this manifest.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn authorize(
        &self,
        verified: Verified,
        marble: &MarbleType,
        activations: u64,
        revision: u64,
    ) -> Result<ActivationGrant, Refusal> {
        let result = self.appraise(verified, marble)?;
        let max = self.declared(marble)?.max_activations;
        if max != 0 && activations >= max {
            return Err(Refusal::MaxActivations {
                marble: marble.clone(),
                max,
            });
        }
        let manifest_digest = self.digest();
        Ok(ActivationGrant {
            marble: marble.clone(),
            result,
            manifest_digest,
            revision,
            activations,
        })
    }

    /// Decides about new certificates for a marble that was activated before; it counts as no activation.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn authorize_renewal(
        &self,
        verified: Verified,
        marble: &MarbleType,
        revision: u64,
    ) -> Result<RenewalGrant, Refusal> {
        let result = self.appraise(verified, marble)?;
        Ok(RenewalGrant {
            marble: marble.clone(),
            result,
            manifest_digest: self.digest(),
            revision,
        })
    }

    fn appraise(&self, verified: Verified, marble: &MarbleType) -> Result<AttestationResult, Refusal> {
        let expectation = self.expectation(marble)?;
        let package = self.declared(marble)?.package.clone();
        // Our binding names the type; MarbleRun's does not, and there any type of the package may be asked for.
        match verified.report().subject() {
            Subject::Marble(name) if name == marble.as_str() => {}
            Subject::MarbleRun => {}
            other => {
                return Err(Refusal::OtherSubject {
                    verified: other.clone(),
                    requested: marble.clone(),
                });
            }
        }
        let appraised = appraise_any(expectation, &verified)?;
        Ok(AttestationResult { package, appraised })
    }

    fn declared(&self, marble: &MarbleType) -> Result<&Marble, Refusal> {
        self.marbles().get(marble).ok_or_else(|| Refusal::UnknownType {
            requested: marble.clone(),
        })
    }
}

/// One of the alternatives must hold as a whole; else the refusal is that of the one that came furthest.
fn appraise_any(alternatives: &[ReferenceValues], verified: &Verified) -> Result<Appraised, VerifyError> {
    let mut furthest: Option<VerifyError> = None;
    for values in alternatives {
        match values.appraise(verified.clone()) {
            Ok(appraised) => return Ok(appraised),
            Err(error)
                if furthest
                    .as_ref()
                    .is_none_or(|other| failed(&error) < failed(other)) =>
            {
                furthest = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(furthest.expect("a package of a manifest that parsed expects something"))
}

fn failed(error: &VerifyError) -> usize {
    let failed = |check: &&Check| matches!(check.outcome, Outcome::Failed { .. });
    error.report().checks().iter().filter(failed).count()
}

impl AttestationResult {
    /// The package that the evidence is of.
    pub fn package(&self) -> &PackageName {
        &self.package
    }

    /// What the evidence proves.
    pub fn claims(&self) -> &Claims {
        self.appraised.claims()
    }

    /// Every check.
    pub fn report(&self) -> &Report {
        self.appraised.report()
    }
}

impl ActivationGrant {
    /// The marble type that may be activated.
    pub fn marble(&self) -> &MarbleType {
        &self.marble
    }

    /// What was proven.
    pub fn result(&self) -> &AttestationResult {
        &self.result
    }

    /// Digest of the manifest that allows it.
    pub fn manifest_digest(&self) -> Digest32 {
        self.manifest_digest
    }

    /// Revision of the manifest that allows it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many activations of this type the decision stands on: with another number it has to be made again.
    pub fn activations(&self) -> u64 {
        self.activations
    }
}

impl RenewalGrant {
    /// The marble type.
    pub fn marble(&self) -> &MarbleType {
        &self.marble
    }

    /// What was proven.
    pub fn result(&self) -> &AttestationResult {
        &self.result
    }

    /// Digest of the manifest that allows it.
    pub fn manifest_digest(&self) -> Digest32 {
        self.manifest_digest
    }

    /// Revision of the manifest that allows it.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
