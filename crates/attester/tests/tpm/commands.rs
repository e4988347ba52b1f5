//! The command layer against a real software TPM.

use crate::swtpm::Swtpm;
use strongroom_attester::tpm::{self, Code, Handle, NvPublic, PcrSelection, Reader, TpmError, template};
use strongroom_crypto::digest::{Digest32, sha256};

const TRANSIENT: Handle = Handle(0x8000_0000);
const SESSIONS: Handle = Handle(0x0200_0000);

/// What `bytes` hashed onto `value` gives in a register.
fn extended(value: Digest32, bytes: &[u8]) -> Digest32 {
    sha256(&[&value.0[..], &sha256(bytes).0].concat())
}

#[test]
#[ignore = "needs swtpm"]
fn registers_are_extended_quoted_and_begin_anew_after_a_restart() {
    let mut swtpm = Swtpm::start();
    let mut tpm = swtpm.open();
    assert_eq!(tpm.sha256_bank().expect("banks"), [0xFF; 3]);
    assert_eq!(tpm.manufacturer().expect("a manufacturer"), "IBM");
    let selection = PcrSelection::up_to(15);
    let zero = Digest32([0; 32]);
    assert_eq!(
        tpm.pcr_read(selection).expect("values"),
        (0..16).map(|index| (index, zero)).collect::<Vec<_>>()
    );
    tpm.pcr_extend(13, &sha256(b"event")).expect("extended");
    let values = tpm.pcr_read(selection).expect("values");
    assert_eq!(values[13].1, extended(zero, b"event"));
    let quote = tpm
        .with_primary(Handle::ENDORSEMENT, &template::ak(), |tpm, ak| {
            tpm.quote(ak.handle, &[7; 32], selection)
        })
        .expect("a quote");
    let concatenated: Vec<u8> = values.iter().flat_map(|(_, value)| value.0).collect();
    assert_eq!(quote.pcr_digest(), Ok(sha256(&concatenated)));
    assert!(quote.attest.windows(32).any(|window| window == [7; 32]));
    assert_eq!(quote.signature[..4], [0, 0x18, 0, 0x0B], "ECDSA, SHA-256");
    drop(tpm);
    swtpm.restart();
    assert_eq!(swtpm.open().pcr_read(selection).expect("values")[13].1, zero);
}

#[test]
#[ignore = "needs swtpm"]
fn keys_are_the_same_each_time_and_nothing_stays_loaded() {
    let mut swtpm = Swtpm::start();
    let make = |swtpm: &Swtpm, template: &template::Template| {
        let made = swtpm
            .open()
            .with_primary(Handle::ENDORSEMENT, template, |_, key| {
                let expected = [&[0, 0x0B][..], &sha256(&key.public).0].concat();
                assert_eq!(key.name, expected, "a name is the digest of the public area");
                Ok::<_, TpmError>(key.public.clone())
            });
        made.expect("a key")
    };
    let (ak, ek) = (make(&swtpm, &template::ak()), make(&swtpm, &template::ek_p256()));
    assert_ne!(ak, ek);
    let kept = swtpm
        .open()
        .read_public(Handle::PERSISTENT_EK_RSA)
        .expect("an answer")
        .expect("manufactured with one");
    assert_eq!(
        make(&swtpm, &template::ek_rsa2048()),
        kept.public,
        "the profile's template"
    );
    swtpm.restart();
    assert_eq!(make(&swtpm, &template::ak()), ak);
    for _ in 0..8 {
        let failed: Result<(), TpmError> =
            swtpm
                .open()
                .with_primary(Handle::ENDORSEMENT, &template::ak(), |tpm, ak| {
                    tpm.with_policy(|tpm, session| tpm.hmac(ak.handle, session, b"no HMAC key").map(|_| ()))
                });
        failed.expect_err("a signing key makes no HMAC");
    }
    let mut tpm = swtpm.open();
    assert_eq!(tpm.handles(TRANSIENT).expect("handles"), []);
    assert_eq!(tpm.handles(SESSIONS).expect("handles"), []);
}

