//! The server without a core: layers, health, CORS, what is malformed, and its end.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use previewd::{
    config::CorsOrigins,
    grpc::{Callers, ServerOptions},
    proto::preview::v1 as proto,
};
use prost::Message;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tonic::Code;
use tonic_types::StatusExt;

use crate::grpc_support::*;

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

    let turned_away = server.call(UPDATE, &[], b"").await.status();
    assert_eq!(turned_away.code(), Code::ResourceExhausted);
    let details = turned_away.get_error_details();
    assert!(details.retry_info().is_some());
    assert_eq!(details.error_info().unwrap().reason, "TOO_MANY_CALLS");

    // To look, and to end what is too much, there are places beyond those.
    assert_eq!(server.call(LIST, &[], b"").await.code(), Code::Ok);
    assert_eq!(server.call(DELETE, &[], b"").await.code(), Code::Aborted);
    for _ in 0..8 {
        held.push(server.begin(GET));
    }
    server.fake.wait_for_calls(10).await;
    assert_eq!(server.call(LIST, &[], b"").await.code(), Code::ResourceExhausted);

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
    let callers = Callers::new(origins, Vec::new(), Arc::new(Previews));
    let server = Server::with(ServerOptions { callers, ..options() }).await;
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
async fn a_call_of_a_page_that_may_not_make_it_is_refused_before_it_is_carried_out() {
    let callers = Callers::new(CorsOrigins::Local, Vec::new(), Arc::new(Previews));
    let server = Server::with(ServerOptions { callers, ..options() }).await;
    for headers in [
        &[("origin", "https://app.example")][..],
        &[("origin", "http://127.0.0.1:8100")],
        &[("origin", "http://localhost:3000"), ("host", "evil.example")],
        &[("sec-fetch-site", "same-origin"), ("host", "evil.example")],
    ] {
        let mut request = Request::builder().method(Method::POST).uri(server.url(GET));
        request = request.header("content-type", "application/grpc-web+proto");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = server.http1(request, framed(b"")).await;
        assert_eq!(answer.headers["grpc-status"], "7", "{headers:?}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{headers:?}");
    }
    assert_eq!(server.fake.calls.load(Ordering::SeqCst), 0);
    assert_eq!(server.call(LIST, &[("origin", "http://localhost:3000")], b"").await.code(), Code::Ok);
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

#[test]
fn messages_of_these_tests_are_what_they_say() {
    let file = proto::File { path: "ab".into(), ..Default::default() };
    let message = proto::CreateRequest { files: vec![file], ..Default::default() };
    assert_eq!(message.encode_to_vec(), b"\x1a\x04\x0a\x02ab");
}
