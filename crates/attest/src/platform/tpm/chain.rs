//! Certificate paths from a key to a root (RFC 5280 §6, as far as certificates of TPMs use it), and what revocation lists
//! say of them.
//!
//! Whether a path exists, whether it lies within its time, and whether something on it is revoked are three questions
//! with three answers, so that a report can tell them apart.

use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_crypto::x509::crl::Crl;

use crate::endorsements::Endorsements;
use crate::verify::TOLERANCE_SECONDS;

/// Most certificates on a path, leaf and root included.
const LENGTH_MAX: usize = 6;
/// Most signatures that are checked in search of one path, and of those of one issuer's revocation lists that came with
/// evidence.
const SIGNATURES_MAX: usize = 16;

/// Extensions whose meaning is looked at here or does not matter: key usage, subject alternative names, basic
/// constraints, certificate policies (any will do), extended key usage.
const UNDERSTOOD: [&str; 5] = ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.32", "2.5.29.37"];

/// A path from a leaf to a root, each certificate signed by the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Certificate>);

/// What revocation lists say of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Revocation {
    /// There is no list of any issuer on it.
    NoList,
    /// Nothing is revoked by so many lists, and of each issuer there is one.
    Good(usize),
    /// Nothing is revoked, but of an issuer there is no list.
    Partial(String),
    /// A certificate is revoked.
    Revoked(String),
    /// The newest list of an issuer is due to be replaced, or not valid yet.
    Stale(String),
}

impl Path {
    /// Finds a path from `leaf` over certificates of `pool` to one of `roots`; one within its time if there is.
    ///
    /// # Errors
    /// Why there is none, for a report.
    pub(super) fn find<'a>(
        leaf: &Certificate,
        pool: &[Certificate],
        roots: impl Iterator<Item = &'a Certificate>,
        now: UnixTime,
    ) -> Result<Self, String> {
        let roots: Vec<&Certificate> = roots.collect();
        let mut pool: Vec<&Certificate> = pool.iter().collect();
        pool.sort_by_key(|certificate| !is_within(certificate, now));
        let mut search = Search {
            pool,
            roots,
            signatures_left: SIGNATURES_MAX,
            obstacle: None,
        };
        let mut path = vec![leaf];
        if search.extend(&mut path) {
            return Ok(Self(path.into_iter().cloned().collect()));
        }
        let issuer = leaf.issuer_cn().unwrap_or("an issuer without a name");
        Err(search
            .obstacle
            .unwrap_or_else(|| format!("issued by {issuer:?}, from whom nothing leads to an accepted root")))
    }

    pub(super) fn root(&self) -> &Certificate {
        self.0.last().unwrap_or_else(|| self.leaf())
    }

    pub(super) fn leaf(&self) -> &Certificate {
        self.0.first().expect("a path begins with its leaf")
    }

    /// The first certificate that is not within its time.
    pub(super) fn outside(&self, now: UnixTime) -> Option<&Certificate> {
        self.0.iter().find(|certificate| !is_within(certificate, now))
    }

    /// The end of the time in which all of it is valid.
    pub(super) fn not_after(&self) -> UnixTime {
        let ends = self.0.iter().map(Certificate::not_after);
        ends.min().unwrap_or_default()
    }

    /// What the revocation lists among `endorsements` say; `own` are those of them that the sender of evidence did not
    /// choose.
    pub(super) fn revocation(
        &self,
        own: &Endorsements,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Revocation {
        let (mut consulted, mut stale, mut without) = (0, None, None);
        for pair in self.0.windows(2) {
            let [certificate, issuer] = pair else { continue };
            let lists = lists_of(issuer, own, endorsements);
            let Some(newest) = lists.iter().max_by_key(|list| list.this_update()) else {
                without = without.or_else(|| Some(describe(issuer)));
                continue;
            };
            consulted += lists.len();
            if lists.iter().any(|list| list.is_revoked(certificate.serial())) {
                return Revocation::Revoked(describe(certificate));
            }
            // A list that says no end may hide for ever what was revoked since.
            let due = newest.next_update().is_none_or(|due| due < now);
            if due || now.plus(TOLERANCE_SECONDS) < newest.this_update() {
                stale = stale.or_else(|| Some(format!("the revocation list of {}", describe(issuer))));
            }
        }
        match (stale, consulted, without) {
            (Some(what), ..) => Revocation::Stale(what),
            (None, 0, _) => Revocation::NoList,
            (None, _, Some(issuer)) => Revocation::Partial(issuer),
            (None, lists, None) => Revocation::Good(lists),
        }
    }
}

