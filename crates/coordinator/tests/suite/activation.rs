//! A9–A13: what is given, and every refusal with one thing changed.

use http::StatusCode;
use serde_json::Value;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::secret::ModelKey;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Certificate;
use strongroom_ratls::MARBLE_TYPE_OID;
use tonic::{Code, Status};

use crate::fixture::{Deployed, deployed, deployed_with};
use crate::platform::{Machine, NOW};
use crate::workload::{Request, UUID, Workload, send};

async fn ready() -> Deployed {
    let deployed = deployed().await;
    deployed
        .running
        .set_secrets(&deployed.owner, deployed.digest)
        .await;
    deployed
}

#[track_caller]
fn assert_refused(outcome: Result<impl std::fmt::Debug, Status>, code: Code, says: &str) {
    let status = outcome.expect_err("refused");
    assert_eq!(status.code(), code, "{status:?}");
    assert!(
        status.message().contains(says),
        "{:?} does not say {says:?}",
        status.message()
    );
}

#[tokio::test]
async fn a_marble_with_a_model_gets_its_key_and_its_identity() {
    let deployed = ready().await;
    let mut workload = Workload::new(&deployed.machine, "inference");
    workload.dns = vec!["inference.test".to_owned()];
    let given = workload.activate(&deployed.running).await.expect("activated");

    let key = ModelKey::from_slice(&[7; 32]).expect("a key");
    assert_eq!(
        given.files[&format!("/run/strongroom/keys/{}", key.id())],
        [7; 32]
    );
    let provision: Value =
        serde_json::from_slice(&given.files["/run/strongroom/provision.json"]).expect("JSON");
    assert_eq!(provision["format"], "strongroom.provision.v1");
    assert_eq!(provision["marble_type"], "inference");
    assert_eq!(provision["models"][0]["key_id"], key.id().to_string());
    assert_eq!(
        provision["models"][0]["bundles"][0],
        sha256(b"bundle").to_string()
    );
    assert_eq!(provision["models"][0]["clients"]["mode"], "anyone");

    let pem = |name: &str| String::from_utf8(given.env[name].clone()).expect("text");
    let chain =
        Certificate::parse_pem_chain(&pem("MARBLE_PREDEFINED_MARBLE_CERTIFICATE_CHAIN")).expect("a chain");
    let (leaf, intermediate) = (&chain[0], &chain[1]);
    let marble_root = Certificate::parse_pem(&pem("MARBLE_PREDEFINED_ROOT_CA")).expect("a root");
    let root = Certificate::parse_pem(&pem("MARBLE_PREDEFINED_COORDINATOR_ROOT_CA")).expect("a root");
    assert_eq!(
        leaf.spki_der(),
        workload.person.key().spki_der(),
        "the marble's own key is certified"
    );
    assert!(
        given.env["MARBLE_PREDEFINED_PRIVATE_KEY"].is_empty(),
        "no private key travels"
    );
    assert_eq!(leaf.subject_cn(), Some(UUID));
    assert_eq!(leaf.extension(MARBLE_TYPE_OID), Some(&b"inference"[..]));
    assert_eq!(leaf.names().dns, ["inference.test"]);
    assert_eq!(
        (leaf.not_before(), leaf.not_after()),
        (NOW.minus(300), NOW.plus(86_400))
    );
    // The intermediate and the marble root are siblings: the leaf chains to either.
    let key = marble_root.verifying_key().expect("a key");
    assert_eq!(leaf.verify_signature_by(&key), Ok(()));
    assert_eq!(intermediate.spki_der(), marble_root.spki_der());
    assert_eq!(
        intermediate.verify_signature_by(&root.verifying_key().expect("a key")),
        Ok(())
    );
}

#[tokio::test]
async fn parameters_are_rendered_and_per_marble_secrets_derived() {
    let deployed = ready().await;
    let workload = Workload::new(&deployed.machine, "plain");
    let first = workload.activate(&deployed.running).await.expect("activated");
    assert_eq!(first.argv, ["program", "--flag"]);
    assert_eq!(first.env["NOTE"], b"hello");
    assert_eq!(first.files["/cfg/shared"].len(), 32);
    assert_eq!(first.files["/cfg/own"].len(), 32, "16 bytes in hex");
    let again = workload.activate(&deployed.running).await.expect("activated");
    assert_eq!(
        first.files["/cfg/own"], again.files["/cfg/own"],
        "the same marble gets the same key"
    );
    // MaxActivations is 2.
    let third = workload.activate(&deployed.running).await;
    assert_refused(
        third,
        Code::PermissionDenied,
        "reached max activations count (2) for marble type \"plain\"",
    );
}

