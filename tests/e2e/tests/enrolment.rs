//! Enrolment of software TPMs at a coordinator that runs on one itself: what each end accepts, and each way to be refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use strongroom_api::marble::{
    BeginEnrolmentRequest, BeginEnrolmentResponse, EnrolmentClient, FinishEnrolmentRequest,
};
use strongroom_attest::platform::tpm::{ENDORSEMENT_KEY_USAGE, public::Public};
use strongroom_attest::{CoordinatorExpectation, Endorsements};
use strongroom_attester::platform::tpm::{Settings, TpmAttester};
use strongroom_attester::{Enrolment as _, EnrolmentRequest};
use strongroom_coordinator::app::{Coordinator, Parts};
use strongroom_coordinator::pki::coordinator_names;
use strongroom_coordinator::server::Ports;
use strongroom_coordinator::state::Now;
use strongroom_coordinator::store::file::FileStore;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::issue::custom::SubjectPart;
use strongroom_crypto::issue::vendor::{Constraints, IssuerKey, Shape, Vendor};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::tpm_credential::CredentialBlob;
use strongroom_crypto::x509::{Certificate, KeyUsage, Names};
use strongroom_e2e::coordinator::now;
use strongroom_e2e::tpm::TpmMachine;
use strongroom_launcher::activate::activate;
use strongroom_launcher::caller::{Caller, target};
use strongroom_launcher::identity::ClientIdentity;
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::danger::connect_unverified;
use strongroom_service::Shutdown;
use strongroom_workload::Description;
use tonic::{Code, Status};

const REFUSED: (Code, &str) = (
    Code::PermissionDenied,
    "marble verification failed: its attestation key cannot be enrolled [enrolment.refused]",
);

/// A coordinator on a machine with a TPM, for workloads under the given roots.
struct World {
    machine: TpmMachine,
    folder: tempfile::TempDir,
    mesh: String,
    clock: Arc<AtomicU64>,
    shutdown: Shutdown,
}

impl World {
    async fn start(roots: &[String], description: Option<&Description>) -> Self {
        let machine = TpmMachine::start();
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(AtomicU64::new(now().0 * 1000));
        let reading = clock.clone();
        let parts = Parts {
            store: Arc::new(FileStore::open(folder.path().join("state")).expect("a store")),
            attester: Arc::new(attester(&machine)),
            random: Arc::new(SystemRandom),
            clock: Arc::new(move || Now {
                ms: reading.load(Ordering::SeqCst),
            }),
            names: coordinator_names(["localhost"]),
            endorsements: Endorsements::none(),
            version: "test".to_owned(),
        };
        let coordinator = Coordinator::open(parts).await.expect("opens");
        let workload = description.map_or(Digest32([7; 32]), Description::digest);
        let manifest = json!({
            "Packages": { "machine": {
                "Platform": "tpm", "Measurements": [own_measurement()], "Workloads": [workload], "Roots": roots,
                "Protection": ["integrity_only"],
            } },
            "Marbles": { "marble": { "Package": "machine" } },
        });
        coordinator
            .set_manifest(manifest.to_string().into_bytes())
            .await
            .expect("set");
        let any = "127.0.0.1:0".parse().expect("an address");
        let ports = Ports::bind(&any, &any).await.expect("ports");
        let mesh = ports.addresses().1.expect("tcp").to_string();
        let shutdown = Shutdown::new();
        tokio::spawn(ports.serve(coordinator, shutdown.clone()));
        Self {
            machine,
            folder,
            mesh,
            clock,
            shutdown,
        }
    }

    async fn connect(&self) -> HttpConnection {
        let identity = ClientIdentity::create(&Names::default(), now(), &SystemRandom).expect("an identity");
        let target = target(&self.mesh).expect("an address").presenting(identity.tls);
        let session = connect_unverified(&target)
            .await
            .expect("the coordinator answers");
        HttpConnection::open(session).await.expect("HTTP/2")
    }

