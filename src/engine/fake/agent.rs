//! The agent's contract, served from memory.

use std::{collections::BTreeSet, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::io::{DuplexStream, copy_bidirectional, duplex};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::{
    gates::{Call, Fault},
    life::Life,
};
use crate::proto::agent::v1::{
    self as wire,
    agent_service_server::{AgentService, AgentServiceServer},
    await_ready_response::Outcome,
    sync_request::Message,
};

/// The port that everything listens on.
const PORT: u32 = 8000;
const WAIT: Duration = Duration::from_secs(60);

type Stream_<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// How many bytes may be on their way to an agent, and back.
const STREAM_BYTES: usize = 256 * 1024;

/// Serves the agent of a life, and returns the stream to it, which ends when it is cut.
pub(super) fn serve(life: &Arc<Life>) -> DuplexStream {
    let (caller, mut outer) = duplex(STREAM_BYTES);
    let (mut inner, served) = duplex(STREAM_BYTES);
    let (cut, agent) = (life.stream(), Agent { life: life.clone() });
    tokio::spawn(async move {
        let incoming = tokio_stream::once(Ok::<_, std::io::Error>(served));
        Server::builder().add_service(AgentServiceServer::new(agent)).serve_with_incoming(incoming).await
    });
    // What is served goes on until its stream ends: that is what is cut.
    tokio::spawn(async move { cut.run_until_cancelled(copy_bidirectional(&mut outer, &mut inner)).await.map(drop) });
    caller
}

struct Agent {
    life: Arc<Life>,
}

impl Agent {
    /// Lets a call in once the container is not frozen.
    async fn enter(&self, call: Call) -> Result<(), Status> {
        self.life.thawed().await;
        self.life.gates.enter(call).await.map_err(refused)
    }

    async fn leave<T>(&self, call: Call, answer: T) -> Result<Response<T>, Status> {
        self.life.thawed().await;
        self.life.gates.leave(call).await.map_err(refused)?;
        Ok(Response::new(answer))
    }

    /// Returns how waiting for a process has come out, or `None` while nothing has happened.
    fn ready(&self, asked: &wire::AwaitReadyRequest) -> Option<Outcome> {
        let state = self.life.state();
        let process = state.process.as_ref()?;
        if process.generation != asked.generation {
            return Some(Outcome::Superseded(wire::Superseded {}));
        }
        if let Some(exit) = process.exit {
            return Some(Outcome::Exited(exit));
        }
        let http_status = process.answers?.into();
        let port = wire::Port { number: PORT, http_status, ..Default::default() };
        Some(Outcome::Ready(wire::Ready {
            upstream_port: PORT,
            app_port: if asked.named { asked.port } else { PORT },
            http_status,
            path: asked.path.clone(),
            ports: if asked.again { Vec::new() } else { vec![port] },
            ..Default::default()
        }))
    }
}

#[tonic::async_trait]
impl AgentService for Agent {
    type WatchStream = Stream_<wire::WatchResponse>;
    type ExportStream = Stream_<wire::ExportResponse>;

    async fn status(&self, _: Request<wire::StatusRequest>) -> Result<Response<wire::StatusResponse>, Status> {
        self.enter(Call::Status).await?;
        let answer = {
            let state = self.life.state();
            let process = state.process.as_ref().map(|process| wire::Process {
                generation: process.generation,
                running: process.exit.is_none(),
                exit: process.exit,
            });
            wire::StatusResponse {
                instance: self.life.instance.clone(),
                revision: state.revision.clone(),
                marked: state.marked.clone(),
                process,
                ..Default::default()
            }
        };
        self.leave(Call::Status, answer).await
    }

    async fn sync(
        &self,
        request: Request<Streaming<wire::SyncRequest>>,
    ) -> Result<Response<wire::SyncResponse>, Status> {
        self.enter(Call::Sync).await?;
        let mut messages = request.into_inner();
        let mut begin = None;
        let (mut files, mut deletes): (Vec<(String, Vec<u8>)>, Vec<String>) = Default::default();
        while let Some(message) = messages.next().await {
            match message?.message {
                Some(Message::Begin(it)) => begin = Some(it),
                Some(Message::File(file)) => files.push((file.path, Vec::new())),
                Some(Message::Chunk(chunk)) => {
                    files.last_mut().map(|(_, content)| content.extend_from_slice(&chunk)).unwrap_or_default();
                }
                Some(Message::Delete(it)) => deletes.extend(it.paths),
                Some(Message::Finish(_)) | None => break,
            }
        }
        let begin = begin.ok_or_else(|| Status::invalid_argument("sync: it has no beginning"))?;
        let answer = {
            let mut disk = self.life.files();
            let named: BTreeSet<&String> = files.iter().map(|(path, _)| path).collect();
            let gone: Vec<String> = match begin.full {
                true => disk.keys().filter(|path| !named.contains(path)).cloned().collect(),
                false => deletes,
            };
            let deleted = gone.iter().filter(|path| disk.remove(*path).is_some()).count();
            let write = |(path, content): (String, Vec<u8>)| {
                let content = Bytes::from(content);
                disk.insert(path, content.clone()).as_ref() != Some(&content)
            };
            let written = files.into_iter().map(write).filter(|written| *written).count();
            wire::SyncResponse { written: number(written), deleted: number(deleted) }
        };
        self.life.change(|state| {
            if answer.written + answer.deleted > 0 {
                state.marked.clear();
            }
            state.revision = begin.revision;
        });
        self.leave(Call::Sync, answer).await
    }

    async fn export(&self, _: Request<wire::ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        self.enter(Call::Export).await?;
        // No app here makes files.
        let summary = wire::export_response::Message::Summary(wire::ExportSummary::default());
        let parts: Self::ExportStream =
            Box::pin(tokio_stream::once(Ok(wire::ExportResponse { message: Some(summary) })));
        self.leave(Call::Export, parts).await
    }

    async fn start(&self, request: Request<wire::StartRequest>) -> Result<Response<wire::StartResponse>, Status> {
        self.enter(Call::Start).await?;
        let wire::StartRequest { argv, install, .. } = request.into_inner();
        let generation = self.life.start(&argv, install);
        self.leave(Call::Start, wire::StartResponse { generation }).await
    }

    async fn stop(&self, _: Request<wire::StopRequest>) -> Result<Response<wire::StopResponse>, Status> {
        Err(Status::unimplemented("stop: nobody asks for it"))
    }

    async fn await_ready(
        &self,
        request: Request<wire::AwaitReadyRequest>,
    ) -> Result<Response<wire::AwaitReadyResponse>, Status> {
        self.enter(Call::AwaitReady).await?;
        let asked = request.into_inner();
        let mut changes = self.life.changes();
        let waiting = async {
            loop {
                if let Some(outcome) = self.ready(&asked) {
                    return outcome;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let within = |given: Option<prost_types::Duration>| given.and_then(|it| it.try_into().ok()).unwrap_or(WAIT);
        let patience = within(asked.timeout).min(within(asked.still));
        let outcome = tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| {
            Outcome::TimedOut(wire::TimedOut { listening_ports: Vec::new(), message: "nothing listens".into() })
        });
        self.leave(Call::AwaitReady, wire::AwaitReadyResponse { outcome: Some(outcome) }).await
    }

    async fn ports(&self, _: Request<wire::PortsRequest>) -> Result<Response<wire::PortsResponse>, Status> {
        self.enter(Call::Ports).await?;
        let answers = self.life.state().process.as_ref().and_then(|process| process.answers);
        let port = |status: u16| wire::Port { number: PORT, http_status: status.into(), ..Default::default() };
        self.leave(Call::Ports, wire::PortsResponse { ports: answers.map(port).into_iter().collect() }).await
    }

    async fn mark(&self, request: Request<wire::MarkRequest>) -> Result<Response<wire::MarkResponse>, Status> {
        self.enter(Call::Mark).await?;
        self.life.change(|state| state.marked = request.into_inner().revision);
        self.leave(Call::Mark, wire::MarkResponse {}).await
    }

    async fn notify(&self, _: Request<wire::NotifyRequest>) -> Result<Response<wire::NotifyResponse>, Status> {
        self.enter(Call::Notify).await?;
        let payload = match self.life.tell() {
            true => r#"{"ok":true,"strategy":"hot"}"#,
            false => r#"{"ok":false,"error":{"message":"the code is broken","file":"src/main.jsx","line":1}}"#,
        };
        self.leave(Call::Notify, wire::NotifyResponse { payload: payload.to_owned() }).await
    }

    async fn watch(&self, request: Request<wire::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.enter(Call::Watch).await?;
        let (life, mut changes) = (self.life.clone(), self.life.changes());
        let mut next = usize::try_from(request.into_inner().after_sequence).unwrap_or(0);
        let events = async_stream::stream! {
            loop {
                life.thawed().await;
                let event = life.state().said.get(next).cloned();
                if let Some(event) = event {
                    next += 1;
                    yield Ok(event);
                } else if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        let events: Self::WatchStream = Box::pin(events);
        self.leave(Call::Watch, events).await
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Returns what is answered where a test has a call fail. One that is away looks like a stream that was cut.
fn refused(fault: Fault) -> Status {
    match fault {
        Fault::Refused | Fault::Conflict => Status::failed_precondition("refused by a test"),
        Fault::NotFound => Status::not_found("not found, by a test"),
        Fault::Timeout => Status::deadline_exceeded("too late, by a test"),
        Fault::Away | Fault::Erred | Fault::Late(_) | Fault::Hang => Status::unavailable("cut off by a test"),
    }
}
