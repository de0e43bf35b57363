//! Waiting until the app answers.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    harness::{Agent, free_port},
    proto::{AwaitReadyRequest, Exit, PortsRequest, SpeaksTls, await_ready_response::Outcome},
};

fn server(port: u16, bind: &str, status: &str) -> String {
    format!(
        "import http.server as h, os, socket\n\
         class S(h.ThreadingHTTPServer):\n    address_family = socket.AF_INET6 if ':' in '{bind}' else socket.AF_INET\n\
         class H(h.BaseHTTPRequestHandler):\n    protocol_version = 'HTTP/1.1'\n    def do_GET(self):\n        \
         body = ('hello from ' + self.headers['Host']).encode()\n        \
         self.send_response({status}); self.send_header('Content-Length', str(len(body))); self.end_headers()\n        \
         self.wfile.write(body)\n\
         S(('{bind}', {port}), H).serve_forever()\n"
    )
}

#[tokio::test]
async fn an_app_on_the_expected_port_is_ready() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let generation = agent.start(&["python3", "-m", "http.server", &port.to_string()]).await;
    let Outcome::Ready(ready) = agent.ready(generation, port, 20.0).await else { panic!() };
    assert_eq!((ready.upstream_port, ready.app_port), (port.into(), port.into()));
    assert_eq!((ready.loopback_only, ready.http_status), (false, 200));
}

#[tokio::test]
async fn an_app_on_another_port_is_found() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let generation = agent.python(&server(port, "0.0.0.0", "404")).await;
    let Outcome::Ready(ready) = agent.ready(generation, free_port(), 20.0).await else { panic!() };
    assert_eq!((ready.upstream_port, ready.app_port, ready.http_status), (port.into(), port.into(), 404));
}

#[tokio::test]
async fn a_port_that_speaks_no_http_is_passed_over() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let silent = "import socket\nquiet = socket.socket(); quiet.bind(('0.0.0.0', 0)); quiet.listen()\n";
    let generation = agent.python(&(silent.to_owned() + &server(port, "0.0.0.0", "200"))).await;
    let Outcome::Ready(ready) = agent.ready(generation, free_port(), 20.0).await else { panic!() };
    assert_eq!(ready.app_port, u32::from(port));
}

#[tokio::test]
async fn a_socket_to_a_worker_is_let_be() {
    let mut agent = Agent::run().await;
    let port = free_port();
    // As Turbopack does: whoever connects first is taken for the worker that was started.
    let worker = "import socket, threading\nown = socket.create_server(('127.0.0.1', 0)); came = []\n\
                  threading.Thread(target=lambda: came.append(own.accept()), daemon=True).start()\n";
    let page = pages(&[(port, 1500)], "{'/': (418 if came else 200, {'Content-Type': 'text/html'}, '')}");
    let generation = agent.python(&(worker.to_owned() + &page)).await;
    let Outcome::Ready(ready) = agent.ready(generation, free_port(), 20.0).await else { panic!() };
    assert_eq!((ready.app_port, ready.http_status), (port.into(), 200));
    assert_eq!(agent.client.ports(PortsRequest::default()).await.unwrap().into_inner().ports.len(), 2);
    let Outcome::Ready(ready) = agent.ready(generation, port, 20.0).await else { panic!() };
    assert_eq!(ready.http_status, 200);
}

#[tokio::test]
async fn an_app_on_a_port_that_the_system_chose_is_found_where_there_is_no_other() {
    let mut agent = Agent::run().await;
    let generation = agent.python(&server(0, "127.0.0.1", "200")).await;
    let Outcome::Ready(ready) = agent.ready(generation, free_port(), 20.0).await else { panic!() };
    assert_eq!(ready.http_status, 200);
}

