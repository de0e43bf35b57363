//! From the contract's types to plain ones, believing nothing, and back.

use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio_stream::StreamExt;
use tonic::{Code, Status, Streaming};

use super::{
    error::AgentError,
    types::{
        AgentEvent, AgentEvents, AgentStatus, Exit, MemoryUse, Page, ProcessState, Ready, ReadyOutcome, SyncFile,
        SyncPlan,
    },
};
use crate::{
    domain::{
        limits::MAX_LOG_LINE_BYTES,
        logs::{LogLine, LogSource},
        ports::AppPort,
        text::{MAX_SENTENCE_BYTES, cut, sentence},
        tree::EntryKind,
    },
    proto::agent::v1::{self as wire, await_ready_response::Outcome, sync_request::Message, watch_response::Event},
};

/// The longest name, such as a version.
const MAX_NAME_BYTES: usize = 64;
/// How many ports are listed.
const MAX_PORTS: usize = 64;
/// The longest path, and content type.
const MAX_PATH_BYTES: usize = 1024;
const MAX_TYPE_BYTES: usize = 256;
/// The most of a page that is an error, and of the end of one that is not.
const MAX_END_BYTES: usize = 512;
const MAX_PAGE_BYTES: usize = 64 * 1024;
/// The bytes of one chunk: enough that the head of a message does not count, little enough that memory does not either.
const CHUNK_BYTES: usize = 256 * 1024;
/// The paths of one message of deletions.
const DELETE_PATHS: usize = 1000;
/// How far back an event can be. A container lives for 30 days at most.
const MAX_AGE: Duration = Duration::from_secs(31 * 24 * 3600);

/// Returns a length of time as the contract has it.
pub fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(duration).unwrap_or(prost_types::Duration { seconds: 3600, nanos: 0 })
}

/// Returns the messages of one sync. They are made as they are sent; the content is not copied.
pub fn sync_requests(
    root: &str,
    revision: &str,
    plan: SyncPlan,
) -> impl Iterator<Item = wire::SyncRequest> + Send + 'static {
    let begin = wire::SyncBegin { root: root.to_owned(), revision: revision.to_owned(), full: plan.full, made: false };
    let paths: Vec<String> = plan.deletes.into_iter().map(String::from).collect();
    let deletes: Vec<Message> =
        paths.chunks(DELETE_PATHS).map(|paths| Message::Delete(wire::SyncDelete { paths: paths.to_vec() })).collect();
    std::iter::once(Message::Begin(begin))
        .chain(plan.writes.into_iter().flat_map(file))
        .chain(deletes)
        .chain(std::iter::once(Message::Finish(wire::SyncFinish {})))
        .map(|message| wire::SyncRequest { message: Some(message) })
}

fn file(file: SyncFile) -> impl Iterator<Item = Message> + Send + 'static {
    let SyncFile { path, kind, mut content } = file;
    let head = wire::SyncFile {
        path: path.into(),
        size_bytes: content.len() as u64,
        executable: kind == EntryKind::Executable,
        symlink: kind == EntryKind::Symlink,
    };
    let chunks = std::iter::from_fn(move || {
        (!content.is_empty()).then(|| Message::Chunk(content.split_to(content.len().min(CHUNK_BYTES))))
    });
    std::iter::once(Message::File(head)).chain(chunks)
}

/// Returns why a call failed. A status with a source was made on this side, by the connection.
pub fn error(status: Status) -> AgentError {
    match status.code() {
        _ if status.source().is_some() => AgentError::Unreachable(status.into()),
        Code::InvalidArgument
        | Code::NotFound
        | Code::FailedPrecondition
        | Code::ResourceExhausted
        | Code::DeadlineExceeded => AgentError::Refused(sentence(status.message(), MAX_SENTENCE_BYTES)),
        Code::OutOfRange => AgentError::Protocol("it is too long"),
        Code::Internal => AgentError::Protocol("it cannot be read"),
        Code::Unimplemented => AgentError::Protocol("it does not know the call"),
        _ => AgentError::Unreachable(status.into()),
    }
}