#[tokio::test]
async fn an_unset_secret_is_waited_for_and_named() {
    let deployed = deployed().await;
    let workload = Workload::new(&deployed.machine, "inference");
    let refused = workload.activate(&deployed.running).await;
    assert_refused(refused, Code::FailedPrecondition, "secret_unset: digits-key");
    deployed
        .running
        .set_secrets(&deployed.owner, deployed.digest)
        .await;
    workload.activate(&deployed.running).await.expect("activated");
}

#[tokio::test]
async fn nothing_is_activated_before_a_manifest_is_set() {
    let machine = Machine::new(1);
    let folder = tempfile::tempdir().expect("a folder");
    let running = crate::fixture::start(&machine, folder.path()).await;
    let refused = Workload::new(&machine, "plain").activate(&running).await;
    assert_refused(
        refused,
        Code::FailedPrecondition,
        "cannot accept marbles in current state",
    );
}

#[tokio::test]
async fn refuses_what_is_not_in_the_manifest() {
    let deployed = ready().await;
    let good = || Workload::new(&deployed.machine, "plain");
    let with = |change: fn(&mut Workload)| {
        let mut workload = good();
        change(&mut workload);
        workload
    };
    let running = &deployed.running;
    let cases: [(Workload, &str); 5] = [
        (
            with(|w| w.marble_type = "nope".into()),
            "unknown marble type requested",
        ),
        (with(|w| w.program = "another launcher"), "[evidence.measurement]"),
        (
            with(|w| w.description = Some(sha256(b"another workload"))),
            "[evidence.workload]",
        ),
        (with(|w| w.description = None), "[evidence.workload]"),
        (with(|w| w.machine = Machine::new(2)), "[evidence.root]"),
    ];
    for (workload, says) in cases {
        assert_refused(workload.activate(running).await, Code::PermissionDenied, says);
    }
    let named = with(|w| w.dns = vec!["inference.test".into()]);
    assert_refused(
        named.activate(running).await,
        Code::PermissionDenied,
        "[marble.name]",
    );
    good().activate(running).await.expect("the good one is activated");
}

#[tokio::test]
async fn refuses_evidence_of_another_session() {
    let deployed = ready().await;
    let workload = Workload::new(&deployed.machine, "plain");
    let running = &deployed.running;
    let denied = |outcome, says| assert_refused(outcome, Code::PermissionDenied, says);

    // Relayed: made for one connection, sent on another.
    let (first, second) = (workload.connect(running).await, workload.connect(running).await);
    denied(send(second, workload.request(&first)).await, "[evidence.binding]");
    // Type, UUID, request and key swapped after the evidence was made.
    let swap = async |change: fn(&mut Request)| workload.activate_with(running, change).await;
    denied(
        swap(|request| request.marble_type = "inference".into()).await,
        "[evidence.binding]",
    );
    denied(
        swap(|request| request.uuid = "00000000-0000-0000-0000-000000000001".into()).await,
        "[evidence.binding]",
    );
    let csr = workload.csr(workload.person.key());
    let session = workload.connect(running).await;
    let mut request = workload.request(&session);
    assert_ne!(request.csr, csr, "signatures differ each time");
    request.csr = csr;
    denied(send(session, request).await, "[evidence.binding]");
    let session = workload.connect(running).await;
    let mut request = workload.request(&session);
    request.csr = workload.csr(&SigningKey::generate_p384());
    denied(send(session, request).await, "[evidence.binding]");
    // No evidence at all, and something else.
    denied(
        swap(|request| request.evidence.clear()).await,
        "[evidence.malformed]",
    );
    denied(
        swap(|request| request.evidence = vec![1, 0, 0, 0, 2, 0, 0, 0]).await,
        "[evidence.malformed]",
    );
}

