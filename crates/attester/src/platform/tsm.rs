//! The kernel's common interface to confidential machines (`configfs-tsm`, Linux 6.7): one folder for each report.

use std::io;
use std::path::{Path, PathBuf};

use strongroom_attest::Platform;
use strongroom_crypto::random::{self, SystemRandom};

use crate::error::AttesterError;
use crate::files::{Files, read_if_there};

/// Where the kernel offers it.
pub(crate) const ROOT: &str = "/sys/kernel/config/tsm/report";

/// What the kernel gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// The quote or report.
    pub(super) outblob: Vec<u8>,
    /// What belongs to it: certificates, with SEV-SNP.
    pub(super) auxblob: Vec<u8>,
}

/// Asks for a report over 64 bytes from the provider of `platform`.
pub(super) fn report(
    files: &dyn Files,
    root: &Path,
    platform: Platform,
    report_data: &[u8; 64],
) -> Result<Report, AttesterError> {
    report_in(files, &new_folder(root), platform, report_data)
}

/// Whose reports the kernel gives; `None` where it is nobody's that is known here.
pub(crate) fn provider(files: &dyn Files, root: &Path) -> io::Result<Option<Platform>> {
    let folder = new_folder(root);
    files.make_folder(&folder)?;
    let name = files.read(&folder.join("provider"), BLOB_BYTES_MAX);
    files.remove_folder(&folder)?;
    Ok(of_provider(&name?))
}

/// Other programs ask at the same time, in other containers under the same process number perhaps.
fn new_folder(root: &Path) -> PathBuf {
    let name: [u8; 8] = random::array(&SystemRandom);
    root.join(format!("strongroom-{}", hex::encode(name)))
}

fn report_in(
    files: &dyn Files,
    folder: &Path,
    platform: Platform,
    report_data: &[u8; 64],
) -> Result<Report, AttesterError> {
    let entry = Entry { files, folder };
    files.make_folder(folder).map_err(entry.unreachable())?;
    let report = entry.ask(platform, report_data);
    if let Err(error) = files.remove_folder(folder) {
        tracing::warn!(folder = %folder.display(), %error, "a report's folder stays behind");
    }
    report
}

/// The folder of one report.
struct Entry<'a> {
    files: &'a dyn Files,
    folder: &'a Path,
}

impl Entry<'_> {
    fn ask(&self, platform: Platform, report_data: &[u8; 64]) -> Result<Report, AttesterError> {
        let provider = self.read("provider")?;
        if of_provider(&provider) != Some(platform) {
            return Err(self.protocol("its reports are another platform's"));
        }
        self.lower_privilege()?;
        for _ in 0..ATTEMPTS_MAX {
            self.write("inblob", report_data)?;
            let before = self.read("generation")?;
            let outblob = self.read("outblob")?;
            let auxblob = self.read_if_there("auxblob")?.unwrap_or_default();
            if self.read("generation")? != before {
                continue; // somebody else wrote into our folder meanwhile
            }
            if outblob.is_empty() {
                return Err(self.protocol("its report is empty"));
            }
            return Ok(Report { outblob, auxblob });
        }
        Err(self.protocol("its report changes while it is read"))
    }

    /// A machine below a paravisor asks at its own level: the lowest that the kernel allows.
    fn lower_privilege(&self) -> Result<(), AttesterError> {
        match self.read_if_there("privlevel_floor")? {
            Some(floor) => self.write("privlevel", floor.trim_ascii()),
            None => Ok(()),
        }
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, AttesterError> {
        let read = self.files.read(&self.path(file), BLOB_BYTES_MAX);
        read.map_err(self.unreachable())
    }

    fn read_if_there(&self, file: &str) -> Result<Option<Vec<u8>>, AttesterError> {
        let read = read_if_there(self.files, &self.path(file), BLOB_BYTES_MAX);
        read.map_err(self.unreachable())
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), AttesterError> {
        let written = self.files.write(&self.path(file), bytes);
        written.map_err(self.unreachable())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    fn unreachable(&self) -> impl Fn(io::Error) -> AttesterError + use<'_> {
        |source| AttesterError::Unreachable {
            path: self.folder.to_owned(),
            source,
        }
    }

    fn protocol(&self, what: &'static str) -> AttesterError {
        AttesterError::Protocol {
            path: self.folder.to_owned(),
            what,
        }
    }
}