/// Returns what the agent says of itself.
pub fn status(answer: wire::StatusResponse) -> Result<AgentStatus, AgentError> {
    let state = |process: wire::Process| {
        let generation = generation(process.generation)?;
        Ok(ProcessState { generation, running: process.running })
    };
    let revision = sentence(&answer.revision, MAX_NAME_BYTES);
    let mut listening_ports = numbers(answer.listening_ports)?;
    listening_ports.sort_unstable();
    Ok(AgentStatus {
        instance: sentence(&answer.instance, MAX_NAME_BYTES),
        revision: Some(revision).filter(|revision| !revision.is_empty()),
        marked: Some(sentence(&answer.marked, MAX_NAME_BYTES)).filter(|marked| !marked.is_empty()),
        process: answer.process.map(state).transpose()?,
        cpu: Duration::from_millis(answer.cpu_milliseconds),
        listening_ports,
    })
}

/// Returns a process's number.
pub fn generation(generation: u64) -> Result<u64, AgentError> {
    if generation == 0 {
        return Err(AgentError::Protocol("a process has no number"));
    }
    Ok(generation)
}

/// Returns how a process ended.
pub fn exit(exit: wire::Exit) -> Result<Exit, AgentError> {
    if !(0..=255).contains(&exit.code) || !(0..=64).contains(&exit.signal) {
        return Err(AgentError::Protocol("a process ended as none can"));
    }
    let generation = generation(exit.generation)?;
    Ok(Exit { generation, code: exit.code, signal: exit.signal, out_of_memory: exit.out_of_memory })
}

/// Returns what waiting for a process came to.
pub fn outcome(answer: wire::AwaitReadyResponse, generation: u64) -> Result<ReadyOutcome, AgentError> {
    match answer.outcome.ok_or(AgentError::Protocol("an answer says nothing"))? {
        Outcome::Ready(ready) => Ok(ReadyOutcome::Ready(Ready {
            upstream_port: port(ready.upstream_port)?,
            app_port: port(ready.app_port)?,
            loopback_only: ready.loopback_only,
            page: Page {
                path: sentence(&ready.path, MAX_PATH_BYTES),
                status: http_status(ready.http_status)?,
                content_type: sentence(&ready.content_type, MAX_TYPE_BYTES),
                body: ready.body.slice(..ready.body.len().min(MAX_PAGE_BYTES)),
                end: ready.end.slice(..ready.end.len().min(MAX_END_BYTES)),
                broken_off: ready.broken_off,
            },
            ports: ports(ready.ports)?,
            alternative: Some(sentence(&ready.alternative, MAX_PATH_BYTES)).filter(|path| !path.is_empty()),
        })),
        Outcome::Exited(ended) if ended.generation != generation => {
            Err(AgentError::Protocol("another process ended than was waited for"))
        }
        Outcome::Exited(ended) => Ok(ReadyOutcome::Exited(exit(ended)?)),
        Outcome::TimedOut(seen) => {
            let mut listening_ports = numbers(seen.listening_ports)?;
            listening_ports.sort_unstable();
            Ok(ReadyOutcome::TimedOut { listening_ports, message: sentence(&seen.message, MAX_SENTENCE_BYTES) })
        }
        Outcome::Superseded(_) => Ok(ReadyOutcome::Superseded),
        Outcome::SpeaksTls(speaks) => Ok(ReadyOutcome::Tls(port(speaks.port)?)),
    }
}

fn numbers(listed: Vec<u32>) -> Result<Vec<u16>, AgentError> {
    listed.into_iter().take(MAX_PORTS).map(port).collect()
}

