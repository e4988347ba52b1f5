//! The verifier's end of an enrolment, with keys of a TPM that is none: each refusal changes one thing.

use strongroom_attest::platform::tpm::ENDORSEMENT_KEY_USAGE;
use strongroom_attest::{Endorsements, Platform, Roots};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue::custom::SubjectPart;
use strongroom_crypto::issue::vendor::{Constraints, IssuerKey, ListShape, Shape, Vendor};
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, KeyUsage};
use strongroom_ratls::enrolment::{CERTIFICATES_MAX, EnrolError, PART_BYTES_MAX, Shown};

const NOW: UnixTime = UnixTime(1_790_000_000);
const DAY: u64 = 86_400;

/// The secret is known to the test, which no TPM has to open.
struct Sevens;

impl Random for Sevens {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

/// A maker of TPMs, and one that it made.
struct Made {
    maker: SigningKey,
    root: Certificate,
    ek: SigningKey,
    ak: SigningKey,
}

fn shape(constraints: Constraints, key_usage: Option<u16>, usage: Option<&str>) -> Shape {
    let arcs = |oid: &str| oid.split('.').map(|arc| arc.parse().expect("a number")).collect();
    Shape {
        subject: maker(),
        serial: vec![1],
        not_before: NOW.minus(DAY),
        not_after: NOW.plus(DAY),
        constraints,
        key_usage: key_usage.map(KeyUsage::from_bits),
        extended_key_usages: usage.map(arcs).into_iter().collect(),
        extensions: Vec::new(),
    }
}

fn maker() -> Vec<(SubjectPart, String)> {
    vec![(SubjectPart::CommonName, "maker".to_owned())]
}

impl Made {
    fn new() -> Self {
        let [maker_key, ek, ak] = [(); 3].map(|()| SigningKey::generate_p256());
        let vendor = Vendor::new(&maker(), IssuerKey::Ecdsa(&maker_key));
        let root = vendor.issue(
            &shape(Constraints::Authority(None), Some(32 | 64), None),
            maker_key.spki_der(),
        );
        let root = root.expect("a root");
        Self {
            maker: maker_key,
            root,
            ek,
            ak,
        }
    }

    fn certify(&self, shape: &Shape, key: &SigningKey) -> Vec<u8> {
        let vendor = Vendor::new(&maker(), IssuerKey::Ecdsa(&self.maker));
        vendor
            .issue(shape, key.spki_der())
            .expect("a certificate")
            .der()
            .to_vec()
    }

    fn ek_certificate(&self) -> Vec<u8> {
        self.certify(
            &shape(Constraints::Leaf, None, Some(ENDORSEMENT_KEY_USAGE)),
            &self.ek,
        )
    }

    fn shown(&self) -> Shown {
        Shown {
            ek_public: public(
                &self.ek,
                EK_ATTRIBUTES,
                &[7; 32],
                &[0, 6, 0, 128, 0, 0x43, 0, 0x10],
            ),
            ek_certificates: vec![self.ek_certificate()],
            ak_public: public(&self.ak, AK_ATTRIBUTES, &[], &[0, 0x10, 0, 0x18, 0, 0x0b]),
        }
    }

    fn roots(&self) -> Roots {
        Roots::none().with(Platform::Tpm, self.root.clone())
    }

