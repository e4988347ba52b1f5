//! What a policy may ask of SEV-SNP machines: for every check one machine or one expectation that differs, and fails at that
//! check alone.

#[path = "common/amd.rs"]
mod amd;

use std::collections::BTreeSet;

use amd::{CSP_ID, Machine, NOW, failing};
use serde_json::{Value, json};
use strongroom_attest::platform::Facts;
use strongroom_attest::platform::snp::{Generation, Policy, SigningKey as Kind};
use strongroom_attest::reference::{Exception, Expiry, Fields};
use strongroom_attest::{
    Anchor, Binding, Endorsements, Measurement, Platform, PolicyError, Protection, ReferenceValues, verify,
};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;

fn milan() -> Machine {
    Machine::new(Generation::Milan, 3, Kind::Vcek)
}

fn turin() -> Machine {
    Machine::new(Generation::Turin, 5, Kind::Vcek)
}

fn vlek() -> Machine {
    Machine::new(Generation::Milan, 3, Kind::Vlek)
}

fn check(machine: &Machine, expected: &[&str]) {
    let report = machine.inspect();
    assert_eq!(failing(&report), expected, "{report}");
}

/// Sets bits of the byte at `at`.
fn set(machine: Machine, at: usize, bits: u8) -> Machine {
    machine.reporting(|it| it[at] |= bits)
}

#[test]
fn the_strict_default_refuses_debug_paravisors_migration_and_masked_keys() {
    check(&set(milan(), 10, 1 << 3), &["debug"]);
    check(&set(milan(), 10, 1 << 2), &["guest_policy.migrate_ma"]);
    check(&set(milan(), 72, 1 << 1), &["mask_chip_key"]);
    for level in [1, 2, 3, 4, u32::MAX] {
        let asked_elsewhere = milan().reporting(|it| it[48..52].copy_from_slice(&level.to_le_bytes()));
        check(&asked_elsewhere, &["vmpl"]);
        let expected = [1, 2, 3]
            .contains(&level)
            .then_some(0)
            .map_or(vec!["vmpl"], |_| vec![]);
        check(&asked_elsewhere.asked(&json!({ "vmpl": [1, 2, 3] })), &expected);
    }
    check(&milan().asked(&json!({ "vmpl": [1] })), &["vmpl"]);
    // Bits without a name are told, and refused only where the policy says so.
    let unnamed = || {
        [
            set(milan(), 64, 1 << 6),
            set(milan(), 11, 1 << 7),
            set(milan(), 71, 1 << 7),
            set(milan(), 72, 1 << 5),
            set(milan(), 75, 1 << 7),
        ]
    };
    for (machine, id) in unnamed().into_iter().zip([
        "platform_info",
        "guest_policy",
        "platform_info",
        "key_flags",
        "key_flags",
    ]) {
        check(&machine, &[]);
        check(&machine.asked(&json!({ "refuse_unknown_bits": true })), &[id]);
    }
}

#[test]
fn bits_of_the_guest_policy_and_the_platform() {
    let policy_bits = [
        ("smt", 16),
        ("single_socket", 20),
        ("cxl", 21),
        ("mem_aes256_xts", 22),
        ("rapl_dis", 23),
        ("ciphertext_hiding", 24),
        ("page_swap_disable", 25),
    ];
    let platform_bits = [
        ("smt", 0),
        ("tsme", 1),
        ("ecc", 2),
        ("rapl_dis", 3),
        ("ciphertext_hiding", 4),
        ("alias_check_complete", 5),
        ("tio", 7),
    ];
    for (fields, at, names) in [
        ("guest_policy", 8, &policy_bits),
        ("platform_info", 64, &platform_bits),
    ] {
        for (name, bit) in names {
            let (byte, mask) = (at + bit / 8, 1_u8 << (bit % 8));
            let with = milan().reporting(|it| it[byte] |= mask);
            let without = milan().reporting(|it| it[byte] &= !mask);
            let required = json!({ format!("required_{fields}"): [name] });
            let forbidden = json!({ format!("forbidden_{fields}"): [name] });
            check(&with.clone().asked(&required), &[]);
            check(&without.clone().asked(&required), &[fields]);
            check(&with.asked(&forbidden), &[fields]);
            check(&without.asked(&forbidden), &[]);
        }
    }
}

