//! The server without a core: layers, health, CORS, what is malformed, and its end.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use previewd::{
    config::CorsOrigins,
    grpc::{ServerOptions, server::serve_routes},
    proto::preview::v1::{
        self as proto,
        preview_service_server::{PreviewService, PreviewServiceServer},
    },
};
use prost::Message;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Response, Status, service::Routes};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;

/// More than anything here takes, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(20);
const LIST: &str = "/preview.v1.PreviewService/List";
const GET: &str = "/preview.v1.PreviewService/Get";
const CREATE: &str = "/preview.v1.PreviewService/Create";
const LOGS: &str = "/preview.v1.PreviewService/StreamLogs";
const WATCH: &str = "/preview.v1.PreviewService/WatchReloads";

#[tokio::test]
async fn request_id_is_kept_if_it_is_valid_and_else_made() {
    let server = Server::start().await;
    let given = server.call(LIST, &[("x-request-id", "my-id-1")], b"").await;
    assert_eq!(given.headers["x-request-id"], "my-id-1");
    for invalid in ["", "a b", &"x".repeat(129)] {
        let made = server.call(LIST, &[("x-request-id", invalid)], b"").await;
        assert_eq!(made.headers["x-request-id"].len(), 36, "{invalid:?}");
    }
    let failed = server.call(GET, &[("x-request-id", "my-id-2")], b"\xff").await;
    assert_eq!((failed.code(), &failed.headers["x-request-id"]), (Code::InvalidArgument, &"my-id-2".parse().unwrap()));
}

#[tokio::test]
async fn text_that_is_not_utf8_is_the_callers_mistake() {
    let server = Server::start().await;
    // File.path inside of CreateRequest.files.
    let answer = server.call(CREATE, &[], b"\x1a\x04\x0a\x02\xc3\x28").await;
    let status = answer.status();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "MALFORMED_MESSAGE");
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "files.path");
    assert!(violations[0].description.contains("UTF-8"));
}

#[tokio::test]
async fn errors_of_the_transport_have_a_reason_too() {
    let server = Server::start().await;
    let cut_off = b"\x0a\x20short".as_slice();
    let table = [
        (server.call("/preview.v1.PreviewService/Explode", &[], b"").await, Code::Unimplemented, "UNIMPLEMENTED"),
        (server.call("/no.such.Service/Call", &[], b"").await, Code::Unimplemented, "UNIMPLEMENTED"),
        (server.call(GET, &[], cut_off).await, Code::InvalidArgument, "MALFORMED_MESSAGE"),
        (server.send(GET, &[], Bytes::new()).await, Code::InvalidArgument, "MALFORMED_MESSAGE"),
        (server.send(GET, &[], framed_head(u32::MAX)).await, Code::InvalidArgument, "MESSAGE_TOO_LARGE"),
    ];
    for (answer, code, reason) in table {
        let status = answer.status();
        assert_eq!(status.code(), code, "{status:?}");
        assert_eq!(status.get_error_details().error_info().unwrap().reason, reason);
    }
}

#[tokio::test]
async fn panic_is_answered_as_internal_and_the_service_goes_on() {
    let server = Server::start().await;
    for method in [CREATE, WATCH] {
        let answer = server.call(method, &[], b"").await;
        assert_eq!(answer.code(), Code::Internal, "{method}");
        assert!(!answer.status().message().contains("on purpose"));
    }
    assert_eq!(server.call(LIST, &[], b"").await.code(), Code::Ok);
}

#[tokio::test]
async fn deadline_of_the_caller_ends_calls_and_streams() {
    let server = Server::start().await;
    for method in [GET, LOGS] {
        let began = Instant::now();
        let answer = server.call(method, &[("grpc-timeout", "200m")], b"").await;
        assert_eq!(answer.code(), Code::DeadlineExceeded, "{method}");
        assert!(began.elapsed() >= Duration::from_millis(200));
    }
}

