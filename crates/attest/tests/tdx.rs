//! What is asked of TDs beside what is asked of every quote, under a root of the test's own: attributes, service TDs,
//! measurements, event logs.

mod intel;

use intel::quote::{Kind, MRTD, TD_ATTRIBUTES};
use intel::{Machine, check};
use serde_json::{Value, json};
use strongroom_attest::event_log::runtime::{EVENT_TYPE, Measured, WORKLOAD_CCEL_INDEX, event_data};
use strongroom_attest::event_log::{Algorithm, Bank, EventLog, EventType, LogWriter, Replay};
use strongroom_attest::reference::{Exception, Expiry};
use strongroom_crypto::digest::{Digest32, sha256};

const TDS: [Kind; 4] = [Kind::Td10, Kind::Td10V5, Kind::Td15, Kind::Td15Ex];

fn attributes(kind: Kind, attributes: u64) -> Machine {
    Machine::new(kind).body_at(120, &attributes.to_le_bytes())
}

#[test]
fn debug_and_profiling_are_refused() {
    for kind in TDS {
        check(&attributes(kind, TD_ATTRIBUTES | 1), &["debug"]);
        for bit in 4..=6 {
            check(
                &attributes(kind, TD_ATTRIBUTES | 1 << bit),
                &["td_attributes.profiling"],
            );
        }
    }
}

#[test]
fn attributes_that_weaken_a_td_are_refused_by_name() {
    let excused = |machine: Machine, id: &str| {
        machine.with(|it| {
            it.policy.exceptions = vec![Exception {
                check: id.to_owned(),
                found: None,
                owner: "operations".to_owned(),
                reason: "the paravisor handles it".to_owned(),
                expires: Expiry(intel::NOW.plus(60)),
            }];
        })
    };
    for kind in TDS {
        for (bits, id) in [
            (0, "td_attributes.sept_ve_disable"),
            (TD_ATTRIBUTES | 1 << 29, "td_attributes.migratable"),
            (TD_ATTRIBUTES | 1 << 17, "td_attributes.servtd_ext"),
        ] {
            check(&attributes(kind, bits), &[id]);
            check(&excused(attributes(kind, bits), id), &[]);
        }
        let reserved = (1..=3).chain(7..=15).chain(23..=26).chain(32..=61);
        for bit in reserved {
            check(
                &attributes(kind, TD_ATTRIBUTES | 1 << bit),
                &["td_attributes.reserved"],
            );
        }
        // Known to newer modules, and told by their number.
        check(&attributes(kind, TD_ATTRIBUTES | 1 << 20), &[]);
        let report = attributes(kind, TD_ATTRIBUTES | 1 << 20).inspect().to_string();
        assert!(report.contains("bit 20"), "{report}");
    }
}

#[test]
fn neutral_attributes_are_as_asked() {
    for (name, bit) in [
        ("icssd", 16),
        ("lass", 27),
        ("pks", 30),
        ("kl", 31),
        ("tpa", 62),
        ("perfmon", 63),
    ] {
        let id = format!("td_attributes.{name}");
        let asked = |set: bool, demand: &str| {
            let bits = if set {
                TD_ATTRIBUTES | 1 << bit
            } else {
                TD_ATTRIBUTES
            };
            attributes(Kind::Td15, bits).asked(&json!({ "td_attributes": { name: demand } }))
        };
        check(&attributes(Kind::Td15, TD_ATTRIBUTES | 1 << bit), &[]);
        check(&asked(true, "set"), &[]);
        check(&asked(false, "clear"), &[]);
        check(&asked(true, "clear"), &[&id]);
        check(&asked(false, "set"), &[&id]);
    }
}

#[test]
fn service_tds_are_none_or_expected() {
    let listed = |byte: u8| json!({ "service_tds": [hex::encode([byte; 48])] });
    for kind in [Kind::Td15, Kind::Td15Ex] {
        let bound = Machine::new(kind).body_at(600, &[5; 48]);
        check(&bound, &["service_td"]);
        check(&bound.clone().asked(&listed(6)), &["service_td"]);
        check(&bound.asked(&listed(5)), &[]);
    }
    // At the start, and now.
    for at in [729, 829] {
        let bound = Machine::new(Kind::Td15Ex).body_at(at, &[5; 48]);
        check(&bound, &["service_td"]);
        check(&bound.asked(&listed(5)), &[]);
    }
    let two = Machine::new(Kind::Td15Ex)
        .body_at(600, &[5; 48])
        .body_at(829, &[6; 48]);
    check(&two.asked(&listed(5)), &["service_td"]);
    check(&Machine::new(Kind::Td10).asked(&listed(5)), &[]);
}

