//! The tracing span around a call.

use std::net::SocketAddr;

use axum::{extract::Request, middleware::Next, response::Response};
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::{Instrument, Span, debug, field::Empty, info_span};

use super::request_id::RequestId;
use crate::{
    domain::ids::{CommitId, PreviewId},
    preview::api::Target,
};

/// The address of the caller, put into a request where its connection is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub SocketAddr);

/// Runs the call in a span that says which it is. Handlers add what it is about.
pub async fn span(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let span = info_span!(
        "call",
        method = request.uri().path(),
        request_id = request.extensions().get::<RequestId>().map(RequestId::as_str),
        caller = request.extensions().get::<Caller>().map(|Caller(address)| tracing::field::display(*address)),
        preview = Empty,
        project = Empty,
        branch = Empty,
        commit = Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    span.in_scope(|| debug!(?code, elapsed_ms = began.elapsed().as_millis() as u64, "answered"));
    response
}

/// Adds to the current span which preview a call is about.
pub fn record_target(target: &Target) {
    match target {
        Target::Preview(id) => record_preview(id),
        Target::Branch(project, branch) => record_project(project.as_str(), branch.as_str()),
    }
}

/// Adds to the current span which preview a call has found or made.
pub fn record_preview(id: &PreviewId) {
    Span::current().record("preview", id.as_str());
}

/// Adds to the current span which project a call is about.
pub fn record_project(project: &str, branch: &str) {
    Span::current().record("project", project).record("branch", branch);
}

/// Adds to the current span which commit a call has made, or applies.
pub fn record_commit(commit: &CommitId) {
    Span::current().record("commit", commit.as_str());
}
