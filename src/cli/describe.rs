//! Single values as people read them.

use std::time::SystemTime;

use crate::proto::preview::v1 as proto;

/// How much of a commit's id people need.
const SHORT_COMMIT: usize = 10;

/// Returns an enum's name without its prefix, in lower case.
pub(super) fn word(prefixed: &str, prefix: &str) -> String {
    prefixed.strip_prefix(prefix).unwrap_or(prefixed).to_lowercase()
}

pub(super) fn phase(preview: &proto::Preview) -> String {
    word(preview.phase().as_str_name(), "PHASE_")
}

pub(super) fn stack(preview: &proto::Preview) -> String {
    match preview.stack() {
        proto::Stack::Unspecified => String::new(),
        stack => word(stack.as_str_name(), "STACK_"),
    }
}

/// Returns the ports that the app listens on, each with what answers there.
pub(super) fn ports(preview: &proto::Preview) -> String {
    let port = |port: &proto::AppPort| {
        let kind = port.content_type.split(';').next().unwrap_or_default().trim();
        match port.http_status {
            Some(status) if kind.is_empty() => format!("{} ({status})", port.number),
            Some(status) => format!("{} ({status} {kind})", port.number),
            None if port.tls => format!("{} (TLS)", port.number),
            None => format!("{} (no HTTP)", port.number),
        }
    };
    preview.ports.iter().map(port).collect::<Vec<_>>().join(", ")
}

pub(super) fn short(commit: &str) -> &str {
    commit.get(..SHORT_COMMIT).unwrap_or(commit)
}

/// Returns a time in RFC 3339 to the millisecond; empty for none.
pub(super) fn time_text(timestamp: Option<prost_types::Timestamp>) -> String {
    // Times before 1970 or after 9999 cannot be written, and none of ours is.
    match timestamp.map(SystemTime::try_from) {
        Some(Ok(time)) if time >= SystemTime::UNIX_EPOCH => humantime::format_rfc3339_millis(time).to_string(),
        _ => String::new(),
    }
}

/// Returns a duration as protobuf's JSON has it: seconds with a fraction and `s`.
pub(super) fn duration_text(duration: Option<prost_types::Duration>) -> String {
    match duration.map(std::time::Duration::try_from) {
        Some(Ok(duration)) => format!("{}s", duration.as_secs_f64()),
        _ => String::new(),
    }
}

/// Returns a duration to the tenth of a millisecond.
pub(super) fn milliseconds(duration: Option<prost_types::Duration>) -> String {
    match duration.map(std::time::Duration::try_from) {
        Some(Ok(duration)) => format!("{:.1} ms", duration.as_secs_f64() * 1000.0),
        _ => String::new(),
    }
}

/// Returns why something failed, with its place and the last log lines.
pub(super) fn failure(failure: &proto::Failure) -> String {
    let stage = word(failure.stage().as_str_name(), "FAILURE_STAGE_");
    let place = match (failure.file.as_str(), failure.line) {
        ("", _) => String::new(),
        (file, 0) => format!(" ({file})"),
        (file, line) => format!(" ({file}:{line})"),
    };
    let mut text = format!("failed to {stage}: {}{place} [{}]", failure.message, failure.reason);
    for line in &failure.log_excerpt {
        text.push_str("\n  | ");
        text.push_str(line);
    }
    text
}

/// Returns a change as git's short status writes it.
pub(super) fn changed(changed: &proto::ChangedPath) -> String {
    let letter = match changed.kind() {
        proto::ChangeKind::Added => 'A',
        proto::ChangeKind::Modified => 'M',
        proto::ChangeKind::Deleted => 'D',
        proto::ChangeKind::Unspecified => '?',
    };
    format!("{letter} {}", changed.path)
}
