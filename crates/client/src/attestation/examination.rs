//! One piece of evidence from a file, examined.

use std::path::{Path, PathBuf};

use strongroom_attest::platform::tpm::KnownKey;
use strongroom_attest::{Evidence, Form, Inspection, InspectionPolicy, ParseError, Platform, Report, Roots};
use strongroom_crypto::time::UnixTime;

use crate::endorsements;
use crate::error::Error;
use crate::files;

/// Evidence in a file, and what it is held against.
#[derive(Debug, Clone)]
pub struct Examination<'a> {
    /// The platform that the evidence is of; without it the bytes tell.
    pub platform: Option<Platform>,
    /// The evidence, as vendors' tools write it or in our envelope.
    pub evidence: &'a Path,
    /// Files and folders with what vendors sign about the platform.
    pub endorsements: &'a [PathBuf],
    /// The event log that lies beside the evidence.
    pub event_log: Option<&'a Path>,
    /// What the evidence should say about the session: report data, or a TPM's `extraData`. Shorter than report data, it
    /// is followed by zeros there.
    pub report_data: Option<&'a [u8]>,
    /// The same, for whoever calls it a nonce.
    pub nonce: Option<&'a [u8]>,
    /// A file with a TPM's attestation key that is known beforehand: its public area as TPMs and their tools write it, its
    /// name, or the key in PEM or DER.
    pub trusted_attestation_key: Option<&'a Path>,
    /// A policy (`strongroom.policy.v1`); without it the strict one for any program.
    pub policy: Option<&'a Path>,
    /// The time to judge at.
    pub at: UnixTime,
}

/// What an examination found.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Every check.
    pub report: Report,
    /// Files in the folders of endorsements that are none.
    pub passed_over: Vec<PathBuf>,
}

/// Most bytes of an event log.
const EVENT_LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Most bytes of a file with an attestation key.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// Most bytes of report data or of a nonce.
const REPORT_DATA_BYTES_MAX: usize = 64;

impl Examination<'_> {
    /// Examines it. Evidence that is damaged or refused has a report that says so.
    ///
    /// # Errors
    /// [`Error::Input`] and [`Error::Policy`] where a file cannot be used, or holds the evidence of no known platform.
    pub fn examine(&self) -> Result<Examined, Error> {
        let report_data = self.session()?;
        let gathered = endorsements::gather(self.endorsements)?;
        let given = self.policy.map(load_policy).transpose()?;
        let event_log = self
            .event_log
            .map(|path| files::read_input(path, EVENT_LOG_BYTES_MAX));
        let event_log = event_log.transpose()?;
        let roots = self.roots()?;
        let bytes = files::read_input(self.evidence, files::FILE_BYTES_MAX)?;
        let read = |event_log| Evidence::read_native(self.platform, &bytes, event_log);
        self.check_arguments(&read(None))?;
        let report = match read(event_log.as_deref()) {
            Ok(evidence) => {
                let policy = given.unwrap_or_else(|| InspectionPolicy::strict(evidence.platform()));
                let inspection = Inspection {
                    endorsements: &gathered.endorsements,
                    policy: &policy,
                    roots: &roots,
                    report_data,
                    now: self.at,
                };
                inspection.report(&evidence)
            }
            Err(error) if error.is_foreign() => return Err(self.foreign(&error, &bytes)),
            Err(error) => Inspection::unread(&error),
        };
        Ok(Examined {
            report,
            passed_over: gathered.passed_over,
        })
    }

    /// What the evidence should say, under either name.
    fn session(&self) -> Result<Option<&[u8]>, Error> {
        check_length("report data", self.report_data)?;
        check_length("nonce", self.nonce)?;
        match (self.report_data, self.nonce) {
            (Some(report_data), Some(nonce)) if report_data != nonce => {
                let why =
                    "not the report data that is given as well: evidence says one thing about its session";
                Err(Error::input("nonce", why))
            }
            (report_data, nonce) => Ok(report_data.or(nonce)),
        }
    }

    /// What is given beside the policy's roots.
    fn roots(&self) -> Result<Roots, Error> {
        let Some(path) = self.trusted_attestation_key else {
            return Ok(Roots::none());
        };
        let key = KnownKey::parse(&files::read_input(path, KEY_BYTES_MAX)?)
            .map_err(|error| Error::input(path.display().to_string(), error))?;
        Ok(Roots::none().with_attestation_key(key.to_pin()))
    }

    /// What this evidence has no use for is a mistake in the arguments, whatever the evidence is worth.
    fn check_arguments(&self, evidence: &Result<Evidence, ParseError>) -> Result<(), Error> {
        let platform = match evidence {
            Ok(evidence) => Some(evidence.platform()),
            Err(error) => error.platform(),
        };
        let Some(platform) = platform else {
            return Ok(());
        };
        if self.trusted_attestation_key.is_some() && platform != Platform::Tpm {
            let why = format!("evidence of platform {platform} has no attestation key of a TPM");
            return Err(Error::input("trusted attestation key", why));
        }
        if self.event_log.is_none() {
            return Ok(());
        }
        let enveloped = evidence.as_ref().is_ok_and(|it| it.form() == Form::Envelope);
        if enveloped {
            let why = "evidence in an envelope of ours carries its event log itself";
            return Err(Error::input("event log", why));
        }
        if !matches!(platform, Platform::Tdx | Platform::Tpm) {
            let why = format!("no event log belongs to evidence of platform {platform}");
            return Err(Error::input("event log", why));
        }
        Ok(())
    }

    fn foreign(&self, error: &ParseError, bytes: &[u8]) -> Error {
        let why = match (error, self.platform) {
            (ParseError::NoPlatform, Some(platform)) => format!("not the evidence of platform {platform}"),
            _ => error.to_string(),
        };
        Error::input(self.evidence.display().to_string(), files::as_text(bytes, why))
    }
}

fn check_length(what: &str, bytes: Option<&[u8]>) -> Result<(), Error> {
    match bytes {
        Some([]) => Err(Error::input(what, "empty: nothing would be asked for")),
        Some(bytes) if bytes.len() > REPORT_DATA_BYTES_MAX => Err(Error::input(
            what,
            format!("more than {REPORT_DATA_BYTES_MAX} bytes"),
        )),
        _ => Ok(()),
    }
}

fn load_policy(path: &Path) -> Result<InspectionPolicy, Error> {
    let json = files::read_input(path, files::FILE_BYTES_MAX)?;
    Ok(InspectionPolicy::parse(&json)?)
}
