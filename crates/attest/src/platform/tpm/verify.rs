//! Steps 3 to 7 for a TPM's evidence, after the checklist for TPM 2.0 quotes:
//!
//! 3. The attestation key is a restricted one, and somebody accepted says that it lives in a genuine TPM; a certificate
//!    of the endorsement key, where there is one, hangs on an accepted root.
//! 4. Certificates lie within their time, and none is revoked.
//! 5. What is signed is a quote made by a TPM, and the attestation key signed it; it covers the registers that say what
//!    runs, and the values beside it are those quoted; the log explains the register of program and workload.
//! 7. The quote was made for the report data beside it.
//!
//! What of the machine is wanted, [`super::policy`] says.

use strongroom_crypto::digest::sha256;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use super::attest::{self, QuoteInfo};
use super::certificate::{self, Unfit};
use super::chain::{self, Path, Revocation};
use super::evidence::TpmEvidence;
use super::facts::Facts;
use super::log;
use super::step;
use super::vouch::{self, Vouched, Voucher};
use crate::claims::{Claims, Protection};
use crate::endorsements::root_id;
use crate::event_log::runtime::RuntimeEvents;
use crate::platform::{self, Platform};
use crate::report::Report;
use crate::verify::Context;

pub(super) fn verify(evidence: &TpmEvidence, context: &Context<'_>, report: &mut Report) -> Option<Claims> {
    let vouched = check_bound(evidence, context, report); // 3
    check_attributes(evidence, vouched.first(), report); // 3
    let endorsement_key = check_endorsement_key(evidence, vouched.first(), context, report); // 3
    let paths: Vec<&Path> = vouched
        .first()
        .and_then(|vouched| vouched.path.as_ref())
        .into_iter()
        .chain(&endorsement_key)
        .collect();
    check_certificate_time(&paths, context, report); // 4
    check_revocation(&paths, context, report); // 4
    check_made_by_tpm(evidence, report); // 5
    check_signature(evidence, report); // 5
    let log = log::parse(evidence.event_log.as_deref(), report); // 5
    let selected = check_selection(evidence, log.as_ref(), report); // 5
    check_digest(evidence, selected.as_deref(), report); // 5
    let quoted = evidence.pcrs.only(selected.as_deref().unwrap_or_default());
    let runtime = log::check_runtime(log.as_ref(), &quoted, report); // 5
    check_extra_data(evidence, report); // 7
    claims(evidence, &vouched, quoted, runtime, context)
}

fn claims(
    evidence: &TpmEvidence,
    vouched: &[Vouched],
    pcrs: super::Pcrs,
    runtime: RuntimeEvents,
    context: &Context<'_>,
) -> Option<Claims> {
    evidence.attest.quote.as_ref()?;
    let first = vouched.first();
    let (anchor, root) = first.map_or_else(|| Voucher::Pinned.anchor(), |first| first.voucher.anchor());
    // Of words that are not sound the first is reported and refused: none of the others may count later.
    let sound = vouched.iter().filter(|vouched| vouched.is_sound(context));
    let mut vouchers: Vec<_> = sound.map(|vouched| vouched.voucher).collect();
    if vouchers.is_empty() {
        vouchers.extend(first.map(|first| first.voucher));
    }
    let certified = first.and_then(|first| first.path.as_ref());
    Some(Claims {
        platform: Platform::Tpm,
        protection: Protection::IntegrityOnly,
        measurement: runtime
            .program
            .map_or_else(|| evidence.quoted_measurement(), Into::into),
        signer: None,
        product: None,
        security_version: None,
        workload: runtime.workload,
        debug: false,
        issued_at: certified.map_or(UnixTime(0), |path| path.leaf().not_before()),
        root: root.unwrap_or_else(|| evidence.key.id()),
        anchor,
        facts: platform::Facts::Tpm(Box::new(Facts {
            attestation_key: evidence.key.clone(),
            vouchers,
            clock: evidence.attest.clock,
            firmware_version: evidence.attest.firmware_version,
            pcrs,
            event_log: evidence.event_log.clone(),
            ima_log: evidence.ima_log.clone(),
        })),
    })
}

fn check_bound(evidence: &TpmEvidence, context: &Context<'_>, report: &mut Report) -> Vec<Vouched> {
    match vouch::vouchers(&evidence.key, context) {
        Ok(vouched) => {
            let first = vouched.first().map(|vouched| describe(&vouched.voucher));
            report.pass(step::BOUND, first.unwrap_or_default());
            vouched
        }
        Err(why) => {
            report.fail(
                step::BOUND,
                "a certificate of the attestation key from an accepted authority, or a pin",
                why,
            );
            Vec::new()
        }
    }
}