#[test]
fn generations_chips_providers_and_kinds_of_key() {
    let denied = json!({ "denied_generations": ["milan"] });
    check(&milan().asked(&denied), &["hardware.generation"]);
    check(&Machine::milan_v2().asked(&denied), &["hardware.generation"]);
    check(&turin().asked(&denied), &[]);
    check(
        &milan().asked(&json!({ "signing_keys": ["vlek"] })),
        &["hardware.signing_key"],
    );
    check(
        &vlek().asked(&json!({ "signing_keys": ["vcek"] })),
        &["hardware.signing_key"],
    );
    check(&vlek().asked(&json!({ "signing_keys": ["vlek"] })), &[]);

    let (this, other) = ("c1".repeat(64), "c2".repeat(64));
    check(&milan().asked(&json!({ "chip_ids": [other, this] })), &[]);
    check(
        &milan().asked(&json!({ "chip_ids": [other] })),
        &["hardware.chip_id"],
    );
    check(&turin().asked(&json!({ "chip_ids": ["c1".repeat(8)] })), &[]);
    check(
        &turin().asked(&json!({ "chip_ids": [this] })),
        &["hardware.chip_id"],
    );
    // A VLEK names no chip, a VCEK no provider.
    check(
        &vlek().asked(&json!({ "chip_ids": [this] })),
        &["hardware.chip_id"],
    );
    check(
        &milan().asked(&json!({ "csp_ids": [CSP_ID] })),
        &["hardware.csp_id"],
    );
    check(&vlek().asked(&json!({ "csp_ids": [CSP_ID] })), &[]);
    check(
        &vlek().asked(&json!({ "csp_ids": ["CN=cc-us-east-1.amazonaws.com"] })),
        &["hardware.csp_id"],
    );
    // Both lists: each for its own kind of key.
    let both = |chip: &str, provider: &str| json!({ "chip_ids": [chip], "csp_ids": [provider] });
    check(&milan().asked(&both(&this, "CN=x")), &[]);
    check(&milan().asked(&both(&other, CSP_ID)), &["hardware.chip_id"]);
    check(&vlek().asked(&both(&other, CSP_ID)), &[]);
    check(&vlek().asked(&both(&this, "CN=x")), &["hardware.csp_id"]);
}

#[test]
fn least_tcb_versions_hold_field_by_field_for_three_of_the_four() {
    let minimum = |generation: &str, minimum: Value| json!({ "tcb_min": { generation: minimum } });
    // boot loader 4, TEE 1, SNP 24, microcode 217
    let own = json!({ "bootloader": 4, "tee": 1, "snp": 24, "microcode": 217 });
    check(&milan().asked(&minimum("milan", own.clone())), &[]);
    let all = ["tcb.reported", "tcb.committed", "tcb.launch"];
    for field in ["bootloader", "tee", "snp", "microcode"] {
        let mut more = own.clone();
        more[field] = json!(own[field].as_u64().expect("a number") + 1);
        check(&milan().asked(&minimum("milan", more)), &all);
    }
    // Only the version that is too low fails; what is in force provisionally does not help.
    let lowered = |at: usize| {
        milan()
            .reporting(|it| it[at + 7] -= 1)
            .asked(&minimum("milan", own.clone()))
    };
    check(&lowered(480), &["tcb.committed"]);
    check(&lowered(496), &["tcb.launch"]);
    check(&lowered(56), &[]);
    let reported = lowered(384).with(|it| amd::set_extension(&mut it.vek, &[3, 8], Some(amd::integer(216))));
    check(&reported, &["tcb.reported"]);
    // Turin has one field more, elsewhere.
    let turins = json!({ "fmc": 1, "bootloader": 2, "tee": 3, "snp": 4, "microcode": 81 });
    check(&turin().asked(&minimum("turin", turins.clone())), &[]);
    for field in ["fmc", "bootloader", "tee", "snp", "microcode"] {
        let mut more = turins.clone();
        more[field] = json!(turins[field].as_u64().expect("a number") + 1);
        check(&turin().asked(&minimum("turin", more)), &all);
    }
    // A generation that is not listed.
    check(&turin().asked(&minimum("milan", own)), &all);
}

