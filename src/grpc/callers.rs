//! Who may call: programs, and the pages that the settings name.
//!
//! A call that comes from a page says so in its headers, which no script can change: `Origin`, and `Sec-Fetch-Site` and
//! its like (<https://www.w3.org/TR/fetch-metadata/>). Pages of previews are somebody else's code: each may watch the
//! reloads of its own preview, and nothing else. Where a page calls, the host that it calls has to be known too, so that a
//! name that was bound to this machine's address after the page was loaded leads nowhere.

use std::{fmt, net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{
    HeaderMap, HeaderValue, Uri,
    header::{HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};
use tonic::{Code, Status};
use tower_http::cors::AllowOrigin;

use super::status::with_reason;
use crate::{
    config::CorsOrigins,
    domain::ids::PreviewId,
    preview::face::route::{Gateway, PageOf},
};

/// The one call that the page of a preview may make.
const WATCH: &str = "/preview.v1.PreviewService/WatchReloads";

/// What a call comes from. It is in the extensions of every request that is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOrigin {
    /// No page. Whoever reaches the port is trusted.
    Program,
    /// A page that may call.
    Page,
    /// The page of this preview.
    Preview(PreviewId),
}

/// Why a page may not call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Origin,
    Host,
    Preview,
}

/// Decides who may call.
#[derive(Clone)]
pub struct Callers {
    origins: CorsOrigins,
    hosts: Vec<String>,
    gateway: Arc<dyn Gateway>,
}

impl Callers {
    /// Returns the rules of settings: which origins may call, and which names a page may call this service by beside
    /// addresses and local names. The gateway knows the pages of previews.
    pub fn new(origins: CorsOrigins, hosts: Vec<String>, gateway: Arc<dyn Gateway>) -> Self {
        Self { origins, hosts, gateway }
    }

    /// Returns the rule for the headers by which a browser lets a page read an answer.
    pub fn cors(self) -> AllowOrigin {
        AllowOrigin::predicate(move |_: &HeaderValue, request: &Parts| {
            self.decide(&request.headers, &request.uri).is_ok()
        })
    }

    /// Returns who makes a call.
    fn decide(&self, headers: &HeaderMap, uri: &Uri) -> Result<CallOrigin, Refusal> {
        let origin = headers.get(ORIGIN);
        if origin.is_none() && !headers.keys().any(|name| name.as_str().starts_with("sec-fetch-")) {
            return Ok(CallOrigin::Program);
        }
        let host = host_of(headers, uri).filter(|host| self.is_known(host.host())).ok_or(Refusal::Host)?;
        let Some(origin) = origin else { return Ok(CallOrigin::Page) };
        let Some((name, port)) = parse(origin) else {
            // A frame that a page makes has no origin of its own, and may be a preview's.
            return Err(Refusal::Origin);
        };
        match &self.origins {
            CorsOrigins::List(list) => {
                let named = list.iter().any(|it| it.as_bytes() == origin.as_bytes());
                return if named { Ok(CallOrigin::Page) } else { Err(Refusal::Origin) };
            }
            CorsOrigins::Local if !is_local(name.host()) && !name.host().eq_ignore_ascii_case(host.host()) => {
                return Err(Refusal::Origin);
            }
            CorsOrigins::Local | CorsOrigins::Any => {}
        }
        match self.gateway.page_of(name.host(), port) {
            PageOf::Preview(id) if uri.path() == WATCH => Ok(CallOrigin::Preview(id)),
            PageOf::Preview(_) | PageOf::Nobody => Err(Refusal::Preview),
            PageOf::Others if self.origins == CorsOrigins::Local && !is_local(name.host()) => Err(Refusal::Origin),
            PageOf::Others => Ok(CallOrigin::Page),
        }
    }

