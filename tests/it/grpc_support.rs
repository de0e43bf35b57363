//! A server without a core, and callers of it.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use previewd::{
    config::CorsOrigins,
    domain::address::Address,
    grpc::{Callers, ServerOptions, server::serve_routes},
    preview::face::route::{Gateway, GatewayError, OpenSite, PageOf, Route},
    proto::preview::v1::{
        self as proto,
        preview_service_server::{PreviewService, PreviewServiceServer},
    },
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Response, Status, service::Routes};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// More than anything here takes, on a machine that is busy.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);
pub(super) const UPDATE: &str = "/preview.v1.PreviewService/Update";
pub(super) const DELETE: &str = "/preview.v1.PreviewService/Delete";
pub(super) const LIST: &str = "/preview.v1.PreviewService/List";
pub(super) const GET: &str = "/preview.v1.PreviewService/Get";
pub(super) const CREATE: &str = "/preview.v1.PreviewService/Create";
pub(super) const LOGS: &str = "/preview.v1.PreviewService/StreamLogs";
pub(super) const WATCH: &str = "/preview.v1.PreviewService/WatchReloads";

/// A service whose calls do what a test needs.
#[derive(Clone, Default)]
pub(super) struct Fake {
    pub(super) calls: Arc<AtomicUsize>,
}

pub(super) type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PreviewService for Fake {
    type StreamLogsStream = Messages<proto::StreamLogsResponse>;
    type WatchReloadsStream = Messages<previewd::proto::encoded::Encoded>;

    async fn create(&self, _: tonic::Request<proto::CreateRequest>) -> Result<Response<proto::CreateResponse>, Status> {
        panic!("on purpose");
    }

    async fn get(&self, _: tonic::Request<proto::GetRequest>) -> Result<Response<proto::GetResponse>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn update(&self, _: tonic::Request<proto::UpdateRequest>) -> Result<Response<proto::UpdateResponse>, Status> {
        Err(Status::aborted("bare"))
    }

    async fn delete(&self, _: tonic::Request<proto::DeleteRequest>) -> Result<Response<proto::DeleteResponse>, Status> {
        Err(Status::aborted("bare"))
    }

    async fn list(&self, _: tonic::Request<proto::ListRequest>) -> Result<Response<proto::ListResponse>, Status> {
        Ok(Response::new(proto::ListResponse::default()))
    }

    async fn stream_logs(
        &self,
        _: tonic::Request<proto::StreamLogsRequest>,
    ) -> Result<Response<Self::StreamLogsStream>, Status> {
        Ok(Response::new(stream::pending().boxed()))
    }

    async fn watch_reloads(
        &self,
        _: tonic::Request<proto::WatchReloadsRequest>,
    ) -> Result<Response<Self::WatchReloadsStream>, Status> {
        let panics = stream::once(async { panic!("on purpose") });
        Ok(Response::new(panics.boxed()))
    }
}

impl Fake {
    pub(super) async fn wait_for_calls(&self, calls: usize) {
        let waiting = async {
            while self.calls.load(Ordering::SeqCst) < calls {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, waiting).await.unwrap();
    }
}

/// A gateway at whose port 8100 there is a preview.
pub(super) struct Previews;

#[async_trait]
impl Gateway for Previews {
    async fn open(&self, _: Arc<Route>, _: Option<&Address>) -> Result<Box<dyn OpenSite>, GatewayError> {
        Err(GatewayError::NoPortFree { first: 8100, last: 8200 })
    }

    fn page_of(&self, _: &str, port: u16) -> PageOf {
        match port {
            8100 => PageOf::Preview("aaaaaaaaaaaa".parse().unwrap()),
            _ => PageOf::Others,
        }
    }
}

pub(super) fn options() -> ServerOptions {
    ServerOptions {
        max_concurrent_calls: 2,
        max_concurrent_streams: 1,
        callers: Callers::new(CorsOrigins::Any, Vec::new(), Arc::new(Previews)),
        heartbeat_interval: Duration::from_secs(15),
        drain: Duration::from_secs(5),
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) fake: Fake,
    pub(super) engine: watch::Sender<bool>,
    pub(super) shutdown: CancellationToken,
    pub(super) task: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::with(options()).await
    }

