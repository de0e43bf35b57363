//! `agent run`: everything built, served, and ended again.

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::Mode,
    process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior},
};
use tokio::{net::UnixListener, signal::unix};
use tokio_stream::{StreamExt, wrappers::UnixListenerStream};
use tonic::transport::Server;

use crate::{
    echo::Echo,
    made::Born,
    memory,
    output::Output,
    process::Means,
    proto::agent_service_server::AgentServiceServer,
    reaper::Reaper,
    server::Agent,
    socket::{SocketName, may_connect},
    supervisor::Supervisor,
};

/// How long the app has to end when the container is stopped. Engines give 10 s.
const STOP_GRACE: Duration = Duration::from_secs(5);
const FLUSH_FOR: Duration = Duration::from_millis(200);
/// Enough for one chunk to be on its way while the one before is written; more would be memory.
const WINDOW_BYTES: u32 = 1024 * 1024;
const MAX_STREAMS: u32 = 64;
/// A peer that is gone without a word is noticed within two minutes. Long enough that a frozen container, which cannot
/// answer, does not lose its peer when it thaws.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Runs until SIGTERM or SIGINT.
pub fn run(socket: &SocketName) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if !getpid().is_init() {
        set_child_subreaper(Some(getpid()))?;
    }
    // What the app inherits too; the usual one, whatever the engine set.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Before anything else, so that `agent dial` finds it as early as can be.
    let listener = socket.bind()?;
    let echo = Echo::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_stack_size(512 * 1024)
        .thread_keep_alive(Duration::from_secs(2))
        .build()?;
    runtime.block_on(serve(listener, echo))
}

/// Names this life of the agent: the time of its start, in nanoseconds.
fn instance() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", since.as_nanos())
}

async fn serve(listener: std::os::unix::net::UnixListener, echo: Echo) -> io::Result<()> {
    let reaper = Arc::new(Reaper::default());
    let children = unix::signal(unix::SignalKind::child())?;
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    let output = Arc::new(Output::default());
    let means = Means { reaper: Arc::clone(&reaper), output: Arc::clone(&output), echo: echo.clone() };
    let supervisor = Arc::new(Supervisor::new(means));
    // These live as long as the process.
    tokio::spawn(memory::watch(Arc::clone(&output)));
    tokio::spawn(async move { reaper.run(children).await });
    // Where it cannot be noted, nothing counts as made by the app.
    let agent = Agent::new(Arc::clone(&supervisor), output, instance(), Born::note().ok());

    listener.set_nonblocking(true)?;
    let listener = UnixListenerStream::new(UnixListener::from_std(listener)?);
    let admitted = listener.filter(|accepted| match accepted {
        Ok(stream) => stream.peer_cred().is_ok_and(|peer| may_connect(&peer)),
        Err(_) => true,
    });
    let server = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * 2)
        .max_frame_size(256 * 1024)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .add_service(AgentServiceServer::new(agent));
    tokio::select! {
        served = server.serve_with_incoming(admitted) => served.map_err(io::Error::other)?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Streams end with the process; the app first.
    let stopped = supervisor.stop(0, STOP_GRACE).await;
    echo.flush(FLUSH_FOR);
    stopped.map(|_| ()).map_err(io::Error::other)
}
