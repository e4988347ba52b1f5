//! TPM quotes: each refusal changes one thing in a good fixture, and exactly one check fails.

#[path = "common/tpm.rs"]
mod tpm;

use strongroom_attest::event_log::EventType;
use strongroom_attest::event_log::runtime::Measured;
use strongroom_attest::platform::tpm::KnownKey;
use strongroom_attest::{
    AttestationKey, Binding, Endorsements, Evidence, Platform, Report, Roots, VerifyError,
};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue::vendor::{Constraints, ListShape, RawExtension, Shape};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use tpm::{
    AUTHORITY, Ca, Fixture, Key, MAKER, NOW, RESTRICTED_SIGNING, SHA1, SHA256, endorsement_certificate,
    enrolled, failed, good, leaf, of_key,
};

fn check(fixture: &Fixture, expected: &[&str]) {
    holds(&fixture.run(), expected);
}

fn holds(outcome: &Result<Report, VerifyError>, expected: &[&str]) {
    let report = match outcome {
        Ok(report) => report.to_string(),
        Err(error) => error.report().to_string(),
    };
    assert_eq!(failed(outcome), expected, "{report}");
}

#[test]
fn accepts_every_kind_of_key() {
    for key in [
        Key::P256(SigningKey::generate_p256()),
        Key::P384(SigningKey::generate_p384()),
        Key::Rsassa,
        Key::Rsapss,
    ] {
        check(&of_key(key), &[]);
    }
}

#[test]
fn refuses_what_no_restricted_key_of_a_tpm_signed() {
    // fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign left out; decrypt added. The key is certified by a
    // cloud that does not look.
    let changed = [1 << 1, 1 << 4, 1 << 5, 1 << 16, 1 << 18, 1 << 17];
    for bit in changed {
        let fixture = certified().with(|it| it.attributes = RESTRICTED_SIGNING ^ bit);
        check(&fixture, &["ak.attributes"]);
    }
    // An enrolment vouches for the object, not only for its key.
    let other_object = good().with(|it| it.attributes ^= 1 << 6);
    check(&other_object, &["ak.bound_to_ek"]);
}

#[test]
fn refuses_an_attestation_key_that_nobody_vouches_for() {
    check(&good().with(|it| it.certificates.clear()), &["ak.bound_to_ek"]);
    // The certificate of an endorsement key alone binds no other key.
    let chain = vec![endorsement_certificate().der().to_vec()];
    check(&good().with(|it| it.certificates = chain), &["ak.bound_to_ek"]);
    // Another authority of the same name; another key's certificate; the wrong kind of certificate.
    let namesake = Ca::root("Enrolment").certificate;
    let roots = Roots::none()
        .with(Platform::Tpm, MAKER.certificate.clone())
        .with_enrolment(namesake);
    check(&good().with(|it| it.roots = roots), &["ak.bound_to_ek"]);
    let others = enrolled(&Key::P256(SigningKey::generate_p256()), |_| {});
    check(
        &good().with(|it| it.certificates = vec![others.der().to_vec()]),
        &["ak.bound_to_ek"],
    );
    let changes: [fn(&mut Shape); 5] = [
        |shape| shape.extended_key_usages = vec![vec![2, 23, 133, 8, 1]],
        |shape| shape.extended_key_usages.clear(),
        |shape| shape.constraints = Constraints::Authority(None),
        |shape| shape.extensions.clear(),
        |shape| shape.extensions[0].value.push(0),
    ];
    for change in changes {
        let fixture = good();
        let certificate = enrolled(&fixture.key, change);
        let fixture = fixture.with(|it| it.certificates = vec![certificate.der().to_vec()]);
        check(&fixture, &["ak.bound_to_ek"]);
    }
    // An authority for enrolment is none for the machines of a package, and reverse.
    let as_maker = Roots::none().with(Platform::Tpm, AUTHORITY.certificate.clone());
    let fixture = good().with(|it| it.roots = as_maker);
    assert!(
        fixture.run().is_err(),
        "the package does not name the authority as a root"
    );
    // What the authority issues through somebody else, it did not enrol itself.
    let fixture = good();
    let below = AUTHORITY.below("below", |_| {});
    let certificate = below.issue(&leaf("attestation key", 3), &fixture.key.spki());
    let chain = vec![certificate.der().to_vec(), below.certificate.der().to_vec()];
    check(&fixture.with(|it| it.certificates = chain), &["ak.bound_to_ek"]);
}

