//! Steps 3 to 6 for SEV-SNP, and what step 1 says of the report itself:
//!
//! 1. Version, algorithm and the bytes that must be zero are those of a report.
//! 3. An accepted root certified the authority that certified the key that signs; the certificate is for this kind of key,
//!    this generation, this chip and this TCB version.
//! 4. All certificates lie within their time, and none is revoked.
//! 5. The key signed the bytes that were received.
//! 6. A report says no time: its binding to the session makes it one of now.

use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use super::chain::{self, Chain};
use super::facts::Facts;
use super::generation::Generation;
use super::report::{AttestationReport, ECDSA_P384_SHA384, VERSIONS};
use super::tcb::Tcb;
use super::vek::{SigningKey, Vek};
use super::{bits, list, step};
use crate::claims::{Claims, Protection};
use crate::endorsements::{Anchor, root_id};
use crate::platform::{self, Platform};
use crate::report::Report;
use crate::step as common;
use crate::verify::{Context, TOLERANCE_SECONDS};

pub(super) fn verify(evidence: &AttestationReport, context: &Context<'_>, report: &mut Report) -> Claims {
    check_form(evidence, report); // 1
    let chain = Chain::find(evidence, context);
    let vek = check_vek(&chain, report); // 3
    check_root(&chain, context, report); // 3
    let generation = check_generation(evidence, vek.as_ref(), &chain, report); // 3
    check_certificate(evidence, vek.as_ref(), &chain, generation, report); // 3
    check_time(&chain, context.now, report); // 4
    let listed_at = list::check(&chain, context, report); // 4
    check_signature(evidence, vek.as_ref(), report); // 5
    report.skip(common::FRESHNESS, "a report says no time"); // 6
    claims(evidence, vek.as_ref(), &chain, generation, listed_at)
}

fn check_form(evidence: &AttestationReport, report: &mut Report) {
    let version = evidence.version();
    report.check(
        step::VERSION,
        VERSIONS.contains(&version),
        "version 2, 3 or 5",
        format!("version {version}"),
    );
    let algorithm = evidence.signature_algorithm();
    report.check(
        step::ALGORITHM,
        algorithm == ECDSA_P384_SHA384,
        "1 (ECDSA P-384 with SHA-384)",
        algorithm.to_string(),
    );
    let zero = |at: Option<usize>| at.map_or_else(|| "zero".to_owned(), |at| format!("byte {at} is not"));
    let reserved = evidence.reserved_byte_set();
    report.check(step::RESERVED, reserved.is_none(), "zero", zero(reserved));
    let beside = evidence.signature_byte_set();
    report.check(step::SIGNATURE_FORM, beside.is_none(), "zero", zero(beside));
    let bit = bits::is_set(evidence.guest_policy(), bits::RESERVED_ONE);
    report.check(
        step::POLICY_RESERVED,
        bit,
        "bit 17 set",
        bits::describe_guest_policy(evidence.guest_policy()),
    );
}

/// What AMD states about the key, where it can be read.
fn check_vek(chain: &Chain<'_>, report: &mut Report) -> Option<Vek> {
    const EXPECTED: &str = "the certificate of a VCEK or VLEK";
    let Some(certificate) = chain.vek else {
        report.fail(step::VEK, EXPECTED, "none among the endorsements");
        return None;
    };
    match Vek::read(certificate) {
        Ok(vek) => {
            let holder = vek
                .csp_id
                .as_deref()
                .map(|id| format!(", {id}"))
                .unwrap_or_default();
            report.pass(step::VEK, format!("for {}{holder}", vek.product));
            Some(vek)
        }
        Err(what) => {
            report.fail(step::VEK, EXPECTED, format!("one with {what}"));
            None
        }
    }
}

fn check_root(chain: &Chain<'_>, context: &Context<'_>, report: &mut Report) {
    match (&chain.anchor, chain.root) {
        (Ok(Anchor::Vendor), Some(root)) => {
            report.pass(common::ROOT, format!("AMD's root {}", root_id(root)));
        }
        (Ok(_), Some(root)) => report.pass(common::ROOT, format!("root {}", root_id(root))),
        (Ok(_), None) => report.fail(common::ROOT, chain::expected_root(context), "no root"),
        (Err(problem), _) => report.fail(common::ROOT, chain::expected_root(context), problem.as_str()),
    }
}

