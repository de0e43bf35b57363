//! Which TCP ports the app's processes listen on, from `/proc`.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    sync::LazyLock,
};

use crate::processes;

/// Which ports the system gives to who asks for any, where it does not say.
const USUAL_RANGE: RangeInclusive<u16> = 32_768..=60_999;

/// One address at which the app may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Where to connect to from inside the container.
    pub address: SocketAddr,
    /// Whether the same port can be reached from outside, over IPv4.
    pub direct: bool,
}

/// The ports, ascending, each with the ways to ask it, best first.
pub type Ports = BTreeMap<u16, Vec<Candidate>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    address: SocketAddr,
    uid: u32,
    inode: u64,
}

/// Returns the ports that descendants of a process listen on.
///
/// Where a process does not let its descriptors be seen, every listener of the same user counts, other than `own`.
pub fn listening(of: i32, own: &[u16]) -> Ports {
    let uid = rustix::process::getuid().as_raw();
    let all: Vec<Listener> = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"]
        .iter()
        .flat_map(|path| fs::read_to_string(path).map(|text| parse(&text)).unwrap_or_default())
        .filter(|listener| !own.contains(&listener.address.port()))
        .collect();
    if all.is_empty() {
        return Ports::new();
    }
    let (inodes, complete) = inodes(&processes::descendants(of));
    let mut matched: Vec<Listener> = all.iter().filter(|one| inodes.contains(&one.inode)).copied().collect();
    if matched.is_empty() && !complete {
        matched = all.into_iter().filter(|one| one.uid == uid).collect();
    }
    by_port(&matched)
}

/// Returns whether a port is of those that the system gives to who asks for any, as in ip(7).
pub fn is_chosen_by_system(port: u16) -> bool {
    static RANGE: LazyLock<RangeInclusive<u16>> = LazyLock::new(|| {
        let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let mut ends = text.split_ascii_whitespace().map_while(|end| end.parse().ok());
        ends.next().zip(ends.next()).map_or(USUAL_RANGE, |(first, last)| first..=last)
    });
    RANGE.contains(&port)
}

/// Returns the sockets that processes hold, and whether all of them let themselves be seen.
fn inodes(pids: &[i32]) -> (HashSet<u64>, bool) {
    let mut inodes = HashSet::new();
    let mut complete = true;
    for pid in pids {
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            complete = false;
            continue;
        };
        let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        inodes.extend(
            links.filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok()),
        );
    }
    (inodes, complete)
}

fn by_port(listeners: &[Listener]) -> Ports {
    let mut ports: BTreeMap<u16, Vec<(u8, Candidate)>> = BTreeMap::new();
    for listener in listeners {
        let port = listener.address.port();
        let ways = ports.entry(port).or_default();
        let mut add = |rank, ip: IpAddr, direct| {
            let candidate = Candidate { address: SocketAddr::new(ip, port), direct };
            if !ways.iter().any(|(_, known)| known.address == candidate.address) {
                ways.push((rank, candidate));
            }
        };
        match listener.address.ip() {
            ip if ip.to_canonical() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) => add(0, Ipv4Addr::LOCALHOST.into(), true),
            // `::` mostly takes IPv4 too; where it does not, outside is IPv4 and has to be relayed.
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                add(1, Ipv4Addr::LOCALHOST.into(), true);
                add(4, Ipv6Addr::LOCALHOST.into(), false);
            }
            ip if !ip.to_canonical().is_loopback() => add(2, ip, ip.to_canonical().is_ipv4()),
            ip => add(3, ip, false),
        }
    }
    let sorted = |mut ways: Vec<(u8, Candidate)>| {
        ways.sort_by_key(|(rank, _)| *rank);
        ways.into_iter().map(|(_, candidate)| candidate).collect()
    };
    ports.into_iter().map(|(port, ways)| (port, sorted(ways))).collect()
}

/// Reads a table as in proc_pid_net(5): what listens (state 0A).
fn parse(table: &str) -> Vec<Listener> {
    table.lines().skip(1).filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, uid, inode) = (fields.get(1)?, fields.get(3)?, fields.get(7)?, fields.get(9)?);
    if *state != "0A" {
        return None;
    }
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(Listener { address: SocketAddr::new(parse_ip(ip)?, port), uid: uid.parse().ok()?, inode: inode.parse().ok()? })
}

/// An address is printed as numbers of 32 bits in the machine's own byte order.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn ways(lines: &str) -> Ports {
        by_port(&parse(&(HEAD.to_owned() + lines)))
    }

    #[test]
    fn only_what_listens_counts() {
        let ports = ways(
            "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1 0 100 0\n   \
             1: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 78 1 0 20 4\n",
        );
        let expected = Candidate { address: "127.0.0.1:8080".parse().unwrap(), direct: true };
        assert_eq!(ports, Ports::from([(8080, vec![expected])]));
    }

    #[test]
    fn loopback_is_not_direct_and_every_interface_comes_first() {
        let ports = ways(
            "   0: 0100007F:1435 00000000:0000 0A 0:0 00:0 0  1000        0 77 1 0 100 0\n   \
             1: 00000000000000000000000001000000:1435 0:0 0A 0:0 00:0 0  1000        0 78 1 0 100 0\n   \
             2: 00000000000000000000000000000000:0BB8 0:0 0A 0:0 00:0 0  1000        0 79 1 0 100 0\n",
        );
        let shown: Vec<String> =
            ports.values().flatten().map(|way| format!("{} {}", way.address, way.direct)).collect();
        assert_eq!(shown, ["127.0.0.1:3000 true", "[::1]:3000 false", "127.0.0.1:5173 false", "[::1]:5173 false"]);
    }

    #[test]
    fn a_line_that_is_cut_is_no_listener() {
        assert_eq!(ways("   0: 0100007F:1435 00000000:0000 0A\n"), Ports::new());
    }
}
