//! What a policy may ask of a machine with a TPM, and how each demand is refused.

#[path = "common/tpm.rs"]
mod tpm;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_attest::event_log::EventType;
use strongroom_attest::event_log::ima::ImaPolicy;
use strongroom_attest::event_log::policy::{EventPolicy, EventRule};
use strongroom_attest::platform::Facts;
use strongroom_attest::platform::tpm::{Pcr, Policy, WentBack};
use strongroom_attest::reference::{Exception, Expiry};
use strongroom_attest::{Endorsements, Platform, ReferenceValues, reference::Fields, verify};
use strongroom_crypto::digest::{Digest32, sha256};
use tpm::{COMMAND_LINE, Fixture, NOW, SHA256, failed, good};

fn check(fixture: &Fixture, expected: &[&str]) {
    let outcome = fixture.run();
    let report = match &outcome {
        Ok(report) => report.to_string(),
        Err(error) => error.report().to_string(),
    };
    assert_eq!(failed(&outcome), expected, "{report}");
}

fn reason(fixture: &Fixture) -> String {
    fixture.run().expect_err("refused").reason().to_owned()
}

fn policy(json: Value) -> Policy {
    serde_json::from_value(json).expect("a policy")
}

fn value(fixture: &Fixture, pcr: u8) -> Digest32 {
    Digest32(fixture.pcrs[&pcr])
}

#[test]
fn a_quote_is_of_the_expected_boot() {
    check(&good().asking(|it| it.reset_count = Some(7)), &[]);
    check(
        &good().asking(|it| it.reset_count = Some(8)),
        &["quote.reset_count"],
    );
    check(&good().asking(|it| it.restart_count = Some(1)), &[]);
    check(
        &good().asking(|it| it.restart_count = Some(0)),
        &["quote.restart_count"],
    );
    let cut = good().with(|it| it.quote.safe = 0);
    check(&cut, &[]);
    let asked = cut.with(|it| it.expected.required_checks = vec!["quote.clock_safe".to_owned()]);
    check(&asked, &["quote.clock_safe"]);
    check(&asked.with(|it| it.quote.safe = 1), &[]);
}

#[test]
fn within_a_session_neither_clock_nor_counters_go_back() {
    let facts = |fixture: &Fixture| {
        let evidence = fixture.evidence();
        let none = Endorsements::none();
        let verified = verify(&evidence, &none, &fixture.roots, &fixture.session, fixture.now);
        match verified.expect("genuine").claims().facts() {
            Facts::Tpm(facts) => facts.clone(),
            _ => unreachable!("of a TPM"),
        }
    };
    let mut fixture = good();
    let then = facts(&fixture);
    assert_eq!(then.follows(&then), Ok(()));
    assert_eq!((then.clock().clock_ms, then.vouchers().len()), (123_456, 1));
    fixture.quote.clock_ms += 1;
    let later = facts(&fixture);
    assert_eq!(later.follows(&then), Ok(()));
    let (earlier, now) = (123_457, 123_456);
    assert_eq!(then.follows(&later), Err(WentBack::Clock { earlier, now }));
    fixture.quote.restart_count += 1;
    let (earlier, now) = (1, 2);
    assert_eq!(
        facts(&fixture).follows(&then),
        Err(WentBack::Restarted { earlier, now })
    );
    fixture.quote.reset_count -= 1;
    let (earlier, now) = (7, 6);
    assert_eq!(
        facts(&fixture).follows(&then),
        Err(WentBack::Reset { earlier, now })
    );
    assert_eq!(facts(&good()).follows(&then), Err(WentBack::OtherKey));
}

#[test]
fn registers_have_expected_values_and_are_quoted() {
    let seven = value(&good(), 7);
    let other = sha256(b"another");
    let asking = |json: Value| good().asking(|it| *it = policy(json));
    check(&asking(json!({ "pcrs": { "7": seven } })), &[]);
    check(&asking(json!({ "pcrs": { "7": [other, seven] } })), &[]);
    check(&asking(json!({ "pcrs": { "7": other } })), &["pcr.values"]);
    assert_eq!(
        reason(&asking(json!({ "pcrs": { "7": other } }))),
        format!("a register has another value than expected (expected PCR 7: {other}; found PCR 7: {seven})")
    );
    // Registers of which something is asked are quoted: one that was dropped from the selection proves nothing.
    let dropped = |fixture: Fixture| {
        let banks = vec![(SHA256, vec![0, 1, 2, 3, 4, 13])];
        fixture.with(|it| it.quote.banks = banks)
    };
    check(&dropped(good()), &[]);
    check(
        &dropped(asking(json!({ "pcrs": { "7": seven } }))),
        &["quote.pcr_selection"],
    );
    check(
        &dropped(asking(json!({ "quoted": [7] }))),
        &["quote.pcr_selection"],
    );
    check(&dropped(asking(json!({ "quoted": [4] }))), &[]);
    let rules = json!({ "events": { "forbid": [{ "register": 8, "equals_text": "init=/bin/sh" }] } });
    check(
        &dropped(asking(rules)),
        &["quote.pcr_selection", "event_log.policy"],
    );
}

