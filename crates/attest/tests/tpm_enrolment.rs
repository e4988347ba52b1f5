//! What a verifier checks before it enrols an attestation key, and what its certificate then says.

#[path = "common/tpm.rs"]
mod tpm;

use strongroom_attest::platform::tpm::enrolment::EXTENSION_ARCS;
use strongroom_attest::platform::tpm::{
    AttestationKeyPublic, EndorsementKey, EnrolmentError, EnrolmentExtension, KeyError,
};
use strongroom_attest::{Endorsements, Platform, Roots};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue::vendor::{ListShape, Shape};
use strongroom_crypto::issue::{Authority, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::{Certificate, Names};
use tpm::{
    AUTHORITY, Ca, MAKER, NOW, RESTRICTED_DECRYPTION, RESTRICTED_SIGNING, endorsement_certificate,
    endorsement_key, endorsement_public, failed, good, leaf,
};

fn roots() -> Roots {
    Roots::none().with(Platform::Tpm, MAKER.certificate.clone())
}

fn public() -> Vec<u8> {
    endorsement_public(endorsement_key().verifying_key(), RESTRICTED_DECRYPTION)
}

fn verify(public: &[u8], certificates: &[Certificate]) -> Result<EndorsementKey, EnrolmentError> {
    EndorsementKey::verify(public, certificates, &roots(), &Endorsements::none(), NOW)
}

#[test]
fn an_endorsement_key_is_one_that_an_accepted_root_certifies() {
    let own = std::slice::from_ref(endorsement_certificate());
    let verified = verify(&public(), own).expect("genuine");
    assert_eq!(verified.certificate(), &own[0]);
    assert_eq!(verified.root(), sha256(MAKER.certificate.der()));
    assert_eq!(verified.public().spki_der(), own[0].spki_der());
    // TPM2B_PUBLIC as well; through an intermediate.
    verify(&tpm::sized(&public()), own).expect("genuine");
    let below = MAKER.below("Maker's own", |_| {});
    let chained = below.issue(&leaf("endorsement key", 1), endorsement_key().spki_der());
    let chain = [chained.clone(), below.certificate.clone()];
    assert_eq!(
        verify(&public(), &chain).map(|key| key.root()),
        Ok(verified.root())
    );

    let refused =
        |public: &[u8], certificates: &[Certificate]| verify(public, certificates).expect_err("refused");
    assert_eq!(refused(&public(), &[]), EnrolmentError::NoCertificate);
    assert!(matches!(refused(&public(), &[chained]), EnrolmentError::Root(_)));
    assert!(matches!(refused(&public()[1..], own), EnrolmentError::Public(_)));
    // A key that signs, or that can leave its TPM.
    for bit in [1 << 1, 1 << 4, 1 << 5, 1 << 16, 1 << 17, 1 << 18] {
        let other = endorsement_public(endorsement_key().verifying_key(), RESTRICTED_DECRYPTION ^ bit);
        assert_eq!(refused(&other, own), EnrolmentError::Attributes);
    }
    let other = endorsement_public(SigningKey::generate_p256().verifying_key(), RESTRICTED_DECRYPTION);
    assert_eq!(refused(&other, own), EnrolmentError::OtherKey);
    // Certificates of another kind, of somebody else, of another time.
    let issued = |ca: &Ca, change: &dyn Fn(&mut Shape)| {
        let mut shape = leaf("endorsement key", 1);
        change(&mut shape);
        [ca.issue(&shape, endorsement_key().spki_der())]
    };
    let usage = |it: &mut Shape| it.extended_key_usages[0][4] = 3;
    assert!(matches!(
        refused(&public(), &issued(&MAKER, &usage)),
        EnrolmentError::Usage(_)
    ));
    let none = |it: &mut Shape| it.extended_key_usages.clear();
    assert!(matches!(
        refused(&public(), &issued(&MAKER, &none)),
        EnrolmentError::Usage(_)
    ));
    let namesake = Ca::root("Maker of TPMs");
    assert!(matches!(
        refused(&public(), &issued(&namesake, &|_| {})),
        EnrolmentError::Root(_)
    ));
    let expired = |it: &mut Shape| it.not_after = NOW.minus(1);
    assert!(matches!(
        refused(&public(), &issued(&MAKER, &expired)),
        EnrolmentError::Expired { .. }
    ));
}

#[test]
fn a_revoked_endorsement_key_enrols_nothing() {
    let own = std::slice::from_ref(endorsement_certificate());
    let by = |revoked: &[u8], next_update| {
        let shape = ListShape {
            number: 1,
            this_update: NOW.minus(60),
            next_update,
            revoked: vec![revoked.to_vec()],
        };
        let list = MAKER.vendor().revoke(&shape).expect("a list");
        let mut endorsements = Endorsements::none();
        endorsements.add(list.der()).expect("a list");
        EndorsementKey::verify(&public(), own, &roots(), &endorsements, NOW).map(drop)
    };
    let serial = own[0].serial();
    assert_eq!(by(&[99], NOW.plus(60)), Ok(()));
    assert!(matches!(
        by(serial, NOW.plus(60)),
        Err(EnrolmentError::Revoked(_))
    ));
    assert!(matches!(by(&[99], NOW.minus(1)), Err(EnrolmentError::Stale(_))));
}

#[test]
fn the_certificate_says_what_was_proven_and_evidence_carries_it() {
    let mut fixture = good();
    let key = AttestationKeyPublic::parse(&fixture.public()).expect("a key");
    key.check_attributes().expect("an attestation key");
    let endorsement_key =
        verify(&public(), std::slice::from_ref(endorsement_certificate())).expect("genuine");
    let said = EnrolmentExtension::new(&endorsement_key, &key);
    assert_eq!(EnrolmentExtension::parse(&said.to_bytes()), Some(said));
    assert_eq!(EnrolmentExtension::parse(&said.to_bytes()[1..]), None);
    assert_eq!(said.attestation_key.as_bytes(), &key.name().expect("a name")[2..]);

    let issuer_key = SigningKey::generate_p384();
    let template = |usage| Template {
        common_name: "Coordinator".to_owned(),
        names: Names::default(),
        not_before: NOW.minus(60),
        not_after: NOW.plus(3600),
        usage,
        extensions: Vec::new(),
    };
    let issuer =
        strongroom_crypto::issue::self_signed(&template(Usage::Authority), &issuer_key, &SystemRandom);
    let issuer = issuer.expect("an authority");
    let issue = |usage| {
        let template = Template {
            extensions: vec![(EXTENSION_ARCS.to_vec(), said.to_bytes())],
            common_name: "attestation key".to_owned(),
            ..template(usage)
        };
        let authority = Authority::new("Coordinator", &issuer_key);
        authority
            .issue(&template, key.spki_der(), &SystemRandom)
            .expect("a certificate")
    };
    fixture.roots = roots().with_enrolment(issuer);
    let mut verify_with = |certificate: Certificate| {
        fixture.certificates = vec![certificate.der().to_vec()];
        let evidence = fixture.evidence();
        strongroom_attest::verify(
            &evidence,
            &Endorsements::none(),
            &fixture.roots,
            &fixture.session,
            NOW,
        )
    };
    let verified = verify_with(issue(Usage::AttestationKey)).expect("enrolled");
    assert_eq!(verified.claims().root(), sha256(MAKER.certificate.der()));
    assert_eq!(verified.claims().issued_at(), NOW.minus(60));
    // What the same authority issues to ends of TLS connections is none.
    let error = verify_with(issue(Usage::Leaf)).expect_err("of another kind");
    assert_eq!(failed(&Err(error)), ["ak.bound_to_ek"]);
}

#[test]
fn an_attestation_key_is_restricted_and_fixed_to_its_tpm() {
    let fixture = good();
    for bit in [1 << 1, 1 << 4, 1 << 5, 1 << 16, 1 << 17, 1 << 18] {
        let public = fixture.key.public(RESTRICTED_SIGNING ^ bit);
        let key = AttestationKeyPublic::parse(&public).expect("a key");
        assert_eq!(key.check_attributes(), Err(KeyError::Attributes));
    }
    let bare = AttestationKeyPublic::parse(&fixture.key.spki()).expect("a key");
    assert_eq!(bare.check_attributes(), Err(KeyError::Attributes));
    assert_eq!(bare.name(), None);
}

/// The lists of the verifier are looked at however many came with the evidence.
#[test]
fn a_revocation_list_is_not_put_out_of_sight_by_others() {
    let list = |ca: &Ca, number: u8, revoked: u8| {
        let shape = ListShape {
            number: number.into(),
            this_update: NOW.minus(3600).plus(number.into()),
            next_update: NOW.plus(3600),
            revoked: vec![vec![revoked]],
        };
        ca.vendor().revoke(&shape).expect("a list")
    };
    let namesake = Ca::root(AUTHORITY.certificate.subject_cn().expect("a name"));
    let flooded = good().with(|it| {
        for number in 1..=20 {
            it.certificates.push(list(&namesake, number, 8).der().to_vec());
        }
    });
    assert_eq!(failed(&flooded.run()), [""; 0]);
    let mut own = Endorsements::none();
    own.add(list(&AUTHORITY, 0, 7).der()).expect("a list");
    let outcome = flooded.run_on(&flooded.evidence(), &own);
    assert_eq!(failed(&outcome), ["ak.revocation"]);
    // Of those that were sent, the newest are looked at.
    let sent = good().with(|it| {
        for number in 1..=20 {
            let revoked = if number == 20 { 7 } else { 8 };
            it.certificates
                .push(list(&AUTHORITY, number, revoked).der().to_vec());
        }
    });
    assert_eq!(failed(&sent.run()), ["ak.revocation"]);
}
