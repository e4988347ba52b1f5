//! Who may predict with a model: everybody, whoever has a certificate of one authority, or a list of certificates.
//!
//! TLS asks for a client certificate and proves possession of its key; here its worth is decided, per model. A
//! [`Permit`] is the only way to a model, and only this module makes one.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime as PkiTime};
use strongroom_api::serving::Code;
use strongroom_crypto::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_service::ConnectionInfo;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::error::RequestError;

/// Who may predict with one model.
#[derive(Debug, Clone)]
pub struct Clients(Rule);

#[derive(Debug, Clone)]
enum Rule {
    Anyone,
    Authority {
        certificates: Vec<CertificateDer<'static>>,
        anchors: Vec<TrustAnchor<'static>>,
    },
    List(Vec<CertificateDer<'static>>),
}

/// A rule that could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientsError {
    /// A certificate is none.
    #[error("{what} holds no usable certificate")]
    Certificate {
        /// Where it was looked for.
        what: &'static str,
    },
}

/// Leave to predict with one model, from a client whom its rule admits.
#[derive(Debug)]
#[must_use]
pub struct Permit<M> {
    subject: M,
}

impl<M> Permit<M> {
    /// What was permitted.
    #[must_use]
    pub fn subject(&self) -> &M {
        &self.subject
    }
}

impl Clients {
    /// Everybody.
    #[must_use]
    pub fn anyone() -> Self {
        Self(Rule::Anyone)
    }

    /// Whoever has a certificate that chains to one of the authorities in `pem`.
    ///
    /// # Errors
    /// When `pem` holds no certificate, or one that cannot be an authority.
    pub fn of_authority(pem: &str) -> Result<Self, ClientsError> {
        let certificates = certificates("the client authority", pem)?;
        let anchor = |certificate: &CertificateDer<'static>| {
            anchor_from_trusted_cert(certificate)
                .map(|anchor| anchor.to_owned())
                .map_err(|_| ClientsError::Certificate {
                    what: "the client authority",
                })
        };
        let anchors = certificates.iter().map(anchor).collect::<Result<_, _>>()?;
        Ok(Self(Rule::Authority {
            certificates,
            anchors,
        }))
    }

    /// Whoever has one of these certificates, byte for byte.
    ///
    /// # Errors
    /// When an entry holds no certificate.
    pub fn listed<'a>(pems: impl IntoIterator<Item = &'a str>) -> Result<Self, ClientsError> {
        let lists = pems
            .into_iter()
            .map(|pem| certificates("the list of clients", pem));
        let list: Vec<_> = lists
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        if list.is_empty() {
            return Err(ClientsError::Certificate {
                what: "the list of clients",
            });
        }
        Ok(Self(Rule::List(list)))
    }

    /// Whether everybody is admitted.
    #[must_use]
    pub fn is_anyone(&self) -> bool {
        matches!(self.0, Rule::Anyone)
    }

    /// Certificates that TLS must be ready to accept for this rule to be met.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        match &self.0 {
            Rule::Anyone => &[],
            Rule::Authority { certificates, .. } => certificates,
            Rule::List(list) => list,
        }
    }

    /// Admits the client of `connection` to `subject`, or says `PERMISSION_DENIED`.
    ///
    /// # Errors
    /// When the rule does not admit the client.
    pub fn permit<M>(
        &self,
        subject: M,
        connection: Option<&Arc<ConnectionInfo>>,
        now: UnixTime,
    ) -> Result<Permit<M>, RequestError> {
        if self.is_anyone() {
            return Ok(Permit { subject });
        }
        let chain = connection.map_or(&[][..], |connection| &connection.peer_certificates);
        let Some((leaf, intermediates)) = chain.split_first() else {
            return Err(denied(
                "This model is not for everybody: a client certificate is required.",
            ));
        };
        let admitted = match &self.0 {
            Rule::Anyone => true,
            Rule::Authority { anchors, .. } => chains_to(leaf, intermediates, anchors, now),
            Rule::List(list) => list.contains(leaf) && is_valid(leaf, now),
        };
        if admitted {
            Ok(Permit { subject })
        } else {
            Err(denied("This client may not use this model."))
        }
    }
}

fn chains_to(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
    now: UnixTime,
) -> bool {
    let now = PkiTime::since_unix_epoch(Duration::from_secs(now.0));
    EndEntityCert::try_from(leaf).is_ok_and(|leaf| {
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(
            algorithms,
            anchors,
            intermediates,
            now,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .is_ok()
    })
}

fn is_valid(leaf: &CertificateDer<'_>, now: UnixTime) -> bool {
    Certificate::parse(leaf).is_ok_and(|certificate| certificate.is_valid_at(now))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, ClientsError> {
    let chain = Certificate::parse_pem_chain(pem).map_err(|_| ClientsError::Certificate { what })?;
    if chain.is_empty() {
        return Err(ClientsError::Certificate { what });
    }
    Ok(chain
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der().to_vec()))
        .collect())
}

fn denied(message: &str) -> RequestError {
    RequestError::new(Code::PermissionDenied, message)
}

#[cfg(test)]
#[path = "clients_tests.rs"]
mod tests;
