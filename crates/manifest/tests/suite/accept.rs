//! What is accepted, among it what Go's tools make of a manifest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;
use strongroom_manifest::secret::SecretKind;
use strongroom_manifest::{CertificateKey, Clients, FeatureGate, Manifest, SealMode, SecretName};

use crate::fixture::{CLIENT_CA, accepted, good, set, with};

#[test]
fn a_good_manifest_is_read_in_full() {
    let manifest = accepted(&good());
    assert_eq!(manifest.packages().len(), 3);
    let inference = manifest.marble("inference").expect("it is declared");
    assert_eq!(inference.max_activations, 2);
    assert_eq!(inference.provision_dir, "/run/strongroom");
    assert_eq!(manifest.models()["digits"].bundles.len(), 1);
    assert!(matches!(&manifest.models()["digits"].clients, Clients::Ca(list) if list.len() == 1));
    assert_eq!(manifest.config().seal_mode, SealMode::UniqueKey);
    assert!(manifest.config().gate(FeatureGate::SignQuoteEndpoint));
    assert!(!manifest.config().gate(FeatureGate::MonotonicCounter));
    assert_eq!(manifest.config().leaf_validity_hours, Some(12));
    assert_eq!(manifest.recovery_keys().len(), 1);
    let web = &manifest.secrets()["web"];
    assert!(matches!(
        web.kind,
        SecretKind::Certificate {
            key: CertificateKey::P256,
            ..
        }
    ));
}

#[test]
fn the_digest_is_that_of_the_bytes_as_sent() {
    let raw = serde_json::to_vec_pretty(&good()).expect("JSON can be written");
    let manifest = Manifest::parse(&raw).expect("white space is no matter");
    assert_eq!(manifest.digest(), sha256(&raw));
    assert_eq!(manifest.raw(), raw);
    assert_ne!(accepted(&good()).digest(), manifest.digest());
}

#[test]
fn a_model_key_is_guarded_unless_the_manifest_says_otherwise() {
    let key = SecretName::from("digits-key");
    assert!(accepted(&good()).is_guarded(&key));
    assert!(!accepted(&good()).is_guarded(&SecretName::from("greeting")));
    assert!(!accepted(&with("/Secrets/digits-key/Guarded", json!(false))).is_guarded(&key));
    let mut unreadable = with("/Secrets/greeting/Guarded", json!(true));
    set(&mut unreadable, "/Roles/greet/Actions", json!(["WriteSecret"]));
    assert!(accepted(&unreadable).is_guarded(&SecretName::from("greeting")));
}

/// Go writes every field of a struct, `null` or zero where nobody set it.
#[test]
fn zero_values_of_go_tools_are_accepted() {
    let mut manifest = good();
    set(
        &mut manifest,
        "/Packages/enclave",
        json!({
            "Debug": false, "UniqueID": "", "SignerID": "AA".repeat(32), "ProductID": 1, "SecurityVersion": 0,
            "AcceptedTCBStatuses": null, "AcceptedAdvisories": null,
        }),
    );
    set(
        &mut manifest,
        "/Packages/unique",
        json!({
            "Debug": false, "UniqueID": "bb".repeat(32), "SignerID": "", "ProductID": null, "SecurityVersion": null,
            "AcceptedTCBStatuses": ["UpToDate", "OutOfDate"], "AcceptedAdvisories": [],
        }),
    );
    set(&mut manifest, "/Infrastructures", Value::Null);
    set(
        &mut manifest,
        "/Marbles/frontend/Parameters",
        json!({ "Files": null, "Env": { "A": { "Data": "x", "Encoding": "STRING", "NoTemplates": false } }, "Argv": null }),
    );
    set(
        &mut manifest,
        "/Marbles/frontend/DisableSecretBinding",
        json!(false),
    );
    set(&mut manifest, "/Secrets/web/Cert", json!(go_certificate()));
    for name in ["shared", "greeting"] {
        for field in ["Cert", "Private", "Public"] {
            set(&mut manifest, &format!("/Secrets/{name}/{field}"), Value::Null);
        }
    }
    set(
        &mut manifest,
        "/Config",
        json!({
            "SealMode": "", "FeatureGates": null, "UpdateThreshold": 0, "RecoveryThreshold": 0, "RotateRootSecret": false,
        }),
    );
    let manifest = accepted(&manifest);
    assert_eq!(manifest.config().seal_mode, SealMode::ProductKey);
    assert!(
        manifest
            .marble("frontend")
            .expect("it is declared")
            .parameters
            .argv
            .is_empty()
    );
}

fn go_certificate() -> Value {
    json!({
        "Raw": null, "RawTBSCertificate": null, "RawSubjectPublicKeyInfo": null, "RawSubject": null, "RawIssuer": null,
        "Signature": null, "SignatureAlgorithm": 0, "PublicKeyAlgorithm": 0, "PublicKey": null, "Version": 0,
        "SerialNumber": null, "NotBefore": "0001-01-01T00:00:00Z", "NotAfter": "0001-01-01T00:00:00Z",
        "Issuer": { "Country": null, "CommonName": "", "Names": null, "ExtraNames": null },
        "Subject": { "Country": null, "Organization": ["acme"], "CommonName": "", "SerialNumber": "", "Names": null },
        "KeyUsage": 0, "Extensions": null, "ExtraExtensions": null, "ExtKeyUsage": null, "UnknownExtKeyUsage": null,
        "BasicConstraintsValid": false, "IsCA": false, "MaxPathLen": 0, "MaxPathLenZero": false, "SubjectKeyId": null,
        "DNSNames": ["web.example.com"], "IPAddresses": ["10.0.0.1"], "URIs": null, "PermittedDNSDomains": [],
    })
}

#[test]
fn certificates_get_marblerun_s_defaults() {
    let manifest = accepted(&good());
    let SecretKind::Certificate { template, .. } = &manifest.secrets()["web"].kind else {
        panic!("a certificate")
    };
    assert_eq!(template.subject.common_name, "web");
    assert_eq!(template.dns_names, ["localhost"]);
    assert_eq!(template.key_usage, 1 | 32);
    assert_eq!(template.ext_key_usage, [1, 2]);

    let manifest = accepted(&with("/Secrets/web/Cert", go_certificate()));
    let SecretKind::Certificate { template, .. } = &manifest.secrets()["web"].kind else {
        panic!("a certificate")
    };
    assert_eq!(
        template.subject.common_name, "web.example.com",
        "the only DNS name"
    );
    assert_eq!(
        template.ip_addresses,
        ["10.0.0.1".parse::<std::net::IpAddr>().expect("an address")]
    );
}

#[test]
fn bytes_are_base64_or_numbers() {
    let der = CLIENT_CA.der();
    for written in [json!(STANDARD.encode(der)), json!(der)] {
        let infrastructure =
            json!({ "azure": { "CPUSVN": null, "QESVN": null, "PCESVN": null, "RootCA": written } });
        let manifest = accepted(&with("/Infrastructures", infrastructure));
        let root = manifest.infrastructures()["azure"].root.as_ref();
        assert_eq!(root.map(Certificate::der), Some(der));
    }
}
