//! What evidence must say about the session it travels in: the report data, recomputed by the verifier from its own
//! view of the connection. Nothing that the peer says about the connection enters here.

use std::fmt;

use serde::{Serialize, Serializer};
pub use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label;
use strongroom_crypto::x509::{Certificate, Csr};

/// What the verifier holds the evidence's report data against. A required argument of [`crate::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binding {
    /// A workload that activates or renews.
    Activate(ActivateBinding),
    /// The coordinator, towards a launcher or a client.
    Coordinator(CoordinatorBinding),
    /// One coordinator towards another.
    Peer(PeerBinding),
    /// A program, through its launcher's socket: the bytes it chose. Can never activate: the label differs.
    User(Vec<u8>),
    /// MarbleRun's own form: SHA-256 of the client certificate, then 32 zero bytes. Accepted for SGX evidence in
    /// MarbleRun's own envelope only.
    MarbleRun {
        /// The client certificate, DER, as this end of the TLS connection saw it.
        client_certificate: Vec<u8>,
    },
}

impl Binding {
    /// The 64 bytes that the attester puts into its evidence, and the verifier expects there.
    #[must_use]
    pub fn report_data(&self) -> [u8; 64] {
        match self {
            Self::Activate(activate) => activate.report_data(),
            Self::Coordinator(coordinator) => coordinator.report_data(),
            Self::Peer(peer) => peer.report_data(),
            Self::User(bytes) => Encoder::new(label::USER).bytes(bytes).sha512(),
            Self::MarbleRun { client_certificate } => {
                let mut data = [0; 64];
                data[..32].copy_from_slice(sha256(client_certificate).as_bytes());
                data
            }
        }
    }

    /// Whose evidence this is, as errors and reports say it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Activate(activate) => Subject::Marble(activate.marble_type.clone()),
            Self::Coordinator(_) => Subject::Coordinator,
            Self::Peer(_) => Subject::Peer,
            Self::User(_) => Subject::Program,
            Self::MarbleRun { .. } => Subject::MarbleRun,
        }
    }
}

/// The session of a workload that activates or renews. [`ActivateBinding::new`] is the only way to get one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivateBinding {
    client_spki: Digest32,
    server_certificate: Digest32,
    exporter: [u8; 32],
    csr: Digest32,
    marble_type: String,
    uuid: String,
}

/// The parts of a session do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// The client certificate cannot be read.
    #[error("the client certificate of the session cannot be read")]
    Certificate,
    /// The certificate signing request cannot be read, or its own signature is wrong.
    #[error("the certificate signing request cannot be read or is not signed by its own key")]
    Csr,
    /// The request asks for a certificate over another key than the session's.
    #[error("the key in the certificate signing request is not the key of the client certificate")]
    OtherKey,
}

impl ActivateBinding {
    /// Ties a request to the TLS connection it travels on; both ends call it with their own view.
    ///
    /// `client_certificate`, `server_certificate` and `csr` are DER; `exporter` is the TLS 1.3 exporter under
    /// [`label::EXPORTER`].
    ///
    /// # Errors
    /// [`BindingError`] when the request's key is not the client certificate's key: a request for somebody else's key
    /// cannot even be bound.
    pub fn new(
        client_certificate: &[u8],
        server_certificate: &[u8],
        exporter: [u8; 32],
        csr: &[u8],
        marble_type: &str,
        uuid: &str,
    ) -> Result<Self, BindingError> {
        let certificate = Certificate::parse(client_certificate).map_err(|_| BindingError::Certificate)?;
        let request = Csr::parse_and_verify(csr).map_err(|_| BindingError::Csr)?;
        if request.spki_der() != certificate.spki_der() {
            return Err(BindingError::OtherKey);
        }
        Ok(Self {
            client_spki: sha256(certificate.spki_der()),
            server_certificate: sha256(server_certificate),
            exporter,
            csr: sha256(csr),
            marble_type: marble_type.to_owned(),
            uuid: uuid.to_owned(),
        })
    }

    fn report_data(&self) -> [u8; 64] {
        Encoder::new(label::ACTIVATE)
            .bytes(self.client_spki.as_bytes())
            .bytes(self.server_certificate.as_bytes())
            .bytes(&self.exporter)
            .bytes(self.csr.as_bytes())
            .bytes(self.marble_type.as_bytes())
            .bytes(self.uuid.as_bytes())
            .sha512()
    }
}

/// What a coordinator says of itself on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoordinatorBinding {
    /// The verifier's own nonce; evidence for somebody else's nonce is worth nothing.
    pub nonce: [u8; 32],
    /// TLS exporter of the connection.
    pub exporter: [u8; 32],
    /// The coordinator's root certificate, DER.
    pub root_certificate: Vec<u8>,
    /// The coordinator's phase: `recovery`, `rolled_back`, `awaiting_manifest` or `running`.
    pub phase: String,
    /// SHA-256 of the manifest in force; none before there is one.
    pub manifest_digest: Option<Digest32>,
    /// Where the audit log stands.
    pub log_head: LogHead,
}

impl CoordinatorBinding {
    fn report_data(&self) -> [u8; 64] {
        let encoder = Encoder::new(label::COORDINATOR)
            .bytes(&self.nonce)
            .bytes(&self.exporter)
            .bytes(sha256(&self.root_certificate).as_bytes())
            .bytes(self.phase.as_bytes())
            .bytes(optional(self.manifest_digest.as_ref()));
        encode_head(encoder, &self.log_head).sha512()
    }
}

/// What one coordinator says to another before the state key passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerBinding {
    /// TLS exporter of the connection.
    pub exporter: [u8; 32],
    /// Role of the coordinator whose evidence this is.
    pub role: String,
    /// Role of the coordinator that verifies it.
    pub peer_role: String,
    /// The deployment that both serve.
    pub deployment_id: Vec<u8>,
    /// SHA-256 of the manifest in force; none before there is one.
    pub manifest_digest: Option<Digest32>,
    /// Where the audit log stands.
    pub log_head: LogHead,
}

impl PeerBinding {
    fn report_data(&self) -> [u8; 64] {
        let encoder = Encoder::new(label::PEER)
            .bytes(&self.exporter)
            .bytes(self.role.as_bytes())
            .bytes(self.peer_role.as_bytes())
            .bytes(&self.deployment_id)
            .bytes(optional(self.manifest_digest.as_ref()));
        encode_head(encoder, &self.log_head).sha512()
    }
}

/// Whose evidence is spoken of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// The coordinator.
    Coordinator,
    /// A workload of this marble type, as it calls itself.
    Marble(String),
    /// Another coordinator of the same deployment.
    Peer,
    /// A program, through its launcher.
    Program,
    /// A workload that speaks MarbleRun's own protocol; its evidence does not say which type it claims to be.
    MarbleRun,
    /// Whoever made the evidence that lies in a file.
    File,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => f.write_str("the coordinator"),
            // The type is the peer's own word: quoted, so that it cannot draw on a terminal or forge a log line.
            Self::Marble(marble_type) => write!(f, "marble {marble_type:?}"),
            Self::Peer => f.write_str("the peer coordinator"),
            Self::Program => f.write_str("the program"),
            Self::MarbleRun => f.write_str("a MarbleRun marble"),
            Self::File => f.write_str("the file"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn encode_head(encoder: Encoder, head: &LogHead) -> Encoder {
    encoder.u64(head.epoch).u64(head.size).bytes(head.hash.as_bytes())
}

/// An absent digest is an empty field: no digest has that length.
fn optional(digest: Option<&Digest32>) -> &[u8] {
    digest.map_or(&[], |digest| digest.as_bytes())
}
