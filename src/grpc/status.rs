//! The one place that turns an error of the core into a gRPC status with `google.rpc` details.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tracing::{debug, error, warn};

use crate::{
    domain::error::{Error, ErrorKind, FieldViolation},
    proto::codec::ERROR_DOMAIN,
    telemetry::error_chain,
};

/// The most bytes of field violations that one status carries. Details travel in a header, and clients take 8 KiB of
/// those.
const MAX_VIOLATION_BYTES: usize = 3 * 1024;
/// The most bytes of text in one part of a status.
const MAX_TEXT_BYTES: usize = 160;
/// The most bytes of a status message.
const MAX_MESSAGE_BYTES: usize = 1024;
/// When a caller that was turned away should try again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Returns the status of a call that failed, having logged the error: the caller's mistakes at debug, ours at error.
pub fn answer(error: impl Into<Error>) -> Status {
    let error = error.into();
    let chain = error_chain(&error);
    match error.kind() {
        ErrorKind::Internal => error!(error = chain, "call failed"),
        ErrorKind::Unavailable => warn!(error = chain, "call failed"),
        _ => debug!(error = chain, "call refused"),
    }
    to_status(&error)
}

/// Returns a status with a reason for programs, for errors that are the transport's own.
pub fn with_reason(code: Code, reason: &'static str, message: impl Into<String>) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, ERROR_DOMAIN, HashMap::new());
    if matches!(code, Code::Unavailable | Code::ResourceExhausted) {
        details.set_retry_info(Some(RETRY_DELAY));
    }
    Status::with_error_details(code, message, details)
}

/// Returns the code of a kind of error.
fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::FailedPrecondition => Code::FailedPrecondition,
        ErrorKind::Aborted => Code::Aborted,
        ErrorKind::ResourceExhausted => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Internal => Code::Internal,
    }
}

fn to_status(error: &Error) -> Status {
    let code = code_of(error.kind());
    let mut details = ErrorDetails::new();
    details.set_error_info(error.reason().as_str(), ERROR_DOMAIN, metadata_of(error));
    if matches!(code, Code::Unavailable | Code::ResourceExhausted) {
        details.set_retry_info(Some(RETRY_DELAY));
    }
    match error {
        Error::InvalidArgument(violations) => {
            let mut room = MAX_VIOLATION_BYTES;
            for FieldViolation { field, description } in violations {
                let (field, description) = (cut(field, MAX_TEXT_BYTES), cut(description, MAX_TEXT_BYTES));
                let Some(left) = room.checked_sub(field.len() + description.len()) else { break };
                room = left;
                details.add_bad_request_violation(field, description);
            }
        }
        Error::PreviewNotFound(name) => set_resource(&mut details, "preview", name, error),
        Error::NotFound { kind, name } => set_resource(&mut details, kind, name, error),
        _ => {}
    }
    Status::with_error_details(code, cut(&message_of(error), MAX_MESSAGE_BYTES), details)
}

fn set_resource(details: &mut ErrorDetails, kind: &str, name: &str, error: &Error) {
    details.set_resource_info(kind, cut(name, MAX_MESSAGE_BYTES), "", cut(&error.to_string(), MAX_TEXT_BYTES));
}

/// Returns what programs may want to know beside the reason.
fn metadata_of(error: &Error) -> HashMap<String, String> {
    let pairs = match error {
        Error::StaleHead { expected, head } => vec![
            ("expected_head", expected.to_string()),
            ("head", head.as_ref().map(ToString::to_string).unwrap_or_default()),
        ],
        Error::BranchExists { branch, head, .. } => vec![("branch", branch.to_string()), ("head", head.to_string())],
        Error::RequestIdReused(preview) => vec![("preview_id", preview.to_string())],
        Error::WrongPhase(preview, phase) => {
            vec![("preview_id", preview.to_string()), ("phase", (*phase).to_owned())]
        }
        Error::BadManifest { file, .. } => vec![("file", cut(file, MAX_TEXT_BYTES))],
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns what people read: for a wrong request the first violation too, since many clients show no details.
fn message_of(error: &Error) -> String {
    let Error::InvalidArgument(violations) = error else { return error.to_string() };
    let Some(first) = violations.first() else { return error.to_string() };
    let more = match violations.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("{} {}{more}", cut(&first.field, MAX_TEXT_BYTES), cut(&first.description, MAX_TEXT_BYTES))
}

/// Returns the text, or as much of it as fits with an ellipsis.
fn cut(text: &str, most_bytes: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= most_bytes {
        return text.to_owned();
    }
    let most_bytes = most_bytes - ELLIPSIS.len();
    let end = text.char_indices().map(|(start, _)| start).take_while(|start| *start <= most_bytes).last();
    format!("{}{ELLIPSIS}", &text[..end.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn every_error_has_a_code_and_a_reason() {
        let source = || Box::<dyn std::error::Error + Send + Sync>::from("secret of the disk");
        let table = [
            (Error::field("a", "is wrong"), Code::InvalidArgument, "INVALID_ARGUMENT"),
            (Error::PreviewNotFound("x".into()), Code::NotFound, "PREVIEW_NOT_FOUND"),
            (Error::NotFound { kind: "file", name: "x".into() }, Code::NotFound, "FILE_NOT_FOUND"),
            (
                Error::EmptyProject("p".parse().unwrap(), "b".parse().unwrap()),
                Code::FailedPrecondition,
                "EMPTY_PROJECT",
            ),
            (Error::Exhausted { what: "ports", limit: "2".into() }, Code::ResourceExhausted, "EXHAUSTED"),
            (Error::EngineUnavailable(source()), Code::Unavailable, "ENGINE_UNAVAILABLE"),
            (Error::internal("write the spec", source()), Code::Internal, "INTERNAL"),
        ];
        for (error, code, reason) in table {
            let status = answer(error);
            assert_eq!(status.code(), code);
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "previewd"));
            let may_retry = matches!(code, Code::Unavailable | Code::ResourceExhausted);
            assert_eq!(details.retry_info().is_some(), may_retry, "{reason}");
            assert_eq!(details.resource_info().is_some(), code == Code::NotFound, "{reason}");
            assert!(!format!("{status:?}").contains("secret"), "{reason}");
        }
    }

    #[test]
    fn stale_head_tells_the_real_one() {
        let error = Error::StaleHead { expected: "f".repeat(40).parse().unwrap(), head: Some(HEAD.parse().unwrap()) };
        let details = answer(error).get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["head"], HEAD);
    }

    #[test]
    fn wrong_fields_are_all_listed_and_the_first_is_in_the_message() {
        let error = Error::InvalidArgument(vec![
            FieldViolation::new("project_id", "must not be empty"),
            FieldViolation::new("branch", "is none"),
        ]);
        let status = answer(error);
        assert_eq!(status.message(), "project_id must not be empty (and 1 more)");
        let details = status.get_error_details();
        let fields: Vec<_> = details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["project_id", "branch"]);
    }

    #[test]
    fn statuses_fit_into_the_headers_that_clients_take() {
        let violation = || FieldViolation::new("ä".repeat(5_000), "ö".repeat(5_000));
        let status = answer(Error::InvalidArgument((0..1_000).map(|_| violation()).collect()));
        let mut headers = http::HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(bytes < 8 * 1024, "{bytes}");
    }
}
