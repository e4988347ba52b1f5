//! The bare cryptography of one activation.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConnection, ConnectionCommon, DigitallySignedStruct, ServerConnection, SideData, SignatureScheme,
};
use strongroom_crypto::issue::{self, Authority, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Csr, Names};
use strongroom_launcher::identity::ClientIdentity;
use strongroom_ratls::{Alpn, ClientCertificates, Identity, ServerSettings, Versions, server_config};

use crate::Failure;

/// Every signature, verification, key generation and key agreement of one activation, and nothing else but the encoding
/// around them: no socket, no process, no disk.
pub struct Bare {
    server: Arc<rustls::ServerConfig>,
    hardware_root: Certificate,
    attestation_key: SigningKey,
    attestation: Certificate,
    coordinator_root: Certificate,
    intermediate_key: SigningKey,
    intermediate: Certificate,
}

impl Bare {
    /// Makes what lasts from one activation to the next.
    ///
    /// # Errors
    /// When a certificate cannot be made.
    pub fn new() -> Result<Self, Failure> {
        let (hardware_key, attestation_key) = (SigningKey::generate_p384(), SigningKey::generate_p384());
        let (root_key, intermediate_key) = (SigningKey::generate_p384(), SigningKey::generate_p384());
        let authority = template(Usage::Authority);
        let coordinator_root = issue::self_signed(&authority, &root_key, &SystemRandom)?;
        let marble_root = issue::self_signed(&authority, &intermediate_key, &SystemRandom)?;
        let by = |key, subject: &SigningKey, usage| {
            Authority::new(NAME, key).issue(&template(usage), subject.spki_der(), &SystemRandom)
        };
        let mesh = Identity::new(&[marble_root], &intermediate_key)?.certified_key();
        let settings = ServerSettings {
            versions: Versions::Tls13,
            clients: ClientCertificates::Required,
            alpn: Alpn::Http2,
        };
        let resolver = rustls::sign::SingleCertAndKey::from((*mesh).clone());
        Ok(Self {
            server: server_config(Arc::new(resolver), settings)?,
            hardware_root: issue::self_signed(&authority, &hardware_key, &SystemRandom)?,
            attestation: by(&hardware_key, &attestation_key, Usage::Leaf)?,
            attestation_key,
            intermediate: by(&root_key, &intermediate_key, Usage::Authority)?,
            coordinator_root,
            intermediate_key,
        })
    }

    /// One activation.
    ///
    /// # Errors
    /// When a step fails.
    pub fn activation(&self) -> Result<(), Failure> {
        // A3: key, certificate of the connection, request.
        let identity = ClientIdentity::create(&names(), now(), &SystemRandom)?;
        self.handshake(&identity.tls)?; // A4
        self.evidence(b"coordinator")?; // A5, A6
        self.evidence(b"workload")?; // A7, A9
        let request = Csr::parse_and_verify(&identity.request)?; // A10
        let leaf = Authority::new(NAME, &self.intermediate_key).issue(
            &template(Usage::Leaf),
            request.spki_der(),
            &SystemRandom,
        )?;
        // A13: what the launcher checks of what it was given.
        self.intermediate
            .verify_signature_by(&self.coordinator_root.verifying_key()?)?;
        leaf.verify_signature_by(&self.intermediate.verifying_key()?)?;
        Ok(())
    }

    /// Signed by the platform; certificate and statement verified.
    fn evidence(&self, statement: &[u8]) -> Result<(), Failure> {
        let signature = self.attestation_key.sign(statement);
        self.attestation
            .verify_signature_by(&self.hardware_root.verifying_key()?)?;
        self.attestation.verifying_key()?.verify(statement, &signature)?;
        Ok(())
    }

    /// Both ends of a mutual TLS 1.3 handshake, in memory.
    fn handshake(&self, identity: &Identity) -> Result<(), Failure> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let presented = rustls::sign::SingleCertAndKey::from((*identity.certified_key()).clone());
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
            .with_client_cert_resolver(Arc::new(presented));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
        let mut server = ServerConnection::new(Arc::clone(&self.server))?;
        while client.is_handshaking() || server.is_handshaking() {
            hand_over(&mut client, &mut server)?;
            hand_over(&mut server, &mut client)?;
        }
        if server.peer_certificates().is_none() {
            return Err("the handshake was not mutual".into());
        }
        Ok(())
    }
}

fn hand_over<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), Failure> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire)?;
    }
    let mut wire = &wire[..];
    while !wire.is_empty() {
        to.read_tls(&mut wire)?;
        to.process_new_packets()?;
    }
    Ok(())
}

/// As the launcher's: whoever holds the key of the certificate it shows.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn template(usage: Usage) -> Template {
    Template {
        common_name: NAME.to_owned(),
        names: names(),
        not_before: now().minus(60),
        not_after: now().plus(3600),
        usage,
        extensions: Vec::new(),
    }
}

/// Names for every certificate here.
#[must_use]
pub fn names() -> Names {
    Names {
        dns: vec!["localhost".to_owned()],
        ip: vec![[127, 0, 0, 1].into()],
    }
}

/// The clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the clock of this program, made here")]
pub fn now() -> UnixTime {
    SystemTime::now().into()
}

const NAME: &str = "bench";
