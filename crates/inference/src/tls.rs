//! TLS of the listeners: an identity that follows its files, and what is asked of clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use rustls::crypto::aws_lc_rs;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use strongroom_crypto::digest::{Digest32, Sha256};
use strongroom_crypto::secret::wipe;
use strongroom_service::{ReloadableIdentity, ServerTls, Shutdown, TlsHandle};

/// Private key and certificate chain of a server, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// PKCS#8 (or another usual form), PEM.
    pub private_key: PathBuf,
    /// Leaf first, PEM.
    pub certificate_chain: PathBuf,
}

/// What a listener asks of its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    None,
    /// A certificate where they have one; it must chain to one of these, or be one of these.
    Optional(Vec<CertificateDer<'static>>),
    /// A certificate that chains to one of these.
    Required(Vec<CertificateDer<'static>>),
}

/// Which TLS versions are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3, resumption allowed.
    Usual,
    /// 1.3 only, and every connection is a full handshake: a certificate is looked at each time.
    Strict,
}

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0} cannot be read")]
    Io(PathBuf, #[source] io::Error),
    /// A file does not hold what it should.
    #[error("{path} holds no {what}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// Key and certificate do not belong together, or cannot be used.
    #[error("private key and certificate cannot be used together")]
    Identity(#[source] rustls::Error),
    /// The certificates that clients are held against cannot be used.
    #[error("the certificates of clients cannot be used")]
    Clients(#[source] VerifierBuilderError),
}

impl IdentityFiles {
    /// Reads the identity; the digest tells whether the files have changed since.
    ///
    /// # Errors
    /// When a file is missing or holds something else, or the two do not belong together.
    pub fn load(&self) -> Result<(CertifiedKey, Digest32), TlsError> {
        let chain_pem = read(&self.certificate_chain)?;
        let mut key_pem = read(&self.private_key)?;
        let mut digest = Sha256::new();
        digest.update(&chain_pem);
        digest.update(&key_pem);
        let identity = identity_of(&key_pem, &chain_pem, &self.private_key);
        wipe(&mut key_pem);
        Ok((identity?, digest.finish()))
    }

    /// Looks at the files again and again, and lets later handshakes present what they hold.
    pub async fn follow(self, identity: Arc<ReloadableIdentity>, mut seen: Digest32, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(FILES_INTERVAL) => seen = self.refresh(&identity, seen),
            }
        }
    }

    // Files that cannot be used change nothing: they may be half written, or replaced one after the other.
    fn refresh(&self, identity: &ReloadableIdentity, seen: Digest32) -> Digest32 {
        match self.load() {
            Ok((found, digest)) if digest != seen => {
                identity.replace(found);
                tracing::info!("TLS identity replaced");
                digest
            }
            Ok(_) => seen,
            Err(error) => {
                tracing::warn!(%error, "TLS identity cannot be read again; the old one stays");
                seen
            }
        }
    }
}

/// Key and certificates out of two PEM texts; `place` names them in errors.
///
/// # Errors
/// When one is missing, or the two do not belong together.
pub fn identity_of(key_pem: &[u8], chain_pem: &[u8], place: &Path) -> Result<CertifiedKey, TlsError> {
    let no_key = |_| TlsError::Pem {
        path: place.to_owned(),
        what: "private key",
    };
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(no_key)?;
    let chain = certificates(place, chain_pem)?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(TlsError::Identity)
}

/// Reads certificates from a PEM file; at least one.
///
/// # Errors
/// When there is none.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates(path, &read(path)?)
}

/// What a listener needs to speak TLS under `identity`.
///
/// # Errors
/// When the certificates for clients cannot be used.
pub fn server(
    identity: Arc<ReloadableIdentity>,
    clients: &ClientAuth,
    versions: Versions,
    protocols: &[&[u8]],
) -> Result<TlsHandle, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = match versions {
        Versions::Usual => builder.with_safe_default_protocol_versions(),
        Versions::Strict => builder.with_protocol_versions(&[&rustls::version::TLS13]),
    };
    let builder = builder.map_err(TlsError::Identity)?;
    let verifier = |roots: &[CertificateDer<'static>]| {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
    };
    let builder = match clients {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Optional(roots) => builder.with_client_cert_verifier(
            verifier(roots)
                .allow_unauthenticated()
                .build()
                .map_err(TlsError::Clients)?,
        ),
        ClientAuth::Required(roots) => {
            builder.with_client_cert_verifier(verifier(roots).build().map_err(TlsError::Clients)?)
        }
    };
    let mut config = builder.with_cert_resolver(identity);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    if versions == Versions::Strict {
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    }
    Ok(TlsHandle::new(ServerTls::new(Arc::new(config))))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::Io(path.to_owned(), error))
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let none = || TlsError::Pem {
        path: path.to_owned(),
        what: "certificate",
    };
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| none())?;
    if chain.is_empty() { Err(none()) } else { Ok(chain) }
}

/// How often identity files are looked at.
const FILES_INTERVAL: Duration = Duration::from_secs(3);

/// Protocols of the REST port, best first.
pub const REST_PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];
/// Protocols of the gRPC port.
pub const GRPC_PROTOCOLS: &[&[u8]] = &[b"h2"];

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &IdentityFiles) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        fs::write(&files.private_key, made.signing_key.serialize_pem()).expect("write");
        fs::write(&files.certificate_chain, made.cert.pem()).expect("write");
        made.cert.der().clone()
    }

    #[test]
    fn later_handshakes_present_what_the_files_hold() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let files = IdentityFiles {
            private_key: folder.path().join("key.pem"),
            certificate_chain: folder.path().join("chain.pem"),
        };
        let first = write(&files);
        let (identity, seen) = files.load().expect("an identity");
        let identity = ReloadableIdentity::new(identity);
        assert_eq!(files.refresh(&identity, seen), seen);
        assert_eq!(identity.current().cert[0], first);

        let second = write(&files);
        let renewed = files.refresh(&identity, seen);
        assert_ne!(renewed, seen);
        assert_eq!(identity.current().cert[0], second);

        // A certificate without its key is half a renewal.
        let chain = fs::read(&files.certificate_chain).expect("read");
        write(&files);
        fs::write(&files.certificate_chain, chain).expect("write");
        assert_eq!(files.refresh(&identity, renewed), renewed);
        assert_eq!(identity.current().cert[0], second);
    }

    #[test]
    fn refuses_what_it_should() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (key, chain) = (made.signing_key.serialize_pem(), made.cert.pem());
        let good = |key: &str, chain: &str| {
            identity_of(key.as_bytes(), chain.as_bytes(), Path::new("f"))
                .map(drop)
                .map_err(|error| error.to_string())
        };
        assert_eq!(good(&key, &chain), Ok(()));
        assert_eq!(good("", &chain), Err("f holds no private key".to_owned()));
        assert_eq!(good(&key, ""), Err("f holds no certificate".to_owned()));
        let foreign = good(&other.signing_key.serialize_pem(), &chain);
        assert_eq!(
            foreign,
            Err("private key and certificate cannot be used together".to_owned())
        );
    }
}