/// Certified by a cloud, through an intermediate.
fn certified() -> Fixture {
    certified_by(|_| {}, |_| {})
}

fn certified_by(intermediate: impl FnOnce(&mut Shape), own: impl FnOnce(&mut Shape)) -> Fixture {
    let fixture = good();
    let below = MAKER.below("Cloud", intermediate);
    let mut shape = leaf("attestation key", 3);
    own(&mut shape);
    let certificate = below.issue(&shape, &fixture.key.spki());
    fixture.with(|it| it.certificates = vec![certificate.der().to_vec(), below.certificate.der().to_vec()])
}

#[test]
fn follows_a_clouds_certificate_to_a_named_root() {
    check(&certified(), &[]);
    // Google's have no extended key usage, but an extension of their own.
    let googles = |oid: &[u64]| {
        let oid = oid.to_vec();
        certified_by(
            |_| {},
            move |shape| {
                shape.extended_key_usages.clear();
                shape.extensions.push(RawExtension {
                    oid,
                    critical: false,
                    value: vec![0x30, 0],
                });
            },
        )
    };
    check(&googles(&[1, 3, 6, 1, 4, 1, 11129, 2, 1, 21]), &[]);
    check(
        &googles(&[1, 3, 6, 1, 4, 1, 11129, 2, 1, 22]),
        &["ak.bound_to_ek"],
    );
    // The intermediate is missing, is no authority, may have nothing below it, or asks for something unknown.
    check(
        &certified().with(|it| drop(it.certificates.pop())),
        &["ak.bound_to_ek"],
    );
    let no_authority = certified_by(|shape| shape.constraints = Constraints::Leaf, |_| {});
    check(&no_authority, &["ak.bound_to_ek", "ek.chain"]);
    let unusual = certified_by(
        |shape| {
            shape.extensions.push(RawExtension {
                oid: vec![1, 2, 3, 4],
                critical: true,
                value: vec![5, 0],
            });
        },
        |_| {},
    );
    check(&unusual, &["ak.bound_to_ek"]);
    let too_long = {
        let fixture = good();
        let first = MAKER.below("First", |shape| {
            shape.constraints = Constraints::Authority(Some(0))
        });
        let second = first.below("Second", |_| {});
        let own = second.issue(&leaf("attestation key", 3), &fixture.key.spki());
        let chain = [&own, &first.certificate, &second.certificate];
        let chain = chain
            .iter()
            .map(|certificate| certificate.der().to_vec())
            .collect();
        fixture.with(|it| it.certificates = chain)
    };
    check(&too_long, &["ak.bound_to_ek"]);
}

