//! What an app has made in one container, on its way to another or to the disk.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::Streaming;

use super::{
    call::{MARGIN, call, while_syncing},
    client::AgentClient,
    convert,
    error::AgentError,
};
use crate::{
    domain::ids::FilePath,
    proto::agent::v1::{self as wire, export_response::Message as Sent, sync_request::Message},
};

/// How long the next message may take.
const NEXT: Duration = Duration::from_secs(30);
/// How many messages wait for the agent.
const WAITING: usize = 8;

/// What is wanted of what an app has made.
#[derive(Debug, Clone)]
pub struct MadeRequest {
    /// The folder, absolute.
    pub root: String,
    /// Files and folders below it that alone are wanted; none for everything.
    pub only: Vec<FilePath>,
    /// Paths that are left out, beside those that were brought.
    pub except: Vec<FilePath>,
    /// The most bytes.
    pub max_bytes: u64,
}

/// What there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MadeSummary {
    /// How many files come.
    pub files: u64,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many are left.
    pub left_files: u64,
    /// How many bytes these have.
    pub left_bytes: u64,
}

/// A piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MadePart {
    /// The head of a file; its content follows.
    File {
        /// The path below the folder.
        path: FilePath,
        /// How many bytes follow.
        size_bytes: u64,
        /// Whether it may be executed.
        executable: bool,
        /// Whether it is a symbolic link; then the content is its target.
        symlink: bool,
    },
    /// More of the content of the file before.
    Chunk(Bytes),
}

/// What an app has made, part by part, until all has come or something is wrong.
pub type MadeParts = Pin<Box<dyn Stream<Item = Result<MadePart, AgentError>> + Send>>;

impl AgentClient {
    /// Returns what the app has made below a folder. What comes is checked: no more than was asked for, and whole.
    pub async fn export(&self, request: MadeRequest) -> Result<(MadeSummary, MadeParts), AgentError> {
        let max_bytes = request.max_bytes;
        let paths = |paths: Vec<FilePath>| paths.into_iter().map(String::from).collect();
        let request = wire::ExportRequest {
            root: request.root,
            only: paths(request.only),
            except: paths(request.except),
            max_bytes,
        };
        let mut client = self.client.clone();
        let mut messages = call(MARGIN, client.export(request)).await?;
        let Some(Sent::Summary(summary)) = next(&mut messages).await? else {
            return Err(AgentError::Protocol("what was made comes without a summary"));
        };
        let summary = MadeSummary {
            files: summary.files,
            bytes: summary.bytes,
            left_files: summary.left_files,
            left_bytes: summary.left_bytes,
        };
        let parts = async_stream::try_stream! {
            let (mut total, mut missing, mut named) = (0_u64, 0_u64, true);
            while let Some(message) = next(&mut messages).await? {
                match message {
                    Sent::File(file) => {
                        total = total.saturating_add(file.size_bytes);
                        if missing > 0 || total > max_bytes {
                            Err(AgentError::Protocol("what was made is not what was asked for"))?;
                        }
                        missing = file.size_bytes;
                        let wire::SyncFile { path, size_bytes, executable, symlink } = file;
                        let path = path.parse().ok();
                        // One that no project can have, such as `.git`, is left.
                        named = path.is_some();
                        if let Some(path) = path {
                            yield MadePart::File { path, size_bytes, executable, symlink };
                        }
                    }
                    Sent::Chunk(bytes) => {
                        let rest = missing.checked_sub(bytes.len() as u64);
                        missing = rest.ok_or(AgentError::Protocol("a file has more content than was said"))?;
                        if named {
                            yield MadePart::Chunk(bytes);
                        }
                    }
                    Sent::Summary(_) => Err(AgentError::Protocol("a second summary"))?,
                }
            }
        };
        Ok((summary, Box::pin(parts)))
    }

    /// Brings in what an app has made elsewhere: nothing comes over what was brought. All of it or, on an error, nothing.
    /// Returns how many files were written.
    pub async fn import(&self, root: &str, summary: MadeSummary, mut parts: MadeParts) -> Result<u32, AgentError> {
        let begin = wire::SyncBegin { root: root.to_owned(), revision: String::new(), full: false, made: true };
        let (sender, receiver) = mpsc::channel(WAITING);
        // It ends when the agent does not take any more.
        tokio::spawn(async move {
            let mut message = Message::Begin(begin);
            loop {
                let last = matches!(message, Message::Finish(_));
                if sender.send(wire::SyncRequest { message: Some(message) }).await.is_err() || last {
                    return;
                }
                message = match parts.next().await {
                    Some(Ok(MadePart::File { path, size_bytes, executable, symlink })) => {
                        Message::File(wire::SyncFile { path: path.into(), size_bytes, executable, symlink })
                    }
                    Some(Ok(MadePart::Chunk(bytes))) => Message::Chunk(bytes),
                    Some(Err(error)) => {
                        // Without an end, the agent takes nothing.
                        tracing::debug!(error = %error, "what an app has made did not come whole");
                        return;
                    }
                    None => Message::Finish(wire::SyncFinish {}),
                };
            }
        });
        let within = NEXT + while_syncing(summary.files, summary.bytes);
        let mut client = self.client.clone();
        Ok(call(within, client.sync(ReceiverStream::new(receiver))).await?.written)
    }
}

async fn next(messages: &mut Streaming<wire::ExportResponse>) -> Result<Option<Sent>, AgentError> {
    match timeout(NEXT, messages.message()).await {
        Ok(Ok(Some(wire::ExportResponse { message: None }))) => Err(AgentError::Protocol("a message says nothing")),
        Ok(Ok(message)) => Ok(message.and_then(|it| it.message)),
        Ok(Err(status)) => Err(convert::error(status)),
        Err(_) => Err(AgentError::Timeout),
    }
}