#[test]
fn firmware_and_mitigations() {
    check(&milan().asked(&json!({ "firmware_min": "1.55.29" })), &[]);
    check(
        &milan().asked(&json!({ "firmware_min": "1.55.30" })),
        &["firmware.version"],
    );
    // The current version does not count, it can be taken back.
    let provisional = || milan().reporting(|it| it[488] = 30);
    check(
        &provisional().asked(&json!({ "firmware_min": "1.55.30" })),
        &["firmware.version"],
    );
    check(&provisional(), &[]);
    let refused = json!({ "refuse_provisional_firmware": true });
    check(&milan().asked(&refused), &[]);
    check(&provisional().asked(&refused), &["tcb.provisional"]);
    check(
        &milan().reporting(|it| it[56 + 7] += 1).asked(&refused),
        &["tcb.provisional"],
    );

    check(&turin().asked(&json!({ "required_mitigations": 0x0b })), &[]);
    check(
        &turin().asked(&json!({ "required_mitigations": 0x0f })),
        &["tcb.mitigations"],
    );
    for at in [504, 512] {
        let lacking = turin().reporting(|it| it[at] = 0x0a);
        check(
            &lacking.asked(&json!({ "required_mitigations": 0x0b })),
            &["tcb.mitigations"],
        );
    }
    // A report of an older version states none.
    check(
        &milan().asked(&json!({ "required_mitigations": 1 })),
        &["tcb.mitigations"],
    );
}

#[test]
fn the_image_and_the_guest() {
    let cases = [
        ("host_data", "host_data", "19", 32),
        ("family_ids", "family_id", "16", 16),
        ("image_ids", "image_id", "32", 16),
        ("id_key_digests", "id_key", "22", 48),
        ("author_key_digests", "author_key", "27", 48),
        ("report_ids", "report_id", "33", 32),
    ];
    for (field, id, byte, length) in cases {
        let right = byte.repeat(length);
        let wrong = format!("{}{}", byte.repeat(length - 1), "00");
        check(&milan().asked(&json!({ field: [wrong, right] })), &[]);
        check(&milan().asked(&json!({ field: [wrong] })), &[id]);
    }
    // Without its bit in the report, the author's key is not given.
    let author = json!({ "author_key_digests": ["27".repeat(48)] });
    check(
        &milan().reporting(|it| it[72] = 0).asked(&author),
        &["author_key"],
    );
    check(&milan().asked(&json!({ "guest_svn_min": 7 })), &[]);
    check(&milan().asked(&json!({ "guest_svn_min": 8 })), &["guest_svn"]);
    let measured = |byte: u8| milan().with(|it| it.policy.measurements = vec![Measurement::from([byte; 48])]);
    check(&measured(0x14), &[]);
    check(&measured(0x15), &["measurement"]);
}

#[test]
fn report_data_is_that_of_the_session() {
    let asked = |data: &[u8]| milan().with(|it| it.report_data = Some(data.to_vec()));
    check(&asked(&[0x80; 64]), &[]);
    check(&asked(&[0x80; 63]), &["binding"]);
    check(&asked(&[0x81; 64]), &["binding"]);
    check(&asked(&[]), &["binding"]);
    // A digest of 32 bytes, and the zeros behind it.
    let short = |machine: Machine| machine.reporting(|it| it[80 + 32..80 + 64].fill(0));
    check(&short(asked(&[0x80; 32])), &[]);
    check(&set(short(asked(&[0x80; 32])), 80 + 63, 1), &["binding"]);
}