/// What an interrupted program leaves loaded is cleared by the next one that connects: slots are three.
#[test]
#[ignore = "needs swtpm"]
fn what_an_interrupted_program_left_is_cleared() {
    let swtpm = Swtpm::start();
    for _ in 0..4 {
        let mut tpm = swtpm.open();
        let interrupted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            tpm.with_primary(Handle::ENDORSEMENT, &template::ak(), |tpm, _| {
                tpm.with_policy(|_, _| -> Result<(), TpmError> { std::panic::resume_unwind(Box::new(())) })
            })
        }));
        assert!(interrupted.is_err());
    }
    let mut tpm = swtpm.open();
    assert_eq!(tpm.handles(TRANSIENT).expect("handles"), []);
    assert_eq!(tpm.handles(SESSIONS).expect("handles"), []);
}

#[test]
#[ignore = "needs swtpm"]
fn a_policy_over_registers_is_computed_as_the_tpm_does_and_binds_the_key() {
    let swtpm = Swtpm::start();
    let mut tpm = swtpm.open();
    let selection = PcrSelection::up_to(7).and(13);
    let values = tpm.pcr_read(selection).expect("values");
    let policy = tpm::pcr_policy(selection, &values);
    let told = tpm.with_policy(|tpm, session| {
        tpm.policy_pcr(session, selection)?;
        tpm.policy_digest(session)
    });
    assert_eq!(told.expect("a digest"), policy);
    let mut key = |policy: &Digest32| {
        tpm.with_primary(Handle::OWNER, &template::sealing(policy), |tpm, key| {
            tpm.with_policy(|tpm, session| {
                tpm.policy_pcr(session, selection)?;
                tpm.hmac(key.handle, session, b"label")
            })
        })
    };
    let (first, second) = (key(&policy).expect("a key"), key(&policy).expect("a key"));
    assert_eq!(first.len(), 32);
    assert!(first == second, "the same key each time");
    let error = key(&sha256(b"another program")).expect_err("another policy");
    assert!(error.is(Code::POLICY_FAIL), "{error}");
    tpm.pcr_extend(13, &sha256(b"event")).expect("extended");
    drop(tpm);
    let error = {
        let mut tpm = swtpm.open();
        tpm.with_primary(Handle::OWNER, &template::sealing(&policy), |tpm, key| {
            tpm.with_policy(|tpm, session| {
                tpm.policy_pcr(session, selection)?;
                tpm.hmac(key.handle, session, b"label")
            })
        })
        .expect_err("the register changed")
    };
    assert!(error.is(Code::POLICY_FAIL), "{error}");
}

#[test]
#[ignore = "needs swtpm"]
fn a_counter_only_goes_up_and_a_new_one_begins_above() {
    let mut swtpm = Swtpm::start();
    let index = Handle(0x0180_1234);
    let wanted = NvPublic {
        index,
        attributes: NvPublic::COUNTER | NvPublic::AUTH_WRITE | NvPublic::AUTH_READ | NvPublic::NO_DA,
        policy: vec![5; 32],
        size: 8,
    };
    let mut tpm = swtpm.open();
    assert_eq!(tpm.nv_read_public(index).expect("an answer"), None);
    tpm.nv_define(&wanted).expect("defined");
    let error = tpm.nv_read(&wanted).expect_err("never written");
    assert!(error.is(Code::NV_UNINITIALIZED), "{error}");
    let value = |tpm: &mut tpm::Tpm| {
        let public = tpm.nv_read_public(index).expect("an answer").expect("defined");
        assert_eq!(public.attributes, wanted.attributes | NvPublic::WRITTEN);
        Reader::new(&tpm.nv_read(&public).expect("read"))
            .u64()
            .expect("8 bytes")
    };
    tpm.nv_increment(index).expect("a step");
    let first = value(&mut tpm);
    tpm.nv_increment(index).expect("a step");
    assert_eq!(value(&mut tpm), first + 1);
    drop(tpm);
    swtpm.restart();
    let mut tpm = swtpm.open();
    assert_eq!(value(&mut tpm), first + 1, "kept");
    tpm.nv_undefine(index).expect("removed");
    tpm.nv_define(&wanted).expect("defined again");
    tpm.nv_increment(index).expect("a step");
    assert!(value(&mut tpm) > first + 1, "it begins above every value it had");
}

#[test]
#[ignore = "needs swtpm"]
fn a_tpm_that_nobody_started_is_started() {
    let mut swtpm = Swtpm::start();
    swtpm.restart_unstarted();
    assert_eq!(swtpm.open().sha256_bank().expect("banks"), [0xFF; 3]);
}
