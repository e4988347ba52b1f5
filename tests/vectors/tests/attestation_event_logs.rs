//! Event logs of real machines: parsed as others parse them, replayed to the registers of their quotes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use strongroom_attest::event_log::content::Reading;
use strongroom_attest::event_log::{Algorithm, Bank, Content, EventLog, Replay};
use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "attestation",
    used: &[],
    not_yet: &[],
};

/// Folder and number of events.
const LOGS: [(&str, usize); 11] = [
    ("attestation-rs-ccel-live", 20),
    ("attestation-rs-ccel-live2", 20),
    ("dstack-ccel", 18),
    ("trustee-CCEL_AAEL_alibabacloud", 87),
    ("trustee-CCEL_data", 5),
    ("trustee-CCEL_data_gcp", 21),
    ("trustee-CCEL_data_grub", 37),
    ("trustee-CCEL_data_grub_gke", 35),
    ("trustee-CCEL_data_ovmf", 20),
    ("trustee-verifier-CCEL_data", 5),
    ("trustee-verifier-CCEL_data_ovmf", 20),
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_log_is_here() {
    let files = FAMILY.files();
    let found = files
        .iter()
        .filter(|file| file.starts_with("tdx-eventlog/") && file.ends_with("/ccel.bin"));
    assert_eq!(found.count(), LOGS.len());
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn logs_replay_to_the_registers_on_record() {
    for (name, events) in LOGS {
        let bytes = read(name, "ccel.bin");
        let log = EventLog::parse(&bytes).expect(name);
        assert_eq!(log.events().len(), events, "{name}");
        let info = json(name, "info.json");
        let replay = Replay::of(&log, Bank::TDX).expect(name);
        for register in 0..4 {
            let value = replay.value(register).expect("there are four").to_string();
            assert_eq!(
                value, info["replayed_rtmr"][register as usize],
                "{name} RTMR{register}"
            );
        }
    }
}

/// Trustee says of an event whether hashing its data gives its digest. We know more forms, and may find more.
#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn events_are_what_another_parser_reads() {
    let mut compared = 0;
    for (name, _) in LOGS {
        if !FAMILY
            .files()
            .contains(&format!("tdx-eventlog/{name}/expected_parse.json"))
        {
            continue;
        }
        let expected = json(name, "expected_parse.json");
        let expected = expected["uefi_event_logs"].as_array().expect("a list");
        let bytes = read(name, "ccel.bin");
        let log = EventLog::parse(&bytes).expect(name);
        assert_eq!(log.events().len(), expected.len(), "{name}");
        for (event, expected) in log.events().iter().zip(expected) {
            let place = format!("{name} event {}", event.number());
            assert_eq!(event.index(), expected["index"], "{place}");
            assert_eq!(event.event_type().to_string(), expected["type_name"], "{place}");
            assert_eq!(BASE64.encode(event.data()), expected["event"], "{place}");
            let digest = event.digest(Algorithm::Sha384).expect("the log's algorithm");
            assert_eq!(hex::encode(digest), expected["digests"][0]["digest"], "{place}");
            let content = Content::of(event, Algorithm::Sha384);
            if expected["digest_matches_event"] == true {
                assert!(content.digest_matches_event(), "{place}: {content}");
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 5);
}

/// TDX logs against the registers that were really quoted, and against those of a report.
#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn logs_lead_to_quoted_registers_or_say_where_they_part() {
    let live = &quoted("tdx/attestation-rs-live/quote.bin", QUOTE_V4_RTMR0_AT);
    let report = "tdx-eventlog/attestation-rs-ccel-live/tdreport.bin";
    let report = &quoted(report, TDREPORT_RTMR0_AT);
    let tappd = &quoted("tdx/tappd-v4-a/quote.bin", QUOTE_V4_RTMR0_AT);
    for (name, registers, first_divergence) in [
        ("attestation-rs-ccel-live2", live, None),
        ("attestation-rs-ccel-live", live, Some(2)),
        ("attestation-rs-ccel-live", report, None),
        ("attestation-rs-ccel-live2", report, Some(2)),
        ("dstack-ccel", tappd, Some(1)),
    ] {
        let bytes = read(name, "ccel.bin");
        let log = EventLog::parse(&bytes).expect(name);
        let replay = Replay::of(&log, Bank::TDX).expect(name);
        let registers = registers.iter().map(Vec::as_slice).take(3);
        let divergence = replay.first_divergence((0..).zip(registers));
        assert_eq!(divergence.map(|found| found.register), first_divergence, "{name}");
    }
}

const QUOTE_V4_RTMR0_AT: usize = 48 + 328;
const TDREPORT_RTMR0_AT: usize = 720;

fn quoted(file: &str, at: usize) -> Vec<Vec<u8>> {
    let bytes = FAMILY.read(file);
    bytes[at..].chunks(48).take(4).map(<[u8]>::to_vec).collect()
}

/// How many events have a text that their digest covers, another content that it covers, and neither.
#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn digests_cover_what_is_known_to_be_measured() {
    for (name, exact, summary, opaque) in READINGS {
        let bytes = read(name, "ccel.bin");
        let log = EventLog::parse(&bytes).expect(name);
        let count = |reading| {
            let readings = log
                .events()
                .iter()
                .map(|event| Content::of(event, Algorithm::Sha384).reading);
            readings.filter(|found| *found == reading).count()
        };
        let found = (
            count(Reading::Exact),
            count(Reading::Summary),
            count(Reading::Opaque),
        );
        assert_eq!(found, (exact, summary, opaque), "{name}");
    }
}

/// Command lines that GRUB and TD-shim measured, and what a guest measured into RTMR3.
#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn texts_are_those_that_were_measured() {
    for (name, number, label, text) in [
        (
            "trustee-CCEL_AAEL_alibabacloud",
            29,
            "grub_cmd",
            "search --no-floppy --set prefix",
        ),
        (
            "trustee-CCEL_AAEL_alibabacloud",
            81,
            "kernel_cmdline",
            "(hd0,gpt3)/boot/vmlinuz-5.10",
        ),
        (
            "trustee-CCEL_AAEL_alibabacloud",
            87,
            "tag 0x4141454c",
            "coco.com some-operation {",
        ),
        ("trustee-CCEL_data_grub_gke", 25, "section", ".cmdline"),
        (
            "trustee-CCEL_data",
            5,
            "td_payload_info",
            "root=/dev/vda1 console=hvc0 rw",
        ),
    ] {
        let bytes = read(name, "ccel.bin");
        let log = EventLog::parse(&bytes).expect(name);
        let content = Content::of(&log.events()[number - 1], Algorithm::Sha384);
        assert!(content.trusted(), "{name} event {number}: {content}");
        assert_eq!(content.label.as_deref(), Some(label), "{name} event {number}");
        assert!(content.text.starts_with(text), "{name} event {number}: {content}");
    }
}

const READINGS: [(&str, usize, usize, usize); 11] = [
    ("attestation-rs-ccel-live", 12, 0, 8),
    ("attestation-rs-ccel-live2", 12, 0, 8),
    ("dstack-ccel", 12, 0, 6),
    ("trustee-CCEL_AAEL_alibabacloud", 73, 1, 13),
    ("trustee-CCEL_data", 3, 1, 1),
    ("trustee-CCEL_data_gcp", 13, 1, 7),
    ("trustee-CCEL_data_grub", 18, 1, 18),
    ("trustee-CCEL_data_grub_gke", 19, 1, 15),
    ("trustee-CCEL_data_ovmf", 12, 0, 8),
    ("trustee-verifier-CCEL_data", 3, 1, 1),
    ("trustee-verifier-CCEL_data_ovmf", 12, 0, 8),
];

fn read(name: &str, file: &str) -> Vec<u8> {
    FAMILY.read(&format!("tdx-eventlog/{name}/{file}"))
}

fn json(name: &str, file: &str) -> Value {
    serde_json::from_slice(&read(name, file)).expect("JSON")
}
