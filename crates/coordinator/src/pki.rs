//! The deployment's certification authorities, and what they issue (MarbleRun's names and extensions, finite lifetimes).
//!
//! | certificate | key | signed by |
//! |---|---|---|
//! | root | root key | itself |
//! | intermediate | intermediate key | root key |
//! | marble root | intermediate key | itself: a sibling of the intermediate, so that a leaf chains to either |
//! | log certificate | log key | root key |
//! | leaf | the marble's | intermediate key |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use strongroom_crypto::issue::{self, IssueError, Template, Usage};
use strongroom_crypto::random::Random;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};

/// MarbleRun's name of the root.
pub const ROOT_NAME: &str = "MarbleRun Coordinator";
/// MarbleRun's name of the intermediate and of the marble root.
pub const INTERMEDIATE_NAME: &str = "MarbleRun Coordinator - Intermediate CA";
const LOG_NAME: &str = "Strongroom Log";

/// Arcs of the extension that holds a marble's type.
const MARBLE_TYPE_ARCS: [u64; 5] = [1, 3, 9903, 2, 1];

/// How long authorities are valid: they change with the deployment, not with the calendar.
pub const AUTHORITY_SECONDS: u64 = 10 * 365 * 24 * 3600;
/// Certificates begin a little early, for clocks that are a little late.
pub const EARLY_SECONDS: u64 = 5 * 60;

/// Keys and certificates of one deployment.
#[derive(Debug)]
pub struct Authority {
    pub(crate) root_key: SigningKey,
    pub(crate) root: Certificate,
    pub(crate) intermediate_key: SigningKey,
    pub(crate) intermediate: Certificate,
    pub(crate) marble_root: Certificate,
    pub(crate) log_key: SigningKey,
    pub(crate) log_certificate: Certificate,
}

/// What a leaf says.
#[derive(Debug)]
pub struct Leaf<'a> {
    /// The marble's UUID, canonical: the subject.
    pub uuid: &'a str,
    /// The marble's type: the extension.
    pub marble_type: &'a str,
    /// Names that the manifest permits.
    pub names: Names,
    /// How long it is valid, in seconds; never beyond the issuer's end.
    pub valid_seconds: u64,
}

impl Authority {
    /// Makes all keys and certificates of a new deployment, for a coordinator with these names.
    ///
    /// # Errors
    /// [`IssueError`] when a name cannot stand in a certificate.
    pub fn found(names: &Names, now: UnixTime, random: &dyn Random) -> Result<Self, IssueError> {
        let (root_key, intermediate_key, log_key) = (
            SigningKey::generate_p384(),
            SigningKey::generate_p384(),
            SigningKey::generate_p384(),
        );
        let template = |name: &str, usage| Template {
            common_name: name.to_owned(),
            names: if usage == Usage::Authority {
                names.clone()
            } else {
                Names::default()
            },
            not_before: now.minus(EARLY_SECONDS),
            not_after: now.plus(AUTHORITY_SECONDS),
            usage,
            extensions: Vec::new(),
        };
        let root = issue::self_signed(&template(ROOT_NAME, Usage::Authority), &root_key, random)?;
        let by_root = issue::Authority::new(ROOT_NAME, &root_key);
        let below = template(INTERMEDIATE_NAME, Usage::Authority);
        let intermediate = by_root.issue(&below, intermediate_key.spki_der(), random)?;
        let marble_root = issue::self_signed(&below, &intermediate_key, random)?;
        let log_certificate =
            by_root.issue(&template(LOG_NAME, Usage::Statements), log_key.spki_der(), random)?;
        Ok(Self {
            root_key,
            root,
            intermediate_key,
            intermediate,
            marble_root,
            log_key,
            log_certificate,
        })
    }

    /// The root certificate: the identity of the REST port.
    pub const fn root(&self) -> &Certificate {
        &self.root
    }

    /// The marble root certificate: the identity of the mesh port, and what clients of marbles trust.
    pub const fn marble_root(&self) -> &Certificate {
        &self.marble_root
    }

    /// The intermediate certificate.
    pub const fn intermediate(&self) -> &Certificate {
        &self.intermediate
    }

    /// Certifies a marble's key (DER SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn leaf(
        &self,
        leaf: Leaf<'_>,
        spki: &[u8],
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Certificate, IssueError> {
        let template = Template {
            common_name: leaf.uuid.to_owned(),
            names: leaf.names,
            not_before: now.minus(EARLY_SECONDS),
            not_after: now.plus(leaf.valid_seconds).min(self.marble_root.not_after()),
            usage: Usage::Leaf,
            extensions: vec![(MARBLE_TYPE_ARCS.to_vec(), leaf.marble_type.as_bytes().to_vec())],
        };
        issue::Authority::new(INTERMEDIATE_NAME, &self.intermediate_key).issue(&template, spki, random)
    }

    /// Signs the manifest as MarbleRun does: with the root key, over SHA-256 of the bytes.
    pub fn sign_manifest(&self, raw: &[u8]) -> Vec<u8> {
        self.root_key.sign_p384_sha256(raw)
    }
}

/// Names of the coordinator: DNS names first, then loopback addresses, then the other addresses, as MarbleRun orders them.
pub fn coordinator_names<'a>(configured: impl IntoIterator<Item = &'a str>) -> Names {
    let mut names = Names::default();
    names
        .ip
        .extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    for name in configured
        .into_iter()
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match name.parse::<IpAddr>() {
            Ok(address) if names.ip.contains(&address) => {}
            Ok(address) => names.ip.push(address),
            Err(_) => names.dns.push(name.to_owned()),
        }
    }
    names
}
