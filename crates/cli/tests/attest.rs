//! `strongroom attest verify` and `explain`, the built program, on samples that other packages ship and on a recorded TPM.
#![expect(clippy::unwrap_used, reason = "a fixture that breaks fails its test")]

mod common;

use std::path::{Path, PathBuf};

use common::{Ran, compare, folder, package, strongroom};
use serde_json::Value;

/// What a run is about: a folder to work in, the samples in it.
struct Stage {
    folder: tempfile::TempDir,
}

/// When the TDX sample's collateral holds.
const TDX_AT: &str = "1751624191";
/// When the SNP sample's certificates hold.
const SNP_AT: &str = "1696032000";
/// When the recorded TPM's certificates hold.
const TPM_AT: &str = "1800000000";

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: folder() };
        let quotes = package("dcap-qvl").join("sample");
        for (from, to) in [
            ("tdx_quote", "tdx.quote"),
            ("tdx_quote_collateral.json", "tdx.json"),
            ("tdx_quote_outdated", "outdated.quote"),
            ("tdx_quote_outdated_collateral.json", "outdated.json"),
            ("sgx_quote", "sgx.quote"),
            ("sgx_quote_collateral.json", "sgx.json"),
        ] {
            std::fs::copy(quotes.join(from), stage.at(to)).unwrap();
        }
        let reports = package("sev").join("tests/certs_data");
        let hexadecimal = std::fs::read_to_string(reports.join("report_milan.hex")).unwrap();
        stage.write("snp.hex", hexadecimal.as_bytes());
        stage.write("snp.report", &hex::decode(hexadecimal.trim()).unwrap());
        std::fs::create_dir(stage.at("snp")).unwrap();
        std::fs::copy(reports.join("vcek_milan.der"), stage.at("snp/vcek.der")).unwrap();
        std::fs::copy(reports.join("cert_chain_milan"), stage.at("snp/chain.pem")).unwrap();
        let tpms = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attest/tests/tpm");
        std::fs::copy(tpms.join("swtpm_p256.json"), stage.at("tpm.json")).unwrap();
        std::fs::copy(tpms.join("root.pem"), stage.at("root.pem")).unwrap();
        stage
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.at(name), bytes).unwrap();
    }

    fn attest(&self, arguments: &str) -> Ran {
        let arguments: Vec<&str> = std::iter::once("attest")
            .chain(arguments.split_whitespace())
            .collect();
        strongroom(self.folder.path(), &arguments)
    }

    /// The report of `attest verify --json`, and the exit code.
    fn report(&self, arguments: &str) -> (Value, i32) {
        let ran = self.attest(&format!("verify --json {arguments}"));
        assert_eq!(ran.err(), "", "{arguments}");
        (serde_json::from_str(&ran.out()).unwrap(), ran.code())
    }

    /// The sentence of a run that was not understood.
    fn not_understood(&self, arguments: &str) -> String {
        let ran = self.attest(&format!("verify --json {arguments}"));
        assert_eq!(ran.code(), 2, "{arguments}: {}", ran.out());
        assert_eq!(ran.out(), "", "{arguments}");
        assert!(
            ["input.invalid", "policy.invalid"].contains(&ran.error()["code"].as_str().unwrap()),
            "{arguments}: {}",
            ran.err()
        );
        ran.error()["message"].as_str().unwrap().to_owned()
    }
}