#[tokio::test]
async fn calls_beyond_the_limit_are_turned_away_and_streams_have_a_limit_of_their_own() {
    let server = Server::start().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(server.begin(GET));
    }
    server.fake.wait_for_calls(2).await;

    let turned_away = server.call(LIST, &[], b"").await.status();
    assert_eq!(turned_away.code(), Code::ResourceExhausted);
    let details = turned_away.get_error_details();
    assert!(details.retry_info().is_some());
    assert_eq!(details.error_info().unwrap().reason, "TOO_MANY_CALLS");

    let stream = server.open(LOGS, &[], b"").await;
    assert_eq!(stream.status(), StatusCode::OK);
    assert!(stream.headers().get("grpc-status").is_none(), "a stream has a place while calls have none");
    assert_eq!(server.call(LOGS, &[], b"").await.code(), Code::ResourceExhausted);
    assert!(server.health("").await, "health is always answered");

    held.into_iter().for_each(|task| task.abort());
    drop(stream);
    server.until_answered(LIST).await;
    server.until_answered(WATCH).await;
}

#[tokio::test]
async fn health_follows_the_engine_both_ways() {
    let server = Server::start().await;
    let names = ["", "preview.v1.PreviewService", "preview.v1.VfsService"];
    for engine in [false, true, false] {
        server.engine.send_replace(engine);
        for name in names {
            let deadline = Instant::now() + DEADLINE;
            while server.health(name).await != engine {
                assert!(Instant::now() < deadline, "{name:?} does not become {engine}");
                tokio::task::yield_now().await;
            }
        }
        let (status, body) = server.healthz().await;
        let expected = if engine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        assert_eq!(status, expected);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], if engine { "serving" } else { "not_serving" });
        assert_eq!(body["reason"].is_string(), !engine);
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_call_over_grpc_web() {
    let server = Server::start().await;
    let asked = "content-type,x-grpc-web,grpc-timeout,x-anything";
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri(server.url(LIST))
        .header("origin", "http://editor.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", asked);
    let answer = server.http1(preflight, Bytes::new()).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "http://editor.example");
    assert_eq!(answer.headers["access-control-allow-headers"], asked);

    let call = |origin: &'static str, method: &str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(server.url(method))
            .header("origin", origin)
            .header("content-type", "application/grpc-web+proto")
            .header("x-grpc-web", "1");
        server.http1(request, Bytes::from_static(&[0; 5]))
    };
    let answer = call("http://editor.example", LIST).await;
    let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap();
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    assert!(String::from_utf8_lossy(&answer.body).contains("grpc-status:0"));
    let panicked = call("http://editor.example", WATCH).await;
    assert!(String::from_utf8_lossy(&panicked.body).contains("grpc-status:13"), "{:?}", panicked.body);
}

#[tokio::test]
async fn only_listed_origins_may_call_where_there_is_a_list() {
    let origins = CorsOrigins::List(vec!["https://app.example".into()]);
    let server = Server::with(ServerOptions { cors_origins: origins, ..options() }).await;
    for (origin, allowed) in [("https://app.example", true), ("https://other.example", false)] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(server.url(LIST))
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = server.http1(request, Bytes::new()).await;
        assert_eq!(answer.headers.get("access-control-allow-origin").is_some(), allowed, "{origin}");
    }
}

#[tokio::test]
async fn pages_of_previews_may_only_watch() {
    let server = Server::start().await;
    for (origin, path, allowed) in [
        ("http://127.0.0.1:8100", LIST, false),
        ("null", LIST, false),
        ("http://127.0.0.1:3000", LIST, true),
        ("http://127.0.0.1:8100", "/preview.v1.PreviewService/WatchReloads", true),
    ] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(server.url(path))
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = server.http1(request, Bytes::new()).await;
        let allows = answer.headers.get("access-control-allow-origin").is_some_and(|it| it == origin);
        assert_eq!(allows, allowed, "{origin} {path}");
    }
}

#[tokio::test]
async fn shutdown_ends_streams_and_calls_in_time() {
    let mut server = Server::start().await;
    let stream = server.open(LOGS, &[], b"").await;
    let call = server.begin(GET);
    server.fake.wait_for_calls(1).await;
    let idle = TcpStream::connect(server.address).await.unwrap();

    let began = Instant::now();
    server.shutdown.cancel();
    assert_eq!(Answer::of(stream).await.code(), Code::Unavailable);
    assert_eq!(timeout(DEADLINE, call).await.unwrap().unwrap().code(), Code::Unavailable);
    timeout(DEADLINE, server.task.take().unwrap()).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}

