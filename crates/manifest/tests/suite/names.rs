//! Names that marbles ask for.

use serde_json::json;
use strongroom_crypto::x509::Names;
use strongroom_manifest::{Manifest, MarbleType, NameRefused};

use crate::fixture::{accepted, good, set, with};

fn ask(manifest: &Manifest, marble: &str, dns: &[&str], ip: &[&str]) -> Result<Names, NameRefused> {
    let requested = Names {
        dns: dns.iter().map(ToString::to_string).collect(),
        ip: ip
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect(),
    };
    manifest.permitted_names(&MarbleType::from(marble), &requested)
}

#[test]
fn a_type_with_a_list_gets_what_is_listed_and_loopback() {
    let manifest = accepted(&good());
    let names = ask(
        &manifest,
        "inference",
        &["Inference.Example.com"],
        &["127.0.0.1", "::1"],
    )
    .expect("its own");
    assert_eq!(names.dns, ["inference.example.com"]);
    assert_eq!(names.ip.len(), 2);
    for other in [
        "localhost",
        "a.example.com",
        "inference.example.com.evil",
        "*.example.com",
    ] {
        assert!(ask(&manifest, "inference", &[other], &[]).is_err(), "{other}");
    }
    assert!(ask(&manifest, "inference", &[], &["10.0.0.1"]).is_err());
    assert!(ask(&manifest, "inference", &["not a name"], &[]).is_err());
}

#[test]
fn a_listed_name_is_refused_to_everybody_else() {
    let mut manifest = with("/Marbles/frontend/DNSNames", json!([]));
    set(
        &mut manifest,
        "/Marbles/inference/DNSNames",
        json!(["inference.example.com", "10.0.0.1"]),
    );
    let manifest = accepted(&manifest);
    assert!(
        ask(
            &manifest,
            "frontend",
            &["anything.example.org", "localhost"],
            &["10.0.0.2"]
        )
        .is_ok()
    );
    for stolen in ["inference.example.com", "INFERENCE.example.com.", "*.example.com"] {
        let refused = ask(&manifest, "frontend", &[stolen], &[]).expect_err(stolen);
        assert!(matches!(refused, NameRefused::OfAnother { .. }), "{refused}");
    }
    assert!(
        ask(&manifest, "frontend", &["10.0.0.1"], &[]).is_err(),
        "an address written as a name"
    );
    assert!(ask(&manifest, "frontend", &[], &["10.0.0.1"]).is_err());
    assert!(ask(&manifest, "inference", &[], &["10.0.0.1"]).is_ok());
}

#[test]
fn the_number_of_names_is_bounded() {
    let manifest = accepted(&with("/Marbles/frontend/DNSNames", json!([])));
    let many = vec!["a.example.org"; 101];
    assert_eq!(
        ask(&manifest, "frontend", &many, &[]),
        Err(NameRefused::TooMany(101))
    );
}
