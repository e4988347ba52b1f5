//! What vendors sign about platforms: who may add it, what is kept, and that nothing older comes back.

use std::sync::LazyLock;

use http::StatusCode;
use serde_json::{Value, json};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};

use crate::fixture::{Deployed, Person, base64, deployed_with, start};
use crate::platform::NOW;

const FAMILY: &str = "00906ed50000";

/// Somebody in Intel's place.
struct Intel {
    root: Certificate,
    signer: Certificate,
    key: SigningKey,
}

static INTEL: LazyLock<Intel> = LazyLock::new(Intel::new);

impl Intel {
    fn new() -> Self {
        let (root_key, key) = (SigningKey::generate_p256(), SigningKey::generate_p256());
        let template = |usage| Template {
            common_name: "intel".to_owned(),
            names: Names::default(),
            not_before: NOW.minus(86_400),
            not_after: NOW.plus(86_400),
            usage,
            extensions: Vec::new(),
        };
        let root = issue::self_signed(&template(Usage::Authority), &root_key, &SystemRandom);
        let authority = issue::Authority::new("intel", &root_key);
        let signer = authority.issue(&template(Usage::Statements), key.spki_der(), &SystemRandom);
        Self {
            root: root.expect("a root"),
            signer: signer.expect("a signer"),
            key,
        }
    }

    fn sign(&self, tcb: &Value) -> String {
        let text = tcb.to_string();
        json!({
            "tcb_info_issuer_chain": self.signer.to_pem() + &self.root.to_pem(),
            "tcb_info_signature": hex::encode(self.key.sign_raw(text.as_bytes())),
            "tcb_info": text,
        })
        .to_string()
    }
}

async fn deployed() -> Deployed {
    deployed_with(|manifest| {
        manifest["Roles"]["endorse"] = json!({ "ResourceType": "Manifest", "Actions": ["AddEndorsements"] });
        manifest["Users"]["owner"]["Roles"] = json!(["keys", "notes", "endorse"]);
        manifest["Packages"]["machine"] = json!({
            "Platform": "tdx", "Measurements": ["11".repeat(48)], "Roots": [INTEL.root.to_pem()],
        });
    })
    .await
}

fn tcb(family: &str, evaluation: u32, until: UnixTime) -> Value {
    json!({
        "id": "TDX", "fmspc": family, "issueDate": NOW.minus(86_400).plus(u64::from(evaluation)).to_string(),
        "nextUpdate": until.to_string(), "tcbEvaluationDataNumber": evaluation,
    })
}

fn collateral(evaluation: u32, days: u64) -> String {
    INTEL.sign(&tcb(FAMILY, evaluation, NOW.plus(days * 86_400)))
}

async fn add(deployed: &Deployed, who: Option<&Person>, file: &str) -> (StatusCode, Value) {
    let body = json!({ "endorsement": base64(file.as_bytes()) }).to_string();
    let answer = deployed
        .running
        .ask(who, "POST", "/api/v3/endorsements", body)
        .await;
    (answer.status, answer.json())
}

async fn kept(deployed: &Deployed) -> Value {
    let list = deployed
        .running
        .ask(Some(&deployed.owner), "GET", "/api/v3/endorsements", "")
        .await;
    assert_eq!(list.status, StatusCode::OK, "{list:?}");
    list.json()
}

#[tokio::test]
async fn only_who_may_adds_and_only_users_see() {
    let deployed = deployed().await;
    let file = collateral(17, 30);
    let (status, answer) = add(&deployed, None, &file).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (401, &json!("user.unauthenticated"))
    );
    let (status, answer) = add(&deployed, Some(&deployed.other), &file).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (403, &json!("user.forbidden"))
    );
    assert_eq!(
        deployed.running.get("/api/v3/endorsements").await.code(),
        "user.unauthenticated"
    );
    assert_eq!(kept(&deployed).await["endorsements"], json!([]));

    let (status, answer) = add(&deployed, Some(&deployed.owner), &file).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["digest"], json!(sha256(file.as_bytes())));
    let kept = kept(&deployed).await;
    assert_eq!(kept["endorsements"][0]["kind"], "collateral");
    assert_eq!(kept["endorsements"][0]["subject"], format!("TDX {FAMILY}"));
    assert_eq!(kept["evaluation_floors"], json!({ FAMILY: 17 }));

    let size = answer["log_head"]["size"].as_u64().expect("a size");
    let log = deployed
        .running
        .ask(Some(&deployed.owner), "GET", "/api/v3/log", "")
        .await
        .json();
    let entries = log["entries"].as_array().expect("entries");
    let entry = entries
        .iter()
        .find(|entry| entry["record"]["event"] == "endorsement_added");
    let record = &entry.expect("the log tells it")["record"];
    assert!(record["sequence"].as_u64() < Some(size));
    assert_eq!(record["details"]["digest"], json!(sha256(file.as_bytes())));
    assert_eq!(record["details"]["kind"], "collateral");
}

