//! The way from the key that signed a report to a root: VCEK or VLEK, ASK or ASVK, ARK. Certificates are given in no
//! order, for several chips perhaps, and none is believed before the way to an accepted root is found.

use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;

use super::generation::Generation;
use super::report::AttestationReport;
use super::vek::{SigningKey, Vek};
use crate::endorsements::{Anchor, root_id};
use crate::platform::Platform;
use crate::verify::Context;

/// The certificates that vouch for a report, as far as they were found.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    /// Of the key that should have signed.
    pub(super) vek: Option<&'a Certificate>,
    /// The authority that signed it.
    pub(super) intermediate: Option<&'a Certificate>,
    /// The root that signed the authority, accepted or not.
    pub(super) root: Option<&'a Certificate>,
    /// Why the root is accepted, or what is wrong.
    pub(super) anchor: Result<Anchor, String>,
}

/// At most so many certificates with an issuer's name are tried.
const TRIED_MAX: usize = 8;

/// Key usage and basic constraints: the extensions that are understood where they are critical (RFC 5280 §4.2).
const UNDERSTOOD: [&str; 2] = ["2.5.29.15", "2.5.29.19"];

impl<'a> Chain<'a> {
    pub(super) fn find(report: &AttestationReport, context: &Context<'a>) -> Self {
        let mut chain = Self {
            vek: choose_vek(report, context),
            intermediate: None,
            root: None,
            anchor: Err("no certificate of the signing key".to_owned()),
        };
        chain.anchor = chain.follow(context);
        chain
    }

    /// Follows the chain upwards; says what is wrong where it ends.
    fn follow(&mut self, context: &Context<'a>) -> Result<Anchor, String> {
        let vek = self.vek.ok_or("no certificate of the signing key")?;
        if vek.is_ca() || has_unknown_restriction(vek) {
            return Err(
                "a certificate of an authority, or with a critical extension, for the signing key".into(),
            );
        }
        let given = || context.endorsements.certificates().iter();
        let intermediate = issuer(vek, given(), context)?;
        self.intermediate = Some(intermediate);
        check_authority(intermediate, 0)?;
        // What the policy names comes first: then it is accepted whoever's it is.
        let named = || context.roots.of(Platform::Snp);
        let root = issuer(intermediate, named().chain(given()), context)?;
        self.root = Some(root);
        check_authority(root, 1)?;
        if named().any(|named| named.der() == root.der()) {
            return Ok(Anchor::Named);
        }
        let pinned = Generation::of_root_key(root.spki_der()).is_some();
        if !pinned || !context.roots.accepts_vendor(Platform::Snp) {
            return Err(format!("root {}, key {}", shown(root), sha256(root.spki_der())));
        }
        // Its key is AMD's; whether its dates are, only its own signature says.
        if !context.endorsements.signatures().signed(root, root) {
            return Err(format!("root {}, not signed by its own key", shown(root)));
        }
        Ok(Anchor::Vendor)
    }

    /// The certificates that were found, from the signing key's upwards.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &'a Certificate> {
        [self.vek, self.intermediate, self.root].into_iter().flatten()
    }
}

/// What would be accepted as a root.
pub(super) fn expected_root(context: &Context<'_>) -> String {
    let mut accepted: Vec<String> = context
        .roots
        .of(Platform::Snp)
        .map(|root| format!("root {}", root_id(root)))
        .collect();
    if context.roots.accepts_vendor(Platform::Snp) {
        accepted.push("AMD's root (ARK), by its pinned key".to_owned());
    }
    if accepted.is_empty() {
        "a root, and none is given".to_owned()
    } else {
        accepted.join(" or ")
    }
}

/// The certificate that fits the report best: of its kind of key, its generation, its chip, its TCB version, and in its
/// time. Of several that fit alike (VLEKs name no chip) the one whose key signed, or else the first: the verifier's own come
/// before those that came with the evidence.
fn choose_vek<'a>(report: &AttestationReport, context: &Context<'a>) -> Option<&'a Certificate> {
    let candidates = context.endorsements.certificates().iter();
    let fitting: Vec<_> = candidates
        .filter(|certificate| Vek::is_meant(certificate))
        .map(|certificate| (fit(certificate, report, context), certificate))
        .collect();
    let best = fitting.iter().map(|(fit, _)| *fit).max()?;
    let mut alike = fitting
        .iter()
        .filter(|(fit, _)| *fit == best)
        .map(|(_, certificate)| *certificate);
    let first = alike.next()?;
    let mut others = alike.take(TRIED_MAX).peekable();
    if others.peek().is_none() || signed(first, report) {
        return Some(first);
    }
    Some(
        others
            .find(|certificate| signed(certificate, report))
            .unwrap_or(first),
    )
}

/// What fits, the weightiest first.
fn fit(certificate: &Certificate, report: &AttestationReport, context: &Context<'_>) -> [bool; 5] {
    let kind = SigningKey::of_certificate(certificate);
    let same_kind = kind.is_some() && kind == SigningKey::of_report(report.signing_key());
    let in_time = certificate.is_valid_at(context.now);
    let Ok(vek) = Vek::read(certificate) else {
        return [same_kind, false, false, false, in_time];
    };
    let product = Generation::of_product(&vek.product);
    let same_generation = report
        .generation()
        .is_none_or(|generation| product == Some(generation));
    let same_chip = match vek.chip_id() {
        Some(chip) => chip == report.chip_id(),
        None => kind == Some(SigningKey::Vlek),
    };
    let certified = product.and_then(|generation| vek.certified_tcb(generation));
    let same_tcb = certified == Some(report.reported_tcb());
    [same_kind, same_generation, same_chip, same_tcb, in_time]
}

fn signed(certificate: &Certificate, report: &AttestationReport) -> bool {
    let verify = |vek: Vek| vek.key.verify_raw(report.signed(), &report.signature());
    Vek::read(certificate).is_ok_and(|vek| verify(vek).is_ok())
}

/// The authority among `candidates` whose key signed `certificate`.
fn issuer<'a>(
    certificate: &Certificate,
    candidates: impl Iterator<Item = &'a Certificate>,
    context: &Context<'_>,
) -> Result<&'a Certificate, String> {
    let name = certificate.issuer_cn().unwrap_or("without a name").to_owned();
    let mut tried = candidates
        .filter(|candidate| candidate.subject_raw() == certificate.issuer_raw())
        .take(TRIED_MAX)
        .peekable();
    if tried.peek().is_none() {
        return Err(format!("no certificate of the authority {name:?}"));
    }
    tried
        .find(|candidate| context.endorsements.signatures().signed(candidate, certificate))
        .ok_or_else(|| format!("an authority {name:?} that did not sign {}", shown(certificate)))
}

/// Whether a certificate is that of an authority with at least `below` authorities below it.
fn check_authority(certificate: &Certificate, below: u32) -> Result<(), String> {
    let length = certificate.path_length().is_none_or(|length| length >= below);
    if certificate.allows_cert_sign() && length && !has_unknown_restriction(certificate) {
        Ok(())
    } else {
        Err(format!("{}, which is no such authority", shown(certificate)))
    }
}

fn has_unknown_restriction(certificate: &Certificate) -> bool {
    certificate
        .critical_extensions()
        .any(|oid| !UNDERSTOOD.contains(&oid))
}

/// A name out of a certificate that nothing vouches for yet: quoted, so that it cannot draw on a terminal.
fn shown(certificate: &Certificate) -> String {
    format!("{:?}", certificate.subject_cn().unwrap_or_default())
}
