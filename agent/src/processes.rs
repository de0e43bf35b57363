//! What `/proc` says of the container's processes.

use std::{collections::HashMap, fs, time::Duration};

/// The most generations that are followed upwards: more than the processes a container may have.
const MAX_DEPTH: usize = 65_536;

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: i32,
    zombie: bool,
    /// The CPU that it and those of its children that have ended used, in ticks.
    ticks: u64,
}

/// Returns the live processes that descend from one, in no order. What came by `exec` into the container does not.
pub fn descendants(of: i32) -> Vec<i32> {
    descendants_but(of, &[])
}

/// Returns the live processes that descend from one, but for some of its children and what descends from them.
pub fn descendants_but(of: i32, some: &[i32]) -> Vec<i32> {
    let table = table();
    let stays = |pid: i32| some.iter().any(|one| pid == *one || is_below(&table, pid, *one));
    let live = table.iter().filter(|(_, stat)| !stat.zombie).map(|(pid, _)| *pid);
    live.filter(|pid| is_below(&table, *pid, of) && !stays(*pid)).collect()
}

/// Returns whether there is such a process, if perhaps one that has ended and is not collected yet.
pub fn is_there(pid: i32) -> bool {
    stat(pid).is_some()
}

/// Returns the CPU time that the processes which descend from one have used, with those that ended under one of them.
pub fn cpu_time(of: i32) -> Duration {
    let table = table();
    let ticks: u64 = table.iter().filter(|(pid, _)| is_below(&table, **pid, of)).map(|(_, stat)| stat.ticks).sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / per_second)
}

/// Returns whether a process descends from another, or `None` if it is gone.
pub fn descends(pid: i32, from: i32) -> Option<bool> {
    let mut current = pid;
    for _ in 0..MAX_DEPTH {
        if current == from {
            return Some(true);
        }
        if current <= 0 {
            return Some(false);
        }
        current = stat(current)?.parent;
    }
    None
}

fn is_below(table: &HashMap<i32, Stat>, pid: i32, of: i32) -> bool {
    let mut current = pid;
    for _ in 0..=table.len() {
        let Some(stat) = table.get(&current) else { return false };
        if stat.parent == of {
            return true;
        }
        current = stat.parent;
    }
    false
}

fn table() -> HashMap<i32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| Some((pid, stat(pid)?)))
        .collect()
}

fn stat(pid: i32) -> Option<Stat> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads a line as in proc_pid_stat(5). The name, in brackets, may have brackets, spaces and anything else.
fn parse(line: &[u8]) -> Option<Stat> {
    let behind = line.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = std::str::from_utf8(line.get(behind..)?).ok()?.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    // utime, stime, cutime and cstime are the 14th to 17th of the line.
    let ticks = fields.skip(9).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Stat { parent, zombie, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_mislead() {
        assert_eq!(parse(b"7 (a) R 1 (b) S 3 7 7 0"), Some(Stat { parent: 3, zombie: false, ticks: 0 }));
        assert_eq!(parse(b"7 (sh) Z 1 7 7 0"), Some(Stat { parent: 1, zombie: true, ticks: 0 }));
        assert_eq!(parse(b"7 (sh"), None);
    }

    #[test]
    fn the_cpu_time_of_a_process_and_of_its_ended_children_is_read() {
        let line = b"7 (sh) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1 0 99";
        assert_eq!(parse(line).map(|stat| stat.ticks), Some(4330));
    }

    #[test]
    fn a_process_descends_from_its_parent() {
        let own = rustix::process::getpid().as_raw_pid();
        let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_pid());
        assert_eq!(descends(own, parent), Some(true));
        assert!(descendants(parent).contains(&own));
        assert!(!descendants(own).contains(&own));
    }
}