fn describe(voucher: &Voucher) -> String {
    match voucher {
        Voucher::EnrolledHere { endorsement_root } => {
            format!("enrolled on this connection, endorsement key under root {endorsement_root}")
        }
        Voucher::Enrolled { endorsement_root, .. } => {
            format!("enrolled by an accepted authority, endorsement key under root {endorsement_root}")
        }
        Voucher::Certified { root } => format!("certified under root {root}"),
        Voucher::Pinned => "pinned".to_owned(),
    }
}

fn check_attributes(evidence: &TpmEvidence, vouched: Option<&Vouched>, report: &mut Report) {
    const EXPECTED: &str = "restricted, fixedTPM, fixedParent, sensitiveDataOrigin, sign; not decrypt";
    let Some(public) = evidence.key.public() else {
        match vouched {
            Some(vouched) => report.skip(
                step::ATTRIBUTES,
                format!(
                    "only the key is shown, not its attributes: whoever vouches answers for them ({})",
                    describe(&vouched.voucher)
                ),
            ),
            None => report.fail(step::ATTRIBUTES, EXPECTED, "a key whose attributes are not shown"),
        }
        return;
    };
    let wrong = public.attributes().not_of_an_attestation_key();
    if wrong.is_empty() {
        report.pass(step::ATTRIBUTES, format!("0x{:08x}", public.attributes().0));
    } else {
        let found = format!("0x{:08x}: {}", public.attributes().0, wrong.join(", "));
        report.fail(step::ATTRIBUTES, EXPECTED, found);
    }
}

