//! What a proxy changes in requests and answers (RFC 9110, section 7.6), and nothing more.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::{
        ACCEPT, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
        TE, TRANSFER_ENCODING, UPGRADE,
    },
    request, response,
};
use hyper::{
    body::{Body, Incoming},
    upgrade::OnUpgrade,
};

use super::outgoing::{Moved, RequestBody};

/// Says in an answer which preview it came through.
pub(super) const PREVIEW_HEADER: HeaderName = HeaderName::from_static("x-previewd-preview");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What is meant for the next hop alone, besides what `Connection` names.
const HOP_BY_HOP: [HeaderName; 8] =
    [CONNECTION, KEEP_ALIVE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE];

/// Why a request is refused before it reaches the app.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("the request names no host, or more than one")]
    Host,
    #[error("this is not a forward proxy")]
    Connect,
}

/// Who sends requests on one connection, as the app is told of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// Where they come from.
    pub(super) peer: IpAddr,
    /// Where they were accepted.
    pub(super) local: SocketAddr,
    /// The scheme that they were sent with, as `http`.
    pub(super) scheme: &'static str,
}

/// A request as the app is to get it, ready to be sent, and sent again where that does no harm.
pub(super) struct Outgoing {
    head: request::Parts,
    /// Unread until the app takes it.
    body: RequestBody,
    /// Whether a second delivery does no harm.
    pub(super) replayable: bool,
    /// The client's connection, if it asks for another protocol on it.
    pub(super) upgrade: Option<OnUpgrade>,
    /// Whether an answer may be long in coming: it is one of another protocol, or a stream of events.
    pub(super) patient: bool,
    /// When its body has last come further.
    pub(super) moved: Moved,
}

impl Outgoing {
    /// Converts what the client sent, whose body may stand still for so long.
    pub(super) fn new(mut request: Request<Incoming>, client: &Client, still: Duration) -> Result<Self, BadRequest> {
        if request.method() == Method::CONNECT {
            return Err(BadRequest::Connect);
        }
        let host = host(&request, client)?;
        let protocol = upgrade(&request);
        let upgrade = protocol.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut head, body) = request.into_parts();
        let moved = Moved::now();
        let body = RequestBody::new(body, moved.clone(), still);

        let wants_trailers = has_token(&head.headers, &TE, "trailers");
        remove_hop_by_hop(&mut head.headers);
        frame(&mut head.headers, &body);
        join_cookies(&mut head.headers);
        // The server of the client's connection answers it, when the app begins to take the body.
        head.headers.remove(EXPECT);
        if wants_trailers {
            head.headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if let Some(protocol) = protocol {
            head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            head.headers.insert(UPGRADE, protocol);
        }
        set_forwarded(&mut head.headers, client, &host);
        head.headers.insert(HOST, host);
        head.uri = origin_form(&head.uri);
        head.version = Version::HTTP_11;
        head.extensions.clear();

        let safe = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let patient = upgrade.is_some() || has_token(&head.headers, &ACCEPT, "text/event-stream");
        Ok(Self { replayable: safe && matches!(body, RequestBody::Empty), head, body, upgrade, patient, moved })
    }

    /// Returns the request for sending. Its body can be taken once; [`Outgoing::put_back`] undoes that.
    pub(super) fn take(&mut self) -> Request<RequestBody> {
        Request::from_parts(self.head.clone(), std::mem::replace(&mut self.body, RequestBody::Empty))
    }

    /// Takes back a request of which nothing was sent.
    pub(super) fn put_back(&mut self, unsent: Request<RequestBody>) {
        self.body = unsent.into_body();
    }
}

/// Changes the head of the app's answer into what the client gets.
pub(super) fn answer(head: &mut response::Parts, preview: &HeaderValue) {
    let protocol = head.headers.get(UPGRADE).cloned().filter(|_| head.status == StatusCode::SWITCHING_PROTOCOLS);
    if head.headers.contains_key(TRANSFER_ENCODING) {
        // RFC 9112, section 6.3: the transfer coding has decided the length already.
        head.headers.remove(CONTENT_LENGTH);
    }
    remove_hop_by_hop(&mut head.headers);
    if let Some(protocol) = protocol {
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol);
    }
    head.headers.insert(PREVIEW_HEADER, preview.clone());
    head.version = Version::HTTP_11;
}

/// Returns the host that the client means: of the target where it has one, else of `Host` (RFC 9112, section 3.2).
fn host(request: &Request<Incoming>, client: &Client) -> Result<HeaderValue, BadRequest> {
    let mut named = request.headers().get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err(BadRequest::Host);
    }
    if let Some(authority) = request.uri().authority() {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        return HeaderValue::from_str(host).map_err(|_| BadRequest::Host);
    }
    match first {
        Some(host) => Ok(host.clone()),
        None if request.version() == Version::HTTP_10 => {
            HeaderValue::from_str(&client.local.to_string()).map_err(|_| BadRequest::Host)
        }
        None => Err(BadRequest::Host),
    }
}

/// Returns the protocol that the client wants to change to. HTTP/2 is not passed on: the app is spoken to in HTTP/1.1.
fn upgrade(request: &Request<Incoming>) -> Option<HeaderValue> {
    let protocol = request.headers().get(UPGRADE)?;
    let wanted = request.version() == Version::HTTP_11
        && has_token(request.headers(), &CONNECTION, "upgrade")
        && !protocol.as_bytes().eq_ignore_ascii_case(b"h2c");
    wanted.then(|| protocol.clone())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(token))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> =
        tokens(headers, &CONNECTION).filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok()).collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Says how long the body is, from what was really read, never from what two headers claim.
fn frame(headers: &mut HeaderMap, body: &RequestBody) {
    match (body, body.size_hint().exact()) {
        (RequestBody::Empty, _) => {
            if headers.remove(CONTENT_LENGTH).is_some() {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
            }
        }
        (RequestBody::Client(_), Some(length)) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        (RequestBody::Client(_), None) => {
            headers.remove(CONTENT_LENGTH);
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// Joins the cookies that HTTP/2 sends one by one (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let all: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// Says where the request came from. What the client claims about that is dropped: anybody can reach the port.
fn set_forwarded(headers: &mut HeaderMap, client: &Client, host: &HeaderValue) {
    headers.remove(FORWARDED);
    headers.remove(FORWARDED_FOR);
    if let Ok(peer) = HeaderValue::from_str(&client.peer.to_string()) {
        headers.insert(FORWARDED_FOR, peer);
    }
    headers.insert(FORWARDED_HOST, host.clone());
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(client.scheme));
}

/// Returns the path and the query alone, as a server is asked.
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()))
}
