//! What the gateway answers by itself, where the app cannot.

use std::{error::Error, fmt::Write, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
    },
};

use super::{
    body::ResponseBody,
    forward::{BadRequest, PREVIEW_HEADER},
    outgoing::BodyError,
    upstream::ConnectError,
};
use crate::domain::failure::{Failure, FailureStage};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:3rem auto;padding:0 1rem;\
color-scheme:light dark}h1{font-size:1.4rem}pre{overflow:auto;padding:1rem;border:1px solid #8886;border-radius:6px;\
font-size:.85rem}code{font-size:1em}p.where{font-family:monospace}footer{opacity:.6;font-size:.8rem}";

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Json,
}

impl Format {
    /// Returns JSON where the client names it and does not like HTML as much.
    pub(super) fn preferred(headers: &HeaderMap) -> Self {
        let accepted = || {
            let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(weighed)
        };
        let weight = |wanted: fn(&str) -> bool| {
            accepted().filter(|(kind, _)| wanted(kind)).map(|(_, weight)| weight).fold(0.0, f32::max)
        };
        let json = weight(|kind| kind == "application/json" || kind.ends_with("+json"));
        let html = weight(|kind| kind == "text/html" || kind == "application/xhtml+xml");
        if json > html { Self::Json } else { Self::Html }
    }
}

/// Splits `text/html;q=0.8` into the kind and its weight.
fn weighed(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|text| text.parse().ok()).unwrap_or(1.0);
    (kind, weight)
}

/// An answer of the gateway's own. It never reloads by itself: browsers learn of reloads through the event stream.
#[derive(Debug)]
pub(super) struct Page {
    status: StatusCode,
    /// A stable word for programs.
    reason: &'static str,
    title: &'static str,
    message: String,
    failure: Option<Arc<Failure>>,
}

impl Page {
    fn new(status: StatusCode, reason: &'static str, title: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, title, message: message.into(), failure: None }
    }

    /// The project is broken; here is how.
    pub(super) fn failed(failure: Arc<Failure>) -> Self {
        let message = failure.message.clone();
        let page = Self::new(StatusCode::BAD_GATEWAY, "PREVIEW_FAILED", "This preview does not run", message);
        Self { failure: Some(failure), ..page }
    }

