//! The connection to one agent.

use std::{io, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tonic::transport::{Channel, Endpoint};

use super::{
    call::{MARGIN, call, while_syncing},
    convert,
    error::AgentError,
    types::{AgentEvents, AgentStatus, ReadyOutcome, ReadyRequest, StartSpec, SyncCount, SyncPlan},
};
use crate::{
    domain::ports::AppPort,
    proto::agent::v1::{
        AwaitReadyRequest, MarkRequest, NotifyRequest, PortsRequest, StartRequest, StatusRequest, WatchRequest,
        agent_service_client::AgentServiceClient,
    },
};

/// How long the agent needs at most to end what was killed.
const KILL: Duration = Duration::from_secs(10);
/// The largest message that is taken.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// A stream whose other end is gone without a word is noticed within the sum of these. The agent shares its container's
/// CPU with an app that may use all of it.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// The generation that stands for the process that was started last.
const NEWEST: u64 = 0;

/// A connection to the agent of one container. Clones share it. Once a call returns [`AgentError::Unreachable`] it is
/// of no more use: dial again.
#[derive(Debug, Clone)]
pub struct AgentClient {
    pub(super) client: AgentServiceClient<Channel>,
}

impl AgentClient {
    /// Speaks to the agent over a stream that leads to it, and makes sure that it answers.
    pub async fn connect(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Self, AgentError> {
        let mut stream = Some(TokioIo::new(io));
        // A second connection would need a second dial: then the client is of no more use.
        let connector = tower::service_fn(move |_| {
            let stream = stream.take().ok_or_else(|| io::Error::other("the stream is closed"));
            async move { stream }
        });
        let endpoint = Endpoint::from_static("http://agent")
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(STREAM_WINDOW_BYTES * 2)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        let connected = timeout(MARGIN, endpoint.connect_with_connector(connector)).await;
        let channel =
            connected.map_err(|_| AgentError::Timeout)?.map_err(|error| AgentError::Unreachable(error.into()))?;
        let client = AgentServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let connected = Self { client };
        connected.status().await?;
        Ok(connected)
    }

    /// Returns what the agent says of itself.
    pub async fn status(&self) -> Result<AgentStatus, AgentError> {
        let mut client = self.client.clone();
        convert::status(call(MARGIN, client.status(StatusRequest {})).await?)
    }

    /// Brings a revision's files into a folder: all of them or, on an error before the end, none.
    ///
    /// # Cancel safety
    /// Dropped before the agent has everything, it changes nothing; after that, the agent goes on to the end.
    pub async fn sync(&self, root: &str, revision: &str, plan: SyncPlan) -> Result<SyncCount, AgentError> {
        let bytes: u64 = plan.writes.iter().map(|file| file.content.len() as u64).sum();
        let files = plan.writes.len() as u64 + plan.deletes.len() as u64;
        let requests = tokio_stream::iter(convert::sync_requests(root, revision, plan));
        let mut client = self.client.clone();
        let answer = call(while_syncing(files, bytes), client.sync(requests)).await?;
        Ok(SyncCount { written: answer.written, deleted: answer.deleted })
    }

    /// Ends the process that is there, starts another, and returns its generation. What can be seen to be wrong with the
    /// command is refused before anything is ended.
    ///
    /// # Cancel safety
    /// Once the agent has heard of it, it goes on to the end.
    pub async fn start(&self, spec: StartSpec) -> Result<u64, AgentError> {
        let request = StartRequest {
            argv: spec.argv,
            cwd: spec.cwd,
            environment: spec.environment.into_iter().collect(),
            grace: Some(convert::duration(spec.grace)),
            control: spec.control,
            install: spec.install,
            beside: false,
        };
        let mut client = self.client.clone();
        let answer = call(spec.grace + KILL + MARGIN, client.start(request)).await?;
        convert::generation(answer.generation)
    }

    /// Waits until the app answers HTTP, has ended, was replaced, or the time has passed.
    pub async fn await_ready(&self, request: ReadyRequest) -> Result<ReadyOutcome, AgentError> {
        let ReadyRequest { generation, port, held, has_page, again, alternatives, path, timeout, still, interval } =
            request;
        let request = AwaitReadyRequest {
            generation,
            port: port.number.into(),
            path,
            timeout: Some(convert::duration(timeout)),
            still: Some(convert::duration(still)),
            interval: Some(convert::duration(interval)),
            named: port.named,
            held,
            has_page,
            again,
            alternatives,
        };
        let mut client = self.client.clone();
        let answer = call(timeout + MARGIN, client.await_ready(request)).await?;
        convert::outcome(answer, generation)
    }

    /// Returns the ports that the app listens on, ascending, and what answers there at a path.
    pub async fn ports(&self, path: &str) -> Result<Vec<AppPort>, AgentError> {
        let mut client = self.client.clone();
        let answer = call(MARGIN, client.ports(PortsRequest { path: path.to_owned(), generation: NEWEST })).await?;
        convert::ports(answer.ports)
    }

    /// Sends the running app one line of JSON through its control socket and returns its answer: one line of at most
    /// 1 MiB, from the app, so unchecked. One at a time: a second call waits.
    ///
    /// # Errors
    /// `Refused` if the app is silent, has ended, or has no control socket.
    pub async fn notify(&self, payload: String, within: Duration) -> Result<String, AgentError> {
        let request = NotifyRequest { payload, timeout: Some(convert::duration(within)), generation: NEWEST };
        let mut client = self.client.clone();
        Ok(call(within + MARGIN, client.notify(request)).await?.payload)
    }

    /// Notes which revision the app shows, for whoever takes the container over later.
    pub async fn mark(&self, revision: &str) -> Result<(), AgentError> {
        let mut client = self.client.clone();
        call(MARGIN, client.mark(MarkRequest { revision: revision.to_owned() })).await?;
        Ok(())
    }

    /// Returns what happened in this life of the agent after a sequence number, as far as it is kept (4 MiB), and
    /// everything new.
    pub async fn watch(&self, after_sequence: u64) -> Result<AgentEvents, AgentError> {
        let mut client = self.client.clone();
        let request = WatchRequest { after_sequence };
        Ok(convert::events(call(MARGIN, client.watch(request)).await?))
    }
}
