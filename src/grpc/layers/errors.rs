//! Gives the errors that tonic answers by itself what every error of ours has: a reason for programs.

use axum::{extract::Request, middleware::Next, response::Response};
use tonic::{Code, Status};

use crate::{
    domain::error::{Error, FieldViolation},
    grpc::status::{answer, with_reason},
};

/// The methods whose requests are as large as their files.
const FILE_METHODS: [&str; 3] = ["PreviewService/Create", "PreviewService/Update", "VfsService/Commit"];

/// Adds details to an error that came without them. All of ours have details, so one without is the transport's word
/// about the request: its framing, its size, its path.
pub async fn explain(request: Request, next: Next) -> Response {
    let carries_files = FILE_METHODS.iter().any(|method| request.uri().path().ends_with(method));
    let response = next.run(request).await;
    let status = Status::from_header_map(response.headers());
    match status.filter(|status| status.code() != Code::Ok && status.details().is_empty()) {
        Some(bare) => explained(&bare, carries_files).into_http(),
        None => response,
    }
}

fn explained(bare: &Status, carries_files: bool) -> Status {
    let (code, reason) = match bare.code() {
        // tonic's words for a message beyond the limit of decoding, and for one that is not framed as gRPC says.
        Code::OutOfRange if carries_files => return invalid("files", bare.message()),
        Code::OutOfRange => (Code::InvalidArgument, "MESSAGE_TOO_LARGE"),
        Code::Internal => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
        Code::Unimplemented => (Code::Unimplemented, "UNIMPLEMENTED"),
        Code::NotFound => (Code::NotFound, "NOT_FOUND"),
        Code::Cancelled => (Code::Cancelled, "CANCELLED"),
        Code::ResourceExhausted => (Code::ResourceExhausted, "EXHAUSTED"),
        code => (code, "TRANSPORT"),
    };
    let message = match code {
        Code::Unimplemented if bare.message().is_empty() => "no such method",
        _ => bare.message(),
    };
    with_reason(code, reason, message)
}

fn invalid(field: &str, description: &str) -> Status {
    answer(Error::InvalidArgument(vec![FieldViolation::new(field, description)]))
}
