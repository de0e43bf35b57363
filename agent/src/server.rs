//! The contract's service: takes requests apart, calls what does the work, puts answers together.

use std::{pin::Pin, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustix::process::getpid;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    choice::Expected,
    control::{self, ControlError},
    convert,
    made::{self, Born},
    output::{Output, Record},
    process::{Over, ProcessError},
    processes,
    proto::{self, agent_service_server::AgentService, sync_request::Message},
    ready::{self, Wanted},
    sockets,
    spawn::Launch,
    supervisor::Supervisor,
    sync::{self, Incoming, Kind, Syncer},
};

const GRACE: Duration = Duration::from_secs(2);
const MAX_GRACE: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(60);
const MAX_READY: Duration = Duration::from_secs(3600);
const INTERVAL: Duration = Duration::from_millis(50);
const MIN_INTERVAL: Duration = Duration::from_millis(5);
const NOTIFY: Duration = Duration::from_secs(10);
const MAX_NOTIFY: Duration = Duration::from_secs(600);
const MAX_READY_PATH_BYTES: usize = 2048;
const MAX_ALTERNATIVES: usize = 16;
const MAX_REVISION_BYTES: usize = 64;
const MAX_ONLY: usize = 1000;
/// How long the next message of a revision may take.
const SYNC_IDLE: Duration = Duration::from_secs(30);
/// How many messages wait for a watcher.
const WATCH_BUFFER: usize = 16;

/// The service.
#[derive(Debug)]
pub struct Agent {
    supervisor: Arc<Supervisor>,
    output: Arc<Output>,
    syncer: Syncer,
    instance: String,
    marked: Mutex<String>,
    born: Option<Born>,
}

impl Agent {
    /// Returns the service. `instance` names this life of the agent, `born` says when the container was made.
    pub fn new(supervisor: Arc<Supervisor>, output: Arc<Output>, instance: String, born: Option<Born>) -> Self {
        Self { supervisor, output, syncer: Syncer::default(), instance, marked: Mutex::default(), born }
    }

    /// Notes which revision the app shows, and returns the one that was noted before.
    fn mark_as(&self, revision: String) -> String {
        std::mem::replace(&mut *self.marked.lock(), revision)
    }
}

#[tonic::async_trait]
impl AgentService for Agent {
    async fn status(&self, _: Request<proto::StatusRequest>) -> Result<Response<proto::StatusResponse>, Status> {
        let (generation, exit) = self.supervisor.last();
        let processes = self.supervisor.processes();
        let own = getpid().as_raw_pid();
        let cpu = processes::cpu_time(own);
        let listening = sockets::listening(own, &self.supervisor.own_ports().await);
        Ok(Response::new(proto::StatusResponse {
            version: env!("CARGO_PKG_VERSION").into(),
            revision: self.syncer.revision(),
            process: (generation > 0).then(|| convert::process(generation, exit)),
            processes: processes.iter().map(|one| convert::process(one.generation, one.exit())).collect(),
            instance: self.instance.clone(),
            marked: self.marked.lock().clone(),
            cpu_milliseconds: u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
            listening_ports: listening.into_keys().map(u32::from).collect(),
        }))
    }

    async fn mark(&self, request: Request<proto::MarkRequest>) -> Result<Response<proto::MarkResponse>, Status> {
        let revision = request.into_inner().revision;
        if revision.len() > MAX_REVISION_BYTES {
            return Err(Status::invalid_argument("the revision has more than 64 bytes"));
        }
        self.mark_as(revision);
        Ok(Response::new(proto::MarkResponse {}))
    }

    async fn sync(
        &self,
        request: Request<Streaming<proto::SyncRequest>>,
    ) -> Result<Response<proto::SyncResponse>, Status> {
        let mut messages = request.into_inner();
        let Some(Message::Begin(begin)) = next(&mut messages).await? else {
            return Err(Status::invalid_argument("the first message is not `begin`"));
        };
        let brings = !begin.made;
        let incoming = self.syncer.begin(&begin.root, begin.revision, Kind::of(begin.full, begin.made));
        let mut incoming = incoming.await.map_err(convert::sync_error)?;
        while let Some(message) = next(&mut messages).await? {
            if matches!(message, Message::Finish(_)) {
                // From here on what the app shows may not be what is there, also where the caller goes away meanwhile.
                let mark = brings.then(|| self.mark_as(String::new()));
                let summary = incoming.finish().await.map_err(convert::sync_error)?;
                if let Some(mark) = mark.filter(|_| summary.written == 0 && summary.deleted == 0) {
                    self.mark_as(mark);
                }
                return Ok(Response::new(proto::SyncResponse { written: summary.written, deleted: summary.deleted }));
            }
            take(&mut incoming, message)?;
        }
        Err(Status::invalid_argument("the last message is not `finish`"))
    }