/// The platform whose reports a provider gives.
fn of_provider(name: &[u8]) -> Option<Platform> {
    match name.trim_ascii() {
        b"tdx_guest" => Some(Platform::Tdx),
        b"sev_guest" => Some(Platform::Snp),
        _ => None,
    }
}

/// How often a report that changes is asked for again.
const ATTEMPTS_MAX: usize = 3;
/// Largest blob, in bytes. Quotes are about 5000, certificate tables up to 16384.
const BLOB_BYTES_MAX: usize = 128 * 1024;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::files::tests::Done::{self, Make, Read, Remove, Write};
    use crate::files::tests::Recorded;

    const DATA: [u8; 64] = [7; 64];

    fn ask(done: Vec<Done>) -> Result<Report, String> {
        let files = Recorded::new([vec![Make("/tsm/r")], done, vec![Remove("/tsm/r")]].concat());
        let report = report_in(&files, Path::new("/tsm/r"), Platform::Tdx, &DATA);
        assert!(files.is_over(), "the folder is removed, whatever came of it");
        report.map_err(|error| error.to_string())
    }

    fn begin() -> Vec<Done> {
        vec![
            Read("/tsm/r/provider", Ok(b"tdx_guest\n".to_vec())),
            Read("/tsm/r/privlevel_floor", Err(io::ErrorKind::NotFound)),
        ]
    }

    /// One attempt, with the generation before and after.
    fn attempt(before: &str, outblob: &[u8], after: &str) -> Vec<Done> {
        vec![
            Write("/tsm/r/inblob", DATA.to_vec(), Ok(())),
            Read("/tsm/r/generation", Ok(before.into())),
            Read("/tsm/r/outblob", Ok(outblob.to_vec())),
            Read("/tsm/r/auxblob", Err(io::ErrorKind::NotFound)),
            Read("/tsm/r/generation", Ok(after.into())),
        ]
    }

    #[test]
    fn a_report_that_changes_is_asked_for_again_and_not_for_ever() {
        let report = ask([begin(), attempt("1\n", b"quote", "1\n")].concat()).expect("a report");
        assert_eq!(report.outblob, b"quote");
        let raced = [begin(), attempt("1", b"other", "2"), attempt("3", b"quote", "3")].concat();
        assert_eq!(ask(raced).expect("a report").outblob, b"quote");
        let raced = attempt("1", b"other", "2");
        let error = ask([begin(), raced.clone(), raced.clone(), raced].concat()).expect_err("raced");
        assert!(error.contains("changes while it is read"), "{error}");
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let error = ask([begin(), attempt("1", b"", "1")].concat()).expect_err("empty");
        assert!(error.contains("empty"), "{error}");
        let other = vec![Read("/tsm/r/provider", Ok(b"sev_guest\n".to_vec()))];
        let error = ask(other).expect_err("another platform");
        assert!(error.contains("another platform's"), "{error}");
        let mut failing = [begin(), attempt("1", b"", "1")].concat();
        failing.truncate(4);
        failing.push(Read("/tsm/r/outblob", Err(io::ErrorKind::TimedOut)));
        let error = ask(failing).expect_err("the quoting service does not answer");
        assert!(error.contains("does not answer"), "{error}");
    }

    #[test]
    fn below_a_paravisor_the_report_is_of_the_level_that_the_kernel_allows() {
        let floor = vec![
            Read("/tsm/r/provider", Ok(b"tdx_guest\n".to_vec())),
            Read("/tsm/r/privlevel_floor", Ok(b"2\n".to_vec())),
            Write("/tsm/r/privlevel", b"2".to_vec(), Ok(())),
        ];
        assert!(ask([floor, attempt("2", b"report", "2")].concat()).is_ok());
    }
}
