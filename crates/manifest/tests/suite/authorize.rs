//! From evidence to leave to activate; each refusal changes one thing.

use strongroom_attest::platform::software::{Authority, Statement};
use strongroom_attest::{Binding, Endorsements, Roots, Verified, verify};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::issue;
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Names;
use strongroom_manifest::MarbleType;

use crate::fixture::{HARDWARE, LAUNCHER, NOW, WORKLOAD, accepted, good};

/// Evidence of a marble, as verified under the root of whoever made it.
struct Marble<'a> {
    hardware: &'a Authority,
    measurement: [u8; 32],
    workload: Option<[u8; 32]>,
    debug: bool,
    bound_to: &'static str,
}

impl Marble<'_> {
    fn good() -> Self {
        Self {
            hardware: &HARDWARE,
            measurement: LAUNCHER,
            workload: Some(WORKLOAD),
            debug: false,
            bound_to: "inference",
        }
    }

    fn verified(&self) -> Verified {
        self.verified_with(&activation(self.bound_to))
    }

    fn verified_with(&self, binding: &Binding) -> Verified {
        let statement = Statement {
            simulator_version: "test".to_owned(),
            report_data: binding.report_data(),
            measurement: Digest32(self.measurement),
            workload: self.workload.map(Digest32),
            issued_at: NOW,
            debug: self.debug,
        };
        let roots = Roots::none().with(
            strongroom_attest::Platform::Software,
            self.hardware.root().clone(),
        );
        let evidence = self.hardware.issue(&statement);
        verify(&evidence, &Endorsements::none(), &roots, binding, NOW).expect("the evidence itself is good")
    }
}

fn activation(marble_type: &str) -> Binding {
    let key = SigningKey::generate_p256();
    let template = issue::Template {
        common_name: "marble".to_owned(),
        names: Names::default(),
        not_before: NOW,
        not_after: NOW.plus(60),
        usage: issue::Usage::Leaf,
        extensions: Vec::new(),
    };
    let certificate = issue::self_signed(&template, &key, &SystemRandom).expect("a certificate can be made");
    let csr = issue::certificate_request(&key, &Names::default()).expect("a request can be made");
    let binding = strongroom_attest::ActivateBinding::new(
        certificate.der(),
        b"server",
        [7; 32],
        &csr,
        marble_type,
        "00112233-4455-6677-8899-aabbccddeeff",
    );
    Binding::Activate(binding.expect("request and certificate have one key"))
}

#[track_caller]
fn refused(marble: &Marble<'_>, requested: &str, activations: u64, code: &str) {
    let manifest = accepted(&good());
    let refusal = manifest
        .authorize(marble.verified(), &MarbleType::from(requested), activations, 1)
        .expect_err("it should be refused");
    assert_eq!(refusal.code(), code, "{refusal}");
}

#[test]
fn a_grant_says_who_what_and_under_which_manifest() {
    let manifest = accepted(&good());
    let inference = MarbleType::from("inference");
    let grant = manifest
        .authorize(Marble::good().verified(), &inference, 1, 7)
        .expect("all of it is as wanted");
    assert_eq!(grant.marble(), &inference);
    assert_eq!((grant.revision(), grant.activations()), (7, 1));
    assert_eq!(grant.manifest_digest(), manifest.digest());
    assert_eq!(grant.result().package().as_str(), "launcher");
    assert_eq!(grant.result().claims().workload(), Some(Digest32(WORKLOAD)));
    assert!(grant.result().report().first_failure().is_none());
}

#[test]
fn refuses_what_is_not_the_package() {
    let another = Authority::generate(NOW, &SystemRandom).expect("a root can be minted");
    refused(
        &Marble {
            measurement: [9; 32],
            ..Marble::good()
        },
        "inference",
        0,
        "evidence.measurement",
    );
    refused(
        &Marble {
            workload: Some([9; 32]),
            ..Marble::good()
        },
        "inference",
        0,
        "evidence.workload",
    );
    refused(
        &Marble {
            workload: None,
            ..Marble::good()
        },
        "inference",
        0,
        "evidence.workload",
    );
    refused(
        &Marble {
            debug: true,
            ..Marble::good()
        },
        "inference",
        0,
        "evidence.debug",
    );
    refused(
        &Marble {
            hardware: &another,
            ..Marble::good()
        },
        "inference",
        0,
        "evidence.root",
    );
    refused(
        &Marble {
            bound_to: "frontend",
            ..Marble::good()
        },
        "frontend",
        0,
        "evidence.platform",
    );
}

#[test]
fn refuses_other_types_and_too_many() {
    refused(&Marble::good(), "nobody", 0, "marble.unknown_type");
    refused(&Marble::good(), "inference", 2, "marble.max_activations");
    refused(
        &Marble {
            bound_to: "frontend",
            ..Marble::good()
        },
        "inference",
        0,
        "evidence.binding",
    );
}

#[test]
fn evidence_of_somebody_else_activates_nothing() {
    let manifest = accepted(&good());
    let user = Marble::good().verified_with(&Binding::User(b"bytes of a program".to_vec()));
    let refusal = manifest
        .authorize(user, &MarbleType::from("inference"), 0, 1)
        .expect_err("it is a program's");
    assert_eq!(refusal.code(), "evidence.binding");
}

#[test]
fn renewal_is_no_activation() {
    let manifest = accepted(&good());
    let inference = MarbleType::from("inference");
    let grant = manifest
        .authorize_renewal(Marble::good().verified(), &inference, 7)
        .expect("all of it is as wanted");
    assert_eq!((grant.marble(), grant.revision()), (&inference, 7));
    let other = Marble {
        measurement: [9; 32],
        ..Marble::good()
    };
    let refusal = manifest
        .authorize_renewal(other.verified(), &inference, 7)
        .expect_err("another program");
    assert_eq!(refusal.code(), "evidence.measurement");
}