#[test]
fn knows_pinned_keys_and_those_enrolled_on_this_connection() {
    let by_name = |it: &mut Fixture| {
        let pin = KnownKey::parse(&it.public()).expect("a key");
        it.certificates.clear();
        it.roots = Roots::none();
        it.expected.roots.clear();
        it.expected.tpm.get_or_insert_default().trusted_attestation_keys = vec![pin.clone()];
        it.roots = Roots::none().with_attestation_key(pin.to_pin());
    };
    check(&good().with(by_name), &[]);
    // Pinned for somebody else: another package's pin lends this one nothing, neither does its root.
    let others = |it: &mut Fixture| {
        by_name(it);
        it.expected.roots = vec![MAKER.certificate.to_pem()];
        it.expected.tpm = None;
    };
    check(&good().with(others), &["root"]);
    let other_key = Key::P256(SigningKey::generate_p256()).public(RESTRICTED_SIGNING);
    let other_pin = |it: &mut Fixture| {
        by_name(it);
        let pin = KnownKey::parse(&other_key).expect("a key");
        it.expected.tpm.get_or_insert_default().trusted_attestation_keys = vec![pin];
    };
    check(&good().with(other_pin), &["root"]);
    // Pinned in one package and certified for another: each accepts it by its own means.
    let both = good().with(|it| {
        let pin = KnownKey::parse(&it.public()).expect("a key");
        it.roots = it.roots.clone().with_attestation_key(pin.to_pin());
    });
    check(&both, &[]);
    // Pinned as a mere key: whoever pins answers for attributes that are not shown.
    let bare = good().with(|it| {
        let spki = it.key.spki();
        it.shown_key = Some(spki.clone());
        let pin = KnownKey::parse(&spki).expect("a key");
        it.certificates.clear();
        it.roots = Roots::none().with_attestation_key(pin.to_pin());
        it.expected.roots.clear();
        it.expected.tpm.get_or_insert_default().trusted_attestation_keys = vec![pin];
    });
    check(&bare, &[]);
    check(
        &bare.with(|it| it.expected.required_checks = vec!["ak.attributes".to_owned()]),
        &["ak.attributes"],
    );
    check(
        &good().with(|it| {
            it.shown_key = Some(it.key.spki());
            it.certificates.clear();
        }),
        &["ak.bound_to_ek", "ak.attributes"],
    );
    // Enrolled here, beside an endorsement key of the named root, or of another.
    let enrolled_beside = |root: &Ca| {
        let endorsement_root = Some(sha256(root.certificate.der()));
        good().with(|it| {
            it.certificates.clear();
            let public = it.public();
            it.roots = Roots::none().with_attestation_key(AttestationKey {
                public,
                endorsement_root,
            });
        })
    };
    check(&enrolled_beside(&MAKER), &[]);
    check(&enrolled_beside(&AUTHORITY), &["root"]);
}

#[test]
fn holds_the_endorsement_keys_certificate_against_named_roots() {
    let beside =
        |certificate: &Certificate| good().with(|it| it.certificates.push(certificate.der().to_vec()));
    check(&beside(endorsement_certificate()), &[]);
    let key = SigningKey::generate_p256();
    // Another one than was shown upon enrolment.
    let another = MAKER.issue(&leaf("endorsement key", 1), key.spki_der());
    check(&beside(&another), &["ek.chain"]);
    let of_cloud =
        |certificate: &Certificate| certified().with(|it| it.certificates.push(certificate.der().to_vec()));
    check(&of_cloud(&another), &[]);
    // A genuine TPM's, but nothing says that it is this one's.
    let required =
        |fixture: Fixture| fixture.with(|it| it.expected.required_checks = vec!["ek.chain".to_owned()]);
    check(&required(beside(endorsement_certificate())), &[]);
    check(&required(of_cloud(&another)), &["ek.chain"]);
    let mut server = leaf("endorsement key", 1);
    server.extended_key_usages = vec![vec![1, 3, 6, 1, 5, 5, 7, 3, 1]];
    check(&of_cloud(&MAKER.issue(&server, key.spki_der())), &["ek.chain"]);
    let stranger = Ca::root("Maker of TPMs");
    check(
        &of_cloud(&stranger.issue(&leaf("endorsement key", 1), key.spki_der())),
        &["ek.chain"],
    );
    let mut expired = leaf("endorsement key", 1);
    expired.not_after = NOW.minus(1);
    check(
        &of_cloud(&MAKER.issue(&expired, key.spki_der())),
        &["ak.certificate_time"],
    );
}