struct Search<'a> {
    pool: Vec<&'a Certificate>,
    roots: Vec<&'a Certificate>,
    signatures_left: usize,
    /// What stood in the way of a path that would otherwise have been one.
    obstacle: Option<String>,
}

impl<'a> Search<'a> {
    /// Goes on from the last certificate of `path`. Leaves a whole path there, or what was there.
    fn extend(&mut self, path: &mut Vec<&'a Certificate>) -> bool {
        for index in 0..self.roots.len() {
            let root = self.roots[index];
            if self.issued(root, path) {
                path.push(root);
                return true;
            }
        }
        if path.len() + 1 >= LENGTH_MAX {
            return false;
        }
        for index in 0..self.pool.len() {
            let next = self.pool[index];
            if !path.contains(&next) && self.issued(next, path) {
                path.push(next);
                if self.extend(path) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }

    /// Whether `issuer` issued the last certificate of `path`, and may.
    fn issued(&mut self, issuer: &Certificate, path: &[&Certificate]) -> bool {
        let Some(last) = path.last() else { return false };
        if last.issuer_raw() != issuer.subject_raw() || self.signatures_left == 0 {
            return false;
        }
        self.signatures_left -= 1;
        let signed = issuer
            .public_key()
            .is_ok_and(|key| last.verify_signature_by_key(&key).is_ok());
        if !signed {
            return false;
        }
        // Every certificate between leaf and issuer is an authority that counts.
        let below = path.len().saturating_sub(1);
        let within_length = issuer
            .path_length()
            .is_none_or(|most| usize::try_from(most).is_ok_and(|most| below <= most));
        let foreign = [*last, issuer]
            .into_iter()
            .find_map(|certificate| critical_unknown(certificate).map(|oid| (certificate, oid)));
        let obstacle = if !issuer.allows_cert_sign() {
            Some(format!("{} may issue no certificates", describe(issuer)))
        } else if !within_length {
            Some(format!(
                "{} may have no path of this length below it",
                describe(issuer)
            ))
        } else {
            foreign.map(|(certificate, oid)| {
                format!(
                    "{} has a critical extension {oid}, which is not known",
                    describe(certificate)
                )
            })
        };
        let allowed = obstacle.is_none();
        self.obstacle = self.obstacle.take().or(obstacle);
        allowed
    }
}

fn critical_unknown(certificate: &Certificate) -> Option<&str> {
    certificate
        .critical_extensions()
        .find(|oid| !UNDERSTOOD.contains(oid))
}

fn is_within(certificate: &Certificate, now: UnixTime) -> bool {
    now.plus(TOLERANCE_SECONDS) >= certificate.not_before() && now <= certificate.not_after()
}

/// Lists that `issuer` signed: all of our own, and the newest of the others. Whoever sends evidence can put no list of ours
/// out of sight by sending many.
fn lists_of(issuer: &Certificate, own: &Endorsements, endorsements: &Endorsements) -> Vec<Crl> {
    let Ok(key) = issuer.public_key() else {
        return Vec::new();
    };
    if !issuer.allows_crl_sign() {
        return Vec::new();
    }
    let named = endorsements
        .crls()
        .filter_map(|der| Crl::parse(der).ok())
        .filter(|list| list.issuer_raw() == issuer.subject_raw());
    let (mut lists, mut others): (Vec<Crl>, Vec<Crl>) = named.partition(|list| own.has_crl(list.der()));
    others.sort_by_key(|list| std::cmp::Reverse(list.this_update()));
    lists.extend(others.into_iter().take(SIGNATURES_MAX));
    lists
        .into_iter()
        .filter(|list| list.verify_signature_by_key(&key).is_ok())
        .collect()
}

/// How a report names a certificate.
pub(super) fn describe(certificate: &Certificate) -> String {
    // The name is its issuer's word: quoted, so that it cannot draw on a terminal.
    match certificate.subject_cn() {
        Some(name) => format!("certificate {name:?}"),
        None => format!(
            "the certificate with serial number {}",
            hex::encode(certificate.serial())
        ),
    }
}
