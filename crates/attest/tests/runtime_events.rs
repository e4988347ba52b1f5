//! Our own events: only they, in order, once.

use strongroom_attest::event_log::runtime::{
    EVENT_TYPE, Measured, RuntimeError, RuntimeEvents, WORKLOAD_PCR, event_data, read,
};
use strongroom_attest::event_log::{Algorithm, Bank, Content, EventLog, EventType, LogWriter, Replay};
use strongroom_crypto::digest::{Digest32, sha256};

const PROGRAM: Measured = Measured::Program(Digest32([1; 32]));
const WORKLOAD: Measured = Measured::Workload(Digest32([2; 32]));

fn log() -> LogWriter {
    LogWriter::new(&[Algorithm::Sha256, Algorithm::Sha384]).expect("algorithms")
}

fn measure(log: LogWriter, measured: &Measured) -> LogWriter {
    log.event(WORKLOAD_PCR, EVENT_TYPE, &event_data(measured))
}

fn check(log: LogWriter, expected: Result<RuntimeEvents, &str>) {
    let bytes = log.finish();
    let log = EventLog::parse(&bytes).expect("a log");
    let found = read(&log, WORKLOAD_PCR).map_err(|error| error.to_string());
    assert_eq!(found, expected.map_err(str::to_owned));
}

#[test]
fn the_data_is_written_as_the_design_says() {
    let data = event_data(&PROGRAM);
    let expected = [
        &[0, 0, 0, 21][..],
        b"strongroom/v1/measure",
        &[0, 0, 0, 7],
        b"program",
        &[0, 0, 0, 32],
        &[1; 32],
    ]
    .concat();
    assert_eq!(data, expected);
}

#[test]
fn reads_program_then_workload_of_its_register() {
    let both = RuntimeEvents {
        program: Some(Digest32([1; 32])),
        workload: Some(Digest32([2; 32])),
    };
    let log = measure(
        measure(log().event(4, EventType::ACTION, b"boot"), &PROGRAM),
        &WORKLOAD,
    );
    let bytes = log.clone().finish();
    let parsed = EventLog::parse(&bytes).expect("a log");
    let content = Content::of(&parsed.events()[1], Algorithm::Sha384);
    assert!(content.trusted());
    assert_eq!(content.text, format!("program {}", "01".repeat(32)));
    assert!(Replay::of(&parsed, Bank::TPM_SHA384).is_ok());
    check(log, Ok(both));
}

#[test]
fn reads_a_program_without_workload_and_an_untouched_register() {
    let alone = RuntimeEvents {
        program: Some(Digest32([1; 32])),
        workload: None,
    };
    check(measure(log(), &PROGRAM), Ok(alone));
    check(log(), Ok(RuntimeEvents::default()));
    let information = log().event(WORKLOAD_PCR, EventType::NO_ACTION, b"extends nothing");
    check(measure(information, &PROGRAM), Ok(alone));
}

#[test]
fn refuses_everything_else_in_the_register() {
    let foreign = |log: LogWriter| log.event(WORKLOAD_PCR, EventType::IPL, b"grub_cmd: ls\0");
    let is_foreign = |number| {
        format!(
            "event {number} (EV_IPL 'grub_cmd: ls') is none of Strongroom's, in a register that holds nothing else"
        )
    };
    check(measure(foreign(log()), &PROGRAM), Err(&is_foreign(1)));
    check(
        measure(foreign(measure(log(), &PROGRAM)), &WORKLOAD),
        Err(&is_foreign(2)),
    );
    check(
        foreign(measure(measure(log(), &PROGRAM), &WORKLOAD)),
        Err(&is_foreign(3)),
    );

    check(
        measure(log(), &WORKLOAD),
        Err("event 1 measures a workload where program is due"),
    );
    let programs = measure(measure(log(), &PROGRAM), &PROGRAM);
    check(programs, Err("event 2 measures a program where workload is due"));
    let workloads = measure(measure(measure(log(), &PROGRAM), &WORKLOAD), &WORKLOAD);
    check(
        workloads,
        Err("event 3 measures a workload where nothing more is due"),
    );
}

#[test]
fn refuses_other_data_and_digests_of_other_data() {
    let data = event_data(&PROGRAM);
    let kind = [b"xrogram".as_slice(), &data[36..]].concat();
    let other_kind = [&data[..29], &kind].concat();
    assert_eq!(other_kind.len(), data.len());
    let longer = [&data[..], &[0]].concat();
    let other_label = [&[0, 0, 0, 1], &b"x"[..], &data[25..]].concat();
    for malformed in [
        &other_kind,
        &longer,
        &other_label,
        &data[..20].to_vec(),
        &Vec::new(),
    ] {
        check(
            log().event(WORKLOAD_PCR, EVENT_TYPE, malformed),
            Err("event 1 has the type of Strongroom's events, and not their form"),
        );
    }
    let says = format!(
        "event 1 says 'program {}', but its digest is of something else",
        "01".repeat(32)
    );
    let swapped = log().event_measuring(WORKLOAD_PCR, EVENT_TYPE, &event_data(&WORKLOAD), &data);
    let bytes = swapped.finish();
    let parsed = EventLog::parse(&bytes).expect("a log");
    assert!(matches!(
        read(&parsed, WORKLOAD_PCR),
        Err(RuntimeError::OtherDigest { number: 1, .. })
    ));

    // One bank right, the other not: a verifier that looks at the other would read what never was.
    let right = sha256(&data);
    let digests = [
        (Algorithm::Sha256, right.as_bytes().as_slice()),
        (Algorithm::Sha384, &[0; 48]),
    ];
    let half = log().event_with(WORKLOAD_PCR, EVENT_TYPE, &digests, &data);
    check(half, Err(&says));
}
