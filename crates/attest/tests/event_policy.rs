//! Policies on events: what may, must and must not have been measured, and what a sender cannot get past them.

use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_attest::event_log::policy::{
    EventPolicy, EventPolicyError, EventPolicyFailure, EventPolicyFields,
};
use strongroom_attest::event_log::{Algorithm, Bank, Confirmed, EventLog, EventType, LogWriter, Replay};
use strongroom_crypto::digest::sha256;

const CMDLINE: &str = "/vmlinuz root=/dev/vda1 ro";

fn log() -> LogWriter {
    LogWriter::new(&[Algorithm::Sha256]).expect("an algorithm")
}

fn grub(log: LogWriter, prefix: &str, text: &str) -> LogWriter {
    let data = format!("{prefix}: {text}\0");
    log.event_measuring(8, EventType::IPL, text.as_bytes(), data.as_bytes())
}

/// A command and a command line in PCR 8, the kernel in PCR 9.
fn good() -> LogWriter {
    let log = grub(log(), "grub_cmd", "linux /vmlinuz");
    let log = grub(log, "kernel_cmdline", CMDLINE);
    log.event_measuring(9, EventType::IPL, b"the kernel", b"/vmlinuz\0")
}

fn allowed() -> Value {
    json!([
        {"register": 8, "event_type": "EV_IPL", "label": "grub_cmd", "equals_text": "linux /vmlinuz"},
        {"register": 8, "event_type": "EV_IPL", "label": "kernel_cmdline", "equals_text": CMDLINE},
        {"register": 9, "digest": sha256(b"the kernel")},
    ])
}