#[test]
fn what_may_be_answered_for_is_answered_for_by_name_and_until_a_day() {
    let exception = |check: &str, until: u64| Exception {
        check: check.to_owned(),
        found: None,
        owner: "platform team".to_owned(),
        reason: "the agent is ours".to_owned(),
        expires: Expiry(NOW.plus(until)),
    };
    let migrating = |until| {
        set(milan(), 10, 1 << 2).with(|it| {
            it.policy
                .exceptions
                .push(exception("guest_policy.migrate_ma", until))
        })
    };
    check(&migrating(60), &[]);
    check(&migrating(0), &["guest_policy.migrate_ma"]);
    // Nobody answers for what is forged, or for a machine that can be looked into.
    for id in [
        "vek.hwid",
        "tcb.certificate",
        "format.reserved",
        "vmpl",
        "debug",
        "vek.certificate_time",
    ] {
        let mut fields = milan().policy;
        fields.measurements = vec![Measurement::from([0x14; 48])];
        fields.exceptions = vec![exception(id, 60)];
        assert!(
            matches!(ReferenceValues::new(fields), Err(PolicyError::NoException(_))),
            "{id}"
        );
    }
}

#[test]
fn policies_that_cannot_be_meant_do_not_load() {
    let refused = |policy: Value, part: &str| {
        let policy: Policy = serde_json::from_value(policy).expect(part);
        let mut fields = Fields::of(Platform::Snp);
        fields.measurements = vec![Measurement::from([0x14; 48])];
        fields.snp = Some(policy);
        let error = ReferenceValues::new(fields).expect_err(part).to_string();
        assert!(error.contains(part), "{error:?} says {part:?}");
    };
    refused(json!({ "vmpl": [] }), "no VMPL at all");
    refused(json!({ "vmpl": [0, 4] }), "no VMPL 4");
    refused(
        json!({ "chip_ids": ["c1".repeat(64)], "signing_keys": ["vlek"] }),
        "only VLEKs",
    );
    refused(
        json!({ "csp_ids": ["CN=x"], "signing_keys": ["vcek"] }),
        "only VCEKs",
    );
    refused(json!({ "chip_ids": ["00".repeat(64)] }), "zeros");
    refused(
        json!({ "tcb_min": { "genoa": { "fmc": 1 } } }),
        "Genoa has no FMC",
    );
    refused(
        json!({ "required_platform_info": ["smt"], "forbidden_platform_info": ["smt"] }),
        "same bit",
    );
    refused(json!({ "required_guest_policy": ["debug"] }), "debug");
    let unread = |policy: Value, part: &str| {
        let error = serde_json::from_value::<Policy>(policy)
            .expect_err(part)
            .to_string();
        assert!(error.contains(part), "{error:?} says {part:?}");
    };
    unread(json!({ "vmpls": [0] }), "unknown field");
    unread(json!({ "chip_ids": ["c1c1"] }), "64 bytes, or 8");
    unread(json!({ "host_data": ["00"] }), "32 bytes");
    unread(json!({ "firmware_min": "1.55" }), "major.minor.build");
    unread(json!({ "denied_generations": ["rome"] }), "rome");
    unread(json!({ "tcb_min": { "milan": { "ucode": 1 } } }), "unknown field");
    // The default is what an empty policy says, and is written as one reads it.
    let default: Policy = serde_json::from_value(json!({})).expect("a policy");
    assert_eq!(default, Policy::default());
    assert_eq!(
        serde_json::to_value(default).expect("JSON"),
        json!({ "vmpl": [0] })
    );
}

#[test]
fn the_schema_names_what_may_be_asked() {
    // The refusal of an unknown field lists those that there are.
    let refused = serde_json::from_value::<Policy>(json!({ "other": 1 }))
        .expect_err("unknown")
        .to_string();
    let fields: BTreeSet<_> = refused.split('`').skip(3).step_by(2).collect();
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/policy.v1.json")).expect("JSON");
    let named = schema["$defs"]["snp"]["properties"]
        .as_object()
        .expect("an object");
    assert_eq!(named.keys().map(String::as_str).collect::<BTreeSet<_>>(), fields);
    assert!(fields.len() > 20, "{fields:?}");
}

