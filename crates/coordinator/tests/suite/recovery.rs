//! The state on another machine: recovery with one key, a new epoch, and what recovery does not give.

use http::StatusCode;
use serde_json::{Value, json};
use strongroom_crypto::rsa::{RecoveryPrivateKey, RecoveryPublicKey};

use crate::fixture::{Deployed, Running, base64, deployed_with, start, start_program, unbase64};
use crate::platform::Machine;
use crate::workload::Workload;

struct Sealed {
    deployed: Deployed,
    secret: Vec<u8>,
    key: RecoveryPrivateKey,
}

/// A deployment with one recovery key and all secrets set, stopped.
async fn sealed() -> (Sealed, std::path::PathBuf) {
    sealed_with(|_| {}).await
}

async fn sealed_with(change: impl FnOnce(&mut Value)) -> (Sealed, std::path::PathBuf) {
    let (private, public) = RecoveryPrivateKey::generate_pem().expect("a key");
    let key = RecoveryPrivateKey::from_pem(&private).expect("a key");
    let machine = Machine::new(1);
    let folder = tempfile::tempdir().expect("a folder");
    let (owner, other) = (
        crate::fixture::Person::new("owner"),
        crate::fixture::Person::new("other"),
    );
    let running = start(&machine, &folder.path().join("state")).await;
    let mut manifest = crate::fixture::manifest(&machine, &owner, &other);
    manifest["RecoveryKeys"] = json!({"rk": public});
    change(&mut manifest);
    let raw = manifest.to_string();
    let body = json!({"manifest": base64(raw.as_bytes())}).to_string();
    let answer = running.ask(None, "POST", "/api/v2/manifest", body).await.json();
    let encrypted = unbase64(
        answer["data"]["RecoverySecrets"]["rk"]
            .as_str()
            .expect("a secret"),
    );
    let secret = key
        .decrypt_oaep_sha256(&encrypted)
        .expect("decrypts")
        .expose()
        .to_vec();
    let digest = strongroom_crypto::digest::sha256(raw.as_bytes());
    running.set_secrets(&owner, digest).await;
    let path = folder.path().join("state");
    let deployed = Deployed {
        machine,
        folder,
        owner,
        other,
        digest,
        running,
    };
    (
        Sealed {
            deployed,
            secret,
            key,
        },
        path,
    )
}

async fn recover(running: &Running, secret: &[u8], signature: &[u8]) -> (StatusCode, Value) {
    let body =
        json!({"recoverySecret": base64(secret), "recoverySecretSignature": base64(signature)}).to_string();
    let answer = running.ask(None, "POST", "/api/v2/recover", body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn another_machine_recovers_all_but_guarded_secrets() {
    let (
        Sealed {
            deployed,
            secret,
            key,
        },
        path,
    ) = sealed().await;
    let Deployed {
        owner,
        digest,
        running,
        folder: _folder,
        ..
    } = deployed;
    let before = running.get("/api/v3/status").await.json();
    running.stop().await;

    let elsewhere = Machine::new(2);
    let running = start(&elsewhere, &path).await;
    let sealed = running.get("/api/v3/status").await.json();
    assert_eq!(sealed["phase"], "recovery");
    assert_ne!(sealed["root"], before["root"], "the root is a temporary one");
    assert_eq!(running.get("/api/v2/status").await.json()["data"]["code"], 1);
    assert_eq!(
        running.get("/api/v2/manifest").await.json()["message"],
        "requested value not set"
    );

    let signature = key.sign_pkcs1_sha256(&secret).expect("signs");
    let (status, answer) = recover(&running, &secret, &signature).await;
    assert_eq!(
        (status, &answer["data"]["message"]),
        (StatusCode::OK, &"Recovery successful.".into()),
        "{answer}"
    );
    assert_eq!(answer["data"]["remaining"], 0);

    let after = running.get("/api/v3/status").await.json();
    assert_eq!(
        (&after["phase"], &after["root"]),
        (&"running".into(), &before["root"])
    );
    assert_eq!(after["log_head"]["epoch"], 1);
    assert_eq!(
        after["secrets"]["digits-key"]["set"], false,
        "a guarded secret is gone"
    );
    assert_eq!(after["secrets"]["note"]["set"], true);
    assert_eq!(after["manifest_digest"], digest.to_string());
    // The TLS identity is the deployment's again.
    let session = running
        .session(running.client, None, strongroom_ratls::Alpn::Http1)
        .await;
    let root = strongroom_crypto::x509::Certificate::parse_pem(after["root"].as_str().expect("PEM"))
        .expect("a root");
    assert_eq!(session.server_certificate().as_ref(), root.der());
    running.set_secrets(&owner, digest).await;
    running.stop().await;

    // From now on this machine opens it by itself.
    let running = start(&elsewhere, &path).await;
    assert_eq!(running.get("/api/v3/status").await.json()["phase"], "running");
}

#[tokio::test]
async fn refuses_a_wrong_secret_a_wrong_signature_and_other_phases() {
    let (
        Sealed {
            deployed,
            secret,
            key,
        },
        path,
    ) = sealed().await;
    let signature = key.sign_pkcs1_sha256(&secret).expect("signs");
    let (status, answer) = recover(&deployed.running, &secret, &signature).await;
    assert_eq!(
        (status, &answer["message"]),
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            &"server is not in expected state".into()
        )
    );
    let Deployed {
        machine,
        running,
        folder: _folder,
        ..
    } = deployed;
    running.stop().await;

    // Another machine: the same build with another seal key.
    drop(machine);
    let machine = Machine::new(3);
    let running = start(&machine, &path).await;
    let (status, _) = recover(&running, &[0; 32], &signature).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "a wrong secret");
    let (status, answer) = recover(&running, &secret, b"no signature").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{answer}");
    assert!(
        answer["message"]
            .as_str()
            .expect("text")
            .contains("no matching recovery public key")
    );
    let other =
        RecoveryPrivateKey::from_pem(&RecoveryPrivateKey::generate_pem().expect("a key").0).expect("a key");
    let forged = other.sign_pkcs1_sha256(&secret).expect("signs");
    assert_eq!(
        recover(&running, &secret, &forged).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    let (status, answer) = recover(&running, &[1, 2, 3], &signature).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer["message"]
            .as_str()
            .expect("text")
            .starts_with("failed to decrypt recovery secret: ")
    );
    assert_eq!(running.get("/api/v3/status").await.json()["phase"], "recovery");
    let refused = Workload::new(&machine, "plain")
        .activate(&running)
        .await
        .expect_err("refused");
    assert_eq!(refused.message(), "cannot accept marbles in current state");
    assert_eq!(
        recover(&running, &secret, &signature).await.0,
        StatusCode::OK,
        "the right one still works"
    );
}