/// The generation that processor, certificate and root agree on.
fn check_generation(
    evidence: &AttestationReport,
    vek: Option<&Vek>,
    chain: &Chain<'_>,
    report: &mut Report,
) -> Option<Generation> {
    let unknown = |text: String| format!("unknown ({text})");
    let named = |generation: Option<Generation>, text: String| {
        generation.map_or_else(|| unknown(text), |generation| generation.to_string())
    };
    let mut stated = Vec::new();
    if let Some((family, model)) = evidence.cpuid() {
        let text = format!("CPUID family {family:#x}, model {model:#x}");
        stated.push((
            "processor",
            evidence.generation(),
            named(evidence.generation(), text),
        ));
    }
    if let Some(vek) = vek {
        let generation = Generation::of_product(&vek.product);
        stated.push(("certificate", generation, named(generation, vek.product.clone())));
    }
    // A root that the policy names says nothing about its generation, unless its key is one of AMD's.
    if let Some(generation) = chain
        .root
        .and_then(|root| Generation::of_root_key(root.spki_der()))
    {
        stated.push(("root", Some(generation), generation.to_string()));
    }
    if stated.is_empty() {
        report.skip(step::GENERATION, "nothing states it");
        return None;
    }
    let first = stated.iter().find_map(|(_, generation, _)| *generation);
    let agree = first.is_some() && stated.iter().all(|(_, generation, _)| *generation == first);
    let found: Vec<String> = stated
        .iter()
        .map(|(source, _, shown)| format!("{source} {shown}"))
        .collect();
    report.check(step::GENERATION, agree, "one known generation", found.join(", "));
    first
}

/// Whether the certificate is for this kind of key, chip and TCB version.
fn check_certificate(
    evidence: &AttestationReport,
    vek: Option<&Vek>,
    chain: &Chain<'_>,
    generation: Option<Generation>,
    report: &mut Report,
) {
    let (Some(certificate), Some(vek)) = (chain.vek, vek) else {
        for check in [step::KIND, step::CHIP, step::PROVIDER, step::CERTIFIED_TCB] {
            report.skip(check, "no certificate to compare with");
        }
        return;
    };
    let of_report = SigningKey::of_report(evidence.signing_key());
    let of_certificate = SigningKey::of_certificate(certificate);
    let shown = |kind: Option<SigningKey>| kind.map_or("neither VCEK nor VLEK", SigningKey::name);
    report.check(
        step::KIND,
        of_report.is_some() && of_report == of_certificate,
        format!("a certificate for {}, as the report says", shown(of_report)),
        format!("one for {}", shown(of_certificate)),
    );
    // What is asked of the certificate depends on what it is, whatever the report says.
    check_chip(evidence, vek, of_certificate, report);
    check_provider(vek, of_certificate, report);
    check_certified_tcb(evidence, vek, generation, report);
}

fn check_chip(evidence: &AttestationReport, vek: &Vek, kind: Option<SigningKey>, report: &mut Report) {
    let chip_id = evidence.chip_id();
    if kind == Some(SigningKey::Vlek) {
        let names_none = vek.hwid.is_none() && chip_id.is_zero();
        let found = match &vek.hwid {
            Some(hwid) => format!("certificate for {}", hex::encode(hwid)),
            None if chip_id.is_zero() => "no chip".to_owned(),
            None => format!("report of {chip_id}"),
        };
        report.check(step::CHIP, names_none, "a VLEK: no chip is named", found);
        return;
    }
    let certified = vek.chip_id();
    let found = certified.map_or_else(|| "no chip".to_owned(), |chip| format!("chip {chip}"));
    let masked = if chip_id.is_zero() {
        " (the host masks it: MASK_CHIP_ID)"
    } else {
        ""
    };
    report.check(
        step::CHIP,
        certified == Some(chip_id) && !chip_id.is_zero(),
        format!("chip {chip_id}{masked}"),
        found,
    );
}

