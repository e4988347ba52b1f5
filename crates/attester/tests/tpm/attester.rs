//! The attester of TPMs against a real software TPM.

use std::fs;

use crate::swtpm::Swtpm;
use strongroom_attest::event_log::runtime::{self, Measured, RuntimeEvents, WORKLOAD_PCR};
use strongroom_attest::event_log::{Algorithm, Bank, EventLog, EventType, LogWriter, Replay};
use strongroom_attest::{Platform, Protection};
use strongroom_attester::platform::tpm::{Settings, TpmAttester, TpmQuote};
use strongroom_attester::tpm::{Handle, NvPublic, Reader, pcr_digest};
use strongroom_attester::{Attester, AttesterError, CounterName, Enrolment, SealPolicy, Workload, contract};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::sign::{Curve, VerifyingKey};
use strongroom_crypto::tpm_credential::{EndorsementKey, make_credential};
use strongroom_crypto::x509::Certificate;

const REPORT_DATA: [u8; 64] = [7; 64];

/// A program with this text, as its own machine's TPM sees it.
pub(crate) fn start(swtpm: &Swtpm, program: &str) -> TpmAttester {
    let settings = settings(swtpm, program);
    TpmAttester::start(settings).expect("the TPM answers")
}

fn settings(swtpm: &Swtpm, program: &str) -> Settings {
    let path = swtpm.folder().join("program");
    fs::write(&path, program).expect("a program");
    Settings {
        program: path,
        firmware_log: swtpm.folder().join("firmware.log"),
        ima_log: swtpm.folder().join("ima.log"),
        ..Settings::at(swtpm.address())
    }
}