/// A service whose calls do what a test needs.
#[derive(Clone, Default)]
struct Fake {
    calls: Arc<AtomicUsize>,
}

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PreviewService for Fake {
    type StreamLogsStream = Messages<proto::StreamLogsResponse>;
    type WatchReloadsStream = Messages<proto::WatchReloadsResponse>;

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
    async fn wait_for_calls(&self, calls: usize) {
        let waiting = async {
            while self.calls.load(Ordering::SeqCst) < calls {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, waiting).await.unwrap();
    }
}

fn options() -> ServerOptions {
    ServerOptions {
        max_concurrent_calls: 2,
        max_concurrent_streams: 1,
        cors_origins: CorsOrigins::Any,
        preview_ports: 8100..=8200,
        heartbeat_interval: Duration::from_secs(15),
        drain: Duration::from_secs(5),
    }
}

struct Server {
    address: SocketAddr,
    fake: Fake,
    engine: watch::Sender<bool>,
    shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Server {
    async fn start() -> Self {
        Self::with(options()).await
    }

    async fn with(options: ServerOptions) -> Self {
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

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Calls a method with an encoded message, over a connection of its own.
    async fn call(&self, method: &str, metadata: &[(&str, &str)], message: &[u8]) -> Answer {
        Answer::of(self.open(method, metadata, message).await).await
    }

    /// Begins a call in the background.
    fn begin(&self, method: &str) -> JoinHandle<Answer> {
        let request = request(&self.url(method), &[], framed(b""));
        tokio::spawn(async move { Answer::of(http2().request(request).await.unwrap()).await })
    }

    async fn open(&self, method: &str, metadata: &[(&str, &str)], message: &[u8]) -> http::Response<Incoming> {
        let sent = http2().request(request(&self.url(method), metadata, framed(message)));
        timeout(DEADLINE, sent).await.unwrap().unwrap()
    }

    async fn send(&self, method: &str, metadata: &[(&str, &str)], body: Bytes) -> Answer {
        let sent = http2().request(request(&self.url(method), metadata, body));
        Answer::of(timeout(DEADLINE, sent).await.unwrap().unwrap()).await
    }

    async fn http1(&self, request: http::request::Builder, body: Bytes) -> Answer {
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let sent = client.request(request.body(Full::new(body)).unwrap());
        Answer::of(timeout(DEADLINE, sent).await.unwrap().unwrap()).await
    }

    async fn healthz(&self) -> (StatusCode, Bytes) {
        let answer = self.http1(Request::get(self.url("/healthz")), Bytes::new()).await;
        (answer.http, answer.body)
    }

    async fn health(&self, service: &str) -> bool {
        let channel = tonic::transport::Endpoint::try_from(self.url("")).unwrap().connect_lazy();
        let mut client = HealthClient::new(channel);
        let request = HealthCheckRequest { service: service.to_owned() };
        client.check(request).await.unwrap().into_inner().status == 1
    }

    /// Waits until a method is not turned away any more.
    async fn until_answered(&self, method: &str) {
        let deadline = Instant::now() + DEADLINE;
        while self.call(method, &[], b"").await.code() == Code::ResourceExhausted {
            assert!(Instant::now() < deadline, "no place became free");
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    http: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    async fn of(response: http::Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let collected = timeout(DEADLINE, body.collect()).await.unwrap().unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Self { http: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers }
    }

    fn status(&self) -> Status {
        Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.headers))
            .unwrap_or_else(|| panic!("no status in {self:?}"))
    }

    fn code(&self) -> Code {
        self.status().code()
    }
}

fn http2() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

fn request(url: &str, metadata: &[(&str, &str)], body: Bytes) -> Request<Full<Bytes>> {
    let request = Request::post(url).version(Version::HTTP_2).header("content-type", "application/grpc");
    let request = metadata.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.header("te", "trailers").body(Full::new(body)).unwrap()
}

/// Returns a message as gRPC frames it.
fn framed(message: &[u8]) -> Bytes {
    let mut body = BytesMut::from(framed_head(u32::try_from(message.len()).unwrap()));
    body.extend_from_slice(message);
    body.freeze()
}

/// Returns the head of a frame of so many bytes, and none of them.
fn framed_head(bytes: u32) -> Bytes {
    [[0].as_slice(), &bytes.to_be_bytes()].concat().into()
}

#[test]
fn messages_of_these_tests_are_what_they_say() {
    let file = proto::File { path: "ab".into(), ..Default::default() };
    let message = proto::CreateRequest { files: vec![file], ..Default::default() };
    assert_eq!(message.encode_to_vec(), b"\x1a\x04\x0a\x02ab");
}