    pub(super) async fn with(options: ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (engine, available) = watch::channel(true);
        let (fake, shutdown) = (Fake::default(), CancellationToken::new());
        let routes = Routes::new(PreviewServiceServer::new(fake.clone()));
        let token = shutdown.clone();
        let task = tokio::spawn(async move {
            serve_routes(listener, routes, available, &options, token).await.unwrap();
        });
        Self { address, fake, engine, shutdown, task: Some(task) }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Calls a method with an encoded message, over a connection of its own.
    pub(super) async fn call(&self, method: &str, metadata: &[(&str, &str)], message: &[u8]) -> Answer {
        Answer::of(self.open(method, metadata, message).await).await
    }

    /// Begins a call in the background.
    pub(super) fn begin(&self, method: &str) -> JoinHandle<Answer> {
        let request = request(&self.url(method), &[], framed(b""));
        tokio::spawn(async move { Answer::of(http2().request(request).await.unwrap()).await })
    }

    pub(super) async fn open(
        &self,
        method: &str,
        metadata: &[(&str, &str)],
        message: &[u8],
    ) -> http::Response<Incoming> {
        let sent = http2().request(request(&self.url(method), metadata, framed(message)));
        timeout(DEADLINE, sent).await.unwrap().unwrap()
    }

    pub(super) async fn send(&self, method: &str, metadata: &[(&str, &str)], body: Bytes) -> Answer {
        let sent = http2().request(request(&self.url(method), metadata, body));
        Answer::of(timeout(DEADLINE, sent).await.unwrap().unwrap()).await
    }

    pub(super) async fn http1(&self, request: http::request::Builder, body: Bytes) -> Answer {
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let sent = client.request(request.body(Full::new(body)).unwrap());
        Answer::of(timeout(DEADLINE, sent).await.unwrap().unwrap()).await
    }

    pub(super) async fn healthz(&self) -> (StatusCode, Bytes) {
        let answer = self.http1(Request::get(self.url("/healthz")), Bytes::new()).await;
        (answer.http, answer.body)
    }

    pub(super) async fn health(&self, service: &str) -> bool {
        let channel = tonic::transport::Endpoint::try_from(self.url("")).unwrap().connect_lazy();
        let mut client = HealthClient::new(channel);
        let request = HealthCheckRequest { service: service.to_owned() };
        client.check(request).await.unwrap().into_inner().status == 1
    }

    /// Waits until a method is not turned away any more.
    pub(super) async fn until_answered(&self, method: &str) {
        let deadline = Instant::now() + DEADLINE;
        while self.call(method, &[], b"").await.code() == Code::ResourceExhausted {
            assert!(Instant::now() < deadline, "no place became free");
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) http: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

impl Answer {
    pub(super) async fn of(response: http::Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let collected = timeout(DEADLINE, body.collect()).await.unwrap().unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Self { http: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers }
    }

    pub(super) fn status(&self) -> Status {
        Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.headers))
            .unwrap_or_else(|| panic!("no status in {self:?}"))
    }

    pub(super) fn code(&self) -> Code {
        self.status().code()
    }
}

pub(super) fn http2() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

pub(super) fn request(url: &str, metadata: &[(&str, &str)], body: Bytes) -> Request<Full<Bytes>> {
    let request = Request::post(url).version(Version::HTTP_2).header("content-type", "application/grpc");
    let request = metadata.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.header("te", "trailers").body(Full::new(body)).unwrap()
}

/// Returns a message as gRPC frames it.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut body = BytesMut::from(framed_head(u32::try_from(message.len()).unwrap()));
    body.extend_from_slice(message);
    body.freeze()
}

/// Returns the head of a frame of so many bytes, and none of them.
pub(super) fn framed_head(bytes: u32) -> Bytes {
    [[0].as_slice(), &bytes.to_be_bytes()].concat().into()
}