#[test]
fn verified_evidence_makes_claims() {
    let session = Binding::User(b"session".to_vec());
    let machine = vlek().reporting(|it| it[80..144].copy_from_slice(&session.report_data()));
    let machine = machine.with(|it| it.policy.measurements = vec![Measurement::from([0x14; 48])]);
    let expected = ReferenceValues::new(machine.policy.clone()).expect("usable");
    // The certificates came with the evidence, and the verifier has none.
    let evidence = machine.envelope();
    let verified =
        verify(&evidence, &Endorsements::none(), expected.roots(), &session, NOW).expect("genuine");
    let appraised = expected.appraise(verified).expect("wanted");
    let claims = appraised.claims();
    assert_eq!(claims.platform(), Platform::Snp);
    assert_eq!(claims.protection(), Protection::Confidential);
    assert_eq!(claims.measurement(), &Measurement::from([0x14; 48]));
    assert_eq!((claims.debug(), claims.workload()), (false, None));
    assert_eq!(claims.issued_at(), machine.vek.not_before);
    let root = Certificate::parse_pem(&machine.policy.roots[0]).expect("a root");
    assert_eq!(
        (claims.root(), claims.anchor()),
        (sha256(root.der()), Anchor::Named)
    );
    let Facts::Snp(facts) = claims.facts() else {
        panic!("facts of another platform");
    };
    assert_eq!(facts.csp_id.as_deref(), Some(CSP_ID));
    assert_eq!(facts.generation, Some(Generation::Milan));
    // A newer list moves the newest time that was seen.
    let listed = machine.clone().with(|it| it.lists = vec![amd::list(&[])]);
    let verified =
        verify(&evidence, &listed.endorsements(), expected.roots(), &session, NOW).expect("genuine");
    assert_eq!(verified.claims().issued_at(), listed.lists[0].this_update);
    // A file is nobody's session.
    let refused = verify(
        &machine.native(),
        &machine.endorsements(),
        expected.roots(),
        &session,
        NOW,
    );
    assert_eq!(refused.expect_err("a file").code().as_str(), "evidence.binding");
}

#[test]
fn what_is_remembered_changes_no_answer() {
    // Endorsements and their clones remember right signatures. Everything else is judged anew: time, lists, policy.
    let machine = milan();
    let endorsements = machine.endorsements();
    let failing_at = |now, endorsements: &Endorsements, policy: &Fields| {
        failing(&amd::inspect(&machine.native(), endorsements, policy, None, now))
    };
    for _ in 0..2 {
        assert!(failing_at(NOW, &endorsements, &machine.policy).is_empty());
    }
    let ends = machine.vek.not_after;
    assert_eq!(
        failing_at(ends.plus(1), &endorsements, &machine.policy),
        ["vek.certificate_time"]
    );
    let mut nobody = machine.policy.clone();
    nobody.roots.clear();
    assert_eq!(failing_at(NOW, &endorsements, &nobody), ["root"]);
    let revoking = machine
        .clone()
        .with(|it| it.lists = vec![amd::list(&[&[1, 0, 1]])]);
    let listed = endorsements.clone().and(&revoking.endorsements());
    assert_eq!(failing_at(NOW, &listed, &machine.policy), ["crl.revoked"]);
    // One changed byte makes another certificate, which nothing is remembered of.
    let authorities = machine
        .clone()
        .with(|it| it.given.retain(|given| *given != amd::Given::Vek))
        .endorsements();
    let with = |der: &[u8]| {
        let mut endorsements = authorities.clone();
        endorsements.add(der).expect("a certificate");
        failing_at(NOW, &endorsements, &machine.policy)
    };
    let mut vek = machine.certificate(amd::Given::Vek).der().to_vec();
    assert!(with(&vek).is_empty());
    *vek.last_mut().expect("a signature") ^= 1;
    assert_eq!(with(&vek), ["root"]);
}