/// Certificates of endorsement keys are those that came with the evidence, are no authority's, and not of the attestation
/// key. They bind nothing, but none may be wrong.
fn check_endorsement_key(
    evidence: &TpmEvidence,
    vouched: Option<&Vouched>,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Path> {
    let is_candidate = |certificate: &&Certificate| {
        let usage = certificate::has_usage(certificate, certificate::ATTESTATION_KEY_USAGE);
        !certificate.is_ca() && !usage && certificate.spki_der() != evidence.key.spki_der()
    };
    let mut candidates = evidence.certificates().iter().filter(is_candidate);
    let Some(certificate) = candidates.next() else {
        report.skip(
            step::ENDORSEMENT_KEY,
            "no certificate of an endorsement key given",
        );
        return None;
    };
    if context.roots.of(Platform::Tpm).next().is_none() {
        report.skip(
            step::ENDORSEMENT_KEY,
            "no root for endorsement keys is named: the attestation key is known by itself",
        );
        return None;
    }
    const EXPECTED: &str = "one certificate of an endorsement key that hangs on an accepted root";
    if candidates.next().is_some() {
        report.fail(step::ENDORSEMENT_KEY, EXPECTED, "several such certificates");
        return None;
    }
    let name = chain::describe(certificate);
    if let Err(Unfit(why)) = certificate::fits_endorsement_key(certificate) {
        report.fail(step::ENDORSEMENT_KEY, EXPECTED, format!("{name}, {why}"));
        return None;
    }
    let enrolled = vouched.map(|vouched| vouched.voucher);
    if let Some(Voucher::Enrolled {
        endorsement_certificate,
        ..
    }) = enrolled
        && endorsement_certificate != sha256(certificate.der())
    {
        let expected = format!("the certificate {endorsement_certificate}, which was shown upon enrolment");
        report.fail(step::ENDORSEMENT_KEY, expected, format!("{name}, another"));
        return None;
    }
    let is_bound = matches!(enrolled, Some(Voucher::Enrolled { .. }));
    let pool = context.endorsements.certificates();
    match Path::find(certificate, pool, context.roots.of(Platform::Tpm), context.now) {
        // A genuine TPM's, but perhaps another than signed: only an enrolment authority says which certificate it saw.
        Ok(path) if !is_bound => {
            report.skip(
                step::ENDORSEMENT_KEY,
                format!("{name} is not bound to this key; root {}", root_id(path.root())),
            );
            Some(path)
        }
        Ok(path) => {
            report.pass(step::ENDORSEMENT_KEY, format!("root {}", root_id(path.root())));
            Some(path)
        }
        Err(why) => {
            report.fail(step::ENDORSEMENT_KEY, EXPECTED, format!("{name}, {why}"));
            None
        }
    }
}

fn check_certificate_time(paths: &[&Path], context: &Context<'_>, report: &mut Report) {
    let now = context.now;
    let ends = paths.iter().map(|path| path.not_after()).min();
    match (ends, paths.iter().find_map(|path| path.outside(now))) {
        (None, _) => report.skip(step::CERTIFICATE_TIME, "no certificate is relied upon"),
        (Some(ends), None) => report.pass(step::CERTIFICATE_TIME, format!("until {ends}")),
        (Some(_), Some(certificate)) => report.fail(
            step::CERTIFICATE_TIME,
            format!("certificates valid at {now}"),
            format!(
                "{}, valid from {} to {}",
                chain::describe(certificate),
                certificate.not_before(),
                certificate.not_after()
            ),
        ),
    }
}

fn check_revocation(paths: &[&Path], context: &Context<'_>, report: &mut Report) {
    const EXPECTED: &str = "certificates that are not revoked, by lists of now";
    let answers = paths
        .iter()
        .map(|path| path.revocation(context.own, context.endorsements, context.now));
    let (mut consulted, mut without) = (0, None);
    for answer in answers {
        match answer {
            Revocation::NoList => without = without.or(Some("some issuers".to_owned())),
            Revocation::Partial(issuer) => {
                consulted += 1;
                without = without.or(Some(issuer));
            }
            Revocation::Good(lists) => consulted += lists,
            Revocation::Revoked(what) => {
                report.fail(step::REVOCATION, EXPECTED, format!("{what} is revoked"));
                return;
            }
            Revocation::Stale(what) => {
                report.fail(step::REVOCATION, EXPECTED, format!("{what} is out of date"));
                return;
            }
        }
    }
    match (consulted, without) {
        (0, _) => report.skip(step::REVOCATION, "no revocation list of these issuers given"),
        (_, Some(issuer)) => report.skip(
            step::REVOCATION,
            format!("nothing is revoked, but of {issuer} no list is given"),
        ),
        (1, None) => report.pass(step::REVOCATION, "by 1 list"),
        (lists, None) => report.pass(step::REVOCATION, format!("by {lists} lists")),
    }
}

fn check_made_by_tpm(evidence: &TpmEvidence, report: &mut Report) {
    let attest = &evidence.attest;
    report.check(
        step::MAGIC,
        attest.magic == attest::MAGIC,
        format!("{:08x}", attest::MAGIC),
        format!("{:08x}", attest.magic),
    );
    report.check(
        step::TYPE,
        attest.attestation_type == attest::QUOTE,
        format!("{:04x}, a quote", attest::QUOTE),
        format!("{:04x}", attest.attestation_type),
    );
}

fn check_signature(evidence: &TpmEvidence, report: &mut Report) {
    let signature = &evidence.signature;
    let as_tied = evidence.key.scheme().is_none_or(|tied| {
        tied.scheme == signature.scheme() && tied.hash.is_none_or(|hash| hash == signature.hash())
    });
    let key = evidence.key.key();
    let accepted = as_tied && signature.is_accepted_of(key);
    let holds = accepted && signature.verifies(key, &evidence.signed);
    let found = match (accepted, holds) {
        (false, _) => format!("{signature}, which is not accepted of this key"),
        (true, false) => format!("{signature}, of other bytes or another key"),
        (true, true) => signature.to_string(),
    };
    report.check(
        step::SIGNATURE,
        holds,
        "the attestation key's signature over the quote, with SHA-256 or better",
        found,
    );
}

/// The registers that are quoted, where they are of the SHA-256 bank alone. A register of our own events must be among
/// them; which others must, the policy says.
fn check_selection(
    evidence: &TpmEvidence,
    log: Option<&log::Log<'_>>,
    report: &mut Report,
) -> Option<Vec<u8>> {
    let Some(quote) = &evidence.attest.quote else {
        report.skip(step::SELECTION, "what is signed is no quote");
        return None;
    };
    let Some(selected) = quote.sha256_pcrs() else {
        report.fail(
            step::SELECTION,
            "registers of the SHA-256 bank alone",
            quote.to_string(),
        );
        return None;
    };
    let missing = log.is_some_and(log::Log::has_runtime_events) && !selected.contains(&log::WORKLOAD_PCR);
    report.check(
        step::SELECTION,
        !missing,
        format!(
            "PCR {} among the registers: the log has program and workload there",
            log::WORKLOAD_PCR
        ),
        quote.to_string(),
    );
    Some(selected)
}

fn check_digest(evidence: &TpmEvidence, selected: Option<&[u8]>, report: &mut Report) {
    let Some((QuoteInfo { digest, .. }, selected)) = evidence.attest.quote.as_ref().zip(selected) else {
        report.skip(step::DIGEST, "no registers that could be compared");
        return;
    };
    match evidence.pcrs.digest(selected, evidence.signature.hash()) {
        Ok(computed) => report.check(
            step::DIGEST,
            &computed == digest,
            hex::encode(digest),
            hex::encode(&computed),
        ),
        Err(why) => report.fail(step::DIGEST, hex::encode(digest), why),
    }
}

fn check_extra_data(evidence: &TpmEvidence, report: &mut Report) {
    let found = hex::encode(&evidence.attest.extra_data);
    let Some(report_data) = evidence.stated_report_data() else {
        report.skip(
            step::EXTRA_DATA,
            format!("no report data came with it; the quote says {found:?}"),
        );
        return;
    };
    let expected = sha256(report_data);
    let holds = evidence.attest.extra_data == expected.as_bytes();
    report.check(
        step::EXTRA_DATA,
        holds,
        format!("{expected}, SHA-256 of the report data"),
        found,
    );
}
