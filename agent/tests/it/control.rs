//! Telling the running app what changed.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::{harness::Agent, proto::NotifyRequest};

const APP: &str = "\
import json, os, socket, sys, time
def connect():
    s = socket.socket(socket.AF_UNIX); s.connect(os.environ['PREVIEWD_CONTROL']); return s
s = connect()
while True:
    line = s.makefile().readline()
    if not line:
        s = connect()
        continue
    word = json.loads(line)['word']
    if word == 'exit': sys.exit(1)
    if word == 'slow': time.sleep(1); 
    try: s.sendall((json.dumps({'answer': word}) + '\\n').encode())
    except BrokenPipeError: pass
";

async fn app() -> Agent {
    let mut agent = Agent::run().await;
    let mut request = agent.launch(&["python3", "-u", "-c", APP]);
    request.control = true;
    agent.client.start(request).await.unwrap();
    agent
}

async fn notify(agent: &mut Agent, word: &str, milliseconds: u64) -> Result<String, tonic::Status> {
    let timeout = Some(Duration::from_millis(milliseconds).try_into().unwrap());
    let request = NotifyRequest { payload: format!("{{\"word\": \"{word}\"}}"), timeout, generation: 0 };
    Ok(agent.client.notify(request).await?.into_inner().payload)
}

#[tokio::test]
async fn the_app_answers_line_for_line() {
    let mut agent = app().await;
    for word in ["one", "two", "three"] {
        assert_eq!(notify(&mut agent, word, 10_000).await.unwrap(), format!("{{\"answer\": \"{word}\"}}"));
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_never_taken_for_the_next() {
    let mut agent = app().await;
    notify(&mut agent, "one", 10_000).await.unwrap();
    assert_eq!(notify(&mut agent, "slow", 200).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(notify(&mut agent, "next", 10_000).await.unwrap(), "{\"answer\": \"next\"}");
}

#[tokio::test]
async fn an_app_that_ends_fails_the_call_at_once() {
    let mut agent = app().await;
    let begun = Instant::now();
    let error = notify(&mut agent, "exit", 10_000).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_app_without_control_is_not_told() {
    let mut agent = Agent::run().await;
    assert_eq!(notify(&mut agent, "x", 100).await.unwrap_err().code(), Code::FailedPrecondition);
    agent.start(&["sleep", "60"]).await;
    assert_eq!(notify(&mut agent, "x", 100).await.unwrap_err().code(), Code::FailedPrecondition);
    let mut request = agent.launch(&["sleep", "60"]);
    request.control = true;
    agent.client.start(request).await.unwrap();
    assert_eq!(notify(&mut agent, "x", 100).await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_process_that_connects_while_others_think_is_asked_too() {
    let mut agent = Agent::run().await;
    // A second one connects once the first has been asked, which answers a second later.
    let second = "if word == 'slow' and alone and os.fork() == 0: alone = False; s = connect(); continue";
    let both = APP.replace("    if word == 'slow'", &format!("    {second}\n    if word == 'slow'"));
    let both = format!("alone = True\n{both}");
    let mut request = agent.launch(&["python3", "-u", "-c", &both]);
    request.control = true;
    agent.client.start(request).await.unwrap();
    let slow = "{\"answer\": \"slow\"}";
    assert_eq!(notify(&mut agent, "slow", 10_000).await.unwrap(), format!("{slow}\n{slow}"));
}

#[tokio::test]
async fn every_process_that_is_connected_answers_and_one_that_ends_has_no_say() {
    let mut agent = Agent::run().await;
    let both = format!("import os\nfirst = os.fork() == 0\n{}", APP.replace("'exit'", "'exit' and first"));
    let mut request = agent.launch(&["python3", "-u", "-c", &both]);
    request.control = true;
    agent.client.start(request).await.unwrap();
    let one = "{\"answer\": \"one\"}";
    let deadline = Instant::now() + Duration::from_secs(10);
    while notify(&mut agent, "one", 10_000).await.unwrap() != format!("{one}\n{one}") {
        assert!(Instant::now() < deadline, "the second process was never asked");
    }
    assert_eq!(notify(&mut agent, "exit", 10_000).await.unwrap(), "{\"answer\": \"exit\"}");
    assert_eq!(notify(&mut agent, "one", 10_000).await.unwrap(), one);
}
