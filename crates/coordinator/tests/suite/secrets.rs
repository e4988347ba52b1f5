//! Who may write and read what, and what a write is bound to.

use http::StatusCode;
use serde_json::json;

use crate::fixture::{Person, base64, deployed, deployed_with};

fn put(digest: impl serde::Serialize, name: &str, key: &[u8]) -> String {
    json!({"manifest_digest": digest, "secrets": {name: {"Key": base64(key)}}}).to_string()
}

#[tokio::test]
async fn v3_writes_only_under_the_manifest_that_was_verified() {
    let deployed = deployed().await;
    let running = &deployed.running;
    let owner = Some(&deployed.owner);
    let other = strongroom_crypto::digest::sha256(b"another manifest");
    let answer = running
        .ask(
            owner,
            "PUT",
            "/api/v3/secrets",
            put(other, "digits-key", &[7; 32]),
        )
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::PRECONDITION_FAILED, "secret.manifest_changed".into())
    );
    assert_eq!(
        running.get("/api/v3/status").await.json()["secrets"]["digits-key"]["set"],
        false
    );

    let answer = running
        .ask(
            owner,
            "PUT",
            "/api/v3/secrets",
            put(deployed.digest, "digits-key", &[7; 32]),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let status = running.get("/api/v3/status").await.json();
    assert_eq!(
        status["secrets"]["digits-key"],
        json!({"set": true, "guarded": true})
    );
    assert_eq!(status["secrets"]["own"], json!({"set": true, "guarded": false}));
}

#[tokio::test]
async fn v3_refuses_who_may_not_and_what_does_not_fit() {
    let deployed = deployed().await;
    let running = &deployed.running;
    let good = put(deployed.digest, "digits-key", &[7; 32]);
    let refused = async |who: Option<&Person>, body: String| {
        let answer = running.ask(who, "PUT", "/api/v3/secrets", body).await;
        (answer.status.as_u16(), answer.code())
    };
    let owner = Some(&deployed.owner);
    assert_eq!(
        refused(None, good.clone()).await,
        (401, "user.unauthenticated".into())
    );
    assert_eq!(
        refused(Some(&Person::new("stranger")), good.clone()).await,
        (401, "user.unauthenticated".into())
    );
    assert_eq!(
        refused(Some(&deployed.other), good.clone()).await,
        (403, "user.forbidden".into())
    );
    assert_eq!(
        refused(owner, put(deployed.digest, "digits-key", &[7; 31])).await,
        (400, "secret.invalid".into())
    );
    assert_eq!(
        refused(owner, put(deployed.digest, "shared", &[7; 32])).await,
        (400, "secret.invalid".into())
    );
    assert_eq!(
        refused(owner, put(deployed.digest, "nope", &[7; 32])).await,
        (400, "secret.invalid".into())
    );
    assert_eq!(
        refused(owner, "{}".into()).await,
        (400, "request.malformed".into())
    );
    // Who may not ask has no body to read.
    assert_eq!(
        refused(None, "not JSON".into()).await,
        (401, "user.unauthenticated".into())
    );
    let many: serde_json::Map<_, _> = (0..300)
        .map(|n| (format!("s{n}"), json!({"Key": "AA=="})))
        .collect();
    let many = json!({"manifest_digest": deployed.digest, "secrets": many}).to_string();
    assert_eq!(refused(owner, many).await, (413, "limit.items".into()));
    let large = " ".repeat((8 << 20) + 1);
    assert_eq!(refused(owner, large).await, (413, "limit.body".into()));
}

#[tokio::test]
async fn an_expired_user_is_refused_unless_the_manifest_keeps_marbleruns_rule() {
    let expired = Person::valid_until("expired", -1);
    let set = |manifest: &mut serde_json::Value| {
        manifest["Users"]["owner"]["Certificate"] = expired.pem().into();
    };
    let deployed = deployed_with(set).await;
    let body = put(deployed.digest, "digits-key", &[7; 32]);
    let answer = deployed
        .running
        .ask(Some(&expired), "PUT", "/api/v3/secrets", body)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (401, "user.expired".into())
    );

    let deployed = deployed_with(|manifest| {
        set(manifest);
        manifest["Config"] = json!({"AcceptExpiredUserCertificates": true});
    })
    .await;
    let body = put(deployed.digest, "digits-key", &[7; 32]);
    let answer = deployed
        .running
        .ask(Some(&expired), "PUT", "/api/v3/secrets", body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn a_written_secret_reads_back_and_reading_is_on_record() {
    let deployed = deployed().await;
    let running = &deployed.running;
    running.set_secrets(&deployed.owner, deployed.digest).await;
    let answer = running
        .ask(Some(&deployed.owner), "GET", "/api/v2/secrets?s=note", "")
        .await;
    let secret = &answer.json()["data"]["secrets"]["note"];
    assert_eq!(secret["Private"], base64(b"hello"));
    assert_eq!(secret["Type"], "plain");
    assert_eq!(secret["UserDefined"], true);
    let log = running
        .ask(Some(&deployed.owner), "GET", "/api/v3/log", "")
        .await
        .json();
    let last: Vec<_> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|e| &e["record"]["event"])
        .collect();
    assert!(last.contains(&&json!("secret_read")), "{last:?}");
}
