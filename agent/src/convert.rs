//! From the agent's own types to the contract's, and back.

use std::time::{Duration, UNIX_EPOCH};

use rustix::io::Errno;
use tonic::Status;

use crate::{
    output::{Event, Exit, Record, Source},
    process::ProcessError,
    proto::{self, await_ready_response, watch_response},
    ready::{Outcome, Port, Ready},
    sync::SyncError,
};

/// Returns a length of time, or the default where none is given.
pub fn duration(given: Option<prost_types::Duration>, default: Duration, most: Duration) -> Result<Duration, Status> {
    let Some(given) = given else { return Ok(default) };
    let duration = Duration::try_from(given).map_err(|_| Status::invalid_argument("a length of time is negative"))?;
    Ok(duration.min(most))
}

/// Returns a process.
pub fn process(generation: u64, ended: Option<Exit>) -> proto::Process {
    proto::Process { generation, running: ended.is_none(), exit: ended.map(exit) }
}

/// Returns how a process ended.
pub fn exit(exit: Exit) -> proto::Exit {
    proto::Exit { generation: exit.generation, code: exit.code, signal: exit.signal, out_of_memory: exit.out_of_memory }
}

/// Returns what waiting came to.
pub fn outcome(outcome: Outcome) -> await_ready_response::Outcome {
    match outcome {
        Outcome::Ready(ready) => await_ready_response::Outcome::Ready(self::ready(*ready)),
        Outcome::Tls(port) => await_ready_response::Outcome::SpeaksTls(proto::SpeaksTls { port: port.into() }),
        Outcome::Exited(ended) => await_ready_response::Outcome::Exited(exit(ended)),
        Outcome::Superseded => await_ready_response::Outcome::Superseded(proto::Superseded {}),
        Outcome::TimedOut { ports, message } => await_ready_response::Outcome::TimedOut(proto::TimedOut {
            listening_ports: ports.into_iter().map(u32::from).collect(),
            message,
        }),
    }
}

fn ready(ready: Ready) -> proto::Ready {
    let Ready { upstream_port, loopback_only, answer, ports, alternative } = ready;
    proto::Ready {
        upstream_port: upstream_port.into(),
        app_port: answer.from.address.port().into(),
        loopback_only,
        http_status: answer.status.into(),
        content_type: answer.content_type,
        // Only the page of an error is of interest.
        body: if answer.status >= 500 { answer.body } else { Default::default() },
        path: answer.path,
        end: answer.end,
        broken_off: answer.broken_off,
        ports: ports.into_iter().map(port).collect(),
        alternative: alternative.unwrap_or_default(),
    }
}

/// Returns a port that the app listens on.
pub fn port(port: Port) -> proto::Port {
    proto::Port {
        number: port.number.into(),
        http_status: port.status.unwrap_or_default().into(),
        content_type: port.content_type,
        tls: port.tls,
    }
}

/// Returns a record of the output.
pub fn record(record: Record) -> proto::WatchResponse {
    let since = record.timestamp.duration_since(UNIX_EPOCH).unwrap_or_default();
    let event = match record.event {
        Event::Line { source, text, partial, generation } => watch_response::Event::Output(proto::OutputLine {
            source: match source {
                Source::Stdout => proto::OutputSource::Stdout,
                Source::Stderr => proto::OutputSource::Stderr,
                Source::Install => proto::OutputSource::Install,
            }
            .into(),
            line: text,
            partial,
            generation,
        }),
        Event::Exit(ended) => watch_response::Event::Exit(exit(ended)),
        Event::Memory(memory) => watch_response::Event::Memory(proto::Memory {
            used_bytes: memory.used,
            limit_bytes: memory.limit,
            peak_bytes: memory.peak,
            kills: memory.kills,
        }),
        Event::Dropped(count) => watch_response::Event::Dropped(count),
    };
    proto::WatchResponse {
        sequence: record.sequence,
        timestamp: Some(prost_types::Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
        }),
        event: Some(event),
    }
}

/// Returns why a revision did not come in.
pub fn sync_error(error: SyncError) -> Status {
    let message = error.to_string();
    match error {
        SyncError::Invalid(_) => Status::invalid_argument(message),
        SyncError::TooMuch(_) => Status::resource_exhausted(message),
        SyncError::Io { source, .. } => {
            let full =
                [Errno::NOSPC, Errno::DQUOT].iter().any(|full| source.raw_os_error() == Some(full.raw_os_error()));
            if full { Status::resource_exhausted(message) } else { Status::failed_precondition(message) }
        }
    }
}

/// Returns why the app was not started or stopped.
pub fn process_error(error: &ProcessError) -> Status {
    Status::failed_precondition(error.to_string())
}
