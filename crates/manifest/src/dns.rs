//! Which names a marble may have in its certificate.
//!
//! The host chooses the names that a marble asks for, so a name by itself is worth nothing to a client. Where the
//! manifest lists names for a type, only that type gets them, and gets no others (`security-design` §2).

use std::fmt;
use std::net::IpAddr;

use strongroom_crypto::x509::Names;

use crate::fields::Fields;
use crate::manifest::Manifest;
use crate::names::MarbleType;

/// A DNS name in lower case without a final dot, or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Name {
    /// A DNS name.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

/// Why a text is no name that a certificate may carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a DNS name nor an IP address")]
pub struct NotAName(String);

impl Name {
    /// Reads a name; `*.example.com` only where `wildcard` allows it.
    pub(crate) fn parse(text: &str, wildcard: bool) -> Result<Self, NotAName> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Ip(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let labels = match name.strip_prefix("*.") {
            Some(rest) if wildcard => rest,
            _ => &name,
        };
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if name.len() > 253 || !labels.split('.').all(label_ok) {
            return Err(NotAName(text.chars().take(80).collect()));
        }
        Ok(Self::Dns(name))
    }

    /// Whether a certificate for `self` would be taken for `other`.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let (Self::Dns(mine), Self::Dns(theirs)) = (self, other) else {
            return self == other;
        };
        if mine == theirs {
            return true;
        }
        match (mine.strip_prefix("*."), theirs.split_once('.')) {
            (Some(domain), Some((_, rest))) => domain == rest,
            _ => false,
        }
    }

    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self, Self::Ip(address) if address.is_loopback())
    }
}

/// A marble asked for a name that is not its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameRefused {
    /// No name at all.
    #[error(transparent)]
    NotAName(#[from] NotAName),
    /// The manifest lists names for the type, and this is none of them.
    #[error("name `{name}` is not listed for marble `{marble}`")]
    NotListed {
        /// The name.
        name: Name,
        /// Who asked.
        marble: MarbleType,
    },
    /// The manifest lists the name for another type.
    #[error("name `{name}` would stand for `{listed}`, which belongs to marble `{owner}`")]
    OfAnother {
        /// The name.
        name: Name,
        /// The listed name that it covers.
        listed: Name,
        /// Whose it is.
        owner: MarbleType,
    },
    /// More names than a certificate gets.
    #[error("{0} names are more than {NAMES_MAX}")]
    TooMany(usize),
}

impl NameRefused {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "marble.name"
    }
}

impl Manifest {
    /// The names that a marble's certificate may carry, of those that its request asks for.
    ///
    /// Where the type lists names, every name has to be listed; where another type lists a name, nobody else gets it,
    /// nor a wildcard over it. Loopback addresses are always given: they lead nowhere but to the own machine, and every
    /// MarbleRun marble asks for them.
    ///
    /// # Errors
    /// [`NameRefused`] for the first name that is refused; the activation fails with it.
    pub fn permitted_names(&self, marble: &MarbleType, requested: &Names) -> Result<Names, NameRefused> {
        let count = requested.dns.len() + requested.ip.len();
        if count > NAMES_MAX {
            return Err(NameRefused::TooMany(count));
        }
        let own: &[Name] = self.marbles().get(marble).map_or(&[], |marble| &marble.dns_names);
        let mut permitted = Names::default();
        for text in &requested.dns {
            let name = Name::parse(text, true)?;
            self.permit_name(marble, own, &name)?;
            match name {
                Name::Dns(name) => permitted.dns.push(name),
                Name::Ip(address) => permitted.ip.push(address),
            }
        }
        for address in &requested.ip {
            self.permit_name(marble, own, &Name::Ip(*address))?;
            permitted.ip.push(*address);
        }
        Ok(permitted)
    }

    fn permit_name(&self, marble: &MarbleType, own: &[Name], name: &Name) -> Result<(), NameRefused> {
        if name.is_loopback() {
            return Ok(());
        }
        for (owner, other) in self.marbles().iter().filter(|(other, _)| *other != marble) {
            if let Some(listed) = other.dns_names.iter().find(|listed| name.covers(listed)) {
                let (name, listed, owner) = (name.clone(), listed.clone(), owner.clone());
                return Err(NameRefused::OfAnother { name, listed, owner });
            }
        }
        if own.is_empty() || own.contains(name) {
            return Ok(());
        }
        Err(NameRefused::NotListed {
            name: name.clone(),
            marble: marble.clone(),
        })
    }
}

pub(crate) fn read_names(fields: &Fields<'_>, field: &str) -> Vec<Name> {
    let mut names = Vec::new();
    for (path, text) in fields.texts(field) {
        match Name::parse(text, false) {
            Ok(name) if names.contains(&name) => fields
                .problems()
                .check(&path, format!("`{name}` is listed twice")),
            Ok(name) => names.push(name),
            Err(error) => fields.problems().check(&path, error.to_string()),
        }
    }
    names
}

/// Most names in one certificate.
const NAMES_MAX: usize = 100;
