//! `agent dial`: the service's way in, through an `exec` in the container.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown},
    os::unix::net::UnixStream,
    process, thread,
    time::{Duration, Instant},
};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::socket::SocketName;

const LOCAL_ADDRESSES: &str = "/proc/net/fib_trie";
/// How long connecting is tried while PID 1 is starting.
const CONNECT_FOR: Duration = Duration::from_secs(5);
/// How long the agent may go on answering after the service has closed its side.
const LINGER: Duration = Duration::from_secs(1);
const BUFFER_BYTES: usize = 64 * 1024;

/// Passes bytes between the standard streams and the agent, until either side ends.
pub fn dial(socket: &SocketName) -> io::Result<()> {
    // The app has the same uid and must not trace its way into the service's stream.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if let Some(address) = only_address(&fs::read_to_string(LOCAL_ADDRESSES).unwrap_or_default()) {
        // In one piece, and nobody need hear it.
        let _ = io::stderr().write_all(format!("address {address}\n").as_bytes());
    }
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

/// Returns the one address of IPv4 that the container has beside its loopback addresses, from the kernel's table of routes as
/// in proc_pid_net(5); `None` where there are more, or none.
fn only_address(table: &str) -> Option<Ipv4Addr> {
    let mut lines = table.lines().map(str::trim_start).peekable();
    let mut found = BTreeSet::new();
    while let Some(line) = lines.next() {
        let local = lines.peek().is_some_and(|below| below.starts_with("/32 host LOCAL"));
        let address = line.strip_prefix("|-- ").and_then(|address| address.parse::<Ipv4Addr>().ok());
        found.extend(address.filter(|address| local && !address.is_loopback()));
    }
    found.pop_first().filter(|_| found.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_container_is_found_in_the_table_of_routes() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 172.20.0.0/16 2 0 2\n        \
            |-- 172.20.0.0\n           /16 link UNICAST\n        |-- 172.20.0.3\n           /32 host LOCAL\n        \
            |-- 172.20.255.255\n           /32 link BROADCAST\n\
            Local:\n     |-- 127.0.0.1\n           /32 host LOCAL\n        |-- 172.20.0.3\n           /32 host LOCAL\n";
        assert_eq!(only_address(table), Some(Ipv4Addr::new(172, 20, 0, 3)));
        let two = format!("{table}     |-- 10.0.0.2\n        /32 host LOCAL\n");
        assert_eq!(only_address(&two), None);
        assert_eq!(only_address(""), None);
    }
}
