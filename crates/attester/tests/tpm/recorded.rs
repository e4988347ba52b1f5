//! A recorded exchange with a software TPM, byte for byte: from the first command to a quote and an enrolment request.
//! Runs without a TPM, and shows a command that changed.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

use strongroom_attester::Enrolment as _;
use strongroom_attester::platform::tpm::{Settings, TpmAttester};
use strongroom_attester::tpm::TpmAddress;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;

use crate::attester::{ecc_key, r_s};

const EXCHANGES: &str = include_str!("recorded/swtpm.txt");
/// `TPM2_Startup`: what a connection begins with.
const BEGINS: &str = "80010000000c000001440000";

#[tokio::test]
async fn a_recorded_exchange_gives_a_quote_and_an_enrolment_request() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("tpm.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let serving = std::thread::spawn(move || serve(&listener));

    let program = folder.path().join("program");
    std::fs::write(&program, "launcher").expect("a program");
    let settings = Settings {
        program,
        firmware_log: folder.path().join("firmware.log"),
        ima_log: folder.path().join("ima.log"),
        ..Settings::at(TpmAddress::Path(socket))
    };
    let attester = TpmAttester::start(settings).expect("measured");
    let workload = Some(sha256(b"description"));
    let quote = attester.quote(&[7; 64], workload).await.expect("a quote");
    let key = ecc_key(&quote.ak_public);
    assert_eq!(key.verify_raw(&quote.attest, &r_s(&quote.signature)), Ok(()));
    let request = attester.request().await.expect("a request");
    assert_eq!(request.ak_public, quote.ak_public);
    let certificate = Certificate::parse(&request.ek_certificates[0]).expect("a certificate");
    let modulus = &request.ek_public[request.ek_public.len() - 256..];
    let spki = certificate.spki_der();
    assert!(
        spki.windows(256).any(|window| window == modulus),
        "the certificate is the key's"
    );
    serving.join().expect("everything that was recorded was asked");
}

/// Answers what was recorded, one connection after the other.
fn serve(listener: &UnixListener) {
    let mut stream: Option<UnixStream> = None;
    let mut lines = EXCHANGES.lines().filter(|line| !line.starts_with('#'));
    while let Some(command) = lines.next() {
        let command = command.strip_prefix("> ").expect("a command");
        let response = lines.next().and_then(|line| line.strip_prefix("< "));
        let response = hex::decode(response.expect("its response")).expect("hexadecimal");
        if command == BEGINS {
            stream = Some(listener.accept().expect("a connection").0);
        }
        let stream = stream.as_mut().expect("it begins with a connection");
        let mut asked = vec![0; command.len() / 2];
        stream.read_exact(&mut asked).expect("a command");
        assert_eq!(hex::encode(asked), command, "another command was recorded");
        stream.write_all(&response).expect("the program listens");
    }
}
