//! What can be written on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{cli::connection::Connection, config::parse_memory};

/// Live, isolated previews of projects, over gRPC.
#[derive(Debug, Parser)]
#[command(name = "previewd", version, propagate_version = true)]
pub struct Arguments {
    /// Where the service is, for commands that ask one.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service in the foreground; settings come from the environment and `.env`.
    Serve(Serve),
    /// Ask a running service.
    #[command(flatten)]
    Client(ClientCommand),
}

/// How to serve.
#[derive(Debug, Clone, Copy, Args)]
pub struct Serve {
    /// Remove all previews when the service stops. Default: they go on, and the next start takes them over.
    #[arg(long)]
    pub remove_on_exit: bool,
}

/// What to ask a running service.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a preview of a project, or return the one there is. Exits 2 where the code does not come to run.
    Create(Box<Create>),
    /// Show a preview.
    Get(Target),
    /// Change files of a preview's project and wait for them to be live. Exits 2 where they do not come to run.
    Update(Update),
    /// Stop a preview and remove all it held.
    Delete(Target),
    /// List previews.
    List(List),
    /// Print a preview's log.
    Logs(Logs),
    /// Print what happens to a preview's commits.
    Watch(Watch),
    /// Commit files to a project, with or without a preview.
    Commit(Commit),
    /// List the files of a project.
    Files(Revision),
    /// Print a file of a project.
    Read(Read),
    /// List the commits of a branch, newest first.
    History(History),
    /// List the paths that differ between two commits.
    Diff(Diff),
    /// Make a new commit with the files of an older one.
    Rollback(Rollback),
    /// Make a branch, or list them.
    Branch(Branch),
    /// Exit 0 if the service can serve, else 1.
    Health,
}

/// A preview: by its id, or by what it shows.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The preview's id; or else name its project.
    #[arg(value_name = "PREVIEW_ID")]
    pub preview: Option<String>,
    /// The project.
    #[arg(long, value_name = "ID")]
    pub project: Option<String>,
    /// The branch. Default: main.
    #[arg(long)]
    pub branch: Option<String>,
}

/// A project and one of its branches.
#[derive(Debug, Clone, Args)]
pub struct ProjectBranch {
    /// The project.
    #[arg(long, value_name = "ID")]
    pub project: String,
    /// The branch. Default: main.
    #[arg(long)]
    pub branch: Option<String>,
}

/// What `create` takes.
#[derive(Debug, Args)]
pub struct Create {
    /// The project.
    #[command(flatten)]
    pub project: ProjectBranch,
    /// Commit this folder first, as the whole project. Default: use what is in the VFS.
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
    /// How to run it. Default: found from the files.
    #[arg(long)]
    pub stack: Option<Stack>,
    /// The command that starts the app.
    #[arg(long, value_name = "CMD")]
    pub start: Option<String>,
    /// The port that the app listens on.
    #[arg(long)]
    pub port: Option<u16>,
    /// The path of the page that says that the app is ready. Default: `ready_path` of previewd.toml, else /.
    #[arg(long, value_name = "PATH")]
    pub ready_path: Option<String>,
    /// An environment variable for the app; may be repeated.
    #[arg(long, value_name = "K=V", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Memory, such as 512m or 1.5g.
    #[arg(long, value_parser = parse_memory)]
    pub memory: Option<u64>,
    /// CPU cores, fractions allowed.
    #[arg(long)]
    pub cpus: Option<f64>,
    /// Processes and threads.
    #[arg(long)]
    pub pids: Option<u32>,
    /// The time after which it ends whatever happens, such as 1h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub ttl: Option<Duration>,
    /// The time without use after which it ends, such as 30m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub idle: Option<Duration>,
    /// Apply commits only on `update`.
    #[arg(long)]
    pub manual: bool,
    /// Do not wait for the app to answer.
    #[arg(long)]
    pub no_wait: bool,
    /// Replace a live preview of the same branch.
    #[arg(long)]
    pub replace: bool,
    /// Names the request: the same id again returns the same preview.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// The message of the commit of `--dir`.
    #[arg(long, short)]
    pub message: Option<String>,
}

/// What to change in one commit.
#[derive(Debug, Clone, Args)]
pub struct Changes {
    /// Write a file, from the local file of the same path or from LOCAL; may be repeated.
    #[arg(long = "file", value_name = "PATH[=LOCAL]", value_parser = file)]
    pub files: Vec<(String, PathBuf)>,
    /// Delete a file; may be repeated.
    #[arg(long = "delete", value_name = "PATH")]
    pub deletes: Vec<String>,
    /// The commit's message.
    #[arg(long, short)]
    pub message: Option<String>,
    /// Refuse if the branch's head is another commit by then.
    #[arg(long, value_name = "COMMIT")]
    pub expected_head: Option<String>,
}

