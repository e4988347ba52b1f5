//! The program put together: models are loaded, then ports opened, then requests served until shutdown.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use serde::Serialize;
use strongroom_crypto::UnixTime;
use strongroom_service::{
    Limits, ListenAddress, Listener, Readiness, ServeError, Shutdown, Transport, health, ready,
};
use tokio::task::JoinSet;

use crate::app::{App, Clock};
use crate::config::{Config, Listen, Mode};
use crate::engine::{self, EngineError};
use crate::metrics::Metrics;
use crate::model::ModelPlan;
use crate::model::load::{LoadError, Loader};
use crate::model::registry::{Model, Models, State};
use crate::queue::Workers;
use crate::tls::{GRPC_PROTOCOLS, REST_PROTOCOLS, TlsError};
use crate::{grpc, rest, transport};

/// A server that serves.
pub struct Server {
    addresses: Addresses,
    tasks: JoinSet<Result<(), ServeError>>,
}

/// Where a server listens; also the ready file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Addresses {
    /// gRPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_addr: Option<SocketAddr>,
    /// REST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_addr: Option<SocketAddr>,
    /// Health, and metrics in plain mode, without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_addr: Option<SocketAddr>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A model that it should serve cannot be.
    #[error("1 servable(s) did not become available: {{{{name: {name}}} due to error: {source}}}")]
    Model {
        /// The model.
        name: String,
        /// Why.
        source: LoadError,
    },
    /// A label names a version that is not served.
    #[error(
        "Request to assign label to version {version} of model {name}, which is not currently available for inference"
    )]
    Label {
        /// The model.
        name: String,
        /// The version.
        version: i64,
    },
    /// An engine's library cannot be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A port cannot be had.
    #[error("cannot listen on {what}")]
    Bind {
        /// The address or socket.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The machine refuses threads or files.
    #[error("{0}")]
    Io(&'static str, #[source] io::Error),
    /// Shutdown was asked for before the server was ready.
    #[error("shutdown was asked for while models were loaded")]
    Interrupted,
}

impl StartError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Model { source, .. } => source.code(),
            Self::Label { .. } => "input.invalid",
            Self::Engine(error) => error.code(),
            Self::Tls(_) => "server.tls",
            Self::Bind { .. } => "server.bind",
            Self::Io(..) => "server.io",
            Self::Interrupted => "server.interrupted",
        }
    }
}

impl Server {
    /// Loads every model, then opens the ports. Health is served from the beginning.
    ///
    /// # Errors
    /// When a model cannot be served, or a port not be opened: then nothing is served.
    pub async fn start(
        config: Config,
        clock: Clock,
        start: Instant,
        shutdown: Shutdown,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new(start));
        metrics.started_at(UnixTime(clock().0.saturating_sub(start.elapsed().as_secs())));
        let models = Models::new(
            config
                .models
                .iter()
                .map(|plan| (plan.name.clone(), plan.clients.clone())),
        );
        let workers = Workers::start(config.workers, config.queue_max)
            .map_err(|error| StartError::Io("worker threads cannot be started", error))?;
        let app = Arc::new(App {
            models,
            workers,
            metrics: Arc::clone(&metrics),
            clock,
            limits: config.limits.clone(),
            encoding: config.encoding,
            check_method_names: config.check_method_names,
        });
        let readiness = Readiness::not_ready("models are being loaded");
        let mut server = Self {
            addresses: Addresses::default(),
            tasks: JoinSet::new(),
        };
        let limits = Limits {
            drain_timeout: DRAIN_TIMEOUT,
            connections_max: CONNECTIONS_MAX,
            ..Limits::default()
        };
        let limits = limits.with_body_bytes_max(config.limits.body_bytes_max);
        let spawn = Spawn {
            limits,
            shutdown: shutdown.clone(),
        };

