//! Event logs: what parses, what replays, where a register stops matching.

use strongroom_attest::event_log::replay::ReplayError;
use strongroom_attest::event_log::separators::{self, SeparatorError};
use strongroom_attest::event_log::tcg::Place;
use strongroom_attest::event_log::{Algorithm, Bank, EventLog, EventType, LogError, LogWriter, Replay};
use strongroom_crypto::digest::{sha256, sha384};

/// Bytes before the first event of a log with one algorithm.
const HEADER_BYTES: usize = 32 + 33;

fn sha256_log() -> LogWriter {
    LogWriter::new(&[Algorithm::Sha256]).expect("an algorithm")
}

fn two_events() -> Vec<u8> {
    sha256_log()
        .event(
            4,
            EventType::EFI_ACTION,
            b"Calling EFI Application from Boot Option",
        )
        .event(4, EventType::SEPARATOR, &[0; 4])
        .finish()
}

#[test]
fn reads_back_what_was_written() {
    let bytes = LogWriter::new(&[Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384])
        .expect("algorithms")
        .event(7, EventType::ACTION, b"text")
        .event_with(0, EventType::NO_ACTION, &[(Algorithm::Sha1, &[0; 20])], b"")
        .finish();
    let log = EventLog::parse(&bytes).expect("a log");
    assert_eq!(log.length(), bytes.len());
    let [first, second] = log.events() else {
        panic!("two events");
    };
    assert_eq!(
        (first.number(), first.index(), first.data()),
        (1, 7, &b"text"[..])
    );
    assert_eq!(first.digest(Algorithm::Sha1), None, "not computed here");
    assert_eq!(first.digest(Algorithm::Sha256), Some(&sha256(b"text").0[..]));
    assert_eq!(first.digest(Algorithm::Sha384), Some(&sha384(b"text")[..]));
    assert!(!second.is_measured());
}

#[test]
fn padding_ends_a_log_and_nothing_else_does() {
    for padding in [vec![0xff; 4096], vec![0; 4096], vec![0; 3], vec![0xff; 1]] {
        let padded = [two_events(), padding].concat();
        let log = EventLog::parse(&padded).expect("a log");
        assert_eq!((log.events().len(), log.length()), (2, two_events().len()));
        let resumed = LogWriter::resume(&padded).expect("a log");
        assert_eq!(resumed.finish(), two_events());
    }
    for behind in [
        [vec![0xff; 16], vec![1]].concat(),
        [vec![0; 16], vec![1]].concat(),
    ] {
        check(
            &[two_events(), behind].concat(),
            LogError::BehindEnd { number: 2 },
        );
    }
}

#[test]
fn refuses_what_is_no_log() {
    let place = Place::Event(1);
    let with = |at: usize, bytes: &[u8]| {
        let mut log = two_events();
        log[at..at + bytes.len()].copy_from_slice(bytes);
        log
    };
    let event = HEADER_BYTES;
    check(b"", LogError::Header("too short"));
    check(&with(4, &[4]), LogError::Header("its type is not EV_NO_ACTION"));
    check(&with(32, b"SPEC"), LogError::Header("its signature is another"));
    check(&with(53, &[1]), LogError::Header("its version is not 2.0"));
    check(
        &with(64, &[1]),
        LogError::Header("its length is not that of its fields"),
    );
    let none = LogError::Header("it names no algorithm, or more than there are");
    check(&with(56, &[0]), none.clone());
    check(&with(56, &[0xff; 4]), none);
    check(
        &with(60, &[0xff; 2]),
        LogError::UnknownAlgorithm {
            place: Place::Header,
            algorithm: 0xffff,
        },
    );
    check(
        &with(62, &[48]),
        LogError::AlgorithmSize {
            algorithm: Algorithm::Sha256,
            size: 48,
        },
    );
    let count = |count| LogError::DigestCount { number: 1, count };
    check(&with(event + 8, &[0xff; 4]), count(u32::MAX));
    check(&with(event + 8, &[0; 4]), count(0));
    check(
        &with(event + 12, &[0xff; 2]),
        LogError::UnknownAlgorithm {
            place,
            algorithm: 0xffff,
        },
    );
    check(
        &with(event + 12, &[0x0c]),
        LogError::UnannouncedAlgorithm {
            number: 1,
            algorithm: Algorithm::Sha384,
        },
    );
    check(&with(event + 46, &[0xff; 4]), LogError::Truncated { number: 1 });
    for length in event + 1..event + 90 {
        check(&two_events()[..length], LogError::Truncated { number: 1 });
    }
    check(
        &vec![0; (4 << 20) + 1],
        LogError::TooLarge {
            length: (4 << 20) + 1,
        },
    );
}