#[tokio::test]
async fn an_app_on_loopback_is_relayed_until_it_is_replaced() {
    let mut agent = Agent::run().await;
    for bind in ["127.0.0.1", "::1"] {
        let port = free_port();
        let generation = agent.python(&server(port, bind, "200")).await;
        let Outcome::Ready(ready) = agent.ready(generation, port, 20.0).await else { panic!("{bind}") };
        assert!(ready.loopback_only && ready.upstream_port != u32::from(port));
        let Outcome::Ready(again) = agent.ready(generation, port, 20.0).await else { panic!("{bind}") };
        assert_eq!(again, ready, "one relay serves all");

        let upstream = u16::try_from(ready.upstream_port).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\nHost: me\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("hello from me"), "{answer}");

        agent.start(&["sleep", "60"]).await;
        assert!(TcpStream::connect(("127.0.0.1", upstream)).await.is_err());
    }
}

#[tokio::test]
async fn an_app_that_ends_is_known_at_once() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["sh", "-c", "sleep 0.2; exit 7"]).await;
    let begun = Instant::now();
    let outcome = agent.ready(generation, free_port(), 20.0).await;
    let exit = Exit { generation, code: 7, signal: 0, out_of_memory: false };
    assert_eq!(outcome, Outcome::Exited(exit));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_newer_process_supersedes_the_wait() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["sleep", "60"]).await;
    let mut other = agent.dial().await;
    let request = AwaitReadyRequest { generation, port: 1, ..Default::default() };
    let waiting = tokio::spawn(async move { other.await_ready(request).await });
    agent.start(&["sleep", "60"]).await;
    let outcome = waiting.await.unwrap().unwrap().into_inner().outcome.unwrap();
    // The old one ends before the new one begins; either is true.
    assert!(matches!(outcome, Outcome::Exited(_) | Outcome::Superseded(_)), "{outcome:?}");
    assert!(matches!(agent.ready(generation, 1, 1.0).await, Outcome::Superseded(_)));
}

#[tokio::test]
async fn a_gateway_error_is_an_answer_only_when_the_time_has_passed() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let generation = agent.python(&server(port, "0.0.0.0", "504")).await;
    let begun = Instant::now();
    let Outcome::Ready(ready) = agent.ready(generation, port, 1.5).await else { panic!() };
    assert_eq!((ready.app_port, ready.http_status), (port.into(), 504));
    assert!(begun.elapsed() >= Duration::from_millis(1500));
}

/// Returns an app that answers each path as a table says: status, headers, body. It serves every port that is given.
fn pages(ports: &[(u16, u32)], table: &str) -> String {
    let starts: String = ports
        .iter()
        .map(|(port, after)| {
            format!("threading.Timer({after} / 1000, lambda: h.ThreadingHTTPServer(('', {port}), H).serve_forever()).start()\n")
        })
        .collect();
    format!(
        "import http.server as h, threading\n\
         class H(h.BaseHTTPRequestHandler):\n    def do_GET(self):\n        \
         status, headers, body = ({table})[self.path]\n        self.send_response(status)\n        \
         [self.send_header(*header) for header in headers.items()]; self.end_headers()\n        \
         self.wfile.write(body.encode())\n{starts}"
    )
}

#[tokio::test]
async fn an_error_page_is_told_with_its_body() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let table = "{'/': (500, {'Content-Type': 'text/html'}, '<h1>broken</h1>' + 'x' * 100000)}";
    let generation = agent.python(&pages(&[(port, 0)], table)).await;
    let Outcome::Ready(ready) = agent.ready(generation, port, 20.0).await else { panic!() };
    assert_eq!((ready.http_status, ready.content_type.as_str()), (500, "text/html"));
    assert!(ready.body.starts_with(b"<h1>broken</h1>"));
    assert_eq!(ready.body.len(), 64 * 1024);
}

#[tokio::test]
async fn redirects_within_the_app_are_followed_and_an_endless_one_is_an_answer() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let table =
        "{'/': (307, {'Location': 'en'}, ''), '/en': (500, {}, 'no'), '/loop': (302, {'Location': '/loop'}, '')}";
    let generation = agent.python(&pages(&[(port, 0)], table)).await;
    let Outcome::Ready(ready) = agent.ready(generation, port, 20.0).await else { panic!() };
    assert_eq!((ready.http_status, ready.path.as_str()), (500, "/en"));
    let request = AwaitReadyRequest { generation, port: port.into(), path: "/loop".into(), ..Default::default() };
    let answer = agent.client.await_ready(request).await.unwrap().into_inner().outcome.unwrap();
    let Outcome::Ready(ready) = answer else { panic!() };
    assert_eq!(ready.http_status, 302);
}