pub(crate) fn workload(name: &str) -> Workload<'_> {
    Workload {
        description: name.as_bytes(),
        digest: sha256(name.as_bytes()),
    }
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn the_tpm_keeps_the_contract() {
    let swtpm = Swtpm::start();
    let attester = start(&swtpm, "launcher");
    assert_eq!(attester.platform(), Platform::Tpm);
    assert_eq!(attester.protection(), Protection::IntegrityOnly);
    contract::check(&attester, workload("description"))
        .await
        .expect("every question is answered");
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn a_quote_is_of_the_report_data_and_its_log_accounts_for_the_registers() {
    let swtpm = Swtpm::start();
    let attester = start(&swtpm, "launcher");
    for digest in [None, Some(sha256(b"description"))] {
        let quote = attester.quote(&REPORT_DATA, digest).await.expect("a quote");
        let extra_data = sha256(&REPORT_DATA);
        assert!(quote.attest.windows(32).any(|window| window == extra_data.0));
        let pcr_digest = pcr_digest(&quote.pcrs);
        assert!(
            quote.attest.ends_with(&pcr_digest.0),
            "the registers are the quoted ones"
        );
        let key = ecc_key(&quote.ak_public);
        assert_eq!(key.verify_raw(&quote.attest, &r_s(&quote.signature)), Ok(()));

        let log = EventLog::parse(&quote.event_log).expect("a log");
        let expected = RuntimeEvents {
            program: Some(sha256(b"launcher")),
            workload: digest,
        };
        assert_eq!(runtime::read(&log, WORKLOAD_PCR), Ok(expected));
        let replay = Replay::of(&log, Bank::TPM_SHA256).expect("replayed");
        let ours = replay.value(WORKLOAD_PCR).expect("extended");
        assert_eq!(ours.as_bytes(), quote.pcrs[13].1.as_bytes());
    }
}

/// The firmware's log stays as it is; ours goes on behind it. What is no log is no reason to begin another one.
#[tokio::test]
#[ignore = "needs swtpm"]
async fn the_firmwares_log_comes_first() {
    let swtpm = Swtpm::start();
    let settings = settings(&swtpm, "launcher");
    let writer = LogWriter::new(&[Algorithm::Sha256]);
    let firmware = writer
        .expect("a log")
        .event(4, EventType::SEPARATOR, &[0; 4])
        .finish();
    fs::write(&settings.firmware_log, [&firmware[..], &[0xFF; 32]].concat()).expect("a log");
    let attester = TpmAttester::start(settings.clone()).expect("the TPM answers");
    let quote = attester.quote(&REPORT_DATA, None).await.expect("a quote");
    assert!(quote.event_log.starts_with(&firmware), "padding apart");
    let log = EventLog::parse(&quote.event_log).expect("a log");
    assert_eq!(log.events().len(), 2);

    fs::write(&settings.firmware_log, b"no log").expect("a file");
    let error = attester.quote(&REPORT_DATA, None).await.expect_err("no log");
    assert_eq!(error.code(), "attester.protocol");
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn each_thing_is_measured_once_however_often_a_program_is_started() {
    let mut swtpm = Swtpm::start();
    let first = start(&swtpm, "launcher")
        .quote(&REPORT_DATA, None)
        .await
        .expect("a quote");
    let again = start(&swtpm, "launcher")
        .quote(&REPORT_DATA, None)
        .await
        .expect("a quote");
    assert_eq!(first.pcrs, again.pcrs);
    assert_eq!(first.ak_public, again.ak_public);
    let one = Some(sha256(b"one"));
    let with_workload = start(&swtpm, "launcher")
        .quote(&REPORT_DATA, one)
        .await
        .expect("a quote");
    let restarted = start(&swtpm, "launcher");
    let again = restarted
        .quote(&REPORT_DATA, one)
        .await
        .expect("the same workload");
    assert_eq!(with_workload.pcrs, again.pcrs);
    swtpm.restart();
    let rebooted = restarted.quote(&REPORT_DATA, one).await.expect("measured anew");
    assert_eq!(with_workload.pcrs, rebooted.pcrs);
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn what_else_was_measured_is_a_refusal_that_says_so() {
    let swtpm = Swtpm::start();
    let launcher = start(&swtpm, "launcher");
    launcher
        .quote(&REPORT_DATA, Some(sha256(b"one")))
        .await
        .expect("a quote");
    let refused = |quote: Result<_, AttesterError>| {
        let error = quote.map(|_: TpmQuote| ()).expect_err("refused");
        assert_eq!(error.code(), "attester.measurements");
        error.to_string()
    };
    let said = refused(launcher.quote(&REPORT_DATA, Some(sha256(b"two"))).await);
    assert!(said.contains(&sha256(b"two").to_string()), "{said}");
    let restarted = start(&swtpm, "launcher");
    let said = refused(restarted.quote(&REPORT_DATA, Some(sha256(b"two"))).await);
    assert!(said.contains("PCR 13"), "{said}");
    refused(restarted.quote(&REPORT_DATA, None).await);

    let other = start(&swtpm, "another build");
    let said = refused(other.quote(&REPORT_DATA, None).await);
    let ours = expected(&[Measured::Program(sha256(b"another build"))]);
    let held = expected(&[
        Measured::Program(sha256(b"launcher")),
        Measured::Workload(sha256(b"one")),
    ]);
    assert!(
        said.contains(&ours.to_string()) && said.contains(&held.to_string()),
        "{said}"
    );
    let error = other
        .seal_key(SealPolicy::Measurement)
        .await
        .expect_err("refused");
    assert_eq!(error.code(), "attester.measurements");

    swtpm
        .open()
        .pcr_extend(WORKLOAD_PCR, &sha256(b"intruder"))
        .expect("extended");
    refused(launcher.quote(&REPORT_DATA, Some(sha256(b"one"))).await);
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn a_sealing_key_is_of_one_program_on_one_machine_with_one_firmware() {
    let mut swtpm = Swtpm::start();
    let key = async |swtpm: &Swtpm, program: &str| {
        let attester = start(swtpm, program);
        let key = attester.seal_key(SealPolicy::Measurement).await;
        *key.expect("a key").expose()
    };
    let first = key(&swtpm, "coordinator").await;
    swtpm.restart();
    assert_eq!(key(&swtpm, "coordinator").await, first, "after a restart");
    swtpm.restart();
    assert_ne!(key(&swtpm, "another build").await, first);
    // Boot loader, command line, kernel, its first file system, a unified image and its parameters, shim's keys.
    for pcr in [4, 8, 9, 11, 12, 14] {
        swtpm.restart();
        swtpm
            .open()
            .pcr_extend(pcr, &sha256(b"another"))
            .expect("extended");
        assert_ne!(key(&swtpm, "coordinator").await, first, "PCR {pcr}");
    }
    // What grows while the machine runs.
    for pcr in [10, 15] {
        swtpm.restart();
        swtpm
            .open()
            .pcr_extend(pcr, &sha256(b"another"))
            .expect("extended");
        assert_eq!(key(&swtpm, "coordinator").await, first, "PCR {pcr}");
    }
    assert_ne!(
        key(&Swtpm::start(), "coordinator").await,
        first,
        "on another machine"
    );
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn a_counter_that_was_removed_begins_above_and_no_other_index_passes_for_it() {
    let swtpm = Swtpm::start();
    let attester = start(&swtpm, "coordinator");
    let name: CounterName = "state".parse().expect("a name");
    let before = attester.counter_read(&name).await.expect("a value");
    assert_eq!(attester.counter_advance(&name).await.expect("a step"), before + 1);
    let mut tpm = swtpm.open();
    let index = tpm.handles(Handle(0x0180_0000)).expect("handles")[0];
    let public = tpm.nv_read_public(index).expect("an answer").expect("defined");
    tpm.nv_undefine(index).expect("removed by the owner");
    drop(tpm);
    assert!(attester.counter_read(&name).await.expect("a value") > before + 1);

    // Eight bytes that anybody writes, at the same index.
    let mut tpm = swtpm.open();
    tpm.nv_undefine(index).expect("removed by the owner");
    let ordinary = NvPublic {
        attributes: public.attributes & !(NvPublic::COUNTER | NvPublic::WRITTEN),
        ..public
    };
    tpm.nv_define(&ordinary).expect("defined");
    drop(tpm);
    let error = attester.counter_read(&name).await.expect_err("no counter");
    assert_eq!(error.code(), "attester.refused");
    assert!(error.to_string().contains("somebody else"), "{error}");
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn enrolment_opens_a_challenge_for_its_own_key_alone() {
    for (swtpm, certified) in [
        (Swtpm::start(), true),
        (Swtpm::start_without_certificates(), false),
    ] {
        let attester = start(&swtpm, "launcher");
        let request = attester.request().await.expect("a request");
        let ek = if certified {
            let certificate = Certificate::parse(&request.ek_certificates[0]).expect("a certificate");
            let issuer = Certificate::parse_pem(&swtpm.issuer()).expect("a certificate");
            let issuer = issuer.public_key().expect("a key");
            assert_eq!(certificate.verify_signature_by_key(&issuer), Ok(()));
            certificate
                .public_key()
                .expect("a key")
                .try_into()
                .expect("an endorsement key")
        } else {
            assert_eq!(request.ek_certificates, Vec::<Vec<u8>>::new());
            EndorsementKey::P256(ecc_key(&request.ek_public))
        };
        let name = |public: &[u8]| [&[0, 0x0B][..], &sha256(public).0].concat();
        let challenge = make_credential(&ek, &name(&request.ak_public), b"secret").expect("a challenge");
        let secret = attester.activate(&challenge).await.expect("opened");
        assert_eq!(secret.expose(), b"secret");

        let other = make_credential(&ek, &name(b"another key"), b"secret").expect("a challenge");
        let error = attester.activate(&other).await.expect_err("made for another key");
        assert_eq!(error.code(), "attester.refused");
        let elsewhere = Swtpm::start_without_certificates();
        let error = start(&elsewhere, "launcher")
            .activate(&challenge)
            .await
            .expect_err("another TPM");
        assert_eq!(error.code(), "attester.refused");
        let mut damaged = challenge;
        damaged.id_object.push(0);
        let error = attester.activate(&damaged).await.expect_err("malformed");
        assert_eq!(error.code(), "attester.refused");
    }
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn evidence_carries_the_certificates_that_enrolment_brought() {
    let swtpm = Swtpm::start();
    let attester = start(&swtpm, "launcher");
    let before = attester.quote(&REPORT_DATA, None).await.expect("a quote");
    assert_eq!(before.certificates, Vec::<Vec<u8>>::new());
    attester.set_certificates(vec![b"certificate".to_vec()]);
    let after = attester.quote(&REPORT_DATA, None).await.expect("a quote");
    assert_eq!(after.certificates, [b"certificate".to_vec()]);
}

/// What the register holds after these events.
fn expected(measured: &[Measured]) -> Digest32 {
    measured.iter().fold(Digest32([0; 32]), |value, measured| {
        let event = sha256(&runtime::event_data(measured));
        sha256(&[value.0, event.0].concat())
    })
}

/// The point at the end of a `TPMT_PUBLIC` on P-256.
pub(crate) fn ecc_key(public: &[u8]) -> VerifyingKey {
    let (x, y) = public[public.len() - 68..].split_at(34);
    let point = [&[4][..], &x[2..], &y[2..]].concat();
    VerifyingKey::from_point(Curve::P256, &point).expect("a point of the curve")
}

/// `TPMT_SIGNATURE` → r ‖ s.
pub(crate) fn r_s(signature: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(&signature[4..]);
    let mut padded = |_| {
        let number = reader.sized().expect("a number");
        [&vec![0; 32 - number.len()][..], number].concat()
    };
    [0, 1].into_iter().flat_map(&mut padded).collect()
}
