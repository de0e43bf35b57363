//! The one port: gRPC, grpc-web, reflection, health and `GET /healthz`.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, middleware::from_fn, routing::get};
use http::{HeaderName, Method};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;
use tower_http::cors::{AllowHeaders, CorsLayer};

use super::{
    accept::accept,
    call::Detached,
    callers::Callers,
    health::Health,
    layers::{Slots, around_calls, request_id},
    preview_service::PreviewHandlers,
    vfs_service::VfsHandlers,
};
use crate::{
    config::Config,
    preview::{face::route::Gateway, manager::Manager},
    proto::preview::v1::{
        FILE_DESCRIPTOR_SET, preview_service_server::PreviewServiceServer, vfs_service_server::VfsServiceServer,
    },
};

/// The most bytes of a message that is decoded or encoded: above every limit of ours, so that those are what answers.
const MAX_MESSAGE_BYTES: usize = 40 * 1024 * 1024;
/// How long a browser may remember that a page may call.
const PREFLIGHT_AGE: Duration = Duration::from_secs(7200);
/// What pages may read of an answer beside its messages.
const EXPOSED: [HeaderName; 4] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    request_id::HEADER,
];

/// What the server is told.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Calls with one answer that are served at once.
    pub max_concurrent_calls: usize,
    /// Streams that are served at once.
    pub max_concurrent_streams: usize,
    /// Who may call.
    pub callers: Callers,
    /// How often a reload stream has a heartbeat.
    pub heartbeat_interval: Duration,
    /// How long connections may go on after the shutdown has begun.
    pub drain: Duration,
}

impl ServerOptions {
    /// Returns what the settings say. The gateway knows the pages of previews.
    pub fn new(config: &Config, gateway: Arc<dyn Gateway>) -> Self {
        Self {
            max_concurrent_calls: config.max_concurrent_calls,
            max_concurrent_streams: config.max_concurrent_streams,
            callers: Callers::new(config.cors_origins.clone(), config.hosts.clone(), gateway),
            heartbeat_interval: config.heartbeat_interval,
            drain: Duration::from_secs(5),
        }
    }
}

/// Serves the core until the token is cancelled and connections have ended, or the time for that is up.
///
/// # Errors
/// When the routes cannot be made; never because of a connection.
pub async fn serve(
    listener: TcpListener,
    manager: Manager,
    options: ServerOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let engine = manager.engine_available();
    let work = TaskTracker::new();
    let previews = PreviewHandlers::new(manager.clone(), Detached(work.clone()), options.heartbeat_interval);
    let vfs = VfsHandlers::new(manager, Detached(work.clone()));
    let routes = Routes::new(
        PreviewServiceServer::new(previews)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES),
    )
    .add_service(
        VfsServiceServer::new(vfs)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES),
    );
    serve_routes(listener, routes, engine, &options, shutdown).await?;
    work.close();
    // What goes on without a caller is the core's to finish; this only gives short work its moment.
    let _ = tokio::time::timeout(WORK_GRACE, work.wait()).await;
    Ok(())
}

/// How long work without a caller is waited for once every connection has ended.
const WORK_GRACE: Duration = Duration::from_secs(1);

/// Serves any gRPC services with all that stands around them: what [`serve`] does, without a core.
///
/// # Errors
/// When reflection cannot read the contract.
pub async fn serve_routes(
    listener: TcpListener,
    routes: Routes,
    engine: watch::Receiver<bool>,
    options: &ServerOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let (reporter, health_server) = tonic_health::server::health_reporter();
    let health = Health::new(engine, shutdown.clone());
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = routes
        .add_service(health_server)
        .add_service(reflection().build_v1().map_err(io::Error::other)?)
        .add_service(reflection().build_v1alpha().map_err(io::Error::other)?);
    let slots = Slots::new(options.max_concurrent_calls, options.max_concurrent_streams);
    let calls = around_calls(routes.into_axum_router(), options.callers.clone(), slots, shutdown.clone())
        .layer(tonic_web::GrpcWebLayer::new())
        .layer(cors(options));
    let healthz = health.clone();
    let router = Router::new()
        .route("/healthz", get(move || healthz.clone().healthz()))
        .fallback_service(calls)
        .layer(from_fn(request_id::assign));
    let most_streams = options.max_concurrent_calls + options.max_concurrent_streams;
    tokio::join!(health.follow(reporter), accept(listener, router, most_streams, options.drain, shutdown));
    Ok(())
}

fn cors(options: &ServerOptions) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(options.callers.clone().cors())
        .allow_methods([Method::POST, Method::OPTIONS])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(PREFLIGHT_AGE)
}