/// Holds the log, confirmed against its own values, against the policy.
fn check(log: LogWriter, policy: &Value, expected: Result<(), &str>) {
    let policy = EventPolicy::deserialize(policy).expect("a policy");
    confirmed(log, &[8, 9], |confirmed| {
        let found = policy.check(confirmed).map_err(|failure| failure.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    });
}

fn confirmed(log: LogWriter, registers: &[u32], then: impl FnOnce(&Confirmed<'_>)) {
    let bytes = log.finish();
    let log = EventLog::parse(&bytes).expect("a log");
    let replay = Replay::of(&log, Bank::TPM_SHA256).expect("a replay");
    let values = registers
        .iter()
        .map(|pcr| (*pcr, replay.value(*pcr).expect("a PCR")));
    let values: Vec<_> = values.collect();
    let quoted = values.iter().map(|(pcr, value)| (*pcr, value.as_bytes()));
    then(&replay.clone().confirm(quoted).expect("its own values"));
}

#[test]
fn allow_only_accounts_for_every_event() {
    let policy = json!({"allow_only": allowed()});
    check(good(), &policy, Ok(()));
    check(log(), &policy, Ok(()));
    check(
        grub(good(), "kernel_cmdline", "init=/bin/sh"),
        &policy,
        Err(
            "event 4, PCR 8 EV_IPL: expected kernel_cmdline '/vmlinuz root=/dev/vda1 ro', found \
             kernel_cmdline 'init=/bin/sh'",
        ),
    );
    check(
        good().event(8, EventType::ACTION, b"something else"),
        &policy,
        Err("event 4, PCR 8 EV_ACTION: expected one of the 2 that are allowed, found 'something else'"),
    );
    let digest = sha256(b"another kernel");
    let found = format!(
        "event 4, PCR 9 EV_IPL: expected digest {}, found '/vmlinuz' (not covered by its digest {digest})",
        sha256(b"the kernel")
    );
    let other = good().event_measuring(9, EventType::IPL, b"another kernel", b"/vmlinuz\0");
    check(other, &policy, Err(&found));
}

#[test]
fn a_text_that_was_changed_in_the_log_fits_nothing() {
    let policy = json!({"allow_only": allowed()});
    let data = format!("kernel_cmdline: {CMDLINE}\0");
    let forged = log().event_measuring(8, EventType::IPL, b"init=/bin/sh", data.as_bytes());
    let found = format!(
        "event 1, PCR 8 EV_IPL: expected kernel_cmdline '{CMDLINE}', found kernel_cmdline '{CMDLINE}' (not covered by \
         its digest {})",
        sha256(b"init=/bin/sh")
    );
    check(forged.clone(), &policy, Err(&found));

    let part = json!({"allow_only": [{"register": 8, "label": "kernel_cmdline", "contains_text": "root="}]});
    check(grub(log(), "kernel_cmdline", CMDLINE), &part, Ok(()));
    let found = found.replace(
        &format!("expected kernel_cmdline '{CMDLINE}'"),
        "expected kernel_cmdline text with 'root='",
    );
    check(forged, &part, Err(&found));
}

#[test]
fn required_events_must_be_there() {
    let policy = |rule: Value| json!({"allow_only": allowed(), "require": [rule]});
    let cmdline = json!({"register": 8, "label": "kernel_cmdline", "equals_text": CMDLINE});
    check(good(), &policy(cmdline.clone()), Ok(()));
    check(
        grub(log(), "grub_cmd", "linux /vmlinuz"),
        &policy(cmdline.clone()),
        Err("PCR 8 has no event kernel_cmdline '/vmlinuz root=/dev/vda1 ro'"),
    );
    let part = json!({"register": 8, "label": "kernel_cmdline", "contains_text": "root=/dev/vda1"});
    check(good(), &policy(part), Ok(()));
    let other = json!({"register": 8, "label": "kernel_cmdline", "contains_text": "lockdown"});
    check(
        good(),
        &policy(other),
        Err(
            "event 2, PCR 8 EV_IPL: expected kernel_cmdline text with 'lockdown', found kernel_cmdline '/vmlinuz \
             root=/dev/vda1 ro'",
        ),
    );
    // A label that is not the event's, and a type.
    let relabelled = json!({"register": 8, "label": "module_cmdline", "equals_text": CMDLINE});
    check(
        good(),
        &policy(relabelled),
        Err("PCR 8 has no event module_cmdline '/vmlinuz root=/dev/vda1 ro'"),
    );
    let retyped = json!({"register": 8, "event_type": "EV_ACTION", "equals_text": CMDLINE});
    check(
        good(),
        &policy(retyped),
        Err("PCR 8 has no event EV_ACTION '/vmlinuz root=/dev/vda1 ro'"),
    );
}

#[test]
fn what_the_log_lacks_is_known_by_the_digest_of_the_text_expected() {
    let options = |text: &str| {
        let wide: Vec<u8> = text
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_le_bytes)
            .collect();
        let description = b"LOADED_IMAGE::LoadOptions\0";
        let data = [
            &0x8f3b_22ed_u32.to_le_bytes(),
            &26_u32.to_le_bytes(),
            &description[..],
        ]
        .concat();
        log().event_measuring(9, EventType::EVENT_TAG, &wide, &data)
    };
    let rule = json!({"register": 9, "equals_text": "root=/dev/vda1"});
    let policy = json!({"allow_only": [rule], "require": [rule]});
    check(options("root=/dev/vda1"), &policy, Ok(()));
    let digest = sha256(
        &"x\0"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>(),
    );
    let expected = format!(
        "event 1, PCR 9 EV_EVENT_TAG: expected '{}', found tag 0x8f3b22ed 'LOADED_IMAGE::LoadOptions' (not covered \
         by its digest {digest})",
        "root=/dev/vda1"
    );
    check(options("x"), &policy, Err(&expected));
}

#[test]
fn forbidden_texts_are_not_evaded_by_how_the_log_presents_them() {
    let policy = json!({"forbid": [{"register": 8, "contains_text": "init="}]});
    check(grub(log(), "kernel_cmdline", CMDLINE), &policy, Ok(()));
    let found = |shown: &str, event_type: &str| {
        format!("event 1, PCR 8 {event_type}: forbidden is text with 'init=', found {shown}")
    };
    let line = "x \"quoted\" so that a variable's value shows as digits only init=/bin/sh";
    let shown = |label: &str| found(&format!("{label} '{line}'"), "EV_IPL");
    check(
        grub(log(), "kernel_cmdline", line),
        &policy,
        Err(&shown("kernel_cmdline")),
    );
    check(grub(log(), "grub_cmd", line), &policy, Err(&shown("grub_cmd")));

    // The same bytes as the value of a variable, in UTF-16, as anything, and with data that gives another digest.
    let lengths = [1_u64, line.len() as u64].into_iter().flat_map(u64::to_le_bytes);
    let variable: Vec<u8> = [0; 16].into_iter().chain(lengths).chain(*b"A\0").collect();
    let variable = [variable, line.into()].concat();
    let as_variable = log().event_measuring(8, EventType::EFI_VARIABLE_BOOT, line.as_bytes(), &variable);
    let digits = format!("A 'sha256:{}'", sha256(line.as_bytes()));
    check(as_variable, &policy, Err(&found(&digits, "EV_EFI_VARIABLE_BOOT")));
    let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(
        log().event(8, EventType::IPL, &wide),
        &policy,
        Err(&found(&format!("'{line}'"), "EV_IPL")),
    );
    check(
        log().event(8, EventType(7), line.as_bytes()),
        &policy,
        Err(&found(&format!("'{line}'"), "EV_S_CRTM_CONTENTS")),
    );
    let opaque = log().event_measuring(8, EventType::IPL, line.as_bytes(), b"quiet\0");
    let shown = format!("'quiet' (not covered by its digest {})", sha256(line.as_bytes()));
    check(opaque, &policy, Err(&found(&shown, "EV_IPL")));

    let whole = json!({"forbid": [{"register": 8, "equals_text": "quiet"}, {"register": 9, "digest": sha256(b"old")}]});
    check(good(), &whole, Ok(()));
    check(
        grub(log(), "grub_cmd", "quiet"),
        &whole,
        Err("event 1, PCR 8 EV_IPL: forbidden is 'quiet', found grub_cmd 'quiet'"),
    );
    let opaque = log().event_measuring(8, EventType::IPL, b"quiet ", b"loud\0");
    let expected = format!(
        "event 1, PCR 8 EV_IPL: forbidden is 'quiet', found 'loud' (not covered by its digest {})",
        sha256(b"quiet ")
    );
    check(opaque, &whole, Err(&expected));
    let old = log().event(9, EventType::IPL, b"old");
    let expected = format!(
        "event 1, PCR 9 EV_IPL: forbidden is digest {}, found 'old'",
        sha256(b"old")
    );
    check(old, &whole, Err(&expected));
}

#[test]
fn registers_that_are_not_quoted_meet_no_rule() {
    let policies = [
        json!({"allow_only": [{"register": 8, "contains_text": "x"}]}),
        json!({"forbid": [{"register": 8, "contains_text": "x"}]}),
        json!({"allow_only": [{"register": 9, "contains_text": "x"}, {"register": 8, "contains_text": "x"}]}),
    ];
    for policy in policies {
        let policy = EventPolicy::deserialize(&policy).expect("a policy");
        assert!(policy.registers().any(|register| register == 8));
        confirmed(log(), &[9], |confirmed| {
            let register = "PCR 8".to_owned();
            assert_eq!(
                policy.check(confirmed),
                Err(EventPolicyFailure::NotQuoted { register })
            );
        });
    }
}

#[test]
fn digests_are_of_the_quoted_bank() {
    let policy = json!({"allow_only": [{"register": 9, "digest": "00".repeat(48)}]});
    check(
        good(),
        &policy,
        Err("the policy names a digest of 48 bytes, the SHA-256 bank has others"),
    );
}

#[test]
fn policies_that_say_less_than_they_seem_to_are_refused() {
    let of = |policy: Value| {
        let fields = EventPolicyFields::deserialize(policy).expect("fields");
        EventPolicy::try_from(fields).err()
    };
    let rule = json!({"register": 8, "equals_text": "x"});
    assert_eq!(
        of(json!({"allow_only": [rule], "require": [rule], "forbid": [rule]})),
        None
    );
    assert_eq!(of(json!({})), None);
    assert_eq!(
        of(json!({"require": [rule]})),
        Some(EventPolicyError::NotAccountedFor(8))
    );
    let other = json!({"register": 9, "equals_text": "x"});
    assert_eq!(
        of(json!({"allow_only": [other], "require": [rule]})),
        Some(EventPolicyError::NotAccountedFor(8))
    );
    for name in ["event_type", "label"] {
        let mut named = rule.clone();
        named[name] = json!("EV_IPL");
        assert_eq!(
            of(json!({"forbid": [named]})),
            Some(EventPolicyError::Evadable(8))
        );
        let unmeasured = json!({"register": 8, name: "EV_IPL"});
        assert_eq!(
            of(json!({"allow_only": [unmeasured]})),
            Some(EventPolicyError::NothingMeasured(8))
        );
    }
    for name in ["equals_text", "contains_text"] {
        let empty = json!({"register": 8, name: ""});
        assert_eq!(
            of(json!({"forbid": [empty]})),
            Some(EventPolicyError::EmptyText(8))
        );
    }
    let event_type = json!({"register": 8, "event_type": "EV_IPLX", "equals_text": "x"});
    let expected = EventPolicyError::EventType("EV_IPLX".to_owned());
    assert_eq!(of(json!({"allow_only": [event_type]})), Some(expected));
    for digits in ["", "00", "zz", &"0".repeat(63), &"0".repeat(40)] {
        let digest = json!({"register": 8, "digest": digits});
        let expected = EventPolicyError::Digest(digits.to_owned());
        assert_eq!(of(json!({"allow_only": [digest]})), Some(expected));
    }
    for unknown in [
        json!({"allow": []}),
        json!({"forbid": [{"register": 8, "text": "x"}]}),
        json!({"forbid": [{"equals_text": "x"}]}),
    ] {
        assert!(EventPolicy::deserialize(unknown).is_err());
    }
}

#[test]
fn a_policy_is_written_as_it_was_read() {
    let policy = json!({"allow_only": allowed(), "forbid": [{"register": 8, "contains_text": "init="}]});
    let read = EventPolicy::deserialize(&policy).expect("a policy");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), policy);
}
