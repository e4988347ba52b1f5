//! Who says that an attestation key lives in a genuine TPM. An endorsement key's certificate does not: it says nothing of
//! other keys. One of these does:
//!
//! - the verifier enrolled the key itself, on this very connection;
//! - an enrolment authority that the verifier accepts did, and certified it ([`super::enrolment`]);
//! - a certificate of the key hangs on a root that the verifier accepts (clouds issue such to their virtual TPMs);
//! - the key is pinned.

use serde::Serialize;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::x509::Certificate;

use super::certificate::{self, Unfit};
use super::chain::{self, Path, Revocation};
use super::enrolment::{EXTENSION_OID, EnrolmentExtension};
use super::key::AttestationKeyPublic;
use crate::endorsements::{Anchor, Roots, root_id};
use crate::platform::Platform;
use crate::verify::Context;

/// Most certificates of one key that are looked at: the verifier's own come first.
const CERTIFICATES_MAX: usize = 4;

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Voucher {
    /// The verifier, which enrolled the key itself.
    EnrolledHere {
        /// SHA-256 of the root certificate of the endorsement key.
        endorsement_root: Digest32,
    },
    /// An enrolment authority.
    Enrolled {
        /// SHA-256 of the root certificate of the endorsement key.
        endorsement_root: Digest32,
        /// SHA-256 of the endorsement key's certificate.
        endorsement_certificate: Digest32,
    },
    /// Whoever certifies attestation keys under this root.
    Certified {
        /// SHA-256 of the root certificate.
        root: Digest32,
    },
    /// The verifier's policy.
    Pinned,
}

impl Voucher {
    /// The root that the key hangs on by this word, and whose it is; of a pinned key there is none.
    pub(super) fn anchor(&self) -> (Anchor, Option<Digest32>) {
        match self {
            Self::EnrolledHere { endorsement_root } | Self::Enrolled { endorsement_root, .. } => {
                (Anchor::Named, Some(*endorsement_root))
            }
            Self::Certified { root } => (Anchor::Named, Some(*root)),
            Self::Pinned => (Anchor::AttestationKey, None),
        }
    }

    /// Whether `roots` accept this word for `key`.
    pub(super) fn is_accepted_by(&self, roots: &Roots, key: &AttestationKeyPublic) -> bool {
        match self.anchor() {
            (_, Some(id)) => roots.of(Platform::Tpm).any(|root| root_id(root) == id),
            (_, None) => is_pinned(roots, key),
        }
    }
}

/// A word, and the certificates that it stands in.
#[derive(Debug, Clone)]
pub(super) struct Vouched {
    pub(super) voucher: Voucher,
    pub(super) path: Option<Path>,
    pub(super) revocation: Revocation,
}

impl Vouched {
    fn new(voucher: Voucher, path: Option<Path>, context: &Context<'_>) -> Self {
        let revocation = path.as_ref().map_or(Revocation::NoList, |path| {
            path.revocation(context.own, context.endorsements, context.now)
        });
        Self {
            voucher,
            path,
            revocation,
        }
    }

    /// Whether nothing of it is out of its time, or revoked.
    pub(super) fn is_sound(&self, context: &Context<'_>) -> bool {
        let in_time = self
            .path
            .as_ref()
            .is_none_or(|path| path.outside(context.now).is_none());
        let listed = matches!(self.revocation, Revocation::Revoked(_) | Revocation::Stale(_));
        in_time && !listed
    }
}

/// Everybody who vouches for `key`, those first whose word is sound.
///
/// # Errors
/// Why nobody does, for a report.
pub(super) fn vouchers(key: &AttestationKeyPublic, context: &Context<'_>) -> Result<Vec<Vouched>, String> {
    let mut found: Vec<Vouched> = Vec::new();
    let enrolled_here = context
        .roots
        .attestation_keys()
        .iter()
        .filter(|known| known.is(key))
        .filter_map(|known| known.endorsement_root);
    for endorsement_root in enrolled_here {
        let voucher = Voucher::EnrolledHere { endorsement_root };
        found.push(Vouched::new(voucher, None, context));
    }
    let mut refused = None;
    let certificates = context.endorsements.certificates().iter();
    let certificates = certificates.filter(|certificate| certificate.spki_der() == key.spki_der());
    for certificate in certificates.take(CERTIFICATES_MAX) {
        match certified(certificate, key, context) {
            Ok((voucher, path)) => found.push(Vouched::new(voucher, Some(path), context)),
            Err(why) => refused = refused.or(Some(format!("{}: {why}", chain::describe(certificate)))),
        }
    }
    if is_pinned(context.roots, key) {
        found.push(Vouched::new(Voucher::Pinned, None, context));
    }
    found.sort_by_key(|vouched| !vouched.is_sound(context));
    if found.is_empty() {
        Err(refused.unwrap_or_else(|| "no certificate of this key, and no pin".to_owned()))
    } else {
        Ok(found)
    }
}

fn is_pinned(roots: &Roots, key: &AttestationKeyPublic) -> bool {
    let mut keys = roots.attestation_keys().iter();
    keys.any(|known| known.endorsement_root.is_none() && known.is(key))
}

fn certified(
    certificate: &Certificate,
    key: &AttestationKeyPublic,
    context: &Context<'_>,
) -> Result<(Voucher, Path), String> {
    certificate::fits_attestation_key(certificate).map_err(|Unfit(why)| why.to_owned())?;
    // An enrolment authority issues directly: whatever else hangs on it, it did not look at.
    let enrolled = Path::find(certificate, &[], context.roots.enrolment().iter(), context.now);
    if let Ok(path) = enrolled {
        let extension = certificate.extension(EXTENSION_OID);
        let said = extension
            .and_then(EnrolmentExtension::parse)
            .ok_or("issued by an enrolment authority, but not upon an enrolment")?;
        if key.public().is_some() && said.attestation_key != key.id() {
            return Err("issued for an object with another name".to_owned());
        }
        let voucher = Voucher::Enrolled {
            endorsement_root: said.endorsement_root,
            endorsement_certificate: said.endorsement_certificate,
        };
        return Ok((voucher, path));
    }
    let path = Path::find(
        certificate,
        context.endorsements.certificates(),
        context.roots.of(Platform::Tpm),
        context.now,
    )?;
    let root = root_id(path.root());
    Ok((Voucher::Certified { root }, path))
}
