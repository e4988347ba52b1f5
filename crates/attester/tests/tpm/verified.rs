//! From the factory to claims: a TPM enrols its key, carries the certificate, and its evidence verifies; each thing that
//! is not as it should be is refused at its check.

use serde_json::json;
use strongroom_attest::platform::tpm::enrolment::EXTENSION_ARCS;
use strongroom_attest::platform::tpm::{
    AttestationKeyPublic, EndorsementKey, EnrolmentError, EnrolmentExtension,
};
use strongroom_attest::{Appraised, Binding, Endorsements, Platform, ReferenceValues, Roots};
use strongroom_attester::platform::tpm::TpmAttester;
use strongroom_attester::{Attester as _, Enrolment as _, EnrolmentRequest};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue::{self, Authority, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::tpm_credential::make_credential;
use strongroom_crypto::x509::{Certificate, Names};

use crate::attester::{start, workload};
use crate::swtpm::Swtpm;

/// Whoever enrols keys: a name and a key.
struct Enroller {
    key: SigningKey,
    certificate: Certificate,
    now: UnixTime,
}

impl Enroller {
    /// At a time within the validity of this certificate.
    fn while_valid(certificate: &Certificate) -> Self {
        let now = certificate.not_before().plus(60);
        let key = SigningKey::generate_p384();
        let certificate = issue::self_signed(
            &template("Coordinator", Usage::Authority, now),
            &key,
            &SystemRandom,
        );
        Self {
            key,
            certificate: certificate.expect("a certificate"),
            now,
        }
    }

    /// Both calls of enrolment, as seen by whoever enrols.
    async fn enrol(&self, attester: &TpmAttester, makers: &Makers) -> Result<Certificate, EnrolmentError> {
        let request = attester.request().await.expect("a request");
        let endorsement = makers.verify(&request, self.now)?;
        let ak = AttestationKeyPublic::parse(&request.ak_public).expect("a key");
        ak.check_attributes().expect("restricted, and fixed to its TPM");
        let key = endorsement.public().clone().try_into().expect("of the profile");
        let name = ak.name().expect("a name");
        let challenge = make_credential(&key, &name, b"once").expect("a challenge");
        let secret = attester.activate(&challenge).await.expect("opened");
        assert_eq!(secret.expose(), b"once");
        let template = Template {
            extensions: vec![(
                EXTENSION_ARCS.to_vec(),
                EnrolmentExtension::new(&endorsement, &ak).to_bytes(),
            )],
            ..template("attestation key", Usage::AttestationKey, self.now)
        };
        let authority = Authority::new("Coordinator", &self.key);
        let issued = authority.issue(&template, ak.spki_der(), &SystemRandom);
        Ok(issued.expect("a certificate"))
    }
}

/// The TPM's makers: a root, and what leads to it.
struct Makers {
    root: Certificate,
    issuer: Certificate,
}

impl Makers {
    fn of(swtpm: &Swtpm) -> Self {
        let read = |pem: String| Certificate::parse_pem(&pem).expect("a certificate");
        Self {
            root: read(swtpm.root()),
            issuer: read(swtpm.issuer()),
        }
    }

    fn roots(&self) -> Roots {
        Roots::none().with(Platform::Tpm, self.root.clone())
    }

    fn verify(&self, request: &EnrolmentRequest, now: UnixTime) -> Result<EndorsementKey, EnrolmentError> {
        let mut certificates: Vec<_> = request
            .ek_certificates
            .iter()
            .map(|der| Certificate::parse(der).expect("a certificate"))
            .collect();
        certificates.push(self.issuer.clone());
        EndorsementKey::verify(
            &request.ek_public,
            &certificates,
            &self.roots(),
            &Endorsements::none(),
            now,
        )
    }
}

fn template(common_name: &str, usage: Usage, now: UnixTime) -> Template {
    Template {
        common_name: common_name.to_owned(),
        names: Names::default(),
        not_before: now.minus(60),
        not_after: now.plus(3600),
        usage,
        extensions: Vec::new(),
    }
}

/// Whether evidence of the session is accepted, and the check that fails.
async fn verify(
    attester: &TpmAttester,
    expected: &ReferenceValues,
    roots: &Roots,
    now: UnixTime,
) -> Result<Appraised, (Option<&'static str>, String)> {
    let binding = Binding::User(b"session".to_vec());
    let evidence = attester
        .evidence(&binding.report_data(), Some(workload("description")))
        .await
        .expect("evidence");
    let endorsements = Endorsements::none();
    let verified = strongroom_attest::verify(&evidence, &endorsements, roots, &binding, now);
    let appraised = verified.and_then(|verified| expected.appraise(verified));
    appraised.map_err(|error| {
        let failed = error.report().first_failure().map(|check| check.id);
        (failed, error.reason().to_owned())
    })
}

/// This program and this workload on a TPM that protects integrity, and `more`.
fn expected(more: serde_json::Value) -> ReferenceValues {
    let mut values = json!({
        "platform": "tpm",
        "protection": ["integrity_only"],
        "measurements": [sha256(b"launcher")],
        "workloads": [sha256(b"description")],
    });
    let more = more.as_object().expect("an object").clone();
    values.as_object_mut().expect("an object").extend(more);
    serde_json::from_value(values).expect("reference values")
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn an_enrolled_key_vouches_for_program_and_workload() {
    let swtpm = Swtpm::start();
    let attester = start(&swtpm, "launcher");
    let makers = Makers::of(&swtpm);
    let enroller = Enroller::while_valid(&makers.issuer);
    let roots = makers.roots().with_enrolment(enroller.certificate.clone());
    let expected = expected(json!({ "roots": [makers.root.to_pem()] }));

    let (failed, _) = verify(&attester, &expected, &roots, enroller.now)
        .await
        .expect_err("not enrolled yet");
    assert_eq!(failed, Some("ak.bound_to_ek"));
    let certificate = enroller.enrol(&attester, &makers).await.expect("enrolled");
    attester.set_certificates(vec![certificate.der().to_vec()]);
    let appraised = verify(&attester, &expected, &roots, enroller.now)
        .await
        .expect("accepted");
    assert_eq!(appraised.claims().workload(), Some(sha256(b"description")));
    assert_eq!(appraised.claims().root(), sha256(makers.root.der()));

    let elsewhere = Swtpm::start();
    let other = start(&elsewhere, "launcher");
    other.set_certificates(vec![certificate.der().to_vec()]);
    let (failed, _) = verify(&other, &expected, &roots, enroller.now)
        .await
        .expect_err("another TPM's certificate");
    assert_eq!(failed, Some("ak.bound_to_ek"));
    let unknown = enroller.enrol(&other, &makers).await.expect_err("another maker");
    assert!(matches!(unknown, EnrolmentError::Root(_)), "{unknown}");
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn a_pinned_key_is_believed_and_what_an_intruder_measured_is_named() {
    let swtpm = Swtpm::start_without_certificates();
    let attester = start(&swtpm, "launcher");
    let quote = attester
        .quote(&[0; 64], Some(workload("description").digest))
        .await
        .expect("a quote");
    let pinned = json!({ "tpm": { "trusted_attestation_keys": [hex::encode(sha256(&quote.ak_public).0)] } });
    let expected = expected(pinned);
    let now = UnixTime(1_790_000_000);
    let accepted = verify(&attester, &expected, expected.roots(), now)
        .await
        .expect("accepted");
    assert_eq!(
        accepted.claims().root(),
        sha256(&quote.ak_public),
        "the key itself is known"
    );

    swtpm
        .open()
        .pcr_extend(9, &sha256(b"something else"))
        .expect("extended");
    let (failed, reason) = verify(&attester, &expected, expected.roots(), now)
        .await
        .expect_err("nothing says what it was");
    assert_eq!(failed, Some("event_log.unexplained"));
    assert!(reason.contains("PCR 9"), "{reason}");
}
