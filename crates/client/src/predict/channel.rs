//! The channel to a workload: current marble root, marble type and name. There is no other way to a prediction.

use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::{Alpn, ConnectError, MarbleVerifier, Trust as Peer};

use super::{Input, Prediction, Signature, grpc, http};
use crate::deployment::{target, with_port};
use crate::error::Error;
use crate::rest::Rest;
use crate::trust::Trust;
use crate::users::UserIdentity;

/// TensorFlow Serving's two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JSON over HTTP.
    Rest,
    /// gRPC over HTTP/2.
    Grpc,
}

impl Protocol {
    /// TensorFlow Serving's usual port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Rest => 8501,
            Self::Grpc => 8500,
        }
    }
}

/// Whom to expect at an address.
#[derive(Debug, Clone, Copy)]
pub struct Server<'a> {
    /// `host:port`; without a port the protocol's usual one.
    pub address: &'a str,
    /// The model to be asked.
    pub model: &'a str,
    /// Marble type; by default the one that the trust file names for the model.
    pub marble: Option<&'a str>,
    /// Name in the marble's certificate; by default the address's host, or the name that the manifest lists.
    pub name: Option<&'a str>,
}

/// A connection whose other end is a marble of the verified deployment. [`VerifiedChannel::connect`] is the only way to
/// one, and a [`Trust`] the only thing that it can be verified by.
#[derive(Debug)]
pub struct VerifiedChannel {
    wire: Wire,
    model: String,
    marble: String,
}

#[derive(Debug)]
enum Wire {
    Rest(Rest),
    Grpc(String, HttpConnection),
}

impl VerifiedChannel {
    /// Connects to a marble that serves the model in the deployment that `trust` describes.
    ///
    /// # Errors
    /// [`Error::Connect`], also where somebody else answers; [`Error::Input`] where the trust file knows no such model.
    pub async fn connect(
        trust: &Trust,
        server: &Server<'_>,
        protocol: Protocol,
        identity: Option<&UserIdentity>,
    ) -> Result<Self, Error> {
        let marble = marble(trust, server)?;
        let address = with_port(server.address, protocol.port());
        let alpn = match protocol {
            Protocol::Rest => Alpn::Any,
            Protocol::Grpc => Alpn::Http2,
        };
        let mut target = target(&address, alpn, identity)?;
        if let Some(name) = server_name(trust, server, &marble, &address) {
            target = target.named(&name)?;
        }
        let verifier = MarbleVerifier::new(trust.marble_root(), &marble).map_err(ConnectError::from)?;
        let session = strongroom_ratls::connect(&target, &Peer::Marble(verifier)).await?;
        let peer = format!("marble `{marble}` at {address}");
        let wire = match protocol {
            Protocol::Rest => Wire::Rest(crate::deployment::open(peer, session).await?),
            Protocol::Grpc => {
                let connection = HttpConnection::open(session)
                    .await
                    .map_err(|source| Error::Broken {
                        peer: peer.clone(),
                        source,
                    })?;
                Wire::Grpc(peer, connection)
            }
        };
        Ok(Self {
            wire,
            model: server.model.to_owned(),
            marble,
        })
    }

    /// The marble type that was verified.
    #[must_use]
    pub fn marble(&self) -> &str {
        &self.marble
    }

    /// What the model takes and gives.
    ///
    /// # Errors
    /// [`Error::Predict`], [`Error::Refused`], and what connections can fail with.
    pub async fn signature(&self) -> Result<Signature, Error> {
        match &self.wire {
            Wire::Rest(rest) => http::signature(rest, &self.model).await,
            Wire::Grpc(peer, connection) => grpc::signature(peer, connection, &self.model).await,
        }
    }

    /// Asks the model.
    ///
    /// # Errors
    /// [`Error::Input`] where the input does not fit the model; [`Error::Predict`], and what connections can fail with.
    pub async fn predict(&self, input: &Input) -> Result<Prediction, Error> {
        let signature = self.signature().await?;
        match &self.wire {
            Wire::Rest(rest) => http::predict(rest, &self.model, &signature, input).await,
            Wire::Grpc(peer, connection) => {
                grpc::predict(peer, connection, &self.model, &signature, input).await
            }
        }
    }
}

fn marble(trust: &Trust, server: &Server<'_>) -> Result<String, Error> {
    let serving = trust.servers(server.model);
    let what = || format!("model `{}`", server.model);
    if serving.is_empty() {
        let known: Vec<_> = trust.models().collect();
        let why = if known.is_empty() {
            "the deployment in the trust file serves no model".to_owned()
        } else {
            format!("the deployment in the trust file serves {}", known.join(", "))
        };
        return Err(Error::input(what(), why));
    }
    match server.marble {
        Some(marble) if serving.iter().any(|known| known.marble == marble) => Ok(marble.to_owned()),
        Some(marble) => {
            let known: Vec<_> = serving.iter().map(|known| known.marble.as_str()).collect();
            let why = format!(
                "marble `{marble}` does not serve it in this deployment, but {}",
                known.join(", ")
            );
            Err(Error::input(what(), why))
        }
        None => match serving {
            [only] => Ok(only.marble.clone()),
            several => {
                let known: Vec<_> = several.iter().map(|known| known.marble.as_str()).collect();
                Err(Error::input(
                    what(),
                    format!("several marbles serve it, choose one: {}", known.join(", ")),
                ))
            }
        },
    }
}

/// The name to expect, where it is not the address's host.
fn server_name(trust: &Trust, server: &Server<'_>, marble: &str, address: &str) -> Option<String> {
    if let Some(name) = server.name {
        return Some(name.to_owned());
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let listed = &trust
        .servers(server.model)
        .iter()
        .find(|known| known.marble == marble)?
        .dns_names;
    if listed.iter().any(|name| name == host) {
        return None;
    }
    // The manifest gives these names to this marble alone, so the first is as good as a host name and better.
    listed.first().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::tests::trust;

    fn server<'a>(model: &'a str, marble: Option<&'a str>) -> Server<'a> {
        Server {
            address: "10.0.0.1",
            model,
            marble,
            name: None,
        }
    }

    #[test]
    fn the_trust_file_says_whom_to_expect() {
        let trust = trust();
        assert_eq!(marble(&trust, &server("digits", None)).unwrap(), "inference");
        assert_eq!(
            marble(&trust, &server("digits", Some("inference"))).unwrap(),
            "inference"
        );
        let other = marble(&trust, &server("digits", Some("trainer")))
            .unwrap_err()
            .to_string();
        assert!(
            other.contains("does not serve it in this deployment, but inference"),
            "{other}"
        );
        let unknown = marble(&trust, &server("faces", None)).unwrap_err().to_string();
        assert!(unknown.contains("serves digits"), "{unknown}");
    }

    #[test]
    fn the_manifests_name_is_expected_where_the_address_has_another() {
        let trust = trust();
        let given = Server {
            name: Some("other.example"),
            ..server("digits", None)
        };
        let name = |server: &Server<'_>, address: &str| server_name(&trust, server, "inference", address);
        assert_eq!(
            name(&server("digits", None), "10.0.0.1:8501"),
            Some("digits.example".to_owned())
        );
        assert_eq!(name(&server("digits", None), "digits.example:8501"), None);
        assert_eq!(
            name(&given, "digits.example:8501"),
            Some("other.example".to_owned())
        );
    }
}