    fn challenge(&self, shown: &Shown) -> Result<(), EnrolError> {
        shown
            .challenge(&self.roots(), &Endorsements::none(), NOW, &Sevens)
            .map(|_| ())
    }
}

/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt.
const EK_ATTRIBUTES: u32 = 0x0003_00b2;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign.
const AK_ATTRIBUTES: u32 = 0x0005_0072;

/// `TPMT_PUBLIC` of a key on P-256; `ways` are its symmetric cipher and its scheme.
fn public(key: &SigningKey, attributes: u32, policy: &[u8], ways: &[u8]) -> Vec<u8> {
    // The point is the end of a SubjectPublicKeyInfo.
    let (x, y) = key.spki_der()[key.spki_der().len() - 64..].split_at(32);
    let sized = |bytes: &[u8]| {
        [
            &u16::try_from(bytes.len()).expect("short").to_be_bytes()[..],
            bytes,
        ]
        .concat()
    };
    [
        &[0, 0x23, 0, 0x0b][..],
        &attributes.to_be_bytes(),
        &sized(policy),
        ways,
        &[0, 3, 0, 0x10],
        &sized(x),
        &sized(y),
    ]
    .concat()
}

#[test]
fn a_tpm_that_opens_its_credential_is_enrolled() {
    let made = Made::new();
    let challenged = made
        .shown()
        .challenge(&made.roots(), &Endorsements::none(), NOW, &Sevens)
        .expect("a challenge");
    assert!(
        !challenged
            .credential()
            .id_object
            .windows(32)
            .any(|bytes| bytes == [7; 32]),
        "it is sealed"
    );
    let enrolled = challenged
        .conclude(&SecretBytes::new(vec![7; 32]))
        .expect("enrolled");
    assert_eq!(enrolled.spki_der(), made.ak.spki_der());
    let key = enrolled.known_key();
    assert_eq!(key.public, made.shown().ak_public);
    assert_eq!(key.endorsement_root, Some(sha256(made.root.der())));
    let said = enrolled.extension();
    assert_eq!(
        said.endorsement_certificate,
        sha256(enrolled.endorsement_key().certificate().der())
    );
    assert_eq!(said.attestation_key, sha256(&made.shown().ak_public));
}

#[test]
fn another_secret_enrols_nothing() {
    let made = Made::new();
    for other in [vec![8; 32], vec![7; 31], vec![7; 33], Vec::new()] {
        let challenged = made
            .shown()
            .challenge(&made.roots(), &Endorsements::none(), NOW, &Sevens)
            .expect("a challenge");
        let refused = challenged.conclude(&SecretBytes::new(other));
        assert!(matches!(refused, Err(EnrolError::OtherSecret)));
    }
}

#[test]
fn refuses_what_is_no_genuine_tpm() {
    let made = Made::new();
    let refused = |change: &dyn Fn(&mut Shown), words: &str| {
        let mut shown = made.shown();
        change(&mut shown);
        let error = made.challenge(&shown).expect_err(words);
        assert!(error.to_string().contains(words), "{error} lacks {words:?}");
        assert_eq!(error.code(), "enrolment.refused");
    };
    made.challenge(&made.shown()).expect("good");
    refused(&|shown| shown.ek_certificates.clear(), "no certificate");
    refused(&|shown| shown.ek_certificates[0].truncate(9), "certificate 0");
    refused(
        &|shown| shown.ek_certificates.resize(CERTIFICATES_MAX + 1, vec![]),
        "more, or larger",
    );
    refused(
        &|shown| shown.ak_public.resize(PART_BYTES_MAX + 1, 0),
        "more, or larger",
    );
    refused(
        &|shown| shown.ek_public.truncate(20),
        "endorsement key cannot be read",
    );
    refused(
        &|shown| shown.ak_public.truncate(20),
        "attestation key cannot be enrolled",
    );
    // An unrestricted key signs whatever it is given, also what looks like a quote.
    let unrestricted = public(
        &made.ak,
        AK_ATTRIBUTES & !0x0001_0000,
        &[],
        &[0, 0x10, 0, 0x18, 0, 0x0b],
    );
    refused(&|shown| shown.ak_public.clone_from(&unrestricted), "attributes");
    let exportable = public(
        &made.ek,
        EK_ATTRIBUTES & !2,
        &[7; 32],
        &[0, 6, 0, 128, 0, 0x43, 0, 0x10],
    );
    refused(
        &|shown| shown.ek_public.clone_from(&exportable),
        "fixed to its TPM",
    );
    let of_another = made.certify(
        &shape(Constraints::Leaf, None, Some(ENDORSEMENT_KEY_USAGE)),
        &made.ak,
    );
    refused(
        &|shown| shown.ek_certificates[0].clone_from(&of_another),
        "not over the endorsement key",
    );
    let other_use = made.certify(&shape(Constraints::Leaf, None, Some("2.23.133.8.3")), &made.ek);
    refused(
        &|shown| shown.ek_certificates[0].clone_from(&other_use),
        "2.23.133.8.1",
    );
    let stranger = Made::new().certify(
        &shape(Constraints::Leaf, None, Some(ENDORSEMENT_KEY_USAGE)),
        &made.ek,
    );
    refused(
        &|shown| shown.ek_certificates[0].clone_from(&stranger),
        "no accepted root",
    );
}

#[test]
fn certificates_of_endorsement_keys_end() {
    let made = Made::new();
    let at = |now: UnixTime| {
        made.shown()
            .challenge(&made.roots(), &Endorsements::none(), now, &Sevens)
            .map(|_| ())
    };
    at(NOW.plus(DAY)).expect("its last second");
    let error = at(NOW.plus(DAY + 1)).expect_err("over").to_string();
    assert!(error.contains("valid from"), "{error}");
    assert!(at(NOW.minus(2 * DAY)).is_err(), "not yet");
}

#[test]
fn a_revoked_endorsement_key_is_not_enrolled() {
    let made = Made::new();
    let with = |revoked: u8| {
        let vendor = Vendor::new(&maker(), IssuerKey::Ecdsa(&made.maker));
        let list = ListShape {
            number: 1,
            this_update: NOW.minus(3600),
            next_update: NOW.plus(3600),
            revoked: vec![vec![revoked]],
        };
        let mut endorsements = Endorsements::none();
        let list = vendor.revoke(&list).expect("a list");
        endorsements.add(list.der()).expect("a revocation list");
        made.shown()
            .challenge(&made.roots(), &endorsements, NOW, &Sevens)
            .map(|_| ())
    };
    with(9).expect("another certificate is revoked");
    let error = with(1).expect_err("revoked").to_string();
    assert!(error.contains("revoked"), "{error}");
}
