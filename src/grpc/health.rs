//! Says truly whether the service can serve: not before the engine was seen, and not while it is away.

use axum::{Json, response::IntoResponse};
use http::StatusCode;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::proto::preview::v1::{preview_service_server, vfs_service_server};

/// What the health of the service follows.
#[derive(Debug, Clone)]
pub struct Health {
    engine: watch::Receiver<bool>,
    shutdown: CancellationToken,
}

impl Health {
    /// Returns a health that follows the engine's, and ends with the service.
    pub fn new(engine: watch::Receiver<bool>, shutdown: CancellationToken) -> Self {
        Self { engine, shutdown }
    }

    /// Keeps `grpc.health.v1` up to date until the service shuts down.
    pub async fn follow(mut self, reporter: HealthReporter) {
        loop {
            let serving = *self.engine.borrow_and_update();
            report(&reporter, serving).await;
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                changed = self.engine.changed() => if changed.is_err() { break },
            }
        }
        report(&reporter, false).await;
    }

    /// Answers `GET /healthz`.
    pub async fn healthz(self) -> impl IntoResponse {
        let reason = if self.shutdown.is_cancelled() {
            "the service is shutting down"
        } else if !*self.engine.borrow() {
            "the container engine cannot be reached"
        } else {
            return (StatusCode::OK, Json(json!({ "status": "serving" })));
        };
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not_serving", "reason": reason })))
    }
}

/// Says so for the whole server and for each of its services.
async fn report(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    let services = ["", preview_service_server::SERVICE_NAME, vfs_service_server::SERVICE_NAME];
    for service in services {
        reporter.set_service_status(service, status).await;
    }
}