/// What `update` takes.
#[derive(Debug, Args)]
pub struct Update {
    /// The preview.
    #[command(flatten)]
    pub target: Target,
    /// What to change; nothing applies the head.
    #[command(flatten)]
    pub changes: Changes,
    /// Do not wait for the change to be live.
    #[arg(long)]
    pub no_wait: bool,
}

/// What `commit` takes.
#[derive(Debug, Args)]
pub struct Commit {
    /// The project.
    #[command(flatten)]
    pub project: ProjectBranch,
    /// Write every file of this folder; files that are not in it stay.
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
    /// What else to change.
    #[command(flatten)]
    pub changes: Changes,
}

/// What `list` takes.
#[derive(Debug, Args)]
pub struct List {
    /// Only previews of this project.
    #[arg(long, value_name = "ID")]
    pub project: Option<String>,
    /// Only previews in this phase; may be repeated. Default: all but stopped.
    #[arg(long = "phase")]
    pub phases: Vec<Phase>,
}

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct Logs {
    /// The preview.
    #[command(flatten)]
    pub target: Target,
    /// Go on with new lines.
    #[arg(short, long)]
    pub follow: bool,
    /// Begin with at most so many lines of those that are there.
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
    /// Only lines of this source; may be repeated.
    #[arg(long = "source")]
    pub sources: Vec<LogSource>,
    /// Only lines of the last while, such as 10m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub since: Option<Duration>,
    /// Only lines after the one with this cursor.
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

/// What `watch` takes.
#[derive(Debug, Args)]
pub struct Watch {
    /// The preview.
    #[command(flatten)]
    pub target: Target,
    /// The last commit that was seen: begin after it.
    #[arg(long, value_name = "COMMIT")]
    pub after: Option<String>,
}

/// One state of a project's files.
#[derive(Debug, Clone, Args)]
pub struct Revision {
    /// The project.
    #[command(flatten)]
    pub project: ProjectBranch,
    /// The commit. Default: the branch's head.
    #[arg(long, value_name = "COMMIT")]
    pub commit: Option<String>,
}

/// What `read` takes.
#[derive(Debug, Args)]
pub struct Read {
    /// Of what.
    #[command(flatten)]
    pub revision: Revision,
    /// The file's path.
    pub path: String,
}

/// What `history` takes.
#[derive(Debug, Args)]
pub struct History {
    /// The project.
    #[command(flatten)]
    pub project: ProjectBranch,
    /// At most so many commits.
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    pub limit: usize,
}

/// What `diff` takes.
#[derive(Debug, Args)]
pub struct Diff {
    /// The project.
    #[arg(long, value_name = "ID")]
    pub project: String,
    /// The newer commit.
    pub commit: String,
    /// The older commit. Default: the first parent of the newer one.
    #[arg(long, value_name = "COMMIT")]
    pub base: Option<String>,
}

/// What `rollback` takes.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The project.
    #[command(flatten)]
    pub project: ProjectBranch,
    /// The commit whose files the new one has.
    pub commit: String,
    /// The new commit's message.
    #[arg(long, short)]
    pub message: Option<String>,
    /// Refuse if the branch's head is another commit by then.
    #[arg(long, value_name = "COMMIT")]
    pub expected_head: Option<String>,
}

/// What `branch` takes.
#[derive(Debug, Args)]
pub struct Branch {
    /// The project.
    #[arg(long, value_name = "ID")]
    pub project: String,
    /// The new branch; none lists those there are.
    pub name: Option<String>,
    /// The commit it begins at. Default: the head of main.
    #[arg(long, value_name = "COMMIT", requires = "name")]
    pub at: Option<String>,
}

/// How a project is run.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs, reason = "the contract says what each is")]
pub enum Stack {
    Python,
    Node,
    React,
    Static,
    Dockerfile,
}

/// Where a preview is in its life.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs, reason = "the contract says what each is")]
pub enum Phase {
    All,
    Pending,
    Installing,
    Starting,
    Running,
    Paused,
    Stopping,
    Stopped,
    Failed,
}

/// Where a log line came from.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs, reason = "the contract says what each is")]
pub enum LogSource {
    Lifecycle,
    Install,
    Stdout,
    Stderr,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        _ if text.is_empty() => Err("must be PATH or PATH=LOCAL".to_owned()),
        Some((path, local)) => Ok((path.to_owned(), local.into())),
        None => Ok((text.to_owned(), text.into())),
    }
}