#[test]
fn every_measurement_may_be_fixed() {
    for kind in TDS {
        for (member, at, bytes) in [
            ("xfam", 128, 8),
            ("mrseam", 16, 48),
            ("mrconfigid", 184, 48),
            ("mrowner", 232, 48),
            ("mrownerconfig", 280, 48),
            ("rtmr0", 328, 48),
            ("rtmr1", 376, 48),
            ("rtmr2", 424, 48),
            ("rtmr3", 472, 48),
        ] {
            let machine = Machine::new(kind);
            let value = machine.body[at..at + bytes].to_vec();
            let mut other = value.clone();
            other[bytes - 1] ^= 1;
            let asked = |values: &[&[u8]]| {
                let values: Vec<_> = values.iter().map(hex::encode).collect();
                machine.clone().asked(&json!({ member: values }))
            };
            check(&asked(&[&value]), &[]);
            check(&asked(&[&other, &value]), &[]);
            check(&asked(&[&other]), &[member]);
        }
        let measured =
            |bytes: [u8; 48]| Machine::new(kind).with(|it| it.policy.measurements = vec![bytes.into()]);
        check(&measured(MRTD), &[]);
        let mut other = MRTD;
        other[0] ^= 1;
        check(&measured(other), &["measurement"]);
    }
}

fn log() -> LogWriter {
    LogWriter::new(&[Algorithm::Sha384]).expect("a log")
}

/// What a firmware, a loader and a kernel measure.
fn booted() -> LogWriter {
    log()
        .event(1, EventType::EFI_VARIABLE_DRIVER_CONFIG, b"SecureBoot")
        .event(1, EventType::SEPARATOR, &[0; 4])
        .event(2, EventType::EFI_BOOT_SERVICES_APPLICATION, b"shim")
        .event(3, EventType::IPL, b"kernel_cmdline: root=/dev/vda ro\0")
}

/// A TD of this log: registers that it has no events of are zero.
fn logged(log: LogWriter) -> Machine {
    with_registers_of(Machine::tdx(), log.finish())
}

fn with_registers_of(machine: Machine, log: Vec<u8>) -> Machine {
    let parsed = EventLog::parse(&log).expect("a log");
    let replay = Replay::of(&parsed, Bank::TDX).expect("replayed");
    let registers = (0..4).map(|rtmr| replay.value(rtmr).expect("there are four").as_bytes().to_vec());
    let registers: Vec<u8> = registers.collect::<Vec<_>>().concat();
    machine
        .body_at(328, &registers)
        .with(|it| it.event_log = Some(log))
}

#[test]
fn a_log_leads_to_the_registers_that_it_tells_of() {
    check(&logged(booted()), &[]);
    let damaged =
        |change: fn(&mut Vec<u8>)| logged(booted()).with(|it| change(it.event_log.as_mut().expect("a log")));
    check(&damaged(|log| log.truncate(log.len() - 1)), &["event_log.format"]);
    check(&damaged(|log| log[32] ^= 1), &["event_log.format"]);
    for rtmr in 0..3 {
        let other = logged(booted()).body_at(328 + 48 * rtmr, &[0xee]);
        check(&other, &["event_log.replay"]);
        check(&other.asked(&json!({ "unlogged": [rtmr] })), &[]);
    }
    // What the log does not tell of is told, and refused by nobody.
    let extended = logged(booted()).body_at(472, &[0xee]);
    check(&extended, &[]);
    assert!(extended.inspect().to_string().contains("says nothing of RTMR3"));
}

#[test]
fn where_a_program_is_expected_rtmr3_holds_nothing_unexplained() {
    let expecting = |machine: Machine| machine.with(|it| it.policy.measurements = vec![MRTD.into()]);
    let extended = expecting(Machine::tdx().body_at(472, &[0xee]));
    check(&extended, &["event_log.unexplained"]);
    let value = hex::encode(&extended.body[472..520]);
    check(&extended.clone().asked(&json!({ "rtmr3": [value] })), &[]);
    check(&extended.asked(&json!({ "unlogged": [3] })), &[]);
    check(&expecting(logged(booted())), &[]);
    check(
        &expecting(logged(booted()).body_at(472, &[0xee])),
        &["event_log.unexplained"],
    );
    check(&expecting(Machine::tdx()), &[]);
}