#[test]
fn refuses_algorithms_that_no_bank_has_or_that_come_twice() {
    let of = |algorithms: &[Algorithm]| LogWriter::new(algorithms).map(LogWriter::finish).err();
    assert_eq!(
        of(&[Algorithm::Sha1, Algorithm::Sm3]),
        Some(LogError::NoUsableAlgorithm)
    );
    let twice = |place| LogError::Twice {
        place,
        algorithm: Algorithm::Sha256,
    };
    assert_eq!(
        of(&[Algorithm::Sha256, Algorithm::Sha256]),
        Some(twice(Place::Header))
    );
    let digest = (Algorithm::Sha256, &[0; 32][..]);
    let log = LogWriter::new(&[Algorithm::Sha256, Algorithm::Sha1]).expect("algorithms");
    let log = log.event_with(0, EventType::ACTION, &[digest, digest], b"");
    check(&log.finish(), twice(Place::Event(1)));
}

#[test]
fn refuses_more_events_than_any_log_has() {
    let event =
        |log: LogWriter, _| log.event_with(0, EventType::ACTION, &[(Algorithm::Sha256, &[0; 32])], b"");
    let full = (0..1 << 14).fold(sha256_log(), event);
    assert!(EventLog::parse(&full.clone().finish()).is_ok());
    check(&event(full, 0).finish(), LogError::TooManyEvents);
}

fn check(bytes: &[u8], expected: LogError) {
    assert_eq!(EventLog::parse(bytes).err(), Some(expected));
}

#[test]
fn replays_each_register_from_its_beginning() {
    let bytes = LogWriter::new(&[Algorithm::Sha256, Algorithm::Sha384])
        .expect("algorithms")
        .event(1, EventType::ACTION, b"a")
        .event(2, EventType::ACTION, b"b")
        .event(1, EventType::NO_ACTION, b"nothing")
        .event(1, EventType::ACTION, b"c")
        .finish();
    let log = EventLog::parse(&bytes).expect("a log");

    let tpm = Replay::of(&log, Bank::TPM_SHA256).expect("a replay");
    let once = sha256(&[&[0; 32], &sha256(b"a").0[..]].concat());
    let twice = sha256(&[once.0, sha256(b"c").0].concat());
    assert_eq!(tpm.value(1).expect("PCR 1").as_bytes(), twice.as_bytes());
    assert_eq!(tpm.value(0).expect("PCR 0").as_bytes(), [0; 32]);
    assert_eq!(tpm.value(17).expect("PCR 17").as_bytes(), [0xff; 32]);
    assert_eq!(tpm.value(23).expect("PCR 23").as_bytes(), [0; 32]);
    assert_eq!(tpm.value(24), None);

    // In TDX index 1 is RTMR0.
    let tdx = Replay::of(&log, Bank::TDX).expect("a replay");
    let rtmr1 = sha384(&[&[0; 48], &sha384(b"b")[..]].concat());
    assert_eq!(tdx.value(1).expect("RTMR1").as_bytes(), rtmr1);
    assert_eq!(tdx.value(2).expect("RTMR2").as_bytes(), [0; 48]);
    assert_eq!(tdx.value(4), None);
}

#[test]
fn a_dynamic_launch_begins_at_zeros() {
    let bytes = sha256_log().event(17, EventType::ACTION, b"launch").finish();
    let log = EventLog::parse(&bytes).expect("a log");
    let replay = Replay::of(&log, Bank::TPM_SHA256).expect("a replay");
    let value = sha256(&[&[0; 32], &sha256(b"launch").0[..]].concat());
    assert_eq!(replay.value(17).expect("PCR 17").as_bytes(), value.as_bytes());
    assert_eq!(replay.value(18).expect("PCR 18").as_bytes(), [0xff; 32]);
}

#[test]
fn refuses_what_extends_nothing_that_there_is() {
    let of = |bytes: &[u8], bank| {
        let log = EventLog::parse(bytes).expect("a log");
        Replay::of(&log, bank).err()
    };
    let index = |index| sha256_log().event(index, EventType::ACTION, b"").finish();
    let none = |index| Some(ReplayError::NoRegister { number: 1, index });
    assert_eq!(of(&index(24), Bank::TPM_SHA256), none(24));
    assert_eq!(of(&index(u32::MAX), Bank::TPM_SHA256), none(u32::MAX));
    assert_eq!(of(&index(0), Bank::TDX), none(0));
    assert_eq!(of(&index(5), Bank::TDX), none(5));
    assert_eq!(
        of(&index(0), Bank::TPM_SHA384),
        Some(ReplayError::NoDigest {
            number: 1,
            algorithm: Algorithm::Sha384
        })
    );
    let sha1 = Bank {
        algorithm: Algorithm::Sha1,
        ..Bank::TPM_SHA256
    };
    assert_eq!(of(&index(0), sha1), Some(ReplayError::Algorithm(Algorithm::Sha1)));
}

