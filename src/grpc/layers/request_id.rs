//! The name of one call, in the caller's logs and in ours.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The metadata that carries a request id, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 128;

/// The request id of a call.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Gives the call the id that the caller chose, if that is visible ASCII of at most 128 bytes, else a new one, and
/// returns it with whatever is answered.
pub async fn assign(mut request: Request, next: Next) -> Response {
    let chosen = request.headers().get(HEADER).filter(|id| is_valid(id.as_bytes())).cloned();
    let id = chosen.or_else(|| HeaderValue::try_from(Uuid::new_v4().to_string()).ok());
    let Some(id) = id else { return next.run(request).await };
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    response.headers_mut().insert(HEADER, id);
    response
}

fn is_valid(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= MAX_BYTES && id.iter().all(u8::is_ascii_graphic)
}
