//! Processes side by side: each is asked, told and stopped alone.

use std::{fs, time::Duration};

use crate::{
    harness::{Agent, free_port, lives, until},
    proto::{
        Exit, NotifyRequest, OutputSource, PortsRequest, StartRequest, StatusRequest, StopRequest, WatchRequest,
        await_ready_response::Outcome, watch_response::Event,
    },
};

/// Serves on a port, answers what it is told with a word, and leaves a grandchild behind that has no other parent any more,
/// ignores SIGTERM and has closed what it had of its parents.
const APP: &str = "
import http.server, json, os, socket, subprocess, sys, threading
port, word = int(sys.argv[1]), sys.argv[2]
subprocess.run(['setsid', 'sh', '-c',
    f'(trap \"\" TERM; while :; do sleep 1; done) </dev/null >/dev/null 2>&1 & echo $! > {word}.daemon'])
control = socket.socket(socket.AF_UNIX)
control.connect(os.environ['PREVIEWD_CONTROL'])
def told():
    for line in control.makefile():
        control.sendall((json.dumps({'word': word}) + '\\n').encode())
threading.Thread(target=told, daemon=True).start()
print('hello from', word)
http.server.HTTPServer(('127.0.0.1', port), http.server.SimpleHTTPRequestHandler).serve_forever()
";

struct Two {
    agent: Agent,
    first: u64,
    second: u64,
    ports: [u16; 2],
}

impl Two {
    async fn run() -> Self {
        let mut agent = Agent::run().await;
        let ports = [free_port(), free_port()];
        let mut generations = Vec::new();
        for (port, word) in ports.iter().zip(["one", "two"]) {
            let mut request = agent.launch(&["python3", "-u", "-c", APP, &port.to_string(), word]);
            (request.control, request.beside) = (true, true);
            generations.push(agent.client.start(request).await.unwrap().into_inner().generation);
        }
        let two = Self { agent, first: generations[0], second: generations[1], ports };
        assert!(two.first < two.second);
        two
    }