#[test]
fn certificates_end_and_are_revoked() {
    let day = 24 * 3600;
    check(&good().with(|it| it.now = NOW.plus(day)), &[]);
    check(
        &good().with(|it| it.now = NOW.plus(day + 1)),
        &["ak.certificate_time"],
    );
    check(&good().with(|it| it.now = NOW.minus(day + 300)), &[]);
    check(
        &good().with(|it| it.now = NOW.minus(day + 301)),
        &["ak.certificate_time"],
    );
    // An expired certificate does not stand in the way of a newer one.
    let renewed = good();
    let old = enrolled(&renewed.key, |shape| shape.not_after = NOW.minus(1));
    check(
        &renewed.with(|it| it.certificates.insert(0, old.der().to_vec())),
        &[],
    );

    let listing = |revoked: &[u8], next: u64| {
        let shape = ListShape {
            number: 1,
            this_update: NOW.minus(day),
            next_update: UnixTime(next),
            revoked: vec![revoked.to_vec()],
        };
        let list = AUTHORITY.vendor().revoke(&shape).expect("a list");
        let mut endorsements = Endorsements::none();
        endorsements.add(list.der()).expect("a list");
        endorsements
    };
    let with = |endorsements: Endorsements| {
        let fixture = good();
        fixture.run_on(&fixture.evidence(), &endorsements)
    };
    holds(&with(listing(&[8], NOW.0 + 1)), &[]);
    holds(&with(listing(&[7], NOW.0 + 1)), &["ak.revocation"]);
    holds(&with(listing(&[8], NOW.0 - 1)), &["ak.revocation"]);
    let asked = good().with(|it| it.expected.required_checks = vec!["ak.revocation".to_owned()]);
    check(&asked, &["ak.revocation"]);

    // A list of one issuer answers nothing about another's certificates.
    let both = asked.with(|it| it.certificates.push(endorsement_certificate().der().to_vec()));
    let of_authority = listing(&[8], NOW.0 + 1);
    holds(&both.run_on(&both.evidence(), &of_authority), &["ak.revocation"]);
    let shape = ListShape {
        number: 1,
        this_update: NOW.minus(day),
        next_update: NOW.plus(1),
        revoked: Vec::new(),
    };
    let of_maker = MAKER.vendor().revoke(&shape).expect("a list");
    let mut of_all = of_authority;
    of_all.add(of_maker.der()).expect("a list");
    holds(&both.run_on(&both.evidence(), &of_all), &[]);
}

#[test]
fn refuses_what_is_no_quote_of_a_tpm() {
    check(&good().with(|it| it.quote.magic ^= 1), &["quote.magic"]);
    // What TPM2_Certify makes: name and qualified name of another object.
    let fixture = good().with(|it| it.quote.attestation_type = 0x8017);
    let name = tpm::sized(&[&SHA256.to_be_bytes()[..], &[5; 32]].concat());
    let certify = [fixture.quote.head(), name.clone(), name].concat();
    let evidence = Evidence::from_parts(Platform::Tpm, &fixture.parts_of(certify)).expect("evidence");
    holds(&fixture.run_on(&evidence, &Endorsements::none()), &["quote.type"]);
    // Another key signed.
    let other = good();
    let fixture = good();
    let signed = fixture.attest();
    let parts = fixture.parts_around(signed.clone(), other.signature(&signed));
    let evidence = Evidence::from_parts(Platform::Tpm, &parts).expect("evidence");
    holds(
        &fixture.run_on(&evidence, &Endorsements::none()),
        &["quote.signature"],
    );
    // A key that is tied to one scheme signs by no other; SHA-1 is no hash.
    for (place, byte) in [(1, 0x16), (3, 0x0c), (3, 0x04)] {
        let fixture = of_key(Key::Rsassa);
        let signed = fixture.attest();
        let mut signature = fixture.signature(&signed);
        signature[place] = byte;
        let parts = fixture.parts_around(signed, signature);
        let evidence = Evidence::from_parts(Platform::Tpm, &parts).expect("evidence");
        let outcome = fixture.run_on(&evidence, &Endorsements::none());
        assert!(failed(&outcome).contains(&"quote.signature"), "{outcome:?}");
    }
}

