//! A software TPM (`swtpm`) of the test's own, manufactured under a certificate authority of the test's own.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strongroom_attester::tpm::{Tpm, TpmAddress};
use tempfile::TempDir;

/// A software TPM that runs until it is dropped.
pub(crate) struct Swtpm {
    folder: TempDir,
    process: Option<Child>,
}

impl Swtpm {
    /// Manufactures a TPM, endorsement certificates included, and starts it.
    pub(crate) fn start() -> Self {
        Self::manufactured(&["--create-ek-cert"])
    }

    /// Manufactures a TPM without certificates, and starts it.
    pub(crate) fn start_without_certificates() -> Self {
        Self::manufactured(&[])
    }

    fn manufactured(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        manufacture(folder.path(), options);
        let mut swtpm = Self {
            folder,
            process: None,
        };
        swtpm.switch_on();
        swtpm
    }

    /// The authority's certificate that signed the endorsement certificates, PEM.
    pub(crate) fn issuer(&self) -> String {
        self.of_authority("issuercert.pem")
    }

    /// The root above it, PEM.
    pub(crate) fn root(&self) -> String {
        self.of_authority("swtpm-localca-rootca-cert.pem")
    }

    fn of_authority(&self, file: &str) -> String {
        fs::read_to_string(self.folder().join("ca").join(file)).expect("made with the certificates")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> TpmAddress {
        TpmAddress::Path(self.socket())
    }

    pub(crate) fn open(&self) -> Tpm {
        Tpm::open(&self.address()).expect("the TPM answers")
    }

    /// Switches it off and on again: PCRs begin anew, what is in non-volatile memory stays.
    pub(crate) fn restart(&mut self) {
        self.switch_off();
        self.switch_on();
    }

    fn socket(&self) -> PathBuf {
        self.folder().join("tpm.sock")
    }

    fn switch_on(&mut self) {
        self.switch_on_with("not-need-init,startup-clear");
    }

    /// Switches it off, and on again without `TPM2_Startup`: whoever connects first has to say that.
    pub(crate) fn restart_unstarted(&mut self) {
        self.switch_off();
        self.switch_on_with("not-need-init");
    }

    fn switch_on_with(&mut self, flags: &str) {
        let child = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", flags])
            .args([
                "--tpmstate".to_owned(),
                format!("dir={}", state(self.folder()).display()),
            ])
            .args([
                "--server".to_owned(),
                format!("type=unixio,path={}", self.socket().display()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("swtpm is installed");
        self.process = Some(child);
        let deadline = Instant::now() + START_TIMEOUT;
        // The socket's name is there before anybody listens behind it.
        while UnixStream::connect(self.socket()).is_err() {
            assert!(Instant::now() < deadline, "swtpm does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn switch_off(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
            let _ = fs::remove_file(self.socket());
        }
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        self.switch_off();
    }
}

fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

fn manufacture(folder: &Path, options: &[&str]) {
    let ca = folder.join("ca");
    let in_ca = |file: &str| ca.join(file).display().to_string();
    let write = |file: &str, text: String| {
        let path = folder.join(file);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    fs::create_dir(state(folder)).expect("a folder");
    let names = write(
        "localca.options",
        "--tpm-manufacturer IBM\n--tpm-model swtpm\n--tpm-version 2\n--platform-manufacturer Test\n\
         --platform-version 1\n--platform-model Test\n"
            .to_owned(),
    );
    let authority = write(
        "localca.conf",
        format!(
            "statedir = {}\nsigningkey = {}\nissuercert = {}\ncertserial = {}\n",
            ca.display(),
            in_ca("signkey.pem"),
            in_ca("issuercert.pem"),
            in_ca("certserial")
        ),
    );
    let setup = write(
        "setup.conf",
        format!(
            "create_certs_tool = swtpm_localca\ncreate_certs_tool_config = {authority}\n\
             create_certs_tool_options = {names}\nactive_pcr_banks = sha256\n"
        ),
    );
    let made = Command::new("swtpm_setup")
        .args(["--tpm2", "--lock-nvram", "--config", &setup])
        .args(options)
        .arg("--tpmstate")
        .arg(state(folder))
        .output()
        .expect("swtpm_setup is installed");
    assert!(
        made.status.success(),
        "swtpm_setup: {}{}",
        String::from_utf8_lossy(&made.stdout),
        String::from_utf8_lossy(&made.stderr)
    );
}

const START_TIMEOUT: Duration = Duration::from_secs(10);