    async fn ready(&mut self, generation: u64, port: u16) -> u16 {
        match self.agent.ready(generation, port, 20.0).await {
            Outcome::Ready(ready) => u16::try_from(ready.app_port).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn ports_of(&mut self, generation: u64) -> Vec<u32> {
        let request = PortsRequest { path: "/".into(), generation };
        let ports = self.agent.client.ports(request).await.unwrap().into_inner().ports;
        ports.into_iter().map(|port| port.number).collect()
    }

    async fn told(&mut self, generation: u64) -> String {
        let timeout = Some(Duration::from_secs(5).try_into().unwrap());
        let request = NotifyRequest { payload: "{}".into(), timeout, generation };
        self.agent
            .client
            .notify(request)
            .await
            .map_or_else(|status| status.message().to_owned(), |answer| answer.into_inner().payload)
    }

    async fn stop(&mut self, generation: u64) -> Option<Exit> {
        let grace = Some(Duration::from_secs(5).try_into().unwrap());
        self.agent.client.stop(StopRequest { grace, generation }).await.unwrap().into_inner().exit
    }

    async fn running(&mut self) -> Vec<u64> {
        let status = self.agent.client.status(StatusRequest {}).await.unwrap().into_inner();
        status.processes.into_iter().filter(|process| process.running).map(|process| process.generation).collect()
    }
}

#[tokio::test]
async fn two_processes_are_asked_and_told_and_stopped_each_alone() {
    let mut two = Two::run().await;
    let (first, second, [one, other]) = (two.first, two.second, two.ports);

    // Each is ready where it listens itself, also where the other's port is expected.
    assert_eq!(two.ready(first, one).await, one);
    assert_eq!(two.ready(second, one).await, other);
    assert_eq!(two.ports_of(first).await, [u32::from(one)]);
    assert_eq!(two.ports_of(second).await, [u32::from(other)]);
    assert_eq!(two.ports_of(0).await, [u32::from(other)], "the one that was started last");
    assert_eq!(two.told(first).await, r#"{"word": "one"}"#);
    assert_eq!(two.told(second).await, r#"{"word": "two"}"#);
    assert_eq!(two.running().await, [first, second]);

    let mut watch = two.agent.client.watch(WatchRequest::default()).await.unwrap().into_inner();
    for _ in 0..2 {
        let Some(Event::Output(line)) = watch.message().await.unwrap().unwrap().event else { panic!("no line") };
        assert_eq!(line.source, i32::from(OutputSource::Stdout));
        let word = if line.generation == first { "one" } else { "two" };
        assert_eq!(line.line, format!("hello from {word}"));
    }

    let daemons = [two.agent.wait_for_file("one.daemon").await, two.agent.wait_for_file("two.daemon").await];
    assert!(lives(&daemons[0]) && lives(&daemons[1]));
    assert_eq!(two.stop(first).await.map(|exit| (exit.generation, exit.signal)), Some((first, 15)));
    assert!(!lives(&daemons[0]), "what it left behind goes with it");
    assert!(lives(&daemons[1]), "what another left behind does not");
    assert_eq!(two.running().await, [second]);
    assert_eq!(two.told(first).await, "no process runs");
    assert!(matches!(two.agent.ready(first, one, 1.0).await, Outcome::Superseded(_)));
    assert_eq!(two.ready(second, other).await, other);
    assert_eq!(two.told(second).await, r#"{"word": "two"}"#);

    assert_eq!(two.stop(second).await.map(|exit| exit.generation), Some(second));
    assert!(!lives(&daemons[1]));
    assert_eq!(two.running().await, [] as [u64; 0]);
    assert_eq!(two.stop(second).await, None);
}

#[tokio::test]
async fn a_start_that_is_not_beside_replaces_all() {
    let mut two = Two::run().await;
    let daemons = [two.agent.wait_for_file("one.daemon").await, two.agent.wait_for_file("two.daemon").await];
    let third = two.agent.start(&["sleep", "60"]).await;
    assert_eq!(two.running().await, [third]);
    assert!(!lives(&daemons[0]) && !lives(&daemons[1]));
}

#[tokio::test]
async fn so_many_processes_run_side_by_side_and_no_more() {
    let mut agent = Agent::run().await;
    // Of those that have ended nothing is left.
    for _ in 0..20 {
        let generation = agent.start_beside(&["true"]).await;
        agent.finish(generation).await;
    }
    for _ in 0..16 {
        agent.start_beside(&["sleep", "60"]).await;
    }
    let request = StartRequest { beside: true, ..agent.launch(&["sleep", "60"]) };
    let error = agent.client.start(request).await.unwrap_err();
    assert_eq!(error.message(), "start another process: 16 run already");
}

#[tokio::test]
async fn an_app_that_kills_its_parent_is_followed_and_stopped_all_the_same() {
    let mut agent = Agent::run().await;
    let script = "(setsid sleep 77 & echo $! > daemon); echo $$ > pid; sleep 0.2; kill -9 $PPID; echo 1 > on; sleep 60";
    let generation = agent.start_beside(&["sh", "-c", script]).await;
    let other = agent.start_beside(&["sleep", "60"]).await;
    let (pid, daemon) = (agent.wait_for_file("pid").await, agent.wait_for_file("daemon").await);
    agent.wait_for_file("on").await;
    assert!(lives(&pid) && lives(&daemon));
    let grace = Some(Duration::from_secs(5).try_into().unwrap());
    let exit = agent.client.stop(StopRequest { grace, generation }).await.unwrap().into_inner().exit.unwrap();
    assert_eq!((exit.generation, exit.signal), (generation, 15));
    assert!(!lives(&pid) && !lives(&daemon));
    let status = agent.client.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.processes.iter().map(|it| (it.generation, it.running)).collect::<Vec<_>>(), [(other, true)]);
}

#[tokio::test]
async fn what_is_left_of_a_process_has_no_zombies() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["sh", "-c", "for i in 1 2 3; do (sleep 0.1 &); done; (sleep 60 &); exit 3"]).await;
    let (code, _) = agent.finish(generation).await;
    assert_eq!(code, 3);
    let children = |of: &str| fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    let shim = children(&agent.pid().to_string()).trim().to_owned();
    until("a zombie is left below the shim", || children(&shim).split_whitespace().count() == 1).await;
    agent.client.stop(StopRequest::default()).await.unwrap();
    until("the shim is left", || children(&agent.pid().to_string()).trim().is_empty()).await;
}