#[test]
fn the_log_explains_what_registers_hold() {
    let unexpected = sha256(b"unexpected");
    // Extended with something that the log does not have; the log has something that never happened.
    let extended = good().with(|it| it.extend(8, &unexpected));
    check(&extended, &["event_log.replay"]);
    assert!(reason(&extended).contains("PCR 8"), "{}", reason(&extended));
    let unhappened = good().with(|it| it.note(8, EventType::IPL, b"grub_cmd: boot"));
    check(&unhappened, &["event_log.replay"]);
    let said = reason(&unhappened);
    assert!(
        said.contains("event 10 (EV_IPL") && said.contains("never happened"),
        "{said}"
    );
    // A register without events.
    let unlogged = good().with(|it| it.extend(11, &unexpected));
    check(&unlogged, &["event_log.unexplained"]);
    assert!(
        reason(&unlogged).contains("PCR 11 holds"),
        "{}",
        reason(&unlogged)
    );
    check(
        &unlogged.with(|it| it.quote.banks[0].1.retain(|pcr| *pcr != 11)),
        &[],
    );
    let value = value(&good().with(|it| it.extend(11, &unexpected)), 11);
    let extended = || good().with(|it| it.extend(11, &unexpected));
    check(
        &extended().asking(|it| *it = policy(json!({ "pcrs": { "11": value } }))),
        &[],
    );
    check(
        &extended().asking(|it| *it = policy(json!({ "unlogged": [11] }))),
        &[],
    );
    check(
        &extended().asking(|it| *it = policy(json!({ "unlogged": [12] }))),
        &["event_log.unexplained"],
    );
    // What programs may reset is not looked at.
    let resettable = good().with(|it| {
        it.extend(16, &unexpected);
        it.quote.banks[0].1.push(16);
    });
    check(&resettable, &[]);
}

#[test]
fn nothing_is_the_firmwares_behind_the_separator() {
    let after = good().with(|it| it.measure(0, EventType::POST_CODE, b"later"));
    check(&after, &["event_log.behind_separators"]);
    let failed_measuring = good().with(|it| {
        it.measure(2, EventType::SEPARATOR, &[1, 0, 0, 0]);
    });
    check(&failed_measuring, &["event_log.behind_separators"]);
    let missing = good().with(|it| it.measure(2, EventType::POST_CODE, b"option"));
    check(&missing, &["event_log.separators"]);
    let excusing = |fixture: Fixture| {
        fixture.with(|it| {
            it.expected.exceptions = vec![Exception {
                check: "event_log.separators".to_owned(),
                found: None,
                owner: "Owner".to_owned(),
                reason: "firmware without separators".to_owned(),
                expires: Expiry(NOW.plus(60)),
            }];
        })
    };
    check(&excusing(missing), &[]);
    // Nobody answers for what was put behind the line, and a missing line elsewhere does not cover it.
    let both = good().with(|it| {
        it.measure(2, EventType::POST_CODE, b"option");
        it.measure(7, EventType::POST_CODE, b"later");
    });
    check(&excusing(both), &["event_log.behind_separators"]);
}

#[test]
fn without_a_log_the_measurement_is_of_selection_and_values() {
    let bare = |fixture: Fixture| fixture.with(|it| it.log = None);
    let measured = |fixture: &Fixture| {
        let attest = fixture.attest();
        sha256(&attest[fixture.quote.head().len()..])
    };
    let expecting = |fixture: Fixture, measurement: Digest32| {
        fixture.with(|it| {
            it.expected.measurements = vec![measurement.into()];
            it.expected.workloads.clear();
        })
    };
    let good = || bare(good());
    let measurement = measured(&good());
    check(&expecting(good(), measurement), &[]);
    check(&good(), &["measurement", "workload"]);
    // Registers that hold the same, one of them for another: PCR 16 can be brought to any value.
    let other = || {
        good().with(|it| {
            it.quote.banks[0].1 = vec![0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16];
            let seven = it.pcrs[&7];
            it.pcrs.insert(16, seven);
        })
    };
    check(&expecting(other(), measurement), &["measurement"]);
    check(&expecting(other(), measured(&other())), &[]);
    // What wants a log is refused without one.
    let rules = policy(json!({ "events": { "forbid": [{ "register": 8, "equals_text": "single" }] } }));
    let asked = expecting(good(), measurement).asking(|it| *it = rules);
    check(&asked, &["event_log.policy"]);
    let required = expecting(good(), measurement).with(|it| {
        it.expected.required_checks = vec!["event_log.replay".to_owned()];
    });
    check(&required, &["event_log.replay"]);
}

