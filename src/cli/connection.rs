//! Where the service is that a command asks.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;

use crate::config::in_env_file;

/// Where a service listens that is told nothing else.
const DEFAULT_ADDRESS: &str = "http://127.0.0.1:50051";
/// The variables that say where a service is, and where one on this machine listens.
const ADDR: &str = "PREVIEW_ADDR";
const LISTEN: &str = "PREVIEW_LISTEN";

/// Where the service is, and how answers are written.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The address of the service. Default: where PREVIEW_LISTEN lets a service on this machine listen, else
    /// http://127.0.0.1:50051. Both may be in `.env` as well.
    #[arg(long, global = true, env = ADDR, value_name = "URL")]
    pub addr: Option<String>,
    /// The service's own setting, for a command that runs beside it.
    #[arg(long, env = LISTEN, hide = true)]
    listen: Option<String>,
    /// Write one JSON object per line and message; errors too, on standard error.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Connection {
    /// Returns the address of the service.
    pub fn address(&self) -> String {
        self.address_with(in_env_file)
    }

    fn address_with(&self, in_file: impl Fn(&str) -> Option<String>) -> String {
        let given = |addr: Option<String>, listen: Option<String>| addr.or_else(|| address_beside(&listen?));
        // What is said here stands above the file, as it does for the service.
        given(self.addr.clone(), self.listen.clone())
            .or_else(|| given(in_file(ADDR), in_file(LISTEN)))
            .unwrap_or_else(|| DEFAULT_ADDRESS.to_owned())
    }
}

/// Returns where a service that listens there is called on its own machine.
fn address_beside(listen: &str) -> Option<String> {
    let mut listen: SocketAddr = listen.parse().ok()?;
    // Where every address is listened on, none of them has to be named.
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    Some(format!("http://{listen}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_that_of_the_service_on_this_machine_unless_it_is_given() {
        let with = |addr: Option<&str>, listen: Option<&str>, file: &'static [(&str, &str)]| {
            Connection { addr: addr.map(str::to_owned), listen: listen.map(str::to_owned), json: false }.address_with(
                |name| file.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()),
            )
        };
        let address = |addr, listen| with(addr, listen, &[]);
        assert_eq!(address(None, None), DEFAULT_ADDRESS);
        assert_eq!(address(None, Some("127.0.0.1:7000")), "http://127.0.0.1:7000");
        assert_eq!(address(None, Some("0.0.0.0:7000")), "http://127.0.0.1:7000");
        assert_eq!(address(None, Some("[::]:7000")), "http://[::1]:7000");
        assert_eq!(address(None, Some("nonsense")), DEFAULT_ADDRESS);
        assert_eq!(address(Some("http://a:1"), Some("127.0.0.1:7000")), "http://a:1");
        let file = &[(LISTEN, "127.0.0.1:7001")];
        assert_eq!(with(None, None, file), "http://127.0.0.1:7001");
        assert_eq!(with(None, Some("127.0.0.1:7000"), file), "http://127.0.0.1:7000");
        assert_eq!(with(None, None, &[(LISTEN, "127.0.0.1:7001"), (ADDR, "http://b:2")]), "http://b:2");
    }
}
