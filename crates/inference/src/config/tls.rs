//! Which TLS the ports get.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::{ConfigError, Flags, files};
use crate::model::ModelPlan;
use crate::tls::{ClientAuth, IdentityFiles, Versions, read_certificates};

/// TLS of one port.
#[derive(Debug, Clone)]
pub struct TlsPlan {
    /// Who the server is.
    pub identity: Identity,
    /// What is asked of clients.
    pub clients: ClientAuth,
    /// Versions that are spoken.
    pub versions: Versions,
    /// A file to read parts of this again from, where one is followed.
    pub source: Option<Source>,
}

/// A file that says how TLS goes, beside the files of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// TensorFlow Serving's `SSLConfig`: all of it.
    SslConfig(PathBuf),
    /// The authorities of clients.
    ClientAuthorities(PathBuf),
}

/// Where a server's identity comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// Files, which may be replaced while the server runs.
    Files(IdentityFiles),
    /// PEM texts out of a configuration file.
    Inline {
        /// Private key.
        private_key: String,
        /// Certificate chain.
        certificate_chain: String,
    },
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files(files) => files.fmt(f),
            Self::Inline { .. } => f.write_str("Inline([REDACTED])"),
        }
    }
}

impl TlsPlan {
    /// The identity that the launcher provides, and the client certificates that the models' rules can admit.
    ///
    /// A model that is not for everybody must not close the port to the clients of another: certificates are optional
    /// here, and asked for by the model's own rule.
    pub(super) fn of_marble(identity: IdentityFiles, models: &[ModelPlan]) -> Self {
        let certificates: Vec<CertificateDer<'static>> = models
            .iter()
            .flat_map(|model| model.clients.certificates())
            .cloned()
            .collect();
        let clients = if certificates.is_empty() {
            ClientAuth::None
        } else {
            ClientAuth::Optional(certificates)
        };
        Self {
            identity: Identity::Files(identity),
            clients,
            versions: Versions::Strict,
            source: None,
        }
    }

    /// The plan as its source has it now; `None` where it has not changed.
    ///
    /// # Errors
    /// When the source cannot be read, or does not hold what it should.
    pub fn read_again(&self) -> Result<Option<Self>, ConfigError> {
        let renewed = match &self.source {
            None => return Ok(None),
            Some(Source::SslConfig(path)) => of_ssl_config(path)?,
            Some(Source::ClientAuthorities(path)) => Self {
                clients: ClientAuth::Required(read_certificates(path)?),
                ..self.clone()
            },
        };
        let same = renewed.identity == self.identity && renewed.clients == self.clients;
        Ok((!same).then_some(renewed))
    }
}

/// TLS of gRPC and REST. TensorFlow Serving's `SSLConfig` covers gRPC only.
pub(super) fn of_flags(flags: &Flags) -> Result<(Option<TlsPlan>, Option<TlsPlan>), ConfigError> {
    let ours = ours(flags)?;
    let Some(path) = flags.text("ssl_config_file") else {
        return Ok((ours.clone(), ours));
    };
    if ours.is_some() {
        return Err(ConfigError::Value(
            "--ssl_config_file and --tls_certificate_file exclude each other".to_owned(),
        ));
    }
    Ok((Some(of_ssl_config(Path::new(path))?), None))
}

/// What TensorFlow Serving's `SSLConfig` says.
pub(crate) fn of_ssl_config(path: &Path) -> Result<TlsPlan, ConfigError> {
    let config = files::ssl_config(path)?;
    let clients = if config.client_verify {
        let roots =
            CertificateDer::pem_slice_iter(config.custom_ca.as_bytes()).collect::<Result<Vec<_>, _>>();
        let roots = roots.ok().filter(|roots| !roots.is_empty());
        let none = || ConfigError::Value(format!("{}: custom_ca holds no certificate", path.display()));
        ClientAuth::Required(roots.ok_or_else(none)?)
    } else {
        ClientAuth::None
    };
    Ok(TlsPlan {
        identity: Identity::Inline {
            private_key: config.server_key,
            certificate_chain: config.server_cert,
        },
        clients,
        versions: Versions::Usual,
        source: Some(Source::SslConfig(path.to_owned())),
    })
}

fn ours(flags: &Flags) -> Result<Option<TlsPlan>, ConfigError> {
    let (certificate, key) = (flags.text("tls_certificate_file"), flags.text("tls_key_file"));
    let authority = flags.text("tls_client_ca_file");
    let (certificate, key) = match (certificate, key, authority) {
        (Some(certificate), Some(key), _) => (certificate, key),
        (None, None, None) => return Ok(None),
        (None, None, Some(_)) => {
            let text = "--tls_client_ca_file needs --tls_certificate_file and --tls_key_file";
            return Err(ConfigError::Value(text.to_owned()));
        }
        _ => {
            let text = "--tls_certificate_file and --tls_key_file need each other";
            return Err(ConfigError::Value(text.to_owned()));
        }
    };
    let clients = match authority {
        Some(path) => ClientAuth::Required(read_certificates(Path::new(path))?),
        None => ClientAuth::None,
    };
    let identity = IdentityFiles {
        private_key: key.into(),
        certificate_chain: certificate.into(),
    };
    Ok(Some(TlsPlan {
        identity: Identity::Files(identity),
        clients,
        versions: Versions::Usual,
        source: authority.map(|path| Source::ClientAuthorities(path.into())),
    }))
}
