//! Who may be at the other end: each refusal changes one thing in a good certificate.

mod common;

use common::{Authority, BEGIN, END, authority, listen, marble_type, server};
use rustls::client::danger::ServerCertVerifier;
use rustls::{CertificateError, Error};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Certificate;
use strongroom_ratls::{
    Alpn, ClientCertificates, Identity, IdentityError, MarbleVerifier, PinnedRoot, ServerSettings, Target,
    Trust, Versions, connect,
};

const NOW: u64 = 1_790_000_000;

fn refusal(
    verifier: &dyn ServerCertVerifier,
    leaf: &Certificate,
    chain: &[&Certificate],
    name: &str,
    now: u64,
) -> Option<&'static str> {
    let der = |certificate: &Certificate| CertificateDer::from(certificate.der().to_vec());
    let chain: Vec<_> = chain.iter().map(|certificate| der(certificate)).collect();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
    let error = verifier
        .verify_server_cert(&der(leaf), &chain, &name, &[], now)
        .err()?;
    let Error::InvalidCertificate(CertificateError::Other(ours)) = &error else {
        panic!("not our reason: {error}")
    };
    Some(ours.0.downcast_ref::<IdentityError>().expect("our reason").code())
}

fn inference(template: &mut Template) {
    template.names.dns = vec!["inference.example".to_owned()];
    template.extensions = vec![marble_type("inference")];
}

#[test]
fn a_marble_needs_root_type_name_and_time() {
    let root = authority();
    let (leaf, _) = root.leaf(inference);
    let verifier = MarbleVerifier::new(&root.certificate, "inference").expect("a verifier");
    let check = |leaf: &Certificate, name: &str, now: u64| refusal(&verifier, leaf, &[], name, now);
    assert_eq!(check(&leaf, "inference.example", NOW), None);
    assert_eq!(check(&leaf, "127.0.0.1", NOW), None);
    // Name and time.
    assert_eq!(check(&leaf, "other.example", NOW), Some("channel.certificate"));
    assert_eq!(check(&leaf, "127.0.0.2", NOW), Some("channel.certificate"));
    assert_eq!(
        check(&leaf, "inference.example", BEGIN.0 - 1),
        Some("channel.certificate")
    );
    assert_eq!(
        check(&leaf, "inference.example", END.0 + 1),
        Some("channel.certificate")
    );
    // Type: another one, none, one that only begins the same.
    for other in [
        vec![marble_type("training")],
        vec![],
        vec![marble_type("inference2")],
        vec![marble_type("infer")],
    ] {
        let (leaf, _) = root.leaf(|template| {
            inference(template);
            template.extensions = other;
        });
        assert_eq!(
            check(&leaf, "inference.example", NOW),
            Some("channel.marble_type")
        );
    }
    // Root: an earlier one of the same name, with the leaf's chain along.
    let earlier = authority();
    let (leaf, _) = earlier.leaf(inference);
    assert_eq!(
        check(&leaf, "inference.example", NOW),
        Some("channel.certificate")
    );
    let along = refusal(
        &verifier,
        &leaf,
        &[&earlier.certificate],
        "inference.example",
        NOW,
    );
    assert_eq!(along, Some("channel.certificate"));
    // The root itself is no marble, and a marble issues none.
    assert_eq!(
        check(&root.certificate, "localhost", NOW),
        Some("channel.certificate")
    );
    let (middle, middle_key) = root.leaf(inference);
    let issuer = Authority {
        key: middle_key,
        certificate: middle,
    };
    let (below, _) = issuer.leaf(inference);
    let along = refusal(
        &verifier,
        &below,
        &[&issuer.certificate],
        "inference.example",
        NOW,
    );
    assert_eq!(along, Some("channel.certificate"));
}

