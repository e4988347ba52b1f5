//! The accept loop: one router, REST and gRPC alike, over TCP or a Unix socket, with TLS or without.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Remote;
use crate::limits::Limits;
use crate::shutdown::Shutdown;
use crate::tls::TlsHandle;

mod serve;

/// Where to listen: `HOST:PORT`, `:PORT` for all addresses of the machine, or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// Host (empty for all addresses) and port, as given.
    Tcp {
        /// Name or address; empty means every address.
        host: String,
        /// Port; 0 lets the kernel choose.
        port: u16,
    },
    /// Path of a Unix socket.
    Unix(PathBuf),
}

/// Text that is no [`ListenAddress`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address to listen on (HOST:PORT, :PORT or unix:/PATH)")]
pub struct BadAddress(String);

impl FromStr for ListenAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(BadAddress(text.to_owned()))
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| BadAddress(text.to_owned()))?;
        let port = port.parse().map_err(|_| BadAddress(text.to_owned()))?;
        let host = host
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(host);
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

/// How bytes travel on a listener.
#[derive(Debug, Clone)]
pub enum Transport {
    /// As they are.
    Plain,
    /// Through TLS.
    Tls {
        /// The configuration, replaceable.
        tls: TlsHandle,
        /// Label of the exporter that requests find in [`crate::ConnectionInfo::exporter`]; `None` leaves it out.
        exporter_label: Option<&'static [u8]>,
    },
}

/// Serving ended by a failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The socket cannot accept any more.
    #[error("listening socket failed")]
    Accept(#[source] io::Error),
}

/// A bound socket that serves nothing yet.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds `address`. A Unix socket that is left over at the path is replaced.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: &ListenAddress) -> io::Result<Self> {
        let socket = match address {
            ListenAddress::Tcp { host, port } if host.is_empty() => {
                // One socket for IPv6 and IPv4; machines without IPv6 get IPv4 alone.
                match TcpListener::bind(("::", *port)).await {
                    Ok(socket) => Socket::Tcp(socket),
                    Err(_) => Socket::Tcp(TcpListener::bind(("0.0.0.0", *port)).await?),
                }
            }
            ListenAddress::Tcp { host, port } => {
                Socket::Tcp(TcpListener::bind((host.as_str(), *port)).await?)
            }
            ListenAddress::Unix(path) => Socket::Unix(bind_unix(path)?),
        };
        Ok(Self { socket })
    }

    /// The TCP address that was bound; `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Serves `router` until shutdown is asked for, then drains within [`Limits::drain_timeout`].
    ///
    /// Every request carries an `Arc<ConnectionInfo>` extension.
    ///
    /// # Errors
    /// When the socket itself fails; failures of single connections are logged and end that connection only.
    pub async fn serve(
        self,
        router: Router,
        transport: Transport,
        limits: Limits,
        shutdown: Shutdown,
    ) -> Result<(), ServeError> {
        let slots = Arc::new(Semaphore::new(limits.connections_max));
        let connections = TaskTracker::new();
        let shared = Arc::new(serve::Shared {
            router: router.layer(DefaultBodyLimit::disable()).layer(
                axum::middleware::map_request_with_state(limits.body_bytes_max, serve::limit_body),
            ),
            transport,
            limits,
            finish: CancellationToken::new(),
            cut: CancellationToken::new(),
        });
        let outcome = loop {
            let slot = tokio::select! {
                () = shutdown.requested() => break Ok(()),
                slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
            };
            let accepted = tokio::select! {
                () = shutdown.requested() => break Ok(()),
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok(accepted) => {
                    let shared = shared.clone();
                    connections.spawn(async move {
                        serve::connection(&shared, accepted).await;
                        drop(slot);
                    });
                }
                Err(error) if is_transient(&error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Err(error) => break Err(ServeError::Accept(error)),
            }
        };
        drop(self.socket);
        shared.finish.cancel();
        connections.close();
        if tokio::time::timeout(shared.limits.drain_timeout, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                open = connections.len(),
                "connections did not drain in time and are cut"
            );
            shared.cut.cancel();
            connections.wait().await;
        }
        outcome
    }
}

/// A connection as the socket yields it.
enum Accepted {
    Tcp(tokio::net::TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

impl Accepted {
    fn remote(&self) -> Remote {
        match self {
            Self::Tcp(_, address) => Remote::Tcp(*address),
            Self::Unix(_) => Remote::Unix,
        }
    }
}

impl Socket {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                // Answers are small and leave at once; a failure here costs latency, nothing else.
                let _ = stream.set_nodelay(true);
                Ok(Accepted::Tcp(stream, address))
            }
            Self::Unix(socket) => Ok(Accepted::Unix(socket.accept().await?.0)),
        }
    }
}

fn bind_unix(path: &std::path::Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt as _;
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path)?,
        _ => {}
    }
    UnixListener::bind(path)
}

/// Failures of one connection or of a resource that comes back, as opposed to failures of the socket.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, OutOfMemory};
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | OutOfMemory
    ) || error
        .raw_os_error()
        .is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

/// Pause after the machine ran out of files, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
