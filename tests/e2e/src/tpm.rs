//! Software TPMs (`swtpm`): each manufactured under a certificate authority of its own, with an endorsement certificate.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strongroom_attester::tpm::TpmAddress;

/// The software TPM of one machine, and a folder for what runs on it.
#[derive(Debug)]
pub struct TpmMachine {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl TpmMachine {
    /// Manufactures a TPM, and starts it.
    ///
    /// # Panics
    /// If `swtpm` is not installed.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("strongroom-e2e-tpm-")
            .tempdir()
            .expect("a temporary folder");
        manufacture(folder.path());
        let mut machine = Self {
            folder,
            process: None,
        };
        machine.switch_on();
        machine
    }

    /// The machine's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the TPM is.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder().join("tpm.sock")
    }

    /// Where the TPM is, for an attester.
    #[must_use]
    pub fn address(&self) -> TpmAddress {
        TpmAddress::Path(self.socket())
    }

    /// The authority that signed the endorsement certificate, PEM.
    ///
    /// # Panics
    /// If the TPM was made without one.
    #[must_use]
    pub fn root_pem(&self) -> String {
        std::fs::read_to_string(self.folder().join("ca/issuercert.pem")).expect("made with the TPM")
    }

    /// Switches the machine off and on again: registers begin anew, what is in non-volatile memory stays.
    pub fn restart(&mut self) {
        self.switch_off();
        self.switch_on();
    }

    fn switch_on(&mut self) {
        let child = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args([
                "--tpmstate",
                &format!("dir={}", self.folder().join("tpm").display()),
            ])
            .args([
                "--server",
                &format!("type=unixio,path={}", self.socket().display()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("swtpm is installed");
        self.process = Some(child);
        let start = Instant::now();
        while !self.socket().exists() {
            assert!(start.elapsed() < START_TIMEOUT, "swtpm does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn switch_off(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
            let _ = std::fs::remove_file(self.socket());
        }
    }
}

impl Drop for TpmMachine {
    fn drop(&mut self) {
        self.switch_off();
    }
}

fn manufacture(folder: &Path) {
    let ca = folder.join("ca");
    let state = folder.join("tpm");
    let write = |file: &str, text: String| {
        let path = folder.join(file);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    std::fs::create_dir(&state).expect("a folder");
    let names = write(
        "localca.options",
        "--tpm-manufacturer IBM\n--tpm-model swtpm\n--tpm-version 2\n--platform-manufacturer Test\n\
         --platform-version 1\n--platform-model Test\n"
            .to_owned(),
    );
    let place = ca.display();
    let authority = write(
        "localca.conf",
        format!(
            "statedir = {place}\nsigningkey = {place}/signkey.pem\nissuercert = {place}/issuercert.pem\n\
             certserial = {place}/certserial\n"
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
        .args(["--tpm2", "--lock-nvram", "--create-ek-cert", "--config", &setup])
        .arg("--tpmstate")
        .arg(&state)
        .output()
        .expect("swtpm_setup is installed");
    let said = String::from_utf8_lossy(&made.stdout).into_owned() + &String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "swtpm_setup: {said}");
}

const START_TIMEOUT: Duration = Duration::from_secs(10);
