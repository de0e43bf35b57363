//! The app's process, its output, its end.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::{
    harness::{Agent, lives, until},
    proto::{OutputSource, StatusRequest, StopRequest, WatchRequest, WatchResponse, watch_response::Event},
};

fn lines(seen: &[WatchResponse], source: OutputSource) -> Vec<String> {
    let text = |message: &WatchResponse| match &message.event {
        Some(Event::Output(line)) if line.source == i32::from(source) => {
            Some(String::from_utf8(line.line.to_vec()).unwrap())
        }
        _ => None,
    };
    seen.iter().filter_map(text).collect()
}

#[tokio::test]
async fn every_line_comes_in_order_and_before_the_exit() {
    let mut agent = Agent::run().await;
    let script =
        "for i in $(seq 5000); do echo out $i; done; for i in 1 2 3; do echo err $i >&2; done; printf end; exit 3";
    let generation = agent.start(&["sh", "-c", script]).await;
    let (code, seen) = agent.finish(generation).await;

    assert_eq!(code, 3);
    let mut expected: Vec<String> = (1..=5000).map(|number| format!("out {number}")).collect();
    expected.push("end".into());
    assert_eq!(lines(&seen, OutputSource::Stdout), expected);
    assert_eq!(lines(&seen, OutputSource::Stderr), ["err 1", "err 2", "err 3"]);
    assert!(seen.iter().zip(1..).all(|(message, number)| message.sequence == number));
}

#[tokio::test]
async fn a_long_line_is_split_and_marked() {
    let mut agent = Agent::run().await;
    let generation = agent.python("print('x' * 40000); print('y')").await;
    let (_, seen) = agent.finish(generation).await;
    let shape: Vec<_> = seen
        .iter()
        .map(|message| match &message.event {
            Some(Event::Output(line)) => (line.line.len(), line.partial),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shape, [(16384, true), (16384, true), (40000 - 32768, false), (1, false)]);
}

#[tokio::test]
async fn a_signal_is_told_from_a_status() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["sh", "-c", "kill -9 $$"]).await;
    agent.finish(generation).await;
    let process = agent.client.status(StatusRequest {}).await.unwrap().into_inner().process.unwrap();
    let exit = process.exit.unwrap();
    assert_eq!((process.running, exit.code, exit.signal, exit.out_of_memory), (false, 137, 9, false));
}

#[tokio::test]
async fn what_cannot_be_started_is_said_and_ends_nothing() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["sleep", "60"]).await;
    let request = agent.launch(&["no-such-program"]);
    let error = agent.client.start(request).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::FailedPrecondition, "start: no-such-program: not found"));
    let process = agent.client.status(StatusRequest {}).await.unwrap().into_inner().process.unwrap();
    assert!(process.running && process.generation == generation);
}

#[tokio::test]
async fn environment_and_folder_are_those_of_the_request() {
    let mut agent = Agent::run().await;
    let mut request = agent.launch(&["sh", "-c", "echo $WORD; pwd; cat; echo $HOME"]);
    request.environment.insert("WORD".into(), "hello".into());
    let cwd = request.cwd.clone();
    let generation = agent.client.start(request).await.unwrap().into_inner().generation;
    let (_, seen) = agent.finish(generation).await;
    assert_eq!(lines(&seen, OutputSource::Stdout), ["hello".to_owned(), cwd.clone(), format!("{cwd}/home")]);
}

#[tokio::test]
async fn a_start_replaces_the_process_before() {
    let mut agent = Agent::run().await;
    let first = agent.start(&["sh", "-c", "echo $$ > pid; exec sleep 60"]).await;
    let pid = agent.wait_for_file("pid").await;
    let mut request = agent.launch(&["echo", "installed"]);
    request.install = true;
    let second = agent.client.start(request).await.unwrap().into_inner().generation;
    assert_eq!(second, first + 1);
    assert!(!lives(&pid));
    let (code, seen) = agent.finish(second).await;
    assert_eq!((code, lines(&seen, OutputSource::Install)), (0, vec!["installed".to_owned()]));
}

