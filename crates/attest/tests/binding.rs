//! What evidence is bound to: every part of a session, byte for byte as the design says.

use strongroom_attest::{ActivateBinding, Binding, CoordinatorBinding, LogHead, PeerBinding};
use strongroom_crypto::digest::{Digest32, sha256, sha512};
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Names;

const NOW: UnixTime = UnixTime(1_790_000_000);

#[test]
fn every_part_of_an_activation_changes_what_is_bound() {
    let key = SigningKey::generate_p384();
    let certificate = client_certificate(&key);
    let csr = request(&key, "one");
    let bind = |server: &[u8], exporter: [u8; 32], csr: &[u8], marble_type: &str, uuid: &str| {
        let binding = ActivateBinding::new(&certificate, server, exporter, csr, marble_type, uuid);
        Binding::Activate(binding.expect("one key")).report_data()
    };
    let good = bind(b"server", [1; 32], &csr, "inference", "uuid");
    assert_eq!(good, bind(b"server", [1; 32], &csr, "inference", "uuid"));
    let swapped = [
        bind(b"another", [1; 32], &csr, "inference", "uuid"),
        bind(b"server", [2; 32], &csr, "inference", "uuid"),
        bind(b"server", [1; 32], &request(&key, "two"), "inference", "uuid"),
        bind(b"server", [1; 32], &csr, "training", "uuid"),
        bind(b"server", [1; 32], &csr, "inference", "other"),
        bind(b"server", [1; 32], &csr, "inferenceu", "uid"),
    ];
    for other in swapped {
        assert_ne!(good, other);
    }
}

#[test]
fn a_request_for_another_key_cannot_be_bound() {
    let (mine, theirs) = (SigningKey::generate_p384(), SigningKey::generate_p384());
    let bind = |certificate: &[u8], csr: &[u8]| {
        ActivateBinding::new(certificate, b"server", [0; 32], csr, "inference", "uuid")
            .map_err(|error| error.to_string())
    };
    bind(&client_certificate(&mine), &request(&mine, "one")).expect("one key");
    let refused = bind(&client_certificate(&mine), &request(&theirs, "one")).expect_err("two keys");
    assert!(
        refused.contains("not the key of the client certificate"),
        "{refused}"
    );
    let mut forged = request(&mine, "one");
    *forged.last_mut().expect("bytes") ^= 1;
    bind(&client_certificate(&mine), &forged).expect_err("not signed by its key");
    bind(b"no certificate", &request(&mine, "one")).expect_err("no certificate");
}

#[test]
fn every_part_of_a_coordinators_words_changes_what_is_bound() {
    let good = Binding::Coordinator(coordinator()).report_data();
    let changes: [fn(&mut CoordinatorBinding); 8] = [
        |it| it.nonce[0] ^= 1,
        |it| it.exporter[0] ^= 1,
        |it| it.root_certificate.push(0),
        |it| it.phase = "recovery".to_owned(),
        |it| it.manifest_digest = None,
        |it| it.log_head.epoch += 1,
        |it| it.log_head.size -= 1,
        |it| it.log_head.hash = Digest32([0; 32]),
    ];
    for change in changes {
        let mut other = coordinator();
        change(&mut other);
        assert_ne!(good, Binding::Coordinator(other).report_data());
    }
}

#[test]
fn bindings_are_what_the_design_says_byte_for_byte() {
    let field = |bytes: &[u8]| {
        [
            &u32::try_from(bytes.len()).expect("small").to_be_bytes()[..],
            bytes,
        ]
        .concat()
    };
    let user = [field(b"strongroom/v1/user"), field(b"bytes")].concat();
    assert_eq!(Binding::User(b"bytes".to_vec()).report_data(), sha512(&user));

    let words = coordinator();
    let expected = [
        field(b"strongroom/v1/coordinator"),
        field(&words.nonce),
        field(&words.exporter),
        field(sha256(&words.root_certificate).as_bytes()),
        field(b"running"),
        field(sha256(b"manifest").as_bytes()),
        field(&1_u64.to_be_bytes()),
        field(&7_u64.to_be_bytes()),
        field(sha256(b"log").as_bytes()),
    ];
    assert_eq!(
        Binding::Coordinator(words).report_data(),
        sha512(&expected.concat())
    );

    let peer = PeerBinding {
        exporter: [2; 32],
        role: "joining".to_owned(),
        peer_role: "serving".to_owned(),
        deployment_id: vec![3; 16],
        manifest_digest: None,
        log_head: LogHead {
            epoch: 1,
            size: 7,
            hash: sha256(b"log"),
        },
    };
    let expected = [
        field(b"strongroom/v1/peer"),
        field(&[2; 32]),
        field(b"joining"),
        field(b"serving"),
        field(&[3; 16]),
        field(b""),
        field(&1_u64.to_be_bytes()),
        field(&7_u64.to_be_bytes()),
        field(sha256(b"log").as_bytes()),
    ];
    assert_eq!(Binding::Peer(peer).report_data(), sha512(&expected.concat()));
}

fn coordinator() -> CoordinatorBinding {
    CoordinatorBinding {
        nonce: [1; 32],
        exporter: [2; 32],
        root_certificate: b"root".to_vec(),
        phase: "running".to_owned(),
        manifest_digest: Some(sha256(b"manifest")),
        log_head: LogHead {
            epoch: 1,
            size: 7,
            hash: sha256(b"log"),
        },
    }
}

fn client_certificate(key: &SigningKey) -> Vec<u8> {
    let template = Template {
        common_name: "marble".to_owned(),
        names: Names::default(),
        not_before: NOW,
        not_after: NOW.plus(3600),
        usage: Usage::Leaf,
        extensions: Vec::new(),
    };
    issue::self_signed(&template, key, &SystemRandom)
        .expect("a certificate")
        .der()
        .to_vec()
}

fn request(key: &SigningKey, name: &str) -> Vec<u8> {
    let names = Names {
        dns: vec![format!("{name}.example")],
        ip: Vec::new(),
    };
    issue::certificate_request(key, &names).expect("a request")
}