/// A manifest may ask for a certificate secret that is an authority under the marble root. It names no marble.
#[test]
fn an_authority_below_the_marble_root_issues_no_marble() {
    let root = authority();
    let verifier = MarbleVerifier::new(&root.certificate, "inference").expect("a verifier");
    let (certificate, key) = root.leaf(|template| {
        template.common_name = "below".to_owned();
        template.usage = Usage::Authority;
    });
    let below = Authority { key, certificate };
    let subject = SigningKey::generate_p384();
    let mut template = common::template(Usage::Leaf);
    inference(&mut template);
    let leaf = issue::Authority::new("below", &below.key)
        .issue(&template, subject.spki_der(), &SystemRandom)
        .expect("a leaf");
    let found = refusal(&verifier, &leaf, &[&below.certificate], "inference.example", NOW);
    assert_eq!(found, Some("channel.certificate"));
}

#[tokio::test]
async fn a_marble_without_the_key_of_its_certificate_is_refused() {
    let root = authority();
    let (leaf, _) = root.leaf(inference);
    let thief = authority().identity();
    let stolen = vec![CertificateDer::from(leaf.der().to_vec())];
    let forged = rustls::sign::CertifiedKey::new(stolen, std::sync::Arc::clone(&thief.certified_key().key));
    let settings = ServerSettings {
        versions: Versions::Tls13,
        clients: ClientCertificates::None,
        alpn: Alpn::Any,
    };
    let resolver = std::sync::Arc::new(common::Presents(std::sync::Arc::new(forged)));
    let config = strongroom_ratls::server_config(resolver, settings).expect("usable");
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move { common::accept(&listener, &config).await.is_ok() });
    let target = Target::new(&address, Alpn::Any)
        .expect("an address")
        .named("inference.example")
        .expect("a name");
    let verifier = MarbleVerifier::new(&root.certificate, "inference").expect("a verifier");
    let refused = connect(&target, &Trust::Marble(verifier))
        .await
        .expect_err("stolen");
    assert_eq!(refused.code(), "channel.certificate");
    assert!(!serving.await.expect("served"));
}

#[test]
fn a_pinned_root_is_that_certificate_and_no_other_of_its_key() {
    let root = authority();
    let verifier = PinnedRoot::new(root.certificate.clone());
    let check =
        |certificate: &Certificate, now: u64| refusal(&verifier, certificate, &[], "any.example", now);
    assert_eq!(check(&root.certificate, NOW), None);
    assert_eq!(check(&authority().certificate, NOW), Some("channel.root_changed"));
    assert_eq!(
        check(&root.leaf(|_| {}).0, NOW),
        Some("channel.root_changed"),
        "what the root certified is not the root"
    );
    assert_eq!(check(&root.certificate, END.0 + 1), Some("channel.certificate"));
}

#[tokio::test]
async fn the_reason_reaches_whoever_connects() {
    let root = authority();
    let (leaf, key) = root.leaf(|template| {
        inference(template);
        template.extensions = vec![marble_type("training")];
    });
    let identity = Identity::new(&[leaf], &key).expect("an identity");
    let settings = ServerSettings {
        versions: Versions::Tls13,
        clients: ClientCertificates::None,
        alpn: Alpn::Any,
    };
    let config = server(&identity, settings);
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            outcomes.push(common::accept(&listener, &config).await.is_ok());
        }
        outcomes
    });
    let target = Target::new(&address, Alpn::Http2)
        .expect("an address")
        .named("inference.example")
        .expect("a name");
    let trust =
        |marble_type| Trust::Marble(MarbleVerifier::new(&root.certificate, marble_type).expect("a verifier"));
    let refused = connect(&target, &trust("inference"))
        .await
        .expect_err("another type");
    assert_eq!(refused.code(), "channel.marble_type");
    let sentence = r#"the server is a marble of type "training", not a marble of type "inference""#;
    assert!(refused.to_string().ends_with(sentence), "{refused}");
    connect(&target, &trust("training")).await.expect("its own type");
    assert_eq!(serving.await.expect("served"), [false, true]);
}