    /// Returns whether a page may call this service by that name.
    fn is_known(&self, host: &str) -> bool {
        is_local(host) || is_address(host) || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Callers")
            .field("origins", &self.origins)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl Refusal {
    fn status(self) -> Status {
        let (reason, message) = match self {
            Self::Origin => {
                ("ORIGIN_NOT_ALLOWED", "pages of this origin may not call; PREVIEW_CORS_ORIGINS names those that may")
            }
            Self::Host => {
                ("HOST_NOT_ALLOWED", "pages may not call by this host name; PREVIEW_HOSTS names those that they may")
            }
            Self::Preview => {
                ("ORIGIN_NOT_ALLOWED", "the page of a preview may watch its own preview and do nothing else")
            }
        };
        with_reason(Code::PermissionDenied, reason, message)
    }
}

/// Refuses a call of a page that may not make it, before anything is done, and notes who calls.
pub async fn admit(State(callers): State<Callers>, mut request: Request, next: Next) -> Response {
    match callers.decide(request.headers(), request.uri()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.status().into_http(),
    }
}

/// Checks that a caller may watch a preview, which is `None` where there is none.
pub fn may_watch(caller: Option<&CallOrigin>, preview: Option<&PreviewId>) -> Result<(), Status> {
    match caller {
        Some(CallOrigin::Preview(own)) if Some(own) != preview => Err(Refusal::Preview.status()),
        _ => Ok(()),
    }
}

/// Returns the host that is called: HTTP/2 has it in the address, HTTP/1 in a header.
fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    let header = || headers.get(HOST)?.to_str().ok()?.parse().ok();
    uri.authority().cloned().or_else(header)
}

/// Returns the host and port of an origin.
fn parse(origin: &HeaderValue) -> Option<(Authority, u16)> {
    let uri: Uri = origin.to_str().ok()?.parse().ok()?;
    let usual = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = uri.authority()?.clone();
    let port = authority.port_u16().unwrap_or(usual);
    Some((authority, port))
}

/// Returns whether a name is this machine's own wherever it is asked.
fn is_local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

fn is_address(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{
        domain::address::Address,
        preview::face::route::{GatewayError, OpenSite, Route},
    };

    const LIST: &str = "/preview.v1.PreviewService/List";
    const LOGS: &str = "/preview.v1.PreviewService/StreamLogs";
    const HERE: &str = "127.0.0.1:50051";

    /// Previews have the ports from 8100, and the first is there.
    struct Ports;

    #[async_trait]
    impl Gateway for Ports {
        async fn open(&self, _: Arc<Route>, _: Option<&Address>) -> Result<Box<dyn OpenSite>, GatewayError> {
            Err(GatewayError::NoPortFree { first: 8100, last: 8200 })
        }

        fn page_of(&self, _: &str, port: u16) -> PageOf {
            match port {
                8100 => PageOf::Preview(preview()),
                8101..=8200 => PageOf::Nobody,
                _ => PageOf::Others,
            }
        }
    }

    fn preview() -> PreviewId {
        "aaaaaaaaaaaa".parse().unwrap()
    }

    fn asked(
        origins: &CorsOrigins,
        host: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<CallOrigin, Refusal> {
        let callers = Callers::new(origins.clone(), vec!["previews.example".into()], Arc::new(Ports));
        let mut map = HeaderMap::new();
        map.insert(HOST, host.parse().unwrap());
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        callers.decide(&map, &path.parse().unwrap())
    }

    #[test]
    fn pages_of_this_machine_and_previews_on_it() {
        let own = || Ok(CallOrigin::Preview(preview()));
        let (page, origin, of_preview) = (|| Ok(CallOrigin::Page), || Err(Refusal::Origin), || Err(Refusal::Preview));
        for (from, host, path, expected) in [
            ("http://localhost:3000", HERE, LIST, page()),
            ("http://127.0.0.1:5173", HERE, LIST, page()),
            ("http://[::1]:3000", HERE, LIST, page()),
            ("http://app.localhost", HERE, LIST, page()),
            ("https://LOCALHOST", HERE, LIST, page()),
            ("http://localhost:3000", "localhost:50051", LOGS, page()),
            ("http://localhost:3000", "[::1]:50051", LOGS, page()),
            ("http://localhost:3000", "previews.example", LIST, page()),
            ("http://localhost:3000", "192.168.1.5:50051", LIST, page()),
            ("https://app.example", HERE, LIST, origin()),
            ("https://app.example", HERE, WATCH, origin()),
            ("http://evil.example:8100", HERE, WATCH, origin()),
            ("http://localhost.evil.example", HERE, LIST, origin()),
            ("http://127.0.0.1.evil.example", HERE, LIST, origin()),
            ("http://127.0.0.2:3000", HERE, LIST, origin()),
            ("http://192.168.1.5:3000", "192.168.1.5:50051", LIST, origin()),
            ("null", HERE, WATCH, origin()),
            ("nonsense", HERE, LIST, origin()),
            ("file://", HERE, LIST, origin()),
            ("chrome-extension://abc", HERE, LIST, origin()),
            ("http://127.0.0.1:8100", HERE, WATCH, own()),
            ("http://localhost:8100", HERE, WATCH, own()),
            ("http://x.localhost:8100", HERE, WATCH, own()),
            ("http://192.168.1.5:8100", "192.168.1.5:50051", WATCH, own()),
            ("http://192.168.1.5:8100", HERE, WATCH, origin()),
            ("http://127.0.0.1:8100", HERE, LIST, of_preview()),
            ("http://127.0.0.1:8100", HERE, LOGS, of_preview()),
            ("http://127.0.0.1:8101", HERE, WATCH, of_preview()),
            ("http://127.0.0.1:8200", HERE, LIST, of_preview()),
        ] {
            assert_eq!(asked(&CorsOrigins::Local, host, path, &[("origin", from)]), expected, "{from} {host} {path}");
        }
    }

    #[test]
    fn a_name_that_is_bound_anew_leads_nowhere() {
        for (host, headers) in [
            ("evil.example:50051", [("origin", "http://evil.example:50051")]),
            ("evil.example:50051", [("origin", "http://localhost:3000")]),
            ("evil.example:50051", [("sec-fetch-site", "same-origin")]),
            ("evil.example:50051", [("sec-fetch-mode", "cors")]),
            ("localhost.evil.example", [("sec-fetch-site", "none")]),
        ] {
            for origins in [CorsOrigins::Local, CorsOrigins::Any] {
                assert_eq!(asked(&origins, host, LIST, &headers), Err(Refusal::Host), "{host} {headers:?}");
            }
        }
        assert_eq!(asked(&CorsOrigins::Local, "evil.example:50051", LIST, &[]), Ok(CallOrigin::Program));
        assert_eq!(asked(&CorsOrigins::Local, HERE, LIST, &[("sec-fetch-site", "same-origin")]), Ok(CallOrigin::Page));
    }

    #[test]
    fn settings_name_other_pages() {
        let list = CorsOrigins::List(vec!["https://app.example".into(), "http://127.0.0.1:8102".into()]);
        for (origins, from, path, expected) in [
            (&list, "https://app.example", LIST, Ok(CallOrigin::Page)),
            (&list, "https://app.example:8443", LIST, Err(Refusal::Origin)),
            (&list, "http://localhost:3000", LIST, Err(Refusal::Origin)),
            (&list, "http://127.0.0.1:8100", WATCH, Err(Refusal::Origin)),
            (&list, "http://127.0.0.1:8102", LIST, Ok(CallOrigin::Page)),
            (&CorsOrigins::Any, "https://app.example", LIST, Ok(CallOrigin::Page)),
            (&CorsOrigins::Any, "http://machine.example:8100", LIST, Err(Refusal::Preview)),
            (&CorsOrigins::Any, "http://machine.example:8100", WATCH, Ok(CallOrigin::Preview(preview()))),
            (&CorsOrigins::Any, "null", LIST, Err(Refusal::Origin)),
        ] {
            assert_eq!(asked(origins, HERE, path, &[("origin", from)]), expected, "{from} {path}");
        }
    }

    #[test]
    fn the_page_of_a_preview_watches_its_own() {
        let (own, other) = (preview(), "bbbbbbbbbbbb".parse().unwrap());
        let page = CallOrigin::Preview(own.clone());
        assert!(may_watch(Some(&page), Some(&own)).is_ok());
        assert_eq!(may_watch(Some(&page), Some(&other)).unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(may_watch(Some(&page), None).unwrap_err().code(), Code::PermissionDenied);
        for caller in [None, Some(&CallOrigin::Program), Some(&CallOrigin::Page)] {
            assert!(may_watch(caller, Some(&other)).is_ok());
        }
    }
}