#[test]
fn events_are_those_that_the_policy_allows() {
    let rules = json!({
        "allow_only": [
            { "register": 8, "event_type": "EV_IPL", "label": "kernel_cmdline", "equals_text": COMMAND_LINE },
        ],
        "require": [{ "register": 8, "label": "kernel_cmdline", "equals_text": COMMAND_LINE }],
    });
    let rules = EventPolicy::deserialize(&rules).expect("rules");
    let asking = |fixture: Fixture| fixture.asking(|it| it.events = Some(rules.clone()));
    check(&asking(good()), &[]);
    let single = asking(good().with(|it| it.measure_command_line("/vmlinuz root=/dev/vda single")));
    check(&single, &["event_log.policy"]);
    let said = reason(&single);
    assert!(said.contains("event 10") && said.contains("single"), "{said}");
    // Changed in the log alone: what the digest is of counts.
    let relabelled = asking(good().with(|it| {
        let log = it.log.take().expect("a log");
        let place = log.windows(6).position(|bytes| bytes == b"vda ro");
        let place = place.expect("the command line") + 4;
        it.log = Some([&log[..place], b"rw", &log[place + 2..]].concat());
    }));
    check(&relabelled, &[]);
    let hidden = asking(good().with(|it| it.extend(8, &sha256(b"hidden"))));
    check(&hidden, &["event_log.replay", "event_log.policy"]);
}

/// Appends an entry to the kernel's list, template ima-ng, and extends its register.
fn measure_file(fixture: &mut Fixture, path: &str, content: &[u8]) {
    measure_hash(fixture, path, &sha256(content));
}

/// The entry with which the kernel's list begins.
fn measure_boot(fixture: &mut Fixture) {
    let registers: Vec<u8> = (0..10).flat_map(|pcr| fixture.pcrs[&pcr]).collect();
    measure_hash(fixture, "boot_aggregate", &sha256(&registers));
}

fn measure_hash(fixture: &mut Fixture, path: &str, hash: &Digest32) {
    let field = |bytes: &[u8]| {
        [
            &u32::try_from(bytes.len()).expect("short").to_le_bytes()[..],
            bytes,
        ]
        .concat()
    };
    let hash = [b"sha256:\0", &hash.0[..]].concat();
    let data = [field(&hash), field(format!("{path}\0").as_bytes())].concat();
    let entry = [
        &10_u32.to_le_bytes()[..],
        &[0xab; 20],
        &field(b"ima-ng"),
        &field(&data),
    ]
    .concat();
    fixture.extend(10, &sha256(&data));
    fixture.ima_log.get_or_insert_default().extend(entry);
}

#[test]
fn the_kernels_list_leads_to_its_register() {
    let measured = || {
        good().with(|it| {
            measure_boot(it);
            measure_file(it, "/usr/bin/strongroom-launcher", b"launcher");
        })
    };
    check(&measured(), &[]);
    check(
        &measured().with(|it| it.ima_log = None),
        &["event_log.unexplained"],
    );
    check(
        &measured().with(|it| it.extend(10, &sha256(b"unexpected"))),
        &["ima.replay", "event_log.unexplained"],
    );
    check(
        &measured().with(|it| it.quote.banks[0].1.retain(|pcr| *pcr != 10)),
        &["ima.replay"],
    );
    // The list goes on after the quote: what comes then is not looked at.
    let longer = measured().with(|it| {
        let ten = it.pcrs[&10];
        measure_file(it, "/tmp/later", b"later");
        it.pcrs.insert(10, ten);
    });
    check(&longer, &[]);
    let launcher = format!("sha256:{}", sha256(b"launcher"));
    let rules = json!({ "files": [{ "path": "/usr/bin/strongroom-launcher", "digest": launcher }] });
    let rules = ImaPolicy::deserialize(&rules).expect("rules");
    let asking = |fixture: Fixture| fixture.asking(|it| it.ima = Some(rules.clone()));
    check(&asking(measured()), &[]);
    let more = asking(measured().with(|it| measure_file(it, "/tmp/tool", b"tool")));
    check(&more, &["ima.policy"]);
    check(
        &asking(measured().with(|it| it.ima_log = None)),
        &["event_log.unexplained", "ima.policy"],
    );
    check(&asking(good()), &["ima.policy"]);
    // An empty list leads to a register that nobody extended, and says nothing; nor does one of another boot.
    let empty = good().with(|it| it.ima_log = Some(Vec::new()));
    check(&asking(empty), &["ima.policy"]);
    let other_boot = good().with(|it| {
        measure_file(it, "boot_aggregate", b"another boot");
        measure_file(it, "/usr/bin/strongroom-launcher", b"launcher");
    });
    check(&asking(other_boot), &["ima.policy"]);
    let late = good().with(|it| measure_file(it, "/usr/bin/strongroom-launcher", b"launcher"));
    check(&asking(late), &["ima.policy"]);
    let few = asking(measured().with(|it| it.quote.banks[0].1.retain(|pcr| *pcr != 9)));
    check(&few, &["quote.pcr_selection", "ima.policy"]);
}