#[tokio::test]
async fn the_grace_period_is_given_and_then_it_is_over() {
    let mut agent = Agent::run().await;
    let script = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('no')); open('up','w').write('1')\n\
        while True: time.sleep(1)";
    agent.python(script).await;
    agent.wait_for_file("up").await;
    let begun = Instant::now();
    let grace = Some(Duration::from_millis(300).try_into().unwrap());
    let exit = agent.client.stop(StopRequest { grace, generation: 0 }).await.unwrap().into_inner().exit.unwrap();
    assert_eq!(exit.signal, 9);
    assert!((300..2000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(agent.client.stop(StopRequest::default()).await.unwrap().into_inner().exit, None);
}

#[tokio::test]
async fn daemons_die_too() {
    let mut agent = Agent::run().await;
    let script =
        "setsid sh -c 'trap \"\" TERM; echo $$ > daemon; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &";
    let generation = agent.start(&["sh", "-c", script]).await;
    agent.finish(generation).await;
    let daemon = agent.wait_for_file("daemon").await;
    assert!(lives(&daemon));
    agent.client.stop(StopRequest::default()).await.unwrap();
    assert!(!lives(&daemon));
}

#[tokio::test]
async fn the_end_is_told_though_a_child_holds_the_pipe() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["sh", "-c", "(sleep 1; echo late; sleep 60) & echo early; exit 4"]).await;
    let begun = Instant::now();
    let (code, seen) = agent.finish(generation).await;
    assert_eq!((code, lines(&seen, OutputSource::Stdout)), (4, vec!["early".to_owned()]));
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn no_zombie_is_left() {
    let mut agent = Agent::run().await;
    let orphans = "for i in 1 2 3 4 5; do (sleep 0.05 & ) ; done; sleep 0.3";
    let generation = agent.start(&["sh", "-c", orphans]).await;
    agent.finish(generation).await;
    let own = agent.pid().to_string();
    until("a zombie is left", || {
        let children = format!("/proc/{own}/task/{own}/children");
        std::fs::read_to_string(children).is_ok_and(|children| children.trim().is_empty())
    })
    .await;
}

#[tokio::test]
async fn a_watcher_reads_on_from_where_it_was() {
    let mut agent = Agent::run().await;
    let generation = agent.start(&["seq", "100"]).await;
    agent.finish(generation).await;
    let request = WatchRequest { after_sequence: 90 };
    let mut stream = agent.dial().await.watch(request).await.unwrap().into_inner();
    for number in 91..=101 {
        assert_eq!(stream.message().await.unwrap().unwrap().sequence, number);
    }
    // A number from another life of the agent.
    let request = WatchRequest { after_sequence: 5000 };
    let mut stream = agent.client.watch(request).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().sequence, 1);
}

#[tokio::test]
async fn a_slow_watcher_is_told_what_it_missed_and_holds_up_nobody() {
    let mut agent = Agent::run().await;
    let mut slow = agent.dial().await.watch(WatchRequest::default()).await.unwrap().into_inner();
    let generation = agent.python("for i in range(40000): print(str(i).rjust(1000))").await;
    agent.client.await_ready(crate::proto::AwaitReadyRequest { generation, ..Default::default() }).await.unwrap();
    let (mut next, mut dropped) = (1, 0);
    while next <= 40001 {
        let message = slow.message().await.unwrap().unwrap();
        if let Some(Event::Dropped(count)) = message.event {
            dropped += count;
            assert_eq!(message.sequence, next + count - 1);
        } else {
            assert_eq!(message.sequence, next);
        }
        next = message.sequence + 1;
    }
    assert!(dropped > 10_000, "{dropped}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
    println!("peak memory of the agent after 40 MB of output: {peak}");
}

#[tokio::test]
async fn sigterm_ends_the_app_and_the_agent() {
    let mut agent = Agent::run().await;
    agent.start(&["sh", "-c", "echo $$ > pid; exec sleep 60"]).await;
    let pid = agent.wait_for_file("pid").await;
    let (status, _folder) = agent.terminate().await;
    assert!(status.success());
    assert!(!lives(&pid));
}
