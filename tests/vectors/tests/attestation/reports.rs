//! What the map of the samples says of SNP reports beside the verdicts.

use strongroom_attest::InspectionPolicy;

use crate::sample::{Sample, failed};

/// Milan, genuine, with two certificates beside it that are not its own.
fn trustee_milan(endorsements: &[&str]) -> Sample {
    Sample::read("snp/trustee-milan-v2", "report.bin", endorsements, 1_690_070_400)
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn a_certificate_that_is_not_the_chips_is_refused() {
    for other in ["test-vcek-invalid-legacy.der", "test-vcek-invalid-new.der"] {
        let sample = trustee_milan(&[other, "intermediate.pem", "ark.pem"]);
        let report = sample.report().expect("a report of its platform");
        let failed = failed(&report);
        assert!(!failed.is_empty(), "{other}: {report}");
        println!("{other}: {failed:?}");
        // Beside the right one it does no harm.
        let both = trustee_milan(&[other, "vek.der", "intermediate.pem", "ark.pem"]);
        let report = both.report().expect("a report of its platform");
        assert!(report.first_failure().is_none(), "{other}: {report}");
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn a_chain_of_another_chip_or_generation_is_refused() {
    let mut of_another_chip = trustee_milan(&[]);
    of_another_chip.endorsements = virtee_milan().endorsements;
    let report = of_another_chip.report().expect("a report of its platform");
    assert!(failed(&report).contains(&"vek.hwid"), "{report}");
    let mut of_another_generation = trustee_milan(&["vek.der"]);
    for name in ["genoa-ask.pem", "genoa-ark.pem", "turin-ask.pem", "turin-ark.pem"] {
        let bytes = crate::FAMILY.read(&format!("snp/roots/{name}"));
        of_another_generation
            .endorsements
            .add(&bytes)
            .expect("a certificate");
    }
    let report = of_another_generation.report().expect("a report of its platform");
    assert!(failed(&report).contains(&"root"), "{report}");
    for name in [
        "milan-ask.pem",
        "milan-ark.pem",
        "milan-asvk.pem",
        "genoa-asvk.pem",
        "turin-asvk.pem",
    ] {
        let bytes = crate::FAMILY.read(&format!("snp/roots/{name}"));
        of_another_generation
            .endorsements
            .add(&bytes)
            .expect("a certificate");
    }
    let report = of_another_generation.report().expect("a report of its platform");
    assert!(report.first_failure().is_none(), "all roots together: {report}");
}

fn virtee_milan() -> Sample {
    Sample::read(
        "snp/virtee-milan-v2",
        "report.bin",
        &["vek.der", "intermediate.pem", "ark.pem"],
        1_696_032_000,
    )
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn a_vlek_ends_after_a_year() {
    let at = |at| {
        let endorsements = ["vek.der", "intermediate.pem", "ark.pem"];
        let sample = Sample::read("snp/trustee-vlek-v3", "report.bin", &endorsements, at);
        failed(&sample.report().expect("a report of its platform"))
    };
    // 2025-12-10 22:14 UTC
    assert_eq!(at(1_765_404_000), ["vmpl"]);
    assert!(at(1_765_405_000).contains(&"vek.certificate_time"));
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn policies_see_what_the_samples_say() {
    let policy = |fields: &str| {
        let json =
            format!(r#"{{"format": "strongroom.policy.v1", "evidence": [{{"platform": "snp", {fields}}}]}}"#);
        InspectionPolicy::parse(json.as_bytes()).expect("a policy")
    };
    let endorsements = ["vek.der", "intermediate.pem", "ark.pem"];
    let turin = Sample::read("snp/ms-turin-v5", "report.bin", &endorsements, 1_785_801_600);
    let vlek = Sample::read("snp/trustee-vlek-v3", "report.bin", &endorsements, 1_749_340_800);
    let asked = |sample: &Sample, fields: &str| {
        let report = sample.report_by(&policy(fields));
        failed(&report.expect("a report of its platform"))
    };
    // Only the current TCB of this machine has this microcode; what counts has an older one.
    let minimum = r#""snp": {"tcb_min": {"milan": {"microcode": 206}}}"#;
    let all = ["tcb.reported", "tcb.committed", "tcb.launch"];
    let milan = trustee_milan(&endorsements);
    assert_eq!(asked(&milan, minimum), all);
    let alias = r#""snp": {"required_platform_info": ["alias_check_complete"]}"#;
    assert_eq!(asked(&milan, alias), ["platform_info"]);
    assert_eq!(
        asked(&milan, r#""snp": {"denied_generations": ["milan"]}"#),
        ["hardware.generation"]
    );
    let of_turin =
        r#""snp": {"tcb_min": {"turin": {"fmc": 1, "bootloader": 1, "tee": 1, "snp": 4, "microcode": 81}}}"#;
    assert_eq!(asked(&turin, of_turin), [""; 0]);
    let newer = of_turin.replace("\"fmc\": 1", "\"fmc\": 2");
    assert_eq!(asked(&turin, &newer), all);
    assert_eq!(
        asked(
            &turin,
            &format!(r#""snp": {{"host_data": ["{}"]}}"#, "00".repeat(32))
        ),
        ["host_data"]
    );
    // VMPL 1 by name, and where it runs.
    let region = |name: &str| format!(r#""snp": {{"vmpl": [1], "csp_ids": ["{name}"]}}"#);
    assert_eq!(asked(&vlek, &region("us-east-2")), ["hardware.csp_id"]);
    assert_eq!(asked(&vlek, r#""snp": {"vmpl": [1]}"#), [""; 0]);
    // What was not given is a failure where the policy requires it.
    let required = r#""required_checks": ["binding", "measurement", "crl.revoked"]"#;
    assert_eq!(asked(&turin, required), ["crl.revoked", "binding", "measurement"]);
}