#[test]
fn reports_of_shipped_samples_are_as_they_were() {
    let stage = Stage::new();
    let tdx = format!("--evidence tdx.quote --endorsements tdx.json --at {TDX_AT}");
    let snp = format!("--evidence snp.report --endorsements snp --at {SNP_AT}");
    for (name, arguments, code) in [
        ("attest_tdx", tdx.as_str(), 0),
        ("attest_snp", &snp, 0),
        ("attest_sgx", &tdx.replace("tdx", "sgx"), 1),
        (
            "attest_outdated",
            "--evidence outdated.quote --endorsements outdated.json --at 1771980350",
            1,
        ),
        (
            "attest_damaged",
            "--evidence cut.quote --endorsements tdx.json --at 1751624191",
            1,
        ),
    ] {
        let quote = std::fs::read(stage.at("tdx.quote")).unwrap();
        stage.write("cut.quote", &quote[..1000]);
        let text = stage.attest(&format!("verify {arguments}"));
        assert_eq!((text.code(), text.err().as_str()), (code, ""), "{name}");
        compare(&format!("{name}.txt"), &text.out());
        let json = stage.attest(&format!("verify {arguments} --json"));
        assert_eq!((json.code(), json.err().as_str()), (code, ""), "{name}");
        compare(&format!("{name}.json"), &json.out());
        let explained = stage.attest(&format!("explain {arguments}"));
        assert_eq!(explained.code(), code, "{name}");
        stage.write("report.json", json.out().as_bytes());
        let again = stage.attest("explain --report report.json");
        assert_eq!(
            (again.out(), again.code()),
            (explained.out(), code),
            "{name}: from its report"
        );
        if code == 1 {
            compare(&format!("{name}_explained.txt"), &explained.out());
        }
    }
}

#[test]
fn the_json_is_that_of_the_schema() {
    let stage = Stage::new();
    let schema: Value = serde_json::from_str(include_str!("../../../docs/schema/report.v1.json")).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let evidence = ["tdx.quote", "sgx.quote", "snp.report", "tpm.json"];
    for evidence in evidence {
        let (report, _) = stage.report(&format!("--evidence {evidence} --at {TDX_AT}"));
        let mut known = keys(&schema["properties"]);
        let mut found = keys(&report);
        known.sort();
        found.sort();
        assert_eq!(found, known, "{evidence}");
        let of_check = &schema["$defs"]["check"];
        let outcomes = of_check["properties"]["outcome"]["enum"].as_array().unwrap();
        for check in report["checks"].as_array().unwrap() {
            let known = keys(&of_check["properties"]);
            assert!(keys(check).iter().all(|key| known.contains(key)), "{check}");
            let required = of_check["required"].as_array().unwrap();
            assert!(
                required
                    .iter()
                    .all(|key| check.get(key.as_str().unwrap()).is_some()),
                "{check}"
            );
            assert!(outcomes.contains(&check["outcome"]), "{check}");
        }
    }
}

#[test]
fn a_tpm_is_refused_until_something_vouches_for_its_key() {
    let stage = Stage::new();
    let nonce = hex::encode("a nonce of the verifier");
    let verify = |more: &str| {
        let (report, code) = stage.report(&format!("--evidence tpm.json --at {TPM_AT}{more}"));
        (report["first_failed_check"].as_str().map(str::to_owned), code)
    };
    let refused = |id: &str| (Some(id.to_owned()), 1);
    assert_eq!(verify(""), refused("ak.bound_to_ek"));
    // The key's name, as `tpm2_createak` prints it.
    stage.write(
        "ak.name",
        b"6e7acd3faa4089b046243ae8145321105a8889fb3075b426d4d47c2ad1a0d525\n",
    );
    assert_eq!(verify(" --trusted-ak ak.name"), (None, 0));
    assert_eq!(
        verify(&format!(" --trusted-ak ak.name --nonce {nonce}")),
        (None, 0)
    );
    assert_eq!(
        verify(&format!(" --trusted-ak ak.name --nonce {nonce}00")),
        refused("binding")
    );
    stage.write("other.name", &[b'7'; 64]);
    assert_eq!(verify(" --trusted-ak other.name"), refused("ak.bound_to_ek"));
    let root = std::fs::read_to_string(stage.at("root.pem")).unwrap();
    let policy = serde_json::json!({
        "format": "strongroom.policy.v1",
        "evidence": [{ "platform": "tpm", "roots": [root], "protection": ["integrity_only"] }],
    });
    stage.write("policy.json", policy.to_string().as_bytes());
    assert_eq!(
        verify(" --policy policy.json"),
        refused("ak.bound_to_ek"),
        "an endorsement key alone"
    );
}

