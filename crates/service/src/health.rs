//! `/healthz` and `/readyz`: whether the process lives, and whether it can do its work.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::watch;

/// Handle by which a program says whether it is ready. Starts as not ready; clones share the state.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Why not, or `None` when ready.
    state: Arc<watch::Sender<Option<&'static str>>>,
}

impl Readiness {
    /// Not ready yet, because of `reason` (safe to show to anybody).
    #[must_use]
    pub fn not_ready(reason: &'static str) -> Self {
        Self {
            state: Arc::new(watch::Sender::new(Some(reason))),
        }
    }

    /// From now on `/readyz` answers 200.
    pub fn set_ready(&self) {
        self.state.send_replace(None);
    }

    /// From now on `/readyz` answers 503 with `reason` (safe to show to anybody).
    pub fn set_not_ready(&self, reason: &'static str) {
        self.state.send_replace(Some(reason));
    }

    /// What `/readyz` answers now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state.borrow().is_none()
    }

    /// Waits until the program is ready.
    pub async fn ready(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(Option::is_none).await;
    }
}

/// Routes `/healthz` (always 200 while the process answers) and `/readyz`.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    match *readiness.state.borrow() {
        None => (StatusCode::OK, "ready"),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(readiness: &Readiness, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).expect("request");
        router(readiness.clone())
            .oneshot(request)
            .await
            .expect("infallible")
            .status()
    }

    #[tokio::test]
    async fn readyz_follows_the_handle_and_healthz_does_not() {
        let readiness = Readiness::not_ready("starting");
        assert_eq!(
            status(&readiness, "/readyz").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(status(&readiness, "/healthz").await, StatusCode::OK);
        readiness.set_ready();
        assert_eq!(status(&readiness, "/readyz").await, StatusCode::OK);
        readiness.set_not_ready("draining");
        assert_eq!(
            status(&readiness, "/readyz").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}