    type ExportStream = Pin<Box<dyn Stream<Item = Result<proto::ExportResponse, Status>> + Send>>;

    async fn export(&self, request: Request<proto::ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let request = request.into_inner();
        if request.only.len() > MAX_ONLY || request.except.len() > sync::MAX_PATHS {
            return Err(Status::invalid_argument("too many paths"));
        }
        if !request.only.iter().all(|path| sync::is_path(path)) {
            return Err(Status::invalid_argument("a path does not lead below the root"));
        }
        let (root, brought) = self.syncer.brought(&request.root).await.map_err(convert::sync_error)?;
        let wanted = made::Wanted {
            root,
            only: request.only,
            except: request.except.into_iter().chain(brought).collect(),
            max_bytes: request.max_bytes.min(made::MAX_BYTES),
            born: self.born.as_ref().and_then(|born| born.moment().ok()),
        };
        let (sender, receiver) = mpsc::channel(WATCH_BUFFER);
        // It ends when the caller goes away.
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("export".to_owned())
            .spawn(move || made::send(&wanted, &sender, &runtime))
            .map_err(|error| Status::internal(format!("no thread: {error}")))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn start(&self, request: Request<proto::StartRequest>) -> Result<Response<proto::StartResponse>, Status> {
        let request = request.into_inner();
        let grace = convert::duration(request.grace, GRACE, MAX_GRACE)?;
        let launch = Launch {
            argv: request.argv,
            cwd: request.cwd.into(),
            environment: request.environment,
            control: request.control,
            install: request.install,
            beside: request.beside,
        };
        let supervisor = Arc::clone(&self.supervisor);
        let generation = to_the_end(async move { supervisor.start(&launch, grace).await }).await?;
        Ok(Response::new(proto::StartResponse { generation }))
    }

    async fn stop(&self, request: Request<proto::StopRequest>) -> Result<Response<proto::StopResponse>, Status> {
        let request = request.into_inner();
        let grace = convert::duration(request.grace, GRACE, MAX_GRACE)?;
        let supervisor = Arc::clone(&self.supervisor);
        let exit = to_the_end(async move { supervisor.stop(request.generation, grace).await }).await?;
        Ok(Response::new(proto::StopResponse { exit: exit.map(convert::exit) }))
    }

    async fn await_ready(
        &self,
        request: Request<proto::AwaitReadyRequest>,
    ) -> Result<Response<proto::AwaitReadyResponse>, Status> {
        let wanted = wanted(request.into_inner())?;
        if wanted.generation == 0 || wanted.generation > self.supervisor.last().0 {
            return Err(Status::invalid_argument(format!("process {} was never started", wanted.generation)));
        }
        let outcome = ready::wait(&self.supervisor, &wanted).await;
        Ok(Response::new(proto::AwaitReadyResponse { outcome: Some(convert::outcome(outcome)) }))
    }

    async fn ports(&self, request: Request<proto::PortsRequest>) -> Result<Response<proto::PortsResponse>, Status> {
        let request = request.into_inner();
        let path = url_path(request.path)?;
        let ports = match self.supervisor.process(request.generation) {
            Some(process) => ready::ports(&self.supervisor, &process, &path).await,
            None => Vec::new(),
        };
        Ok(Response::new(proto::PortsResponse { ports: ports.into_iter().map(convert::port).collect() }))
    }

    async fn notify(&self, request: Request<proto::NotifyRequest>) -> Result<Response<proto::NotifyResponse>, Status> {
        let request = request.into_inner();
        let within = convert::duration(request.timeout, NOTIFY, MAX_NOTIFY)?;
        if request.payload.contains('\n') || request.payload.len() > control::MAX_LINE_BYTES {
            return Err(Status::invalid_argument("the payload is not one line of at most 1 MiB"));
        }
        let process = self.supervisor.process(request.generation);
        let process = process.ok_or_else(|| Status::failed_precondition("no process runs"))?;
        let Some(control) = &process.control else {
            return Err(Status::failed_precondition("the process was started without a control socket"));
        };
        tokio::select! {
            biased;
            Over::Exited(_) | Over::Stopped = process.over() => Err(Status::failed_precondition("the process ended")),
            answer = control.ask(&request.payload, within) => match answer {
                Ok(payload) => Ok(Response::new(proto::NotifyResponse { payload })),
                Err(error @ (ControlError::NotConnected | ControlError::Silent)) => {
                    Err(Status::deadline_exceeded(error.to_string()))
                }
                Err(error) => Err(Status::failed_precondition(error.to_string())),
            },
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<proto::WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<proto::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (sender, receiver) = mpsc::channel(WATCH_BUFFER);
        // It ends when the caller goes away: sending fails then, and waiting is given up.
        tokio::spawn(watch(Arc::clone(&self.output), request.into_inner().after_sequence, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Takes what is asked for out of a request to wait.
fn wanted(request: proto::AwaitReadyRequest) -> Result<Wanted, Status> {
    if request.alternatives.len() > MAX_ALTERNATIVES {
        return Err(Status::invalid_argument("too many alternatives"));
    }
    let port = u16::try_from(request.port).map_err(|_| Status::invalid_argument("the port is above 65535"))?;
    Ok(Wanted {
        generation: request.generation,
        expected: Expected { port, named: request.named, held: request.held, has_page: request.has_page },
        path: url_path(request.path)?,
        alternatives: request.alternatives.into_iter().map(url_path).collect::<Result<_, _>>()?,
        timeout: convert::duration(request.timeout, READY, MAX_READY)?,
        still: convert::duration(request.still, MAX_READY, MAX_READY)?,
        interval: convert::duration(request.interval, INTERVAL, MAX_READY)?.max(MIN_INTERVAL),
        again: request.again,
    })
}

/// Returns the path of a URL; none is `/`.
fn url_path(path: String) -> Result<String, Status> {
    let path = if path.is_empty() { "/".to_owned() } else { path };
    let plain = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || path.len() > MAX_READY_PATH_BYTES {
        return Err(Status::invalid_argument("the path is not that of a URL"));
    }
    Ok(path)
}

async fn next(messages: &mut Streaming<proto::SyncRequest>) -> Result<Option<Message>, Status> {
    let message = timeout(SYNC_IDLE, messages.message());
    let message = message.await.map_err(|_| Status::deadline_exceeded("the next message did not come"))??;
    match message {
        Some(proto::SyncRequest { message: None }) => Err(Status::invalid_argument("a message says nothing")),
        other => Ok(other.and_then(|request| request.message)),
    }
}

fn take(incoming: &mut Incoming, message: Message) -> Result<(), Status> {
    let taken = match message {
        Message::File(file) => incoming.file(file.path, file.size_bytes, file.executable, file.symlink),
        Message::Chunk(bytes) => incoming.chunk(&bytes),
        Message::Delete(delete) => incoming.delete(delete.paths),
        Message::Begin(_) => return Err(Status::invalid_argument("a second `begin`")),
        Message::Finish(_) => Ok(()),
    };
    taken.map_err(convert::sync_error)
}

/// Does something to its end, even if the caller goes away in the middle.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ProcessError>> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::spawn(work).await;
    done.map_err(|_| Status::internal("the agent failed"))?.map_err(|error| convert::process_error(&error))
}

async fn watch(output: Arc<Output>, mut after: u64, sender: mpsc::Sender<Result<proto::WatchResponse, Status>>) {
    let mut newest = output.newest();
    if after > *newest.borrow() {
        after = 0;
    }
    loop {
        newest.borrow_and_update();
        let batch: Vec<Record> = output.read(after);
        if batch.is_empty() {
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
            }
        }
        for record in batch {
            after = record.sequence;
            if sender.send(Ok(convert::record(record))).await.is_err() {
                return;
            }
        }
    }
}
