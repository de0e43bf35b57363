//! What every TCP connection of ours gets, whoever is at its other end.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How often a connection that is silent is asked whether its other end is still there.
#[derive(Debug, Clone, Copy)]
pub struct KeepAlive {
    /// After so much silence.
    pub after: Duration,
    /// Then as often, until one of the questions is answered.
    pub every: Duration,
    /// So many questions without an answer end it.
    pub probes: u32,
}

impl KeepAlive {
    /// Has the kernel ask, and send at once what is written. A connection without either is as good otherwise.
    pub fn set(self, stream: &TcpStream) {
        let probes = TcpKeepalive::new().with_time(self.after).with_interval(self.every).with_retries(self.probes);
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
    }
}

/// Has the kernel give up a client that has vanished, or that reads nothing for minutes, and send at once what is written.
pub fn keep_client(stream: &TcpStream) {
    KeepAlive { after: Duration::from_secs(60), every: Duration::from_secs(15), probes: 4 }.set(stream);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(Duration::from_secs(300)));
}
