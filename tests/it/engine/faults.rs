//! What happens when callers go away, the daemon goes away, and things do not start.

use std::path::{Path, PathBuf};

use previewd::engine::{EngineError, EngineEvent};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixListener, UnixStream},
};
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test]
async fn a_dropped_run_leaves_nothing() {
    let it = Fixture::new();
    it.engine.prepare().await.unwrap();
    for milliseconds in [0, 1, 3, 6, 10, 20, 50, 100, 200, 300] {
        let run = it.engine.run(it.spec(&format!("drop{milliseconds}"), ""));
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), run).await;
    }
    // One that came through is known to its caller; here it is not wanted either. What is still being made when its
    // caller has gone comes and goes, and so does what fills a volume that another instance has just removed: what
    // counts is that it all stays away.
    let (deadline, mut empty_since) = (Instant::now() + PATIENCE, None);
    while empty_since.is_none_or(|it: Instant| it.elapsed() < Duration::from_secs(2)) {
        let left = it.left("container");
        assert!(Instant::now() < deadline, "containers stay: {left:?}");
        for kept in it.engine.containers().await.unwrap().iter().filter(|it| it.name.ends_with("drop300")) {
            it.engine.remove(&kept.id).await.unwrap();
        }
        empty_since = left.is_empty().then(|| empty_since.unwrap_or(Instant::now()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_container_that_does_not_start_leaves_the_daemons_words_and_nothing_else() {
    let unusable = RuntimeFile { path: "agent".into(), content: "no program".into(), executable: false };
    let it = Fixture::with(|options| options.runtime_files = vec![unusable]);
    let err = it.engine.run(it.spec("broken", "")).await.unwrap_err();
    assert!(matches!(&err, EngineError::Refused { message, .. } if message.contains("/previewd/agent")), "{err}");
    assert_eq!(it.left("container"), Vec::<String>::new());

    let mut spec = it.spec("imageless", "");
    spec.image = "previewd/no-such-image:1".into();
    let err = it.engine.run(spec).await.unwrap_err();
    assert!(matches!(err, EngineError::NotFound { what: "image", .. }), "{err}");

    let mut spec = it.spec("greedy", "");
    spec.limits.cpus = 4000.0;
    let err = it.engine.run(spec).await.unwrap_err();
    assert!(matches!(&err, EngineError::Refused { message, .. } if message.contains("CPUs")), "{err}");
    assert_eq!(it.left("container"), Vec::<String>::new());
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    for host in [format!("unix://{}/none.sock", folder.path().display()), "tcp://127.0.0.1:1".to_owned()] {
        let mut options = options("away");
        options.host = Some(host);
        let engine = DockerEngine::connect(options.clone()).unwrap();
        assert!(matches!(engine.info().await.unwrap_err(), EngineError::Unreachable(_)));
        assert!(matches!(engine.containers().await.unwrap_err(), EngineError::Unreachable(_)));
        assert!(matches!(engine.prepare().await.unwrap_err(), EngineError::Unreachable(_)));
        let spec = ContainerSpec {
            name: "away".into(),
            image: "a".into(),
            labels: BTreeMap::new(),
            environment: BTreeMap::new(),
            limits: limits(),
            make_folders: true,
            volumes: Vec::new(),
        };
        assert!(matches!(engine.run(spec).await.unwrap_err(), EngineError::Unreachable(_)));
        assert!(matches!(engine.dial("x").await.err().unwrap(), EngineError::Unreachable(_)));
    }
    let mut options = options("away");
    options.host = Some("ssh://somewhere".into());
    assert!(DockerEngine::connect(options).unwrap_err().to_string().contains("ssh://somewhere"));
}

#[tokio::test]
async fn calls_work_again_once_the_daemon_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let it = Fixture::with(|options| options.host = Some(format!("unix://{}", socket.display())));
    let mut events = it.engine.events();
    let token = CancellationToken::new();
    tokio::spawn(std::sync::Arc::new(it.engine.clone()).run_events(token.clone()));
    let mut next = async || tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
    assert_eq!(next().await, EngineEvent::Disconnected);

    for _ in 0..2 {
        let line = cuttable(socket.clone());
        assert_eq!(next().await, EngineEvent::Connected);
        assert!(!it.engine.info().await.unwrap().version.is_empty());

        line.cancel();
        assert_eq!(next().await, EngineEvent::Disconnected);
        assert!(matches!(it.engine.info().await.unwrap_err(), EngineError::Unreachable(_)));
    }
    token.cancel();
}

#[tokio::test]
async fn a_run_that_is_cut_off_is_an_error_and_is_cleaned_up_after() {
    for request in ["/containers/create", "/start"] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let it = Fixture::with(|options| options.host = Some(format!("unix://{}", socket.display())));
        let line = cuttable(socket.clone());
        // It makes a container too.
        it.engine.prepare().await.unwrap();
        line.cancel();
        gone(&socket).await;
        let line = cuttable_at(socket.clone(), Some(request));
        let cut = it.engine.run(it.spec("cut", "")).await.unwrap_err();
        assert!(matches!(cut, EngineError::Unreachable(_)), "{request}: {cut}");
        assert!(line.is_cancelled());
        gone(&socket).await;

        // What could not be removed then has its label, and its name is free for the next.
        let _line = cuttable(socket);
        let left = it.engine.containers().await.unwrap();
        assert!(left.len() <= 1);
        for container in left {
            it.engine.remove(&container.id).await.unwrap();
        }
        it.run("cut", "").await;
    }
}

async fn gone(socket: &Path) {
    while socket.exists() {
        tokio::task::yield_now().await;
    }
}

/// Forwards a socket to the daemon until the token is cancelled; then all that is open is cut, and the socket is gone.
fn cuttable(socket: PathBuf) -> CancellationToken {
    cuttable_at(socket, None)
}

/// Does that, and cancels the token itself when a request of that name has reached the daemon.
fn cuttable_at(socket: PathBuf, last: Option<&'static str>) -> CancellationToken {
    let token = CancellationToken::new();
    let cut = token.clone();
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let forward = async {
            while let Ok((client, _)) = listener.accept().await {
                let cut = cut.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = forward(client, last, cut.clone()) => {}
                        () = cut.cancelled() => {}
                    }
                });
            }
        };
        tokio::select! {
            () = forward => {}
            () = cut.cancelled() => std::fs::remove_file(&socket).unwrap(),
        }
    });
    token
}

