//! Steps 3 to 6 for software evidence:
//!
//! 3. The attestation key's certificate is one of this platform, and signed by an accepted root that is one too.
//! 4. Both certificates are valid now.
//! 5. The attestation key signed the statement.
//! 6. The statement was made about now, within the attestation key's time.

use strongroom_crypto::x509::Certificate;

use super::{SIMULATION_MARKER, SoftwareEvidence};
use crate::claims::{Claims, Protection};
use crate::endorsements::{Anchor, root_id};
use crate::platform::{Facts, Platform};
use crate::report::{Report, step};
use crate::verify::{Context, EVIDENCE_AGE_SECONDS_MAX, TOLERANCE_SECONDS};

pub(super) fn verify(
    evidence: &SoftwareEvidence,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Claims> {
    let root = check_root(evidence, context, report); // 3
    check_validity(evidence, root, context, report); // 4
    check_signature(evidence, report); // 5
    check_freshness(evidence, context, report); // 6
    let statement = &evidence.statement;
    Some(Claims {
        platform: Platform::Software,
        protection: Protection::Simulated,
        measurement: statement.measurement.into(),
        signer: None,
        product: None,
        security_version: None,
        workload: statement.workload,
        debug: statement.debug,
        issued_at: statement.issued_at,
        root: root_id(root?),
        anchor: Anchor::Named,
        facts: Facts::None,
    })
}

fn check_root<'a>(
    evidence: &SoftwareEvidence,
    context: &Context<'a>,
    report: &mut Report,
) -> Option<&'a Certificate> {
    // Each certificate has one role: a root does not sign statements, an attestation key certifies nothing.
    if !is_of_this_platform(&evidence.certificate) || evidence.certificate.is_ca() {
        report.fail(
            step::ROOT,
            "the certificate of an attestation key",
            "a certificate of another kind",
        );
        return None;
    }
    let root = context
        .roots
        .of(Platform::Software)
        .find(|root| vouches(root, &evidence.certificate));
    match root {
        Some(root) => report.pass(step::ROOT, format!("root {}", root_id(root))),
        None => {
            let accepted: Vec<_> = context
                .roots
                .of(Platform::Software)
                .map(|root| root_id(root).to_string())
                .collect();
            let expected = if accepted.is_empty() {
                "a root, and none is given".to_owned()
            } else {
                format!("root {}", accepted.join(" or "))
            };
            report.fail(
                step::ROOT,
                expected,
                "an attestation key that no such root certified",
            );
        }
    }
    root
}

fn vouches(root: &Certificate, certificate: &Certificate) -> bool {
    root.is_ca()
        && is_of_this_platform(root)
        && root
            .verifying_key()
            .is_ok_and(|key| certificate.verify_signature_by(&key).is_ok())
}

fn is_of_this_platform(certificate: &Certificate) -> bool {
    certificate
        .subject_cn()
        .is_some_and(|name| name.starts_with(SIMULATION_MARKER))
}

fn check_validity(
    evidence: &SoftwareEvidence,
    root: Option<&Certificate>,
    context: &Context<'_>,
    report: &mut Report,
) {
    let now = context.now;
    let outside = [Some(&evidence.certificate), root]
        .into_iter()
        .flatten()
        .find(|certificate| {
            now.plus(TOLERANCE_SECONDS) < certificate.not_before() || now > certificate.not_after()
        });
    match outside {
        None => report.pass(
            step::VALIDITY,
            format!("until {}", evidence.certificate.not_after()),
        ),
        Some(certificate) => report.fail(
            step::VALIDITY,
            format!("a certificate valid at {now}"),
            format!(
                "one valid from {} to {}",
                certificate.not_before(),
                certificate.not_after()
            ),
        ),
    }
}

fn check_signature(evidence: &SoftwareEvidence, report: &mut Report) {
    let holds = evidence.key.verify(&evidence.signed, &evidence.signature).is_ok();
    report.check(
        step::SIGNATURE,
        holds,
        "the attestation key's signature",
        if holds {
            "the attestation key's signature"
        } else {
            "another"
        },
    );
}

fn check_freshness(evidence: &SoftwareEvidence, context: &Context<'_>, report: &mut Report) {
    let issued = evidence.statement.issued_at;
    let oldest = context.now.minus(EVIDENCE_AGE_SECONDS_MAX);
    let newest = context.now.plus(TOLERANCE_SECONDS);
    let holds = (oldest..=newest).contains(&issued) && issued <= evidence.certificate.not_after();
    report.check(
        step::FRESHNESS,
        holds,
        format!("made between {oldest} and {newest}"),
        format!("made at {issued}"),
    );
}
