//! The bounds of the gateway.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// How previews are reached.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// The address that ports are opened on.
    pub bind: IpAddr,
    /// The first port of the range.
    pub first: u16,
    /// The last port of the range.
    pub last: u16,
    /// How long a request may wait for the app, all its waits together.
    pub hold: Duration,
    /// How many requests of one preview may wait at the same time; further ones are refused with 503.
    pub held: usize,
    /// How many connections one preview may have; further ones wait in the backlog.
    pub connections: usize,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a connection to an app may take to be made.
    pub connect_timeout: Duration,
    /// How long an app that is said to be there may refuse connections, before the request is answered with 502.
    pub unreachable_after: Duration,
    /// How long an app may take to begin its answer, once it has what it was sent. Not for upgrades and streams of events.
    pub answer_timeout: Duration,
    /// How long nothing may come of the body of a request.
    pub upload_still: Duration,
    /// From when on an answer counts as long-lived, so that no drain waits for it.
    pub long_lived_after: Duration,
    /// How long the connections of a closed port may take to end by themselves.
    pub grace: Duration,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            first: 8100,
            last: 8200,
            hold: Duration::from_secs(60),
            held: 4096,
            connections: 1024,
            header_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(2),
            unreachable_after: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(60),
            upload_still: Duration::from_secs(60),
            long_lived_after: Duration::from_secs(10),
            grace: Duration::from_secs(2),
        }
    }
}
