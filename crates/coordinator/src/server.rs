//! The two ports: their TLS, their limits, their identity as it changes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use strongroom_crypto::label;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Certificate;
use strongroom_ratls::{
    Alpn, ClientCertificates, Identity, ServerSettings, TlsConfigError, Versions, server_config,
};
use strongroom_service::{
    Limits, ListenAddress, Listener, ReloadableIdentity, ServeError, ServerTls, Shutdown, TlsHandle,
    Transport,
};

use crate::app::Coordinator;
use crate::pki::Authority;
use crate::{grpc, rest};

/// How often refusals of unauthenticated peers are committed.
pub const REFUSALS_INTERVAL: Duration = Duration::from_secs(60);

/// Both ports, bound.
#[derive(Debug)]
pub struct Ports {
    client: Listener,
    mesh: Listener,
}

/// The ports cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// An address cannot be bound.
    #[error("cannot listen on {address:?}")]
    Bind {
        /// The address.
        address: ListenAddress,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Our own identity cannot be used.
    #[error("the coordinator's certificate cannot be served")]
    Tls(#[from] TlsConfigError),
    /// A port failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The writer ended: the state cannot be written.
    #[error("the state cannot be written any more")]
    Writer,
}

impl Ports {
    /// Binds both.
    ///
    /// # Errors
    /// [`ServerError::Bind`].
    pub async fn bind(client: &ListenAddress, mesh: &ListenAddress) -> Result<Self, ServerError> {
        let bind = async |address: &ListenAddress| {
            let bound = Listener::bind(address).await;
            bound.map_err(|source| ServerError::Bind {
                address: address.clone(),
                source,
            })
        };
        Ok(Self {
            client: bind(client).await?,
            mesh: bind(mesh).await?,
        })
    }

    /// Addresses of the REST port and the mesh port.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        (self.client.local_addr(), self.mesh.local_addr())
    }

    /// Serves both until shutdown is asked for or the state cannot be written.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn serve(self, coordinator: Arc<Coordinator>, shutdown: Shutdown) -> Result<(), ServerError> {
        let mut view = coordinator.writer().watch();
        let authority = view.borrow_and_update().authority.clone();
        let client_tls = TlsHandle::new(client_tls(&authority)?);
        let mesh_tls = TlsHandle::new(mesh_tls(&authority)?);
        let transport = |tls: &TlsHandle| Transport::Tls {
            tls: tls.clone(),
            exporter_label: Some(label::EXPORTER.as_bytes()),
        };
        let client = self.client.serve(
            rest::router(coordinator.clone()),
            transport(&client_tls),
            Limits::default().with_body_bytes_max(rest::body::MANIFEST_BYTES_MAX),
            shutdown.clone(),
        );
        let mesh = self.mesh.serve(
            grpc::router(coordinator.clone()),
            transport(&mesh_tls),
            Limits::default().with_body_bytes_max(2 * grpc::MESSAGE_BYTES_MAX),
            shutdown.clone(),
        );
        let identity = async {
            let mut current = authority;
            while view.changed().await.is_ok() {
                let next = view.borrow_and_update().authority.clone();
                let same = |old: &Certificate, new: &Certificate| old.der() == new.der();
                if !same(current.root(), next.root()) || !same(current.marble_root(), next.marble_root()) {
                    client_tls.replace(self::client_tls(&next)?);
                    mesh_tls.replace(self::mesh_tls(&next)?);
                }
                current = next;
            }
            Ok::<(), ServerError>(())
        };
        let counting = async {
            loop {
                tokio::time::sleep(REFUSALS_INTERVAL).await;
                coordinator.commit_refusals().await;
            }
        };
        let serving = async {
            tokio::try_join!(client, mesh)
                .map(|_| ())
                .map_err(ServerError::from)
        };
        let outcome = tokio::select! {
            outcome = serving => outcome,
            outcome = identity => outcome.and(Err(ServerError::Writer)),
            () = coordinator.writer().ended() => Err(ServerError::Writer),
            () = counting => Ok(()),
        };
        coordinator.commit_refusals().await;
        outcome
    }
}

/// The REST port presents the root certificate; a client certificate is asked for, and users have one.
fn client_tls(authority: &Authority) -> Result<ServerTls, TlsConfigError> {
    tls(
        authority.root(),
        &authority.root_key,
        ClientCertificates::Optional,
        Alpn::Any,
        Versions::Tls12And13,
    )
}

/// The mesh port presents the marble root certificate; every workload has a certificate, self-signed as it is.
fn mesh_tls(authority: &Authority) -> Result<ServerTls, TlsConfigError> {
    tls(
        authority.marble_root(),
        &authority.intermediate_key,
        ClientCertificates::Required,
        Alpn::Http2,
        // Every activation is bound to the connection by its exporter, which only this version gives without doubt.
        Versions::Tls13,
    )
}

fn tls(
    certificate: &Certificate,
    key: &SigningKey,
    clients: ClientCertificates,
    alpn: Alpn,
    versions: Versions,
) -> Result<ServerTls, TlsConfigError> {
    let identity = Identity::new(std::slice::from_ref(certificate), key)?;
    let presented = identity.certificate().clone();
    let resolver = ReloadableIdentity::new(Arc::unwrap_or_clone(identity.certified_key()));
    let settings = ServerSettings {
        versions,
        clients,
        alpn,
    };
    Ok(ServerTls::presenting(
        server_config(resolver, settings)?,
        presented,
    ))
}