#[tokio::test]
async fn newer_collateral_takes_the_place_of_older_and_older_never_comes_back() {
    let deployed = deployed().await;
    let owner = Some(&deployed.owner);
    for evaluation in [17, 18] {
        let (status, answer) = add(&deployed, owner, &collateral(evaluation, 30)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    assert_eq!(
        kept(&deployed).await["endorsements"].as_array().map(Vec::len),
        Some(1)
    );
    let (status, answer) = add(&deployed, owner, &collateral(17, 30)).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (409, &json!("endorsement.older"))
    );
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("evaluation 17") && message.contains("evaluation 18"),
        "{message}"
    );

    // The floor outlives a restart, from the log and from a snapshot.
    let Deployed {
        machine,
        folder,
        owner,
        digest,
        other,
        running,
    } = deployed;
    running.stop().await;
    let running = start(&machine, &folder.path().join("state")).await;
    running.set_secrets(&owner, digest).await; // committed with a snapshot
    running.stop().await;
    let running = start(&machine, &folder.path().join("state")).await;
    let deployed = Deployed {
        machine,
        folder,
        owner,
        digest,
        other,
        running,
    };
    let kept = kept(&deployed).await;
    assert_eq!(kept["evaluation_floors"], json!({ FAMILY: 18 }));
    assert_eq!(kept["endorsements"].as_array().map(Vec::len), Some(1));
    let (_, answer) = add(&deployed, Some(&deployed.owner), &collateral(17, 30)).await;
    assert_eq!(answer["code"], "endorsement.older");
}

#[tokio::test]
async fn what_is_no_endorsement_or_over_is_refused_and_the_same_twice_is_once() {
    let deployed = deployed().await;
    let owner = Some(&deployed.owner);
    let (status, answer) = add(&deployed, owner, "hello").await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (400, &json!("endorsement.malformed"))
    );
    let over = INTEL.sign(&tcb(FAMILY, 17, NOW.minus(1)));
    let (status, answer) = add(&deployed, owner, &over).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (400, &json!("endorsement.expired"))
    );
    let file = collateral(17, 30);
    let (_, first) = add(&deployed, owner, &file).await;
    let (status, second) = add(&deployed, owner, &file).await;
    assert_eq!(
        (status, &second["log_head"]["size"]),
        (StatusCode::OK, &first["log_head"]["size"])
    );
    let large = format!("{{\"tcb_info\": \"{}\"}}", "x".repeat(2 << 20));
    let (status, answer) = add(&deployed, owner, &large).await;
    assert_eq!((status.as_u16(), &answer["code"]), (413, &json!("limit.body")));
}

#[tokio::test]
async fn what_nobody_vouches_for_raises_no_floor() {
    let deployed = deployed().await;
    let owner = Some(&deployed.owner);
    let stranger = Intel::new().sign(&tcb(FAMILY, 99, NOW.plus(86_400)));
    let raised = collateral(17, 30).replace("DataNumber\\\":17", "DataNumber\\\":99");
    for file in [stranger, raised] {
        assert!(file.contains("DataNumber\\\":99"), "{file}");
        let (status, answer) = add(&deployed, owner, &file).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (400, &json!("endorsement.root"))
        );
    }
    assert_eq!(kept(&deployed).await["evaluation_floors"], json!({}));
}

#[tokio::test]
async fn families_are_kept_apart() {
    let deployed = deployed().await;
    let (_, answer) = add(&deployed, Some(&deployed.owner), &collateral(17, 1)).await;
    assert!(answer["digest"].is_string(), "{answer}");
    let other = INTEL.sign(&tcb("00906ed50001", 5, NOW.plus(86_400)));
    add(&deployed, Some(&deployed.owner), &other).await;
    assert_eq!(
        kept(&deployed).await["endorsements"].as_array().map(Vec::len),
        Some(2)
    );
}