#[test]
fn what_cannot_be_used_has_exit_code_two_and_is_named() {
    let stage = Stage::new();
    std::fs::create_dir(stage.at("folder")).unwrap();
    stage.write("folder/chain.pem", b"-----BEGIN CERTIFICATE-----\nnone\n");
    stage.write("empty", b"");
    stage.write("text", b"this is no evidence of anything\n");
    stage.write("zeros", &[0; 5000]);
    stage.write(
        "policy.json",
        br#"{"format": "strongroom.policy.v1", "evidence": [{"platform": "tdx", "measurment": []}]}"#,
    );
    let base64 = "AgAAAAIAAAAAAAAAAAAA".repeat(100);
    stage.write("base64", base64.as_bytes());
    for (arguments, named) in [
        // Files.
        ("--evidence gone", "gone: cannot be read"),
        ("--evidence folder", "folder: cannot be read"),
        ("--evidence tdx.quote --endorsements gone", "gone: cannot be read"),
        (
            "--evidence tdx.quote --endorsements tdx.json --endorsements text",
            "text: no endorsement",
        ),
        (
            "--evidence tdx.quote --endorsements snp.hex",
            "snp.hex: no endorsement",
        ),
        (
            "--evidence tdx.quote --endorsements folder",
            "folder/chain.pem: no endorsement",
        ),
        ("--evidence tdx.quote --event-log gone", "gone: cannot be read"),
        ("--evidence tdx.quote --policy gone", "gone: cannot be read"),
        ("--evidence tdx.quote --policy text", "the policy cannot be read"),
        (
            "--evidence tdx.quote --policy policy.json",
            "unknown field `measurment`",
        ),
        ("--evidence tpm.json --trusted-ak gone", "gone: cannot be read"),
        ("--evidence tpm.json --trusted-ak text", "text: "),
        // Bytes of no known platform.
        ("--evidence empty", "empty: "),
        (
            "--evidence text",
            "text: these bytes are the evidence of no platform",
        ),
        (
            "--evidence zeros",
            "zeros: these bytes are the evidence of no platform",
        ),
        (
            "--evidence tdx.json",
            "tdx.json: these bytes are the evidence of no platform",
        ),
        ("--evidence snp.hex", "it looks like hexadecimal text: decode it"),
        ("--evidence base64", "it looks like base64 text: decode it"),
        (
            "--evidence snp.report --platform tdx",
            "not the evidence of platform tdx",
        ),
        (
            "--evidence tdx.quote --platform sgx",
            "not the evidence of platform sgx",
        ),
        (
            "--evidence tdx.quote --platform software",
            "not the evidence of platform software",
        ),
        // Arguments.
        ("", "--evidence"),
        (
            "--evidence tdx.quote --platform sev",
            "there is no platform \"sev\"",
        ),
        ("--evidence tdx.quote --at yesterday", "yesterday"),
        ("--evidence tdx.quote --at -1", "-1"),
        ("--evidence tdx.quote --report-data xyz", "no hexadecimal"),
        ("--evidence tdx.quote --report-data abc", "no hexadecimal"),
        ("--evidence tdx.quote --nonce=", "empty"),
        (
            "--evidence tdx.quote --nonce 00 --report-data 01",
            "evidence says one thing",
        ),
        ("--evidence tdx.quote --frobnicate", "--frobnicate"),
        ("--evidence tdx.quote --trusted-ak tpm.json", "tpm.json: "),
        (
            "--evidence snp.report --event-log zeros",
            "no event log belongs to evidence of platform snp",
        ),
    ] {
        let sentence = stage.not_understood(arguments.trim());
        assert!(sentence.contains(named), "{arguments}: {sentence}");
    }
    let long = "00".repeat(65);
    let sentence = stage.not_understood(&format!("--evidence tdx.quote --report-data {long}"));
    assert!(sentence.contains("more than 64 bytes"), "{sentence}");
    stage.write("ak.name", &[b'7'; 64]);
    let sentence = stage.not_understood("--evidence tdx.quote --trusted-ak ak.name");
    assert!(
        sentence.contains("platform tdx has no attestation key"),
        "{sentence}"
    );
}