#[tokio::test]
async fn another_build_takes_over_only_where_the_manifest_names_it() {
    let new_build = |machine: &Machine| {
        json!({
            "Platform": "software",
            "Roots": [machine.root_pem()],
            "Measurements": [strongroom_crypto::digest::sha256(b"new build").to_string()],
            "Protection": ["simulated"],
        })
    };
    for named in [false, true] {
        let elsewhere = Machine::new(2);
        let (sealed, path) = sealed_with(|manifest| {
            if named {
                manifest["Packages"]["next"] = new_build(&elsewhere);
                manifest["Coordinator"] = json!({"Packages": ["next"]});
            }
        })
        .await;
        let Deployed {
            running,
            folder: _folder,
            ..
        } = sealed.deployed;
        running.stop().await;
        let signature = sealed.key.sign_pkcs1_sha256(&sealed.secret).expect("signs");
        let running = start_program(&elsewhere, "new build", &path).await;
        let (status, answer) = recover(&running, &sealed.secret, &signature).await;
        if named {
            assert_eq!(status, StatusCode::OK, "{answer}");
        } else {
            assert!(
                answer["message"]
                    .as_str()
                    .expect("text")
                    .contains("does not let this coordinator"),
                "{answer}"
            );
            assert_eq!(running.get("/api/v3/status").await.json()["phase"], "recovery");
        }
    }
}

#[tokio::test]
async fn a_secret_may_travel_encrypted() {
    let (
        Sealed {
            deployed,
            secret,
            key,
        },
        path,
    ) = sealed().await;
    let Deployed {
        running,
        folder: _folder,
        ..
    } = deployed;
    assert_eq!(
        running.get("/api/v2/recover/public-key").await.json()["message"],
        "server is not in expected state"
    );
    running.stop().await;
    let running = start(&Machine::new(2), &path).await;
    let answer = running.get("/api/v2/recover/public-key").await.json();
    assert_eq!(answer["data"]["algorithm"], "RSA");
    let der = answer["data"]["ephemeralPublicKey"]
        .as_str()
        .expect("a key")
        .to_owned();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
    let public = RecoveryPublicKey::from_pem(&pem).expect("a key");
    let encrypted = public.encrypt_oaep_sha256(&secret).expect("encrypts");
    // The signature is over the plain secret.
    let signature = key.sign_pkcs1_sha256(&secret).expect("signs");
    assert_eq!(recover(&running, &encrypted, &signature).await.0, StatusCode::OK);
}

#[tokio::test]
async fn more_than_one_recovery_key_is_refused_for_now() {
    let (_, first) = RecoveryPrivateKey::generate_pem().expect("a key");
    let (_, second) = RecoveryPrivateKey::generate_pem().expect("a key");
    let deployed = deployed_with(|_| {}).await;
    let mut manifest = crate::fixture::manifest(&deployed.machine, &deployed.owner, &deployed.other);
    manifest["RecoveryKeys"] = json!({"a": first, "b": second});
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(&Machine::new(1), folder.path()).await;
    let body = json!({"manifest": base64(manifest.to_string().as_bytes())}).to_string();
    let answer = running.ask(None, "POST", "/api/v2/manifest", body).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer
            .text
            .contains("more than one key comes with a later version"),
        "{answer:?}"
    );
}