#[test]
fn the_startup_locality_begins_pcr_0() {
    let locality = |log: LogWriter, rest: &[u8]| {
        log.event(0, EventType::NO_ACTION, &[b"StartupLocality\0", rest].concat())
    };
    let of = |log: LogWriter| {
        let bytes = log.finish();
        let log = EventLog::parse(&bytes).expect("a log");
        let replay = Replay::of(&log, Bank::TPM_SHA256)?;
        Ok(replay.value(0).expect("PCR 0").as_bytes()[31])
    };
    let impossible = |number| Err(ReplayError::StartupLocality { number });
    assert_eq!(of(locality(sha256_log(), &[3])), Ok(3));
    assert_eq!(of(locality(sha256_log(), &[4])), Ok(4));
    assert_eq!(of(locality(sha256_log(), &[2])), impossible(1));
    assert_eq!(of(locality(sha256_log(), &[])), impossible(1));
    assert_eq!(of(locality(sha256_log(), &[3, 0])), impossible(1));
    assert_eq!(of(locality(locality(sha256_log(), &[3]), &[3])), impossible(2));
    let late = sha256_log().event(0, EventType::S_CRTM_VERSION, b"1");
    assert_eq!(of(locality(late, &[3])), impossible(2));

    let bytes = locality(sha256_log(), &[3])
        .event(0, EventType::ACTION, b"x")
        .finish();
    let log = EventLog::parse(&bytes).expect("a log");
    let replay = Replay::of(&log, Bank::TPM_SHA256).expect("a replay");
    let from_three = sha256(&[&[0; 31][..], &[3], &sha256(b"x").0].concat());
    assert_eq!(replay.value(0).expect("PCR 0").as_bytes(), from_three.as_bytes());
}

#[test]
fn says_at_which_event_a_register_stops_matching() {
    let bytes = sha256_log()
        .event(8, EventType::ACTION, b"one")
        .event(9, EventType::ACTION, b"elsewhere")
        .event(8, EventType::ACTION, b"two")
        .event(8, EventType::ACTION, b"three\x1b[2J")
        .finish();
    let log = EventLog::parse(&bytes).expect("a log");
    let replay = Replay::of(&log, Bank::TPM_SHA256).expect("a replay");
    let values: Vec<_> = replay.steps(8).map(|(_, value)| *value).collect();
    let [one, two, three] = values.as_slice() else {
        panic!("three events");
    };

    let divergence = |register: u32, quoted: &[u8]| {
        let found = replay.first_divergence([(register, quoted)]);
        found.map(|found| (found.first_unhappened, found.to_string()))
    };
    assert_eq!(divergence(8, three.as_bytes()), None);
    let beginning =
        format!("the log has 3 events for PCR 8; after all of them it stands at {three}, the quote says ");
    let ends = |quoted: &[u8], number: Option<usize>, end: &str| {
        let text = format!("{beginning}{}; {end}", hex::encode(quoted));
        assert_eq!(divergence(8, quoted), Some((number, text)));
    };
    ends(
        one.as_bytes(),
        Some(3),
        "it matches after event 1, so event 3 (EV_ACTION 'two') and the one after it never happened",
    );
    ends(
        two.as_bytes(),
        Some(4),
        "it matches after event 3, so event 4 (EV_ACTION '74687265651b5b324a') never happened",
    );
    ends(
        &[0; 32],
        Some(1),
        "it matches before all of them, so event 1 (EV_ACTION 'one') and the 2 after it never happened",
    );
    ends(
        &[1; 32],
        None,
        "nothing in the log leads there: something was extended that is not in the log, or the log was changed",
    );
    let zeros = "0".repeat(64);
    let ones = "01".repeat(32);
    assert_eq!(
        divergence(10, &[1; 32]).expect("another value").1,
        format!(
            "the log has no event for PCR 10, so it stands at {zeros}, the quote says {ones}; nothing in the log \
             leads there: something was extended that is not in the log, or the log was changed"
        )
    );
    assert_eq!(divergence(24, &[0; 32]).expect("none").1, "there is no PCR 24");
    assert_eq!(divergence(10, &[0; 31]).expect("too short").0, None);
}