/// Returns the ports that an app listens on, ascending.
pub fn ports(told: Vec<wire::Port>) -> Result<Vec<AppPort>, AgentError> {
    let one = |told: wire::Port| {
        Ok(AppPort {
            number: port(told.number)?,
            http_status: if told.http_status == 0 { None } else { Some(http_status(told.http_status)?) },
            content_type: sentence(&told.content_type, MAX_TYPE_BYTES),
            tls: told.tls,
        })
    };
    let mut ports = told.into_iter().take(MAX_PORTS).map(one).collect::<Result<Vec<_>, _>>()?;
    ports.sort_by_key(|port| port.number);
    Ok(ports)
}

fn http_status(status: u32) -> Result<u16, AgentError> {
    let status = u16::try_from(status).ok().filter(|status| (100..=999).contains(status));
    status.ok_or(AgentError::Protocol("a status is out of range"))
}

fn port(port: u32) -> Result<u16, AgentError> {
    u16::try_from(port).ok().filter(|port| *port != 0).ok_or(AgentError::Protocol("a port is out of range"))
}

/// Returns the events of a stream, up to the first that cannot be.
pub fn events(stream: Streaming<wire::WatchResponse>) -> AgentEvents {
    let mut last = 0;
    let mut over = false;
    let checked = stream.map(move |message| {
        let message = message.map_err(error)?;
        if message.sequence <= std::mem::replace(&mut last, message.sequence) {
            return Err(AgentError::Protocol("an event comes twice"));
        }
        let sequence = message.sequence;
        Ok((sequence, event(message)?))
    });
    Box::pin(checked.take_while(move |item| {
        let goes_on = !over;
        over = item.is_err();
        goes_on
    }))
}

fn event(message: wire::WatchResponse) -> Result<AgentEvent, AgentError> {
    match message.event.ok_or(AgentError::Protocol("an event says nothing"))? {
        Event::Output(output) => {
            let source = match output.source() {
                wire::OutputSource::Stdout => LogSource::Stdout,
                wire::OutputSource::Stderr => LogSource::Stderr,
                wire::OutputSource::Install => LogSource::Install,
                wire::OutputSource::Unspecified => return Err(AgentError::Protocol("a line comes from nowhere")),
            };
            let timestamp = timestamp(message.timestamp, SystemTime::now());
            Ok(AgentEvent::Output(LogLine { timestamp, source, text: line(&output.line), partial: output.partial }))
        }
        Event::Exit(ended) => Ok(AgentEvent::Exit(exit(ended)?)),
        Event::Memory(memory) => Ok(AgentEvent::Memory(MemoryUse {
            used_bytes: memory.used_bytes,
            peak_bytes: memory.peak_bytes.max(memory.used_bytes),
            kills: memory.kills,
        })),
        Event::Dropped(count) if count == 0 || count > message.sequence => {
            Err(AgentError::Protocol("more events were dropped than there were"))
        }
        Event::Dropped(count) => Ok(AgentEvent::Dropped(count)),
    }
}

/// Returns when something happened. A time that cannot be is taken for now.
fn timestamp(given: Option<prost_types::Timestamp>, now: SystemTime) -> SystemTime {
    let since = given.and_then(|given| {
        let seconds = u64::try_from(given.seconds).ok()?;
        let nanos = u32::try_from(given.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Duration::new(seconds, nanos))
    });
    let time = since.and_then(|since| UNIX_EPOCH.checked_add(since));
    let plausible = |time: &SystemTime| now.duration_since(*time).is_ok_and(|age| age <= MAX_AGE);
    time.filter(plausible).unwrap_or(now)
}