#[test]
fn policies_that_cannot_be_used_do_not_load() {
    let refused = |json: Value, part: &str| {
        let error = match serde_json::from_value::<Policy>(json) {
            Err(error) => error.to_string(),
            Ok(policy) => {
                let fields = Fields {
                    tpm: Some(policy),
                    ..good().expected
                };
                ReferenceValues::new(fields).expect_err(part).to_string()
            }
        };
        assert!(error.contains(part), "{error:?} says {part:?}");
    };
    refused(json!({ "pcrs": { "24": sha256(b"") } }), "from 0 to 23");
    refused(json!({ "pcrs": { "seven": sha256(b"") } }), "by its number");
    refused(json!({ "pcrs": { "7": [] } }), "no value of PCR 7");
    refused(json!({ "pcrs": { "7": "ab" } }), "");
    refused(json!({ "unlogged": [13] }), "PCR 13 says what runs");
    refused(json!({ "unlogged": [256] }), "from 0 to 23");
    refused(
        json!({ "unlogged": [8], "events": { "forbid": [{ "register": 8, "equals_text": "single" }] } }),
        "PCR 8 may hold",
    );
    refused(
        json!({ "trusted_attestation_keys": ["ab"] }),
        "an attestation key is",
    );
    refused(json!({ "pcr": {} }), "unknown field `pcr`");
    let rootless = Fields {
        roots: Vec::new(),
        ..good().expected
    };
    let error = ReferenceValues::new(rootless).expect_err("no root").to_string();
    assert!(error.contains("name no root"), "{error}");
}

#[test]
fn a_policy_reads_as_it_was_written_and_says_whether_it_knows_what_booted() {
    let spki = good().key.spki();
    let written = json!({
        "trusted_attestation_keys": [sha256(b"name"), strongroom_crypto::x509::public_key_pem(&spki)],
        "pcrs": { "7": sha256(b"seven"), "4": [sha256(b"a"), sha256(b"b")] },
        "events": { "forbid": [{ "register": 8, "equals_text": "single" }] },
        "quoted": [0, 1],
        "unlogged": [11, 15],
        "reset_count": 3,
    });
    let read = policy(written.clone());
    assert_eq!(serde_json::to_value(&read).expect("JSON"), written);
    assert_eq!(read.pcrs.keys().copied().collect::<Vec<_>>(), [Pcr(4), Pcr(7)]);
    let constrains = |json: Value| policy(json).constrains_boot();
    assert!(!constrains(json!({})));
    assert!(!constrains(
        json!({ "pcrs": { "13": sha256(b"") }, "quoted": [0], "unlogged": [11] })
    ));
    assert!(constrains(json!({ "pcrs": { "4": sha256(b"") } })));
    assert!(constrains(
        json!({ "events": { "forbid": [{ "register": 8, "equals_text": "single" }] } })
    ));
    assert!(!constrains(
        json!({ "events": { "forbid": [{ "register": 13, "equals_text": "single" }] } })
    ));
    assert_eq!(Platform::Tpm.name(), "tpm");
}

#[test]
fn the_schema_names_what_may_be_asked() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/policy.v1.json")).expect("JSON");
    // The refusal of an unknown field lists those that there are.
    let fields = |refusal: String| {
        let fields = refusal.split('`').skip(3).step_by(2);
        fields.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let unknown = json!({ "other": 1 });
    let policy = serde_json::from_value::<Policy>(unknown.clone()).map(drop);
    let events = serde_json::from_value::<EventPolicy>(unknown.clone()).map(drop);
    let rule = serde_json::from_value::<EventRule>(unknown.clone()).map(drop);
    let ima = serde_json::from_value::<ImaPolicy>(unknown).map(drop);
    for (name, refused) in [
        ("tpm", policy),
        ("events", events),
        ("event_rule", rule),
        ("ima", ima),
    ] {
        let named = schema["$defs"][name]["properties"]
            .as_object()
            .expect("an object");
        let named: BTreeSet<_> = named.keys().cloned().collect();
        assert_eq!(named, fields(refused.expect_err("unknown").to_string()), "{name}");
    }
}
