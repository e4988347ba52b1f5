//! What this machine has, piece by piece: where each was looked for, whether this program can use it, and what to do
//! where it cannot. Looks, and changes nothing: no register is extended.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use strongroom_attest::Platform;

use crate::error::AttesterError;
use crate::files::System;
use crate::platform::{TDX_DEVICE, sgx, snp, tdx, tsm};
use crate::tpm::TpmAddress;

/// One sign of a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The platform that it stands for.
    pub platform: Platform,
    /// Where it would be.
    pub path: &'static str,
    /// Whether it is there.
    pub present: bool,
    /// Whether this program may read it.
    pub readable: bool,
    /// Whether this program can attest with it.
    pub usable: bool,
    /// What that means, or what to do.
    pub explanation: String,
}

/// Looks at the machine whose files lie under `root` (`/`, but in tests), in the order in which platforms are preferred.
#[must_use]
pub fn survey(root: &Path) -> Vec<Finding> {
    let machine = Machine { root };
    vec![
        machine.enclave(),
        machine.enclaves(),
        machine.tdx(),
        machine.snp(),
        machine.reports(),
        machine.tpm(),
    ]
}

struct Machine<'a> {
    root: &'a Path,
}

impl Machine<'_> {
    fn enclave(&self) -> Finding {
        let path = sgx::TYPE;
        let found = std::fs::read(self.at(path));
        let usable = found.as_ref().is_ok_and(|kind| kind.trim_ascii() == b"dcap");
        let explanation = match &found {
            Ok(_) if usable => "this program runs in an enclave, under Gramine",
            Ok(_) => "Gramine makes no DCAP quotes: set `sgx.remote_attestation = \"dcap\"` in its manifest",
            Err(_) => "this program does not run under Gramine",
        };
        finding(
            Platform::Sgx,
            path,
            found.map(|_| ()),
            usable,
            explanation.to_owned(),
        )
    }

    fn enclaves(&self) -> Finding {
        let opened = self.open(SGX_DEVICE);
        let explanation = match opened {
            Ok(()) => {
                "this machine can run enclaves, and this program is in none: start it with `gramine-sgx`, or say by \
                 `--tee` what else is to be used"
            }
            Err(_) => "this machine runs no enclaves, or its kernel has no driver for them (Linux 5.11)",
        };
        finding(Platform::Sgx, SGX_DEVICE, opened, false, explanation.to_owned())
    }

    fn tdx(&self) -> Finding {
        let opened = self.open(TDX_DEVICE);
        let reports = self.at(tsm::ROOT).is_dir();
        let explanation = match (&opened, reports) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {
                "this machine is no TD, or its kernel has no driver `tdx_guest`".to_owned()
            }
            (_, false) => format!("this machine is a TD, and {NO_REPORTS}"),
            (_, true) if self.at(tdx::RTMR3).exists() => {
                format!("this machine is a TD; quotes come from {}", tsm::ROOT)
            }
            (_, true) => format!(
                "this machine is a TD; quotes come from {}. The kernel lets no program extend RTMR3 (Linux 6.16 does): \
                 evidence is of the machine's image only, and a launcher cannot attest its workload",
                tsm::ROOT
            ),
        };
        let usable = exists(&opened) && reports;
        finding(Platform::Tdx, TDX_DEVICE, opened, usable, explanation)
    }

    fn snp(&self) -> Finding {
        let opened = self.open(snp::DEVICE);
        let reports = self.at(tsm::ROOT).is_dir();
        let explanation = match (&opened, reports) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {
                "this machine is no SEV-SNP guest, or its kernel has no driver `sev-guest`".to_owned()
            }
            (_, true) => format!(
                "this machine is an SEV-SNP guest; reports come from {}",
                tsm::ROOT
            ),
            (Ok(()), false) => "this machine is an SEV-SNP guest; reports come from its device".to_owned(),
            (Err(_), false) => {
                format!("this machine is an SEV-SNP guest, its device is closed to us, and {NO_REPORTS}")
            }
        };
        let usable = opened.is_ok() || (exists(&opened) && reports);
        finding(Platform::Snp, snp::DEVICE, opened, usable, explanation)
    }

    /// Reports without the device of a platform: a container that was given nothing else.
    fn reports(&self) -> Finding {
        let listed = std::fs::read_dir(self.at(tsm::ROOT)).map(|_| ());
        let provider = match &listed {
            Ok(()) => System::here().and_then(|files| {
                tsm::provider(&files, &self.at(tsm::ROOT)).map_err(|source| AttesterError::File {
                    path: tsm::ROOT.into(),
                    source,
                })
            }),
            Err(_) => Ok(None),
        };
        let explanation = match (&listed, &provider) {
            (Err(_), _) => NO_REPORTS.to_owned(),
            (Ok(()), Ok(Some(platform))) => format!("the kernel makes reports of platform {platform}"),
            (Ok(()), Ok(None)) => {
                "the kernel makes reports of a platform that this program does not know".to_owned()
            }
            (Ok(()), Err(error)) => {
                format!("no report can be asked for: {error}. It takes the rights of root")
            }
        };
        let platform = provider.unwrap_or_default();
        finding(
            platform.unwrap_or(Platform::Tdx),
            tsm::ROOT,
            listed,
            platform.is_some(),
            explanation,
        )
    }

    fn tpm(&self) -> Finding {
        let opened = self.open(TpmAddress::DEVICE);
        let explanation = match &opened {
            Ok(()) => {
                "a TPM vouches for what was started, and hides no memory from the host; without measured boot, whoever \
                 reaches it can pass for anybody"
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                "this machine has no TPM 2.0, or its kernel has no driver for it; a software TPM is named by `--tpm`"
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "the TPM is closed to this program: it takes the rights of root, or of group `tss`"
            }
            Err(_) => "the TPM cannot be opened",
        };
        let usable = opened.is_ok();
        finding(
            Platform::Tpm,
            TpmAddress::DEVICE,
            opened,
            usable,
            explanation.to_owned(),
        )
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn open(&self, path: &str) -> io::Result<()> {
        let opened = OpenOptions::new().read(true).write(true).open(self.at(path));
        opened.map(|_| ())
    }
}