fn check_provider(vek: &Vek, kind: Option<SigningKey>, report: &mut Report) {
    match (&vek.csp_id, kind) {
        (Some(id), Some(SigningKey::Vlek)) if !id.is_empty() => report.pass(step::PROVIDER, id.as_str()),
        (_, Some(SigningKey::Vlek)) => report.fail(step::PROVIDER, "a provider's id", "none"),
        (None, _) => report.skip(step::PROVIDER, "a VCEK is the chip's own"),
        (Some(id), _) => report.fail(step::PROVIDER, "none: a VCEK is the chip's own", id.as_str()),
    }
}

fn check_certified_tcb(
    evidence: &AttestationReport,
    vek: &Vek,
    generation: Option<Generation>,
    report: &mut Report,
) {
    let generation = generation.unwrap_or(Generation::Milan);
    let reported = evidence.reported_tcb();
    let certified = vek.certified_tcb(generation);
    // The bytes themselves where only reserved ones differ: the fields would look the same.
    let shown = |bytes: [u8; 8]| format!("{} ({})", Tcb::read(bytes, generation), hex::encode(bytes));
    report.check(
        step::CERTIFIED_TCB,
        certified == Some(reported),
        format!("a certificate for {}", shown(reported)),
        certified.map_or_else(|| "one that leaves out a version".to_owned(), shown),
    );
}

fn check_time(chain: &Chain<'_>, now: UnixTime, report: &mut Report) {
    match chain.vek {
        None => report.skip(step::CERTIFICATE_TIME, "no certificate"),
        Some(certificate) => check_times(step::CERTIFICATE_TIME, &[certificate], now, report),
    }
    let authorities: Vec<_> = chain.certificates().filter(|it| it.is_ca()).collect();
    if authorities.is_empty() {
        report.skip(common::VALIDITY, "no authority was found");
    } else {
        check_times(common::VALIDITY, &authorities, now, report);
    }
}

fn check_times(step: common::Step, certificates: &[&Certificate], now: UnixTime, report: &mut Report) {
    let outside = certificates.iter().find(|certificate| {
        now.plus(TOLERANCE_SECONDS) < certificate.not_before() || now > certificate.not_after()
    });
    let expected = format!("valid at {now}");
    match outside {
        Some(certificate) => report.fail(
            step,
            expected,
            format!(
                "{:?} from {} until {}",
                certificate.subject_cn().unwrap_or_default(),
                certificate.not_before(),
                certificate.not_after()
            ),
        ),
        None => {
            let end = certificates
                .iter()
                .map(|certificate| certificate.not_after())
                .min();
            report.pass(step, format!("until {}", end.unwrap_or_default()));
        }
    }
}

fn check_signature(evidence: &AttestationReport, vek: Option<&Vek>, report: &mut Report) {
    let Some(vek) = vek else {
        report.skip(common::SIGNATURE, "no key to verify it with");
        return;
    };
    let holds = vek
        .key
        .verify_raw(evidence.signed(), &evidence.signature())
        .is_ok();
    let found = if holds {
        "the certified key's signature"
    } else {
        "another"
    };
    report.check(common::SIGNATURE, holds, "the certified key's signature", found);
}

fn claims(
    evidence: &AttestationReport,
    vek: Option<&Vek>,
    chain: &Chain<'_>,
    generation: Option<Generation>,
    listed_at: Option<UnixTime>,
) -> Claims {
    let newest = chain
        .certificates()
        .map(Certificate::not_before)
        .chain(listed_at)
        .max();
    // Without an accepted root a check failed, and nobody is told these claims; whoever only looks sees the rest.
    let root = chain.certificates().last().map(root_id);
    Claims {
        platform: Platform::Snp,
        protection: Protection::Confidential,
        measurement: evidence.measurement().into(),
        signer: None,
        product: None,
        security_version: None,
        workload: None,
        debug: bits::GuestPolicyBit::Debug.is_set(evidence.guest_policy()),
        issued_at: newest.unwrap_or_default(),
        root: root.unwrap_or_else(|| strongroom_crypto::digest::sha256(&[])),
        anchor: chain.anchor.clone().unwrap_or(Anchor::Named),
        facts: platform::Facts::Snp(Box::new(Facts::of(evidence, generation, vek, listed_at))),
    }
}