/// Returns a line as text, without a carriage return at its end.
fn line(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let bytes = bytes.get(..MAX_LOG_LINE_BYTES).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    cut(&mut text, MAX_LOG_LINE_BYTES);
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_line_stays_in_its_bound_though_it_is_no_text() {
        assert_eq!(line(&[0xff; 3 * MAX_LOG_LINE_BYTES]).len(), MAX_LOG_LINE_BYTES - 1);
        assert_eq!(line(b"done\r"), "done");
    }

    #[test]
    fn times_that_cannot_be_are_now() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let at = |seconds, nanos| timestamp(Some(prost_types::Timestamp { seconds, nanos }), now);
        assert_eq!(at(1_799_999_999, 5), UNIX_EPOCH + Duration::new(1_799_999_999, 5));
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, 0), (1_800_000_001, 0), (1_799_999_999, -1)] {
            assert_eq!(at(seconds, nanos), now, "{seconds}.{nanos}");
        }
        assert_eq!(timestamp(None, now), now);
    }

    #[test]
    fn answers_that_cannot_be_are_refused() {
        let ready = |upstream_port, http_status| {
            let ready =
                wire::Ready { upstream_port, app_port: 80, loopback_only: false, http_status, ..Default::default() };
            outcome(wire::AwaitReadyResponse { outcome: Some(Outcome::Ready(ready)) }, 1)
        };
        assert!(ready(80, 200).is_ok());
        for (port, status) in [(0, 200), (65536, 200), (80, 0), (80, 70000)] {
            assert!(matches!(ready(port, status), Err(AgentError::Protocol(_))), "{port} {status}");
        }
        assert!(matches!(outcome(wire::AwaitReadyResponse { outcome: None }, 1), Err(AgentError::Protocol(_))));
        let ended = |generation, code| wire::Exit { generation, code, signal: 0, out_of_memory: false };
        let exited = |ended| outcome(wire::AwaitReadyResponse { outcome: Some(Outcome::Exited(ended)) }, 1);
        assert!(exited(ended(1, 0)).is_ok());
        assert!(exited(ended(2, 0)).is_err() && exited(ended(1, -1)).is_err());
        let many = wire::TimedOut { listening_ports: vec![9; 5000], message: "x".repeat(5000) };
        let ReadyOutcome::TimedOut { listening_ports, message } =
            outcome(wire::AwaitReadyResponse { outcome: Some(Outcome::TimedOut(many)) }, 1).unwrap()
        else {
            panic!()
        };
        assert_eq!((listening_ports.len(), message.len()), (MAX_PORTS, MAX_SENTENCE_BYTES));
    }

    #[test]
    fn events_that_cannot_be_are_refused() {
        let output = |source| {
            let output = wire::OutputLine { source, line: Bytes::from_static(b"x"), partial: false, generation: 1 };
            event(wire::WatchResponse { sequence: 5, timestamp: None, event: Some(Event::Output(output)) })
        };
        assert!(output(1).is_ok() && output(0).is_err() && output(99).is_err());
        let dropped =
            |count| event(wire::WatchResponse { sequence: 9, timestamp: None, event: Some(Event::Dropped(count)) });
        assert!(dropped(9).is_ok() && dropped(10).is_err() && dropped(0).is_err());
    }

    #[test]
    fn content_goes_in_chunks_and_deletions_come_last() {
        let plan = SyncPlan {
            full: true,
            writes: vec![SyncFile {
                path: "a".parse().unwrap(),
                kind: EntryKind::Executable,
                content: vec![1; CHUNK_BYTES + 1].into(),
            }],
            deletes: vec!["b".parse().unwrap()],
        };
        let shape: Vec<String> = sync_requests("/app", "r", plan)
            .map(|request| match request.message.unwrap() {
                Message::Begin(begin) => format!("begin {} {}", begin.root, begin.full),
                Message::File(file) => format!("file {} {}", file.path, file.executable),
                Message::Chunk(bytes) => format!("chunk {}", bytes.len()),
                Message::Delete(delete) => format!("delete {:?}", delete.paths),
                Message::Finish(_) => "finish".into(),
            })
            .collect();
        let expected = ["begin /app true", "file a true", "chunk 262144", "chunk 1", "delete [\"b\"]", "finish"];
        assert_eq!(shape, expected);
    }
}