#[test]
fn damaged_evidence_is_refused_with_a_report() {
    let stage = Stage::new();
    for (evidence, platform, more) in [
        ("tdx.quote", "tdx", "--endorsements tdx.json --at 1751624191"),
        ("sgx.quote", "sgx", "--endorsements sgx.json --at 1751624191"),
        ("snp.report", "snp", "--endorsements snp --at 1696032000"),
        ("tpm.json", "tpm", "--at 1800000000"),
    ] {
        let bytes = std::fs::read(stage.at(evidence)).unwrap();
        let flipped = |at: usize| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            bytes
        };
        for damaged in [
            flipped(bytes.len() / 4),
            bytes[..bytes.len() - 100].to_vec(),
            [&bytes[..], b"}more"].concat(),
        ] {
            stage.write("damaged", &damaged);
            let (report, code) = stage.report(&format!("--platform {platform} --evidence damaged {more}"));
            assert_eq!((code, &report["verdict"]), (1, &"refused".into()), "{evidence}");
            assert_eq!(report["platform"], platform);
            assert!(report["first_failed_check"].is_string(), "{report}");
        }
    }
}

#[test]
fn a_policy_decides_and_says_what_it_requires() {
    let stage = Stage::new();
    let verify = |entry: &str, more: &str| {
        let policy =
            format!(r#"{{"format": "strongroom.policy.v1", "evidence": [{{"platform": "snp", {entry}}}]}}"#);
        stage.write("policy.json", policy.as_bytes());
        let arguments =
            format!("--evidence snp.report --endorsements snp --at {SNP_AT} --policy policy.json{more}");
        let (report, code) = stage.report(&arguments);
        (report["first_failed_check"].as_str().map(str::to_owned), code)
    };
    let measurement = "7a1e5c266c01e6d7f5b3a0b6c3a5c9c8";
    assert_eq!(
        verify(r#""required_checks": ["binding"]"#, ""),
        (Some("binding".to_owned()), 1)
    );
    let data = "d447b55d197491bfe15cf298f9de9986b7a7c4be2468b4f6e2d53b71d7c64581\
                0b0f2cdfca0040433be063fc1a8293f0f3f8dae7b79fecb3d1cd82bd6a93ebfd";
    let given = format!(" --report-data {data}");
    assert_eq!(verify(r#""required_checks": ["binding"]"#, &given), (None, 0));
    let other = format!(r#""measurements": ["{}"]"#, measurement.repeat(3));
    assert_eq!(verify(&other, ""), (Some("measurement".to_owned()), 1));
    let excused = r#""snp": {"denied_generations": ["milan"]},
        "exceptions": [{"check": "hardware.generation", "owner": "ops", "reason": "moving in May", "expires": "2030-01-01T00:00:00Z"}]"#;
    assert_eq!(verify(excused, ""), (None, 0));
    let explained = stage.attest(&format!(
        "explain --evidence snp.report --endorsements snp --at {SNP_AT} --policy policy.json"
    ));
    assert_eq!(explained.code(), 0);
    assert!(
        explained
            .out()
            .contains("hardware.generation (excused by the policy)"),
        "{}",
        explained.out()
    );
    assert!(
        explained.out().contains("EXCUSED: \"ops\" answers for it"),
        "{}",
        explained.out()
    );
}

#[test]
fn a_folder_of_endorsements_may_hold_other_files() {
    let stage = Stage::new();
    stage.write("snp/README", b"where these come from");
    let ran = stage.attest(&format!(
        "verify --evidence snp.report --endorsements snp --at {SNP_AT}"
    ));
    assert_eq!(ran.code(), 0);
    assert_eq!(ran.err(), "note: snp/README is no endorsement: passed over\n");
}

#[test]
fn what_is_no_report_cannot_be_explained() {
    let stage = Stage::new();
    stage.write("other.json", b"{}");
    for (arguments, named) in [
        ("explain --json --report other.json", "other.json: no report"),
        ("explain --json --report gone.json", "gone.json: cannot be read"),
        ("explain --json --report other.json --at 1", "cannot be used with"),
        ("explain --json", "--evidence"),
    ] {
        let ran = stage.attest(arguments);
        assert_eq!(ran.code(), 2, "{arguments}");
        let message = ran.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{arguments}: {message}");
    }
}