        // Certificates first: what is wrong with them need not wait for the models.
        let grpc_tls = transport::of_plan(config.grpc_tls.as_ref(), GRPC_PROTOCOLS, &shutdown)?;
        let rest_tls = transport::of_plan(config.rest_tls.as_ref(), REST_PROTOCOLS, &shutdown)?;
        if let Some(port) = config.listen.health_port {
            let router = health_router(&readiness, &app, &config);
            let address = tcp(&config.listen, port);
            server.addresses.health_addr = server.listen(&address, router, Transport::Plain, &spawn).await?;
        }
        let loader = Loader {
            engines: engine::available(&config.engines)?,
            metrics,
        };
        tokio::select! {
            loaded = load_all(&loader, &config, &app) => loaded?,
            () = shutdown.requested() => return Err(StartError::Interrupted),
        }
        server
            .open_ports(&config, &app, &readiness, (grpc_tls, rest_tls), &spawn)
            .await?;
        readiness.set_ready();
        if let Some(path) = &config.ready_file {
            ready::write_ready_file(path, &server.addresses)
                .map_err(|error| StartError::Io("the ready file cannot be written", error))?;
        }
        let draining = shutdown;
        tokio::spawn(async move {
            draining.requested().await;
            readiness.set_not_ready("draining");
        });
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves until shutdown is asked for and what was in flight is answered.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn wait(mut self) -> Result<(), ServeError> {
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok(outcome) => outcome?,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    async fn open_ports(
        &mut self,
        config: &Config,
        app: &Arc<App>,
        readiness: &Readiness,
        (grpc_tls, rest_tls): (Transport, Transport),
        spawn: &Spawn,
    ) -> Result<(), StartError> {
        let grpc = grpc::router(app, config.grpc_health);
        if let Some(port) = config.listen.grpc_port {
            let address = tcp(&config.listen, port);
            self.addresses.grpc_addr = self
                .listen(&address, grpc.clone(), grpc_tls.clone(), spawn)
                .await?;
            if let Some(address) = self.addresses.grpc_addr {
                tracing::info!("Running gRPC ModelServer at {address} ...");
            }
        }
        if let Some(path) = &config.listen.grpc_socket {
            self.listen(&ListenAddress::Unix(path.clone()), grpc, grpc_tls, spawn)
                .await?;
        }
        if let Some(port) = config.listen.rest_port {
            let router = rest::router(Arc::clone(app), config.rest.clone());
            let router = health::router(readiness.clone()).merge(router);
            let address = tcp(&config.listen, port);
            self.addresses.rest_addr = self.listen(&address, router, rest_tls, spawn).await?;
            if let Some(address) = self.addresses.rest_addr {
                tracing::info!("Exporting HTTP/REST API at:{address} ...");
            }
        }
        Ok(())
    }

    async fn listen(
        &mut self,
        address: &ListenAddress,
        router: Router,
        transport: Transport,
        spawn: &Spawn,
    ) -> Result<Option<SocketAddr>, StartError> {
        let bind = |source| StartError::Bind {
            what: format!("{address:?}"),
            source,
        };
        let listener = Listener::bind(address).await.map_err(bind)?;
        let bound = listener.local_addr();
        self.tasks
            .spawn(listener.serve(router, transport, spawn.limits.clone(), spawn.shutdown.clone()));
        Ok(bound)
    }
}

struct Spawn {
    limits: Limits,
    shutdown: Shutdown,
}

/// Names versions. Without leave for more, each must be available: a request by a label is answered from the start.
fn set_labels(plan: &ModelPlan, model: &Model, for_all: bool) -> Result<(), StartError> {
    let available: BTreeSet<i64> = model
        .states()
        .into_iter()
        .filter(|(_, state)| matches!(state, State::Available(_)))
        .map(|(version, _)| version)
        .collect();
    let missing = plan.labels.values().find(|version| !available.contains(version));
    if let (Some(version), false) = (missing, for_all) {
        return Err(StartError::Label {
            name: plan.name.clone(),
            version: *version,
        });
    }
    model.set_labels(plan.labels.clone());
    Ok(())
}

async fn load_all(loader: &Loader, config: &Config, app: &App) -> Result<(), StartError> {
    for plan in &config.models {
        let model = app
            .models
            .model(&plan.name)
            .expect("every planned model is registered");
        let failed = |source| StartError::Model {
            name: plan.name.clone(),
            source,
        };
        loader.load(plan, &model).await.map_err(failed)?;
        set_labels(plan, &model, config.labels_for_unavailable)?;
    }
    Ok(())
}

// Counts of requests and names of models are nobody's business where the host is not trusted, or clients must show a
// certificate: there metrics are on the REST port alone, with TLS.
fn health_router(readiness: &Readiness, app: &Arc<App>, config: &Config) -> Router {
    let health = health::router(readiness.clone());
    if config.mode == Mode::Confidential || config.rest_tls.is_some() {
        return health;
    }
    let app = Arc::clone(app);
    let metrics = move || async move { rest::metrics(&app) };
    health.route(METRICS_PATH, get(metrics))
}

fn tcp(listen: &Listen, port: u16) -> ListenAddress {
    ListenAddress::Tcp {
        host: listen.address.clone(),
        port,
    }
}

/// Connections of one port at once, idle ones as well; clients of model servers keep many.
const CONNECTIONS_MAX: usize = 8192;
/// How long requests in flight may take once shutdown is asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// On the health port; on the REST port the monitoring configuration says where.
const METRICS_PATH: &str = "/monitoring/prometheus/metrics";
