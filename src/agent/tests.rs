//! The client against the agent that this build embeds.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_stream::StreamExt;

use super::*;
use crate::domain::{logs::LogSource, ports::ExpectedPort, tree::EntryKind};

const AGENT: &str = concat!(env!("OUT_DIR"), "/previewd-agent");

struct Container {
    folder: TempDir,
    agent: Child,
}

impl Container {
    async fn run() -> (Self, AgentClient) {
        let folder = TempDir::new().unwrap();
        let socket = format!("@{}", folder.path().display());
        let command = |word: &str| {
            let mut command = Command::new(AGENT);
            command.args([word, "--socket", &socket]).env("HOME", folder.path()).env("TMPDIR", folder.path());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            command
        };
        let agent = command("run").spawn().unwrap();
        let mut dial = command("dial").spawn().unwrap();
        let io = tokio::io::join(dial.stdout.take().unwrap(), dial.stdin.take().unwrap());
        tokio::spawn(async move { dial.wait().await });
        let client = AgentClient::connect(io).await.unwrap();
        (Self { folder, agent }, client)
    }

    fn root(&self) -> String {
        self.folder.path().join("app").display().to_string()
    }

    fn start(&self, argv: &[&str]) -> StartSpec {
        StartSpec {
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            cwd: self.folder.path().display().to_string(),
            grace: Duration::from_secs(1),
            ..StartSpec::default()
        }
    }
}

fn ready(generation: u64, port: u16, timeout: Duration, still: Duration) -> ReadyRequest {
    ReadyRequest {
        generation,
        port: ExpectedPort { number: port, named: false },
        held: false,
        has_page: false,
        again: false,
        alternatives: Vec::new(),
        path: "/".into(),
        timeout,
        still,
        interval: Duration::from_millis(50),
    }
}

fn files(count: usize, content: &str) -> Vec<SyncFile> {
    let file = |number| SyncFile {
        path: format!("src/{}/file{number}.js", number % 20).parse().unwrap(),
        kind: EntryKind::File,
        content: format!("{content} {number}\n").repeat(100).into(),
    };
    (0..count).map(file).collect()
}

#[tokio::test]
async fn files_come_in_and_the_app_tells_of_itself() {
    let (container, client) = Container::run().await;
    assert_eq!(client.status().await.unwrap().revision, None);

    let plan = SyncPlan { full: true, writes: files(200, "one"), deletes: Vec::new() };
    let summary = client.sync(&container.root(), "r1", plan).await.unwrap();
    assert_eq!(summary, SyncCount { written: 200, deleted: 0 });
    assert_eq!(client.status().await.unwrap().revision.as_deref(), Some("r1"));

    let generation = client.start(container.start(&["sh", "-c", "cat app/src/3/file3.js | head -1; exit 5"])).await;
    let generation = generation.unwrap();
    let request = ready(generation, 3000, Duration::from_secs(20), Duration::from_secs(20));
    let exit = Exit { generation, code: 5, signal: 0, out_of_memory: false };
    assert_eq!(client.await_ready(request).await.unwrap(), ReadyOutcome::Exited(exit));
    let events: Vec<AgentEvent> = client.watch(0).await.unwrap().take(2).map(|event| event.unwrap().1).collect().await;
    let AgentEvent::Output(line) = &events[0] else { panic!("{events:?}") };
    assert_eq!((line.source, line.text.as_str()), (LogSource::Stdout, "one 3"));
    assert_eq!(events[1], AgentEvent::Exit(exit));
}

#[tokio::test]
async fn an_app_that_works_is_given_its_time_and_one_that_sits_still_is_not() {
    let (container, client) = Container::run().await;
    let wait = async |script: &str| {
        let begun = Instant::now();
        let generation = client.start(container.start(&["sh", "-c", script])).await.unwrap();
        let request = ready(generation, 1, Duration::from_secs(6), Duration::from_secs(3));
        let outcome = client.await_ready(request).await.unwrap();
        let ReadyOutcome::TimedOut { message, .. } = outcome else { panic!("{outcome:?}") };
        (message, begun.elapsed())
    };
    let (message, took) = wait("sleep 100").await;
    assert!(message.ends_with("it has done nothing for 3 s") && took < Duration::from_secs(6), "{message} {took:?}");
    for busy in ["while :; do :; done", "while :; do echo compiling; sleep 1; done"] {
        let (message, took) = wait(busy).await;
        assert!(!message.contains("nothing for") && took >= Duration::from_secs(6), "{busy}: {message} {took:?}");
    }
    client
        .start(container.start(&["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 100"]))
        .await
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.status().await.unwrap().cpu.is_zero() {
        assert!(Instant::now() < deadline, "no CPU time is told");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_agent_refuses_comes_in_its_own_words() {
    let (container, client) = Container::run().await;
    let error = client.start(container.start(&["no-such-program"])).await.unwrap_err();
    assert_eq!(error.to_string(), "start: no-such-program: not found");
    let error = client.notify("{}".into(), Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(error, AgentError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn an_agent_that_is_gone_is_unreachable_at_once() {
    let (mut container, client) = Container::run().await;
    let mut events = client.watch(0).await.unwrap();
    let begun = Instant::now();
    container.agent.kill().await.unwrap();
    assert!(matches!(events.next().await, Some(Err(AgentError::Unreachable(_)))));
    assert!(events.next().await.is_none());
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, AgentError::Unreachable(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_stream_without_an_agent_is_unreachable() {
    let (ours, theirs) = tokio::io::duplex(64);
    drop(theirs);
    assert!(matches!(AgentClient::connect(Box::new(ours)).await.unwrap_err(), AgentError::Unreachable(_)));
}