fn ours(log: LogWriter, measured: &Measured) -> LogWriter {
    log.event(WORKLOAD_CCEL_INDEX, EVENT_TYPE, &event_data(measured))
}

/// A launcher's machine: program, then workload.
fn launched() -> LogWriter {
    let log = ours(booted(), &Measured::Program(sha256(b"launcher")));
    ours(log, &Measured::Workload(sha256(b"description")))
}

#[test]
fn our_own_events_name_program_and_workload() {
    let expecting = |machine: Machine, program: &[u8], workloads: &[Digest32]| {
        let program = sha256(program).to_string();
        machine
            .asked(&json!({ "programs": [program] }))
            .with(|it| it.policy.workloads = workloads.to_vec())
    };
    let (this, other) = ([sha256(b"description")], [sha256(b"another")]);
    check(&expecting(logged(launched()), b"launcher", &this), &[]);
    check(&expecting(logged(launched()), b"other", &this), &["program"]);
    check(&expecting(logged(launched()), b"launcher", &other), &["workload"]);
    // Whoever names a program and no workload expects none; whoever names neither only looks.
    let named =
        expecting(logged(launched()), b"launcher", &[]).with(|it| it.policy.measurements = vec![MRTD.into()]);
    check(&named, &["workload"]);
    check(&expecting(logged(launched()), b"launcher", &[]), &[]);
    // Without the log nothing is known of either.
    let hidden = logged(launched()).with(|it| {
        it.event_log = None;
        it.policy.measurements = vec![MRTD.into()];
    });
    check(&hidden, &["event_log.unexplained"]);
    check(
        &expecting(hidden, b"launcher", &this),
        &["event_log.unexplained", "program", "workload"],
    );
}

#[test]
fn the_register_of_program_and_workload_holds_nothing_else() {
    let expecting = |machine: Machine| machine.with(|it| it.policy.workloads = vec![sha256(b"description")]);
    let foreign = |log: LogWriter| log.event(WORKLOAD_CCEL_INDEX, EventType::IPL, b"something");
    let before = ours(
        ours(foreign(booted()), &Measured::Program(sha256(b"launcher"))),
        &Measured::Workload(sha256(b"description")),
    );
    check(&expecting(logged(before)), &["event_log.runtime", "workload"]);
    check(
        &expecting(logged(foreign(launched()))),
        &["event_log.runtime", "workload"],
    );
    let twice = ours(launched(), &Measured::Workload(sha256(b"description")));
    check(&expecting(logged(twice)), &["event_log.runtime", "workload"]);
    // The log says another workload than the register holds: its digest is of something else.
    let stated = event_data(&Measured::Workload(sha256(b"description")));
    let measured = event_data(&Measured::Workload(sha256(b"another")));
    let forged = ours(booted(), &Measured::Program(sha256(b"launcher"))).event_measuring(
        WORKLOAD_CCEL_INDEX,
        EVENT_TYPE,
        &measured,
        &stated,
    );
    check(&expecting(logged(forged)), &["event_log.runtime", "workload"]);
    // A whole log of our events, and a register of other ones.
    let other = logged(launched()).body_at(472, &[0xee]);
    check(&expecting(other), &["event_log.runtime", "event_log.replay"]);
}

fn rules(text: &str) -> Value {
    json!({ "events": { "allow_only": [
        { "register": 2, "event_type": "EV_IPL", "equals_text": text },
    ] } })
}

#[test]
fn what_booted_is_what_the_rules_allow() {
    let text = "kernel_cmdline: root=/dev/vda ro";
    check(&logged(booted()).asked(&rules(text)), &[]);
    check(
        &logged(booted()).asked(&rules("kernel_cmdline: root=/dev/vda rw")),
        &["event_log.policy"],
    );
    check(&Machine::tdx().asked(&rules(text)), &["event_log.policy"]);
    // The register of a rule may not stand elsewhere, whatever the policy says.
    let other = logged(booted()).body_at(424, &[0xee]);
    let mut both = rules(text);
    both["unlogged"] = json!([2]);
    check(&other.asked(&both), &["event_log.replay", "event_log.policy"]);
    // A text that was changed proves nothing.
    let damaged = log().event_measuring(
        3,
        EventType::IPL,
        b"kernel_cmdline: root=/dev/vda rw\0",
        b"kernel_cmdline: root=/dev/vda ro\0",
    );
    check(&logged(damaged).asked(&rules(text)), &["event_log.policy"]);
}
