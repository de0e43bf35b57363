//! Log lines and their cursors.

use crate::{
    domain::{
        error::FieldViolation,
        logs::{LogLine, LogSource},
        spec::EndReason,
    },
    preview::api::{Goodbye, LogCursor, LogItem},
    proto::preview::v1::{self as proto, stream_logs_response::Event},
};

/// Returns a message of a log stream as it is sent.
pub fn log_response(item: LogItem) -> proto::StreamLogsResponse {
    let event = match item {
        LogItem::Line(cursor, line) => Event::Entry(entry(cursor, line)),
        LogItem::Gap { dropped, message } => {
            Event::Gap(proto::LogGap { dropped_lines: dropped, message: message.to_owned() })
        }
        LogItem::Goodbye(reason) => Event::Goodbye(goodbye(reason)),
    };
    proto::StreamLogsResponse { event: Some(event) }
}

/// Returns the last message of a stream as it is sent.
pub(super) fn goodbye(goodbye: Goodbye) -> proto::Goodbye {
    let reason = match goodbye {
        Goodbye::Ended(EndReason::Deleted) => proto::GoodbyeReason::Deleted,
        Goodbye::Ended(EndReason::Expired) => proto::GoodbyeReason::Expired,
        Goodbye::ShuttingDown => proto::GoodbyeReason::ShuttingDown,
    };
    proto::Goodbye { reason: reason.into() }
}

fn entry(cursor: LogCursor, line: LogLine) -> proto::LogEntry {
    let source = match line.source {
        LogSource::Lifecycle => proto::LogSource::Lifecycle,
        LogSource::Install => proto::LogSource::Install,
        LogSource::Stdout => proto::LogSource::Stdout,
        LogSource::Stderr => proto::LogSource::Stderr,
    };
    proto::LogEntry {
        cursor: cursor_text(cursor),
        timestamp: Some(line.timestamp.into()),
        source: source.into(),
        line: line.text,
        partial: line.partial,
    }
}

/// Returns a cursor as it is sent: of fixed length, so that texts are ordered as cursors are.
pub(super) fn cursor_text(LogCursor { log, line }: LogCursor) -> String {
    format!("{log:016x}{line:016x}")
}

/// Returns the cursor that a text stands for; `None` for an empty one.
pub(super) fn cursor(field: &str, text: &str) -> Result<Option<LogCursor>, FieldViolation> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let hexadecimal = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let parts = hexadecimal.then(|| text.split_at(16)).and_then(|(log, line)| number(log).zip(number(line)));
    match parts {
        Some((log, line)) => Ok(Some(LogCursor { log, line })),
        None => Err(FieldViolation::new(field, "must be the cursor of an entry of this log")),
    }
}