#[tokio::test]
async fn a_path_that_is_not_there_is_told_with_one_that_is() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let table = "{'/': (404, {}, ''), '/api': (404, {}, ''), '/docs': (200, {}, '')}";
    let generation = agent.python(&pages(&[(port, 0)], table)).await;
    let alternatives = vec!["/api".into(), "/docs".into()];
    let request = AwaitReadyRequest { generation, port: port.into(), alternatives, ..Default::default() };
    let answer = agent.client.await_ready(request).await.unwrap().into_inner().outcome.unwrap();
    let Outcome::Ready(ready) = answer else { panic!() };
    assert_eq!((ready.http_status, ready.alternative.as_str()), (404, "/docs"));
}

#[tokio::test]
async fn a_page_goes_before_an_api_that_opens_first_and_both_are_told() {
    let mut agent = Agent::run().await;
    let (api, web) = (free_port(), free_port());
    let script = pages(&[(api, 0)], "{'/': (200, {'Content-Type': 'application/json'}, '{}')}")
        + &pages(&[(web, 900)], "{'/': (200, {'Content-Type': 'text/html'}, 'WEB')}")
            .replace("class H(", "class W(")
            .replace("H).serve", "W).serve");
    let generation = agent.python(&script).await;
    let Outcome::Ready(ready) = agent.ready(generation, free_port(), 20.0).await else { panic!() };
    assert_eq!(ready.app_port, u32::from(web));
    let told = agent.client.ports(PortsRequest::default()).await.unwrap().into_inner().ports;
    let mut told: Vec<_> =
        told.iter().map(|port| (port.number, port.http_status, port.content_type.as_str())).collect();
    told.sort_by_key(|(number, ..)| *number == u32::from(web));
    assert_eq!(told, [(api.into(), 200, "application/json"), (web.into(), 200, "text/html")]);
}

#[tokio::test]
async fn a_port_that_is_named_is_the_only_one_that_is_taken() {
    let mut agent = Agent::run().await;
    let (api, web) = (free_port(), free_port());
    let script = pages(&[(api, 0), (web, 2500)], "{'/': (200, {'Content-Type': 'text/html'}, '')}");
    let generation = agent.python(&script).await;
    let request = AwaitReadyRequest { generation, port: web.into(), named: true, ..Default::default() };
    let answer = agent.client.await_ready(request).await.unwrap().into_inner().outcome.unwrap();
    let Outcome::Ready(ready) = answer else { panic!() };
    assert_eq!(ready.app_port, u32::from(web));
}

#[tokio::test]
async fn an_app_that_speaks_tls_is_told_of_at_once() {
    let mut agent = Agent::run().await;
    let port = free_port();
    let script = format!(
        "import http.server as h, os, ssl, subprocess, tempfile\n\
         pair = tempfile.mkdtemp() + '/pair.pem'\n\
         subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', pair, '-out', pair + '.crt', \
         '-subj', '/CN=localhost'], check=True)\n\
         server = h.ThreadingHTTPServer(('', {port}), h.SimpleHTTPRequestHandler)\n\
         context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(pair + '.crt', pair)\n\
         server.socket = context.wrap_socket(server.socket, server_side=True); server.serve_forever()\n"
    );
    let generation = agent.python(&script).await;
    let outcome = agent.ready(generation, port, 30.0).await;
    assert_eq!(outcome, Outcome::SpeaksTls(SpeaksTls { port: port.into() }));
}

#[tokio::test]
async fn an_app_that_never_listens_is_told_of() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["sleep", "60"]).await;
    let Outcome::TimedOut(seen) = agent.ready(generation, 3000, 0.3).await else { panic!() };
    assert_eq!(seen.message, "nothing listens on a TCP port");
}
