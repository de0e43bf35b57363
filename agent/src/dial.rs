//! `agent dial`: the service's way in, through an `exec` in the container.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    process, thread,
    time::{Duration, Instant},
};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::socket::SocketName;

/// How long connecting is tried while PID 1 is starting.
const CONNECT_FOR: Duration = Duration::from_secs(5);
/// How long the agent may go on answering after the service has closed its side.
const LINGER: Duration = Duration::from_secs(1);
const BUFFER_BYTES: usize = 64 * 1024;

/// Passes bytes between the standard streams and the agent, until either side ends.
pub fn dial(socket: &SocketName) -> io::Result<()> {
    // The app has the same uid and must not trace its way into the service's stream.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let stream = connect(socket)?;
    let mut outward = stream.try_clone()?;
    thread::Builder::new().name("input".into()).stack_size(128 * 1024).spawn(move || {
        let _ = copy(&mut io::stdin().lock(), &mut outward);
        let _ = outward.shutdown(Shutdown::Write);
        thread::sleep(LINGER);
        process::exit(0);
    })?;
    // Standard output itself is buffered by line, which would hold back bytes.
    let mut stdout = std::fs::File::from(rustix::io::dup(io::stdout())?);
    match copy(&mut &stream, &mut stdout) {
        // The service is gone: nobody is left to be told.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn connect(socket: &SocketName) -> io::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match socket.connect() {
            Ok(stream) => return Ok(stream),
            Err(error) if begun.elapsed() < CONNECT_FOR => {
                let waits = matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound);
                if !waits && error.kind() != ErrorKind::WouldBlock {
                    return Err(error);
                }
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
