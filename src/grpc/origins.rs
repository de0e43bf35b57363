//! Which pages may call over grpc-web.

use std::ops::RangeInclusive;

use http::{HeaderValue, Uri, request::Parts};
use tower_http::cors::AllowOrigin;

use crate::config::CorsOrigins;

/// The one call that every page may make: it tells of reloads, and changes nothing.
const WATCH: &str = "/preview.v1.PreviewService/WatchReloads";

/// Returns the rule for origins. Where every page may call, those of previews may only watch: they are somebody else's
/// code, and the service would do for them what it does for nobody's preview. `ports` are the previews'.
pub(super) fn allowed(origins: &CorsOrigins, ports: RangeInclusive<u16>) -> AllowOrigin {
    match origins {
        CorsOrigins::Any => AllowOrigin::predicate(move |origin: &HeaderValue, request: &Parts| {
            request.uri.path() == WATCH || !may_be_preview(origin, &ports)
        }),
        CorsOrigins::List(origins) => {
            AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()))
        }
    }
}

/// Returns whether an origin may be that of a preview: at one of their ports, whatever name the host was called by, or
/// none at all, as a frame has that a page makes.
fn may_be_preview(origin: &HeaderValue, ports: &RangeInclusive<u16>) -> bool {
    let Some(uri) = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()) else { return true };
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            let usual = if scheme == "https" { 443 } else { 80 };
            ports.contains(&authority.port_u16().unwrap_or(usual))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_previews_are_known_by_their_port() {
        for (origin, preview) in [
            ("http://127.0.0.1:8100", true),
            ("http://localhost:8200", true),
            ("http://[::1]:8150", true),
            ("http://machine.example:8101", true),
            ("null", true),
            ("nonsense", true),
            ("http://127.0.0.1:8099", false),
            ("http://localhost", false),
            ("https://app.example", false),
        ] {
            assert_eq!(may_be_preview(&HeaderValue::from_static(origin), &(8100..=8200)), preview, "{origin}");
        }
        assert!(may_be_preview(&HeaderValue::from_static("http://localhost"), &(80..=90)));
    }
}