#[tokio::test]
async fn a_uuid_is_read_as_leniently_as_marblerun_does_and_must_be_one() {
    let deployed = ready().await;
    let mut workload = Workload::new(&deployed.machine, "plain");
    workload.uuid = format!("urn:uuid:{}", UUID.to_uppercase());
    let given = workload.activate(&deployed.running).await.expect("activated");
    let chain =
        String::from_utf8(given.env["MARBLE_PREDEFINED_MARBLE_CERTIFICATE_CHAIN"].clone()).expect("text");
    assert_eq!(
        Certificate::parse_pem(&chain).expect("a leaf").subject_cn(),
        Some(UUID)
    );
    workload.uuid = "no uuid".into();
    assert_refused(
        workload.activate(&deployed.running).await,
        Code::InvalidArgument,
        "invalid UUID: ",
    );
}

#[tokio::test]
async fn renews_what_was_activated_and_nothing_else() {
    let deployed = ready().await;
    let mut workload = Workload::new(&deployed.machine, "plain");
    let refused = workload.renew(&deployed.running).await;
    assert_refused(refused, Code::PermissionDenied, "activate first");

    workload.activate(&deployed.running).await.expect("activated");
    // A new key, the same UUID.
    workload.person = crate::fixture::Person::new("workload");
    let renewed = workload.renew(&deployed.running).await.expect("renewed");
    let chain = String::from_utf8(renewed.certificate_chain).expect("text");
    let leaf = Certificate::parse_pem(&chain).expect("a leaf");
    assert_eq!(leaf.spki_der(), workload.person.key().spki_der());
    assert_eq!(leaf.subject_cn(), Some(UUID));
    // Renewing counts as no activation: one of two is left.
    workload.activate(&deployed.running).await.expect("activated");

    workload.uuid = "00000000-0000-0000-0000-000000000001".into();
    assert_refused(
        workload.renew(&deployed.running).await,
        Code::PermissionDenied,
        "activate first",
    );
    workload.uuid = UUID.into();
    workload.marble_type = "inference".into();
    assert_refused(
        workload.renew(&deployed.running).await,
        Code::PermissionDenied,
        "activate first",
    );
    workload.marble_type = "plain".into();
    workload.program = "another launcher";
    assert_refused(
        workload.renew(&deployed.running).await,
        Code::PermissionDenied,
        "[evidence.measurement]",
    );
}

#[tokio::test]
async fn a_clock_behind_the_state_releases_nothing() {
    let deployed = ready().await;
    let workload = Workload::new(&deployed.machine, "plain");
    deployed.running.set_clock(NOW.0 - 299);
    workload
        .activate(&deployed.running)
        .await
        .expect("within the tolerance");
    deployed.running.set_clock(NOW.0 - 301);
    assert_refused(
        workload.activate(&deployed.running).await,
        Code::FailedPrecondition,
        "[time.behind]",
    );
    let status = deployed.running.get("/api/v3/status").await;
    assert_eq!(status.json()["held"], "time.behind");
    let read = deployed
        .running
        .ask(Some(&deployed.owner), "GET", "/api/v2/secrets?s=note", "")
        .await;
    assert_eq!(read.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(read.text.contains("time.behind"), "{read:?}");
}

#[tokio::test]
async fn a_template_with_the_private_key_gets_one_that_we_made() {
    let deployed = deployed_with(|manifest| {
        manifest["Marbles"]["plain"]["Parameters"]["Files"]["/cfg/key"] =
            "{{ pem .MarbleRun.MarbleCert.Private }}".into();
        manifest["Marbles"]["plain"]["Parameters"]["Files"]["/cfg/cert"] =
            "{{ pem .MarbleRun.MarbleCert.Cert }}".into();
    })
    .await;
    deployed
        .running
        .set_secrets(&deployed.owner, deployed.digest)
        .await;
    let workload = Workload::new(&deployed.machine, "plain");
    let given = workload.activate(&deployed.running).await.expect("activated");
    let text = |name: &str| String::from_utf8(given.files[name].clone()).expect("text");
    let key = SigningKey::from_pkcs8_pem(&text("/cfg/key")).expect("a key");
    let certificate = Certificate::parse_pem(&text("/cfg/cert")).expect("a certificate");
    assert_eq!(certificate.spki_der(), key.spki_der());
    assert_ne!(key.spki_der(), workload.person.key().spki_der());
    assert!(given.env["MARBLE_PREDEFINED_PRIVATE_KEY"].is_empty());
}