async fn forward(client: UnixStream, last: Option<&str>, cut: CancellationToken) {
    let host = std::env::var("DOCKER_HOST").unwrap_or("unix:///var/run/docker.sock".into());
    if let Some(path) = host.strip_prefix("unix://") {
        between(client, UnixStream::connect(path).await.unwrap(), last, cut).await;
    } else {
        let authority = host.split("://").last().unwrap();
        between(client, TcpStream::connect(authority).await.unwrap(), last, cut).await;
    }
}

async fn between(client: UnixStream, daemon: impl AsyncRead + AsyncWrite, last: Option<&str>, cut: CancellationToken) {
    let (mut asks, mut is_told) = client.into_split();
    let (mut answers, mut hears) = tokio::io::split(daemon);
    let to_daemon = async {
        let mut read = Vec::with_capacity(64 * 1024);
        while asks.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
            if hears.write_all(&read).await.is_err() {
                return;
            }
            // The line of a request comes in one piece.
            if last
                .is_some_and(|last| String::from_utf8_lossy(&read).lines().next().is_some_and(|it| it.contains(last)))
            {
                cut.cancel();
            }
            read.clear();
        }
        let _ = hears.shutdown().await;
    };
    let from_daemon = async {
        let _ = tokio::io::copy(&mut answers, &mut is_told).await;
        let _ = is_told.shutdown().await;
    };
    tokio::join!(to_daemon, from_daemon);
}
