//! What vendors sign about platforms: who may add it, what is kept, and that nothing older comes back.

use http::StatusCode;
use serde_json::{Value, json};
use strongroom_crypto::digest::sha256;

use crate::fixture::{Deployed, Person, base64, deployed_with, start};
use crate::platform::NOW;

const FAMILY: &str = "00906ed50000";

async fn deployed() -> Deployed {
    deployed_with(|manifest| {
        manifest["Roles"]["endorse"] = json!({ "ResourceType": "Manifest", "Actions": ["AddEndorsements"] });
        manifest["Users"]["owner"]["Roles"] = json!(["keys", "notes", "endorse"]);
    })
    .await
}

fn collateral(evaluation: u32, days: u64) -> String {
    let tcb = json!({
        "id": "TDX", "fmspc": FAMILY, "issueDate": NOW.minus(86_400).plus(u64::from(evaluation)).to_string(),
        "nextUpdate": NOW.plus(days * 86_400).to_string(), "tcbEvaluationDataNumber": evaluation,
    });
    json!({ "tcb_info": tcb.to_string() }).to_string()
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
    let over = collateral(17, 0).replace(&NOW.to_string(), &NOW.minus(1).to_string());
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
async fn families_are_kept_apart() {
    let deployed = deployed().await;
    let (_, answer) = add(&deployed, Some(&deployed.owner), &collateral(17, 1)).await;
    assert!(answer["digest"].is_string(), "{answer}");
    let other = collateral(5, 30).replace(FAMILY, "00906ed50001");
    add(&deployed, Some(&deployed.owner), &other).await;
    assert_eq!(
        kept(&deployed).await["endorsements"].as_array().map(Vec::len),
        Some(2)
    );
}