#[test]
fn only_quoted_registers_are_confirmed() {
    let bytes = two_events();
    let log = EventLog::parse(&bytes).expect("a log");
    let replay = Replay::of(&log, Bank::TPM_SHA256).expect("a replay");
    let value = *replay
        .value(4)
        .expect("PCR 4")
        .as_bytes()
        .first_chunk::<32>()
        .expect("SHA-256");
    let confirmed = replay
        .clone()
        .confirm([(4, &value[..])])
        .expect("it stands there");
    assert_eq!(confirmed.events(4).expect("quoted").count(), 2);
    assert!(confirmed.events(5).is_none());
    let divergence = replay
        .confirm([(4, &value[..]), (5, &value[..])])
        .expect_err("PCR 5 is elsewhere");
    assert_eq!(divergence.register, 5);
}

#[test]
fn an_index_shifted_by_one_does_not_match() {
    let bytes = LogWriter::new(&[Algorithm::Sha384])
        .expect("an algorithm")
        .event(1, EventType::ACTION, b"into RTMR0")
        .finish();
    let log = EventLog::parse(&bytes).expect("a log");
    let replay = Replay::of(&log, Bank::TDX).expect("a replay");
    let rtmr0 = replay.value(0).expect("RTMR0");
    assert!(replay.first_divergence([(0, rtmr0.as_bytes())]).is_none());
    assert!(replay.first_divergence([(1, rtmr0.as_bytes())]).is_some());
}

/// A firmware's log as it should be: something in each of PCR 0 to 7, a separator, and what may follow.
fn firmware_with(change: impl FnOnce(LogWriter) -> LogWriter) -> Vec<u8> {
    let before = (0..8).fold(sha256_log(), |log, pcr| {
        log.event(pcr, EventType::ACTION, b"before")
    });
    let separators = (0..8).fold(before, |log, pcr| log.event(pcr, EventType::SEPARATOR, &[0; 4]));
    let after = separators
        .event(4, EventType::EFI_BOOT_SERVICES_APPLICATION, b"shim")
        .event(5, EventType::EFI_GPT_EVENT, b"disk")
        .event(7, EventType::EFI_VARIABLE_AUTHORITY, b"db")
        .event(9, EventType::IPL, b"/vmlinuz")
        .event(5, EventType::EFI_ACTION, b"Exit Boot Services Invocation");
    change(after).finish()
}

#[test]
fn separators_close_the_registers_of_the_firmware() {
    let of = |bytes: &[u8], bank| separators::check(&EventLog::parse(bytes).expect("a log"), bank);
    let check = |bytes: &[u8], expected: Result<(), SeparatorError>| {
        assert_eq!(of(bytes, Bank::TPM_SHA256), expected);
    };
    check(&firmware_with(|log| log), Ok(()));
    check(
        &sha256_log().event(8, EventType::IPL, b"only GRUB").finish(),
        Ok(()),
    );
    check(
        &firmware_with(|log| log.event(0, EventType::ACTION, b"os-separator")),
        Ok(()),
    );

    let number = 22;
    for pcr in 0..8 {
        let event_type = EventType::POST_CODE;
        check(
            &firmware_with(|log| log.event(pcr, event_type, b"late")),
            Err(SeparatorError::After {
                number,
                pcr,
                event_type,
            }),
        );
        check(
            &firmware_with(|log| log.event(pcr, EventType::SEPARATOR, &[0; 4])),
            Err(SeparatorError::Twice { number, pcr }),
        );
        check(
            &firmware_with(|log| log.event_measuring(pcr, EventType::SEPARATOR, &[1, 0, 0, 0], b"why")),
            Err(SeparatorError::Failed { number, pcr }),
        );
        check(
            &firmware_with(|log| log.event(pcr, EventType::SEPARATOR, b"text")),
            Err(SeparatorError::NotOne { number, pcr }),
        );
        check(
            &sha256_log()
                .event(pcr, EventType::ACTION, b"never closed")
                .finish(),
            Err(SeparatorError::Missing { pcr }),
        );
    }
    let all_ones = sha256_log().event(0, EventType::SEPARATOR, &[0xff; 4]).finish();
    check(&all_ones, Ok(()));
    let disguised = sha256_log().event(3, EventType::ACTION, &[0; 4]).finish();
    let expected = SeparatorError::Disguised {
        number: 1,
        pcr: 3,
        event_type: EventType::ACTION,
    };
    check(&disguised, Err(expected));

    // TDX folds PCR 1 and PCR 7 into RTMR0: separators have other events behind them.
    let tdx = LogWriter::new(&[Algorithm::Sha384])
        .expect("an algorithm")
        .event(1, EventType::SEPARATOR, &[0; 4])
        .event(1, EventType::PLATFORM_CONFIG_FLAGS, b"ACPI DATA")
        .finish();
    assert_eq!(of(&tdx, Bank::TDX), Ok(()));
}
