//! A good manifest, and ways to change one thing in it.

use std::sync::LazyLock;

use serde_json::{Value, json};
use strongroom_attest::platform::software::Authority;
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::rsa::RecoveryPrivateKey;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_manifest::{Manifest, ManifestErrors};

/// The time at which everything here is valid.
pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);

pub(crate) static OWNER: LazyLock<Certificate> = LazyLock::new(|| mint("owner", Usage::Leaf));
pub(crate) static ADMIN: LazyLock<Certificate> = LazyLock::new(|| mint("admin", Usage::Leaf));
pub(crate) static CLIENT_CA: LazyLock<Certificate> = LazyLock::new(|| mint("clients", Usage::Authority));
pub(crate) static HARDWARE: LazyLock<Authority> =
    LazyLock::new(|| Authority::generate(NOW, &SystemRandom).expect("a root can be minted"));
static RECOVERY: LazyLock<String> = LazyLock::new(|| {
    RecoveryPrivateKey::generate_pem()
        .expect("an RSA key can be made")
        .1
});

pub(crate) const LAUNCHER: [u8; 32] = [0x11; 32];
pub(crate) const WORKLOAD: [u8; 32] = [0x22; 32];

pub(crate) fn mint(name: &str, usage: Usage) -> Certificate {
    let template = Template {
        common_name: name.to_owned(),
        names: Names::default(),
        not_before: NOW.minus(3600),
        not_after: NOW.plus(3600),
        usage,
        extensions: Vec::new(),
    };
    issue::self_signed(&template, &SigningKey::generate_p256(), &SystemRandom)
        .expect("a certificate can be minted")
}

/// A manifest with something in every section.
pub(crate) fn good() -> Value {
    json!({
        "Packages": {
            "launcher": {
                "Platform": "software",
                "Measurements": [hex::encode(LAUNCHER)],
                "Workloads": [hex::encode(WORKLOAD)],
                "Roots": [HARDWARE.root().to_pem()],
                "Protection": ["simulated"],
            },
            "coordinator": {
                "Platform": "software",
                "Measurements": ["44".repeat(32)],
                "Roots": [HARDWARE.root().to_pem()],
                "Protection": ["simulated"],
            },
            "enclave": { "SignerID": "aa".repeat(32), "ProductID": 1, "SecurityVersion": 2 },
        },
        "Marbles": {
            "inference": {
                "Package": "launcher",
                "MaxActivations": 2,
                "DNSNames": ["inference.example.com"],
                "Models": ["digits"],
                "Parameters": {
                    "Files": { "/etc/ca.pem": "{{ pem .MarbleRun.RootCA.Cert }}" },
                    "Env": { "GREETING": "{{ string .Secrets.greeting }}" },
                    "Argv": ["strongroom-inference"],
                },
            },
            "frontend": {
                "Package": "enclave",
                "MaxActivations": 1,
                "DNSNames": ["www.example.com"],
                "TLS": ["web"],
                "Parameters": { "Files": {
                    "/key": "{{ raw .Secrets.shared }}",
                    "/static": { "Data": "AAEC", "Encoding": "base64", "NoTemplates": true },
                } },
            },
        },
        "Secrets": {
            "digits-key": { "Type": "symmetric-key", "Size": 256, "UserDefined": true },
            "shared": { "Type": "symmetric-key", "Size": 128, "Shared": true },
            "each": { "Type": "symmetric-key", "Size": 128 },
            "greeting": { "Type": "plain", "UserDefined": true },
            "web": { "Type": "cert-ecdsa", "Size": 256, "Shared": true, "ValidFor": 7,
                     "Cert": { "Subject": { "CommonName": "web" } } },
        },
        "Models": {
            "digits": {
                "Bundles": ["33".repeat(32)],
                "Store": "s3://bucket/digits",
                "Key": "digits-key",
                "Clients": { "CA": CLIENT_CA.to_pem() },
            },
        },
        "Users": {
            "owner": { "Certificate": OWNER.to_pem(), "Roles": ["own"] },
            "admin": { "Certificate": ADMIN.to_pem(), "Roles": ["greet", "update", "patch"] },
        },
        "Roles": {
            "own": { "ResourceType": "Secrets", "ResourceNames": ["digits-key"], "Actions": ["WriteSecret"] },
            "greet": { "ResourceType": "Secrets", "ResourceNames": ["greeting"], "Actions": ["writesecret", "ReadSecret"] },
            "update": { "ResourceType": "Manifest", "Actions": ["UpdateManifest"] },
            "patch": { "ResourceType": "Packages", "ResourceNames": ["enclave"], "Actions": ["UpdateSecurityVersion"] },
        },
        "RecoveryKeys": { "safe": *RECOVERY },
        "TLS": { "web": {
            "Incoming": [{ "Port": "8443", "Cert": "web", "DisableClientAuth": true }],
            "Outgoing": [{ "Port": "8080", "Addr": "backend" }],
        } },
        "Coordinator": { "Packages": ["coordinator"] },
        "Config": { "SealMode": "UniqueKey", "FeatureGates": ["signquoteendpoint"], "LeafValidity": 12 },
    })
}

/// The good manifest with one place set; the pointer is RFC 6901's, its last part may be new.
pub(crate) fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = good();
    set(&mut manifest, pointer, value);
    manifest
}

pub(crate) fn set(manifest: &mut Value, pointer: &str, value: Value) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer starts with a slash");
    let parent = manifest.pointer_mut(parent).expect("the parent is there");
    match parent {
        Value::Array(items) => items.push(value),
        Value::Object(fields) => {
            fields.insert(last.replace("~1", "/"), value);
        }
        _ => panic!("the parent of {pointer} is no container"),
    }
}

/// The good manifest without one field.
pub(crate) fn without(pointer: &str) -> Value {
    let mut manifest = good();
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer starts with a slash");
    let parent = manifest
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("the parent is there");
    parent.remove(last).expect("the field is there");
    manifest
}

pub(crate) fn parse(manifest: &Value) -> Result<Manifest, ManifestErrors> {
    Manifest::parse(&serde_json::to_vec(manifest).expect("JSON can be written"))
}

pub(crate) fn accepted(manifest: &Value) -> Manifest {
    parse(manifest).unwrap_or_else(|errors| panic!("refused: {errors}"))
}