    fn later(&self, seconds: u64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

fn attester(machine: &TpmMachine) -> TpmAttester {
    TpmAttester::start(Settings::at(machine.address())).expect("the TPM answers")
}

fn own_measurement() -> Digest32 {
    sha256(&std::fs::read("/proc/self/exe").expect("this program"))
}

async fn begin(
    connection: &HttpConnection,
    keys: &EnrolmentRequest,
) -> Result<BeginEnrolmentResponse, Status> {
    let request = BeginEnrolmentRequest {
        ek_public: keys.ek_public.clone(),
        ek_certificates: keys.ek_certificates.clone(),
        ak_public: keys.ak_public.clone(),
    };
    let mut client = EnrolmentClient::new(connection.clone());
    client.begin(request).await.map(tonic::Response::into_inner)
}

async fn finish(connection: &HttpConnection, session: &[u8], secret: &[u8]) -> Result<Certificate, Status> {
    let request = FinishEnrolmentRequest {
        session: session.to_vec(),
        secret: secret.to_vec(),
    };
    let mut client = EnrolmentClient::new(connection.clone());
    let answer = client.finish(request).await?.into_inner();
    Ok(Certificate::parse(&answer.ak_certificate).expect("a certificate"))
}

async fn open(attester: &TpmAttester, begun: &BeginEnrolmentResponse) -> Vec<u8> {
    let credential = CredentialBlob {
        id_object: begun.credential_blob.clone(),
        encrypted_secret: begun.encrypted_secret.clone(),
    };
    attester
        .activate(&credential)
        .await
        .expect("its own credential")
        .expose()
        .to_vec()
}

#[track_caller]
fn refused<T>(outcome: Result<T, Status>) {
    let status = outcome.err().expect("refused");
    assert_eq!((status.code(), status.message()), REFUSED);
}

/// The whole way: the launcher enrols the coordinator's key and has its own enrolled, on each connection anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs swtpm"]
async fn a_workload_on_a_tpm_activates_at_a_coordinator_on_a_tpm() {
    let marble = TpmMachine::start();
    let coordinators = TpmMachine::start(); // its roots are not those of the coordinator that answers
    let description = |root: &str| {
        let expectation = json!([{
            "platform": "tpm", "roots": [root], "measurements": [own_measurement()], "protection": ["integrity_only"],
        }]);
        json!({
            "format": "strongroom.workload.v1", "argv": ["true"], "coordinator": { "expect": expectation },
            "program": { "path": "/bin/true", "digest": sha256(b"the program").to_string() },
        })
    };
    // The expectation is part of what is measured, and names the coordinator's root: made before the coordinator.
    let world = World::start(&[marble.root_pem()], None).await;
    let good = description(&world.machine.root_pem());
    let parsed = Description::parse(good.to_string().as_bytes()).expect("a description");
    drop(world);
    let world = World::start(&[marble.root_pem()], Some(&parsed)).await;
    let caller = |description: &Value| Caller {
        target: target(&world.mesh).expect("an address"),
        expectation: Some(
            CoordinatorExpectation::parse(description["coordinator"]["expect"].to_string().as_bytes())
                .expect("reference values"),
        ),
        endorsements: Endorsements::none(),
        attester: Arc::new(attester(&marble)),
        description: good.to_string().into_bytes(),
        workload: parsed.digest(),
        marble_type: "marble".to_owned(),
        uuid: "7b0a3d5e-3c3c-4d55-9a0a-0d6d7d1a4c11".to_owned(),
        names: Names::default(),
        now,
    };
    // Another world has another TPM: what was expected of the first does not hold for it.
    let error = activate(&caller(&good), &parsed)
        .await
        .expect_err("another coordinator's TPM");
    assert_eq!(error.code(), "evidence.root", "{error}");
    let stranger = description(&coordinators.root_pem());
    let error = activate(&caller(&stranger), &parsed)
        .await
        .expect_err("a stranger's TPM");
    assert_eq!(error.code(), "evidence.root", "{error}");
    let here = description(&world.machine.root_pem());
    let activated = activate(&caller(&here), &parsed).await.expect("activated");
    assert!(activated.credentials.leaf().is_valid_at(now()));
    let again = activate(&caller(&here), &parsed).await;
    assert!(again.is_ok(), "enrols anew on another connection");
    assert!(world.folder.path().join("state").is_dir());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs swtpm"]
async fn an_enrolment_is_finished_once_in_time_and_where_it_began() {
    let marble = TpmMachine::start();
    let world = World::start(&[marble.root_pem()], None).await;
    let own = attester(&marble);
    let keys = own.request().await.expect("keys");
    let here = world.connect().await;

    let begun = begin(&here, &keys).await.expect("begun");
    let secret = open(&own, &begun).await;
    let certificate = finish(&here, &begun.session, &secret).await.expect("enrolled");
    let ak = Public::parse(&keys.ak_public).expect("a public area");
    assert_eq!(certificate.spki_der(), ak.key().spki_der());
    let day = certificate.not_after().0 - now().0;
    assert!((23 * 3600..=24 * 3600 + 60).contains(&day), "{day} seconds");
    refused(finish(&here, &begun.session, &secret).await); // a second time

    let begun = begin(&here, &keys).await.expect("begun");
    let secret = open(&own, &begun).await;
    refused(finish(&here, &begun.session, &[7; 32]).await); // another secret
    refused(finish(&here, &begun.session, &secret).await); // there is no second try

    let begun = begin(&here, &keys).await.expect("begun");
    let secret = open(&own, &begun).await;
    let there = world.connect().await;
    refused(finish(&there, &begun.session, &secret).await); // another connection

    let begun = begin(&here, &keys).await.expect("begun");
    let secret = open(&own, &begun).await;
    world.later(120);
    refused(finish(&here, &begun.session, &secret).await); // too late
    let begun = begin(&here, &keys).await.expect("begun");
    let secret = open(&own, &begun).await;
    world.later(119);
    finish(&here, &begun.session, &secret)
        .await
        .expect("just in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs swtpm"]
async fn keys_of_no_accepted_tpm_are_refused() {
    let (marble, other) = (TpmMachine::start(), TpmMachine::start());
    let world = World::start(&[marble.root_pem()], None).await;
    let (own, others) = (attester(&marble), attester(&other));
    let keys = own.request().await.expect("keys");
    let foreign = others.request().await.expect("keys");
    let here = world.connect().await;

    refused(begin(&here, &foreign).await); // a TPM under a root that the manifest does not name
    let mut bare = keys.clone();
    bare.ek_certificates.clear();
    refused(begin(&here, &bare).await); // no certificate
    let mut borrowed = keys.clone();
    borrowed.ek_certificates = keys.ek_certificates.clone();
    borrowed.ek_public = foreign.ek_public.clone();
    refused(begin(&here, &borrowed).await); // somebody else's certificate
    let mut garbage = keys.clone();
    garbage.ak_public = vec![0; 64];
    refused(begin(&here, &garbage).await); // no key
    let mut endorsed = keys.clone();
    endorsed.ak_public = keys.ek_public.clone();
    refused(begin(&here, &endorsed).await); // a key that is no attestation key

    // A genuine endorsement key, and an attestation key that lives elsewhere: the credential opens nowhere.
    let mut mixed = keys.clone();
    mixed.ak_public = foreign.ak_public.clone();
    let begun = begin(&here, &mixed).await.expect("it cannot be told before");
    let credential = CredentialBlob {
        id_object: begun.credential_blob.clone(),
        encrypted_secret: begun.encrypted_secret.clone(),
    };
    assert!(own.activate(&credential).await.is_err(), "the name is another's");
    assert!(
        others.activate(&credential).await.is_err(),
        "the endorsement key is another's"
    );
    refused(finish(&here, &begun.session, &[0; 32]).await);
}

/// A root that certified the TPM's endorsement key for another use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs swtpm"]
async fn a_certificate_for_another_use_is_none_of_an_endorsement_key() {
    let marble = TpmMachine::start();
    let maker = Maker::new();
    let world = World::start(&[maker.root.to_pem()], None).await;
    let own = attester(&marble);
    let mut keys = own.request().await.expect("keys");
    let here = world.connect().await;
    let ek = Public::parse(&keys.ek_public).expect("a public area");
    keys.ek_certificates = vec![maker.certify(ek.key().spki_der(), "2.23.133.8.3")];
    refused(begin(&here, &keys).await);
    keys.ek_certificates = vec![maker.certify(ek.key().spki_der(), ENDORSEMENT_KEY_USAGE)];
    let begun = begin(&here, &keys).await.expect("the same with the right use");
    let secret = open(&own, &begun).await;
    finish(&here, &begun.session, &secret).await.expect("enrolled");
}

/// A maker of TPMs.
struct Maker {
    key: SigningKey,
    root: Certificate,
}

impl Maker {
    fn new() -> Self {
        let key = SigningKey::generate_p256();
        let usage = Some(KeyUsage::from_bits(32));
        let root = vendor(&key).issue(&shape(Constraints::Authority(None), usage, &[]), key.spki_der());
        let root = root.expect("a root");
        Self { key, root }
    }

    fn certify(&self, spki: &[u8], usage: &str) -> Vec<u8> {
        let shape = shape(Constraints::Leaf, None, &[usage]);
        let made = vendor(&self.key).issue(&shape, spki);
        made.expect("a certificate").der().to_vec()
    }
}

fn vendor(key: &SigningKey) -> Vendor<'_> {
    Vendor::new(
        &[(SubjectPart::CommonName, "maker".to_owned())],
        IssuerKey::Ecdsa(key),
    )
}

fn shape(constraints: Constraints, key_usage: Option<KeyUsage>, usages: &[&str]) -> Shape {
    let arcs = |oid: &&str| oid.split('.').map(|arc| arc.parse().expect("a number")).collect();
    Shape {
        subject: vec![(SubjectPart::CommonName, "maker".to_owned())],
        serial: vec![1],
        not_before: now().minus(3600),
        not_after: now().plus(86_400),
        constraints,
        key_usage,
        extended_key_usages: usages.iter().map(arcs).collect(),
        extensions: Vec::new(),
    }
}