fn exists(opened: &io::Result<()>) -> bool {
    !matches!(opened, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

fn finding(
    platform: Platform,
    path: &'static str,
    opened: io::Result<()>,
    usable: bool,
    explanation: String,
) -> Finding {
    Finding {
        platform,
        path,
        present: exists(&opened),
        readable: opened.is_ok(),
        usable,
        explanation,
    }
}

const SGX_DEVICE: &str = "/dev/sgx_enclave";
const NO_REPORTS: &str = "the kernel's reports are not to be found at /sys/kernel/config/tsm/report: they need Linux \
                          6.7 and `mount -t configfs none /sys/kernel/config`";

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with these files, and folders where the path ends in `/`.
    fn machine(files: &[(&str, &str)]) -> Vec<Finding> {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (path, content) in files {
            let path = root.path().join(path.trim_start_matches('/'));
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).expect("folders");
            }
            if content.is_empty() && path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                std::fs::create_dir_all(&path).expect("a folder");
            } else {
                std::fs::write(&path, content).expect("a file");
            }
        }
        survey(root.path())
    }

    fn at<'a>(findings: &'a [Finding], path: &str) -> &'a Finding {
        findings
            .iter()
            .find(|finding| finding.path == path)
            .expect("looked for")
    }

    #[test]
    fn a_machine_without_anything_is_told_where_it_was_looked_for() {
        let findings = machine(&[]);
        assert_eq!(findings.len(), 6);
        for finding in &findings {
            assert!(
                !finding.present && !finding.usable && !finding.readable,
                "{finding:?}"
            );
            assert!(!finding.explanation.is_empty());
        }
    }

    #[test]
    fn what_is_there_is_usable_where_all_of_it_is_there() {
        for (files, path, usable, said) in [
            (
                &[("/dev/attestation/attestation_type", "dcap")][..],
                sgx::TYPE,
                true,
                "in an enclave",
            ),
            (
                &[("/dev/attestation/attestation_type", "none")],
                sgx::TYPE,
                false,
                "remote_attestation",
            ),
            (&[("/dev/sgx_enclave", "x")], SGX_DEVICE, false, "gramine-sgx"),
            (&[("/dev/tdx_guest", "x")], TDX_DEVICE, false, "mount -t configfs"),
            (
                &[("/dev/tdx_guest", "x"), ("/sys/kernel/config/tsm/report/", "")],
                TDX_DEVICE,
                true,
                "image only",
            ),
            (&[("/dev/sev-guest", "x")], snp::DEVICE, true, "its device"),
            (
                &[("/sys/kernel/config/tsm/report/", "")],
                tsm::ROOT,
                false,
                "no report can be asked for",
            ),
            (&[("/dev/tpmrm0", "x")], TpmAddress::DEVICE, true, "measured boot"),
        ] {
            let findings = machine(files);
            let found = at(&findings, path);
            assert!(found.present, "{path}");
            assert_eq!(found.usable, usable, "{path}");
            assert!(found.explanation.contains(said), "{}", found.explanation);
        }
    }

    #[test]
    fn a_new_enough_td_attests_workloads() {
        let findings = machine(&[
            ("/dev/tdx_guest", "x"),
            ("/sys/kernel/config/tsm/report/", ""),
            (tdx::RTMR3, "x"),
        ]);
        let found = at(&findings, TDX_DEVICE);
        assert!(
            found.usable && !found.explanation.contains("image only"),
            "{}",
            found.explanation
        );
    }
}