#[test]
fn values_are_those_that_are_quoted() {
    let swapped = good().with(|it| {
        let mut shown = it.pcrs.clone();
        let (four, seven) = (shown[&4], shown[&7]);
        shown.insert(4, seven);
        shown.insert(7, four);
        it.shown_pcrs = Some(shown);
    });
    check(&swapped, &["quote.pcr_digest"]);
    let missing = good().with(|it| {
        let mut shown = it.pcrs.clone();
        shown.remove(&9);
        it.shown_pcrs = Some(shown);
    });
    check(&missing, &["quote.pcr_digest"]);
    // Values that are not quoted are not used.
    let beside = good().with(|it| {
        let mut shown = it.pcrs.clone();
        shown.insert(16, [1; 32]);
        it.shown_pcrs = Some(shown);
    });
    check(&beside, &[]);
    let sha1 = |banks: Vec<(u16, Vec<u8>)>| good().with(|it| it.quote.banks = banks);
    let all: Vec<u8> = (0..16).collect();
    check(&sha1(vec![(SHA1, vec![]), (SHA256, all.clone())]), &[]);
    check(&sha1(vec![(SHA1, all.clone())]), &["quote.pcr_selection"]);
    check(
        &sha1(vec![(SHA256, all.clone()), (SHA1, vec![0])]),
        &["quote.pcr_selection"],
    );
    check(
        &sha1(vec![(SHA256, all.clone()), (SHA256, vec![0])]),
        &["quote.pcr_selection"],
    );
    check(&sha1(vec![]), &["quote.pcr_selection"]);
    // The register of program and workload.
    let without: Vec<u8> = all.into_iter().filter(|pcr| *pcr != 13).collect();
    check(&sha1(vec![(SHA256, without)]), &["quote.pcr_selection"]);
}

#[test]
fn the_register_of_program_and_workload_holds_nothing_else() {
    let extended = good().with(|it| it.extend(13, &sha256(b"unexpected")));
    check(&extended, &["event_log.runtime"]);
    let said = extended.run().expect_err("refused").reason().to_owned();
    assert!(
        said.contains("PCR 13") && said.contains("not in the log"),
        "{said}"
    );
    let unhappened = good().with(|it| it.note(13, EventType::IPL, b"unexpected"));
    check(&unhappened, &["event_log.runtime"]);
    let third = good().with(|it| it.measure_ours(&Measured::Workload(sha256(b"another"))));
    check(&third, &["event_log.runtime"]);
    let said = third.run().expect_err("refused").reason().to_owned();
    assert!(said.contains("event 10 measures a workload"), "{said}");
    let cut = good().with(|it| it.log = it.log.take().map(|log| log[..log.len() - 1].to_vec()));
    check(&cut, &["event_log.format"]);
}

#[test]
fn speaks_of_this_session() {
    let other = Binding::User(b"another nonce".to_vec()).report_data();
    // Replayed: the quote of another session, with its own report data, or with ours beside it.
    let replayed = good().with(|it| {
        it.quote.extra_data = sha256(&other).as_bytes().to_vec();
        it.report_data = Some(other);
    });
    check(&replayed, &["binding"]);
    let relabelled = good().with(|it| it.quote.extra_data = sha256(&other).as_bytes().to_vec());
    check(&relabelled, &["quote.extra_data"]);
    check(
        &good().with(|it| it.quote.extra_data.clear()),
        &["quote.extra_data"],
    );
    check(
        &good().with(|it| it.quote.extra_data.push(0)),
        &["quote.extra_data"],
    );
    check(&good().with(|it| it.report_data = None), &["binding"]);
}

#[test]
fn no_changed_byte_of_a_quote_verifies() {
    for key in [Key::P256(SigningKey::generate_p256()), Key::Rsassa] {
        let fixture = of_key(key);
        let signed = fixture.attest();
        let signature = fixture.signature(&signed);
        for place in 0..signed.len() {
            for bit in 0..8 {
                let mut changed = signed.clone();
                changed[place] ^= 1 << bit;
                let parts = fixture.parts_around(changed, signature.clone());
                let accepted = Evidence::from_parts(Platform::Tpm, &parts)
                    .is_ok_and(|evidence| fixture.run_on(&evidence, &Endorsements::none()).is_ok());
                assert!(!accepted, "byte {place}, bit {bit}");
            }
        }
    }
}