    /// The request has waited as long as it may.
    pub(super) fn not_ready() -> Self {
        let message = "The app was not ready in time. Please try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", "This preview is not ready", message)
    }

    /// Too many others wait.
    pub(super) fn crowded() -> Self {
        let message = "The app is not ready, and too many requests wait for it. Please try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "CROWDED", "This preview is not ready", message)
    }

    /// Nobody is reached by that name.
    pub(super) fn nobody() -> Self {
        let message = "No preview is reached by this name.";
        Self::new(StatusCode::NOT_FOUND, "NO_PREVIEW", "There is no such preview", message)
    }

    /// The preview has ended.
    pub(super) fn gone() -> Self {
        Self::new(StatusCode::GONE, "GONE", "This preview has ended", "It was deleted or has expired.")
    }

    /// The port is closed, and may open again.
    pub(super) fn closing() -> Self {
        let message = "The service that runs this preview is being stopped.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "CLOSING", "This preview is not reachable", message)
    }

    /// The app should answer, and takes no connections.
    pub(super) fn unreachable(error: &ConnectError) -> Self {
        let message = format!("The app takes no connections: {error}.");
        Self::new(StatusCode::BAD_GATEWAY, "UNREACHABLE", "This preview does not answer", message)
    }

    /// The app took the request and went away.
    pub(super) fn lost(error: &hyper::Error) -> Self {
        let still = || error.source().and_then(|source| source.downcast_ref::<BodyError>());
        if let Some(still @ BodyError::Still(_)) = still() {
            let message = format!("The request was given up: {still}.");
            return Self::new(StatusCode::REQUEST_TIMEOUT, "BODY_STILL", "The request did not come", message);
        }
        if error.is_user() {
            // What was to be passed on to the app could not be read.
            let message = "The body of the request is not as HTTP says, or ended too early.".to_owned();
            return Self::new(StatusCode::BAD_REQUEST, "BAD_BODY", "The request could not be read", message);
        }
        let message =
            format!("The app ended the connection without an answer ({error}). It may have seen the request.");
        Self::new(StatusCode::BAD_GATEWAY, "NO_ANSWER", "This preview did not answer", message)
    }

    /// The app took the request and says nothing.
    pub(super) fn late(after: Duration) -> Self {
        let message = format!("The app has not begun to answer within {} s.", after.as_secs_f64());
        Self::new(StatusCode::GATEWAY_TIMEOUT, "ANSWER_TIMEOUT", "This preview does not answer", message)
    }

    /// The app answered in something else than HTTP.
    pub(super) fn not_http(error: &hyper::Error) -> Self {
        let message = format!("The app's answer is not HTTP as it should be: {error}.");
        Self::new(StatusCode::BAD_GATEWAY, "NOT_HTTP", "This preview's answer is broken", message)
    }

    /// The app switched protocols without having been asked to.
    pub(super) fn unasked_upgrade() -> Self {
        let message = "The app switched to another protocol without having been asked to.";
        Self::new(StatusCode::BAD_GATEWAY, "NOT_HTTP", "This preview's answer is broken", message)
    }

    /// The request is not one that a preview can answer.
    pub(super) fn refused(error: &BadRequest) -> Self {
        let status = match error {
            BadRequest::Host => StatusCode::BAD_REQUEST,
            BadRequest::Connect => StatusCode::METHOD_NOT_ALLOWED,
        };
        Self::new(status, "BAD_REQUEST", "This request cannot be answered", format!("Refused: {error}."))
    }

    /// Writes the page out.
    pub(super) fn into_response(self, format: Format, preview: &HeaderValue) -> Response<ResponseBody> {
        let (kind, text) = match format {
            Format::Html => ("text/html; charset=utf-8", self.html()),
            Format::Json => ("application/json", self.json()),
        };
        let mut response = Response::new(ResponseBody::Page(Some(Bytes::from(text))));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        headers.insert(PREVIEW_HEADER, preview.clone());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::GONE {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn json(&self) -> String {
        serde_json::json!({
            "error": { "status": self.status.as_u16(), "reason": self.reason, "message": self.message },
            "failure": self.failure.as_deref(),
        })
        .to_string()
    }

    fn html(&self) -> String {
        let (title, message) = (escaped(self.title), escaped(&self.message));
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n\
             <body><h1>{title}</h1>\n<p>{message}</p>\n"
        );
        if let Some(failure) = &self.failure {
            write_failure(&mut page, failure);
        }
        page.push_str("<footer>previewd</footer></body></html>\n");
        page
    }
}

/// Writing to a `String` cannot fail, so the results are dropped.
fn write_failure(page: &mut String, failure: &Failure) {
    let (stage, reason) = (stage(failure.stage), escaped(failure.reason.as_str()));
    let _ = writeln!(page, "<p>It failed {stage} (<code>{reason}</code>).</p>");
    match (&failure.file, failure.line) {
        (Some(file), Some(line)) => {
            let _ = writeln!(page, "<p class=\"where\">{}:{line}</p>", escaped(file));
        }
        (Some(file), None) => {
            let _ = writeln!(page, "<p class=\"where\">{}</p>", escaped(file));
        }
        (None, _) => {}
    }
    if let Some(code) = failure.exit_code {
        let _ = writeln!(page, "<p>Exit status {code}.</p>");
    }
    if !failure.log_excerpt.is_empty() {
        page.push_str("<pre>");
        for line in &failure.log_excerpt {
            page.push_str(&escaped(line));
            page.push('\n');
        }
        page.push_str("</pre>\n");
    }
    if let Some(commit) = &failure.commit {
        let _ = writeln!(page, "<p>Commit <code>{commit}</code></p>");
    }
}

fn stage(stage: FailureStage) -> &'static str {
    match stage {
        FailureStage::Detect => "while its stack was looked for",
        FailureStage::Image => "while its base image was fetched",
        FailureStage::Install => "while its dependencies were installed",
        FailureStage::Build => "while its image was built",
        FailureStage::Sync => "while its files were brought in",
        FailureStage::Start => "while it started",
        FailureStage::Run => "while it ran",
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Colours of a terminal and the like.
            '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}' => {}
            other => escaped.push(other),
        }
    }
    escaped
}
