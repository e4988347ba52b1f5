//! What can go wrong between two ends, sorted by whose fault it is.

use std::io;

/// A TLS configuration or identity cannot be used: the caller's mistake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// The private key is of a kind that TLS does not sign with, or not readable.
    #[error("the private key cannot be used for TLS")]
    Key,
    /// The certificate chain is empty or not readable.
    #[error("the certificate chain cannot be used for TLS")]
    Chain,
    /// The private key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
    /// A root certificate cannot be used to verify with.
    #[error("the root certificate cannot be used to verify with")]
    Root,
    /// The TLS library refuses the combination.
    #[error("TLS cannot be configured")]
    Configuration(#[source] rustls::Error),
}

/// The server is not who it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Its certificate does not chain to the current root, names another host or lies outside its time.
    #[error("the server's certificate is not accepted: {0}")]
    Certificate(String),
    /// Its certificate is a workload's of another type, or no workload's.
    #[error("the server is {}, not a marble of type {expected:?}", found_type(found.as_deref()))]
    MarbleType {
        /// The type that was asked for.
        expected: String,
        /// The type in the certificate.
        found: Option<String>,
    },
    /// It presents another certificate than the pinned one.
    #[error("the server presents another certificate than the pinned root")]
    NotPinned,
}

fn found_type(found: Option<&str>) -> String {
    found.map_or_else(
        || "no marble".to_owned(),
        |found| format!("a marble of type {found:?}"),
    )
}

impl IdentityError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "channel.certificate",
            Self::MarbleType { .. } => "channel.marble_type",
            Self::NotPinned => "channel.root_changed",
        }
    }
}

/// A session could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is no `host:port`.
    #[error("{0:?} is no address of the form host:port")]
    Address(String),
    /// The name cannot stand in a certificate.
    #[error("{0:?} is no server name")]
    ServerName(String),
    /// Nobody answers.
    #[error("{address} cannot be reached")]
    Unreachable {
        /// Who was called.
        address: String,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The other end is too slow.
    #[error("{address} did not answer within {seconds} seconds")]
    Timeout {
        /// Who was called.
        address: String,
        /// How long.
        seconds: u64,
    },
    /// The TLS handshake failed.
    #[error("the TLS handshake with {address} failed")]
    Handshake {
        /// Who was called.
        address: String,
        /// What TLS says.
        #[source]
        source: io::Error,
    },
    /// The other end is somebody else.
    #[error("{address} is not who it has to be: {reason}")]
    Identity {
        /// Who was called.
        address: String,
        /// What is wrong.
        reason: IdentityError,
    },
    /// Nothing could be bound to this connection.
    #[error("evidence cannot be bound to the connection with {address}: {reason}")]
    NotBindable {
        /// Who was called.
        address: String,
        /// Why.
        reason: &'static str,
    },
    /// Our own side cannot be configured.
    #[error(transparent)]
    Config(#[from] TlsConfigError),
}

impl ConnectError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address(_) | Self::ServerName(_) => "channel.address",
            Self::Unreachable { .. } => "channel.unreachable",
            Self::Timeout { .. } => "channel.timeout",
            Self::Handshake { .. } => "channel.handshake",
            Self::Identity { reason, .. } => reason.code(),
            Self::NotBindable { .. } => "channel.not_bindable",
            Self::Config(_) => "channel.config",
        }
    }
}
