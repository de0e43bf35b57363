//! How near the container is to its memory limit, and whether the kernel's out-of-memory killer struck.

use std::{fs, path::Path, sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::output::{Event, Output};

/// Where a container sees its own memory group: version 2, version 1.
const GROUPS: [Group; 2] = [
    Group {
        folder: "/sys/fs/cgroup",
        used: "memory.current",
        limit: "memory.max",
        kills: "memory.events",
        cache: ["active_file ", "inactive_file "],
    },
    Group {
        folder: "/sys/fs/cgroup/memory",
        used: "memory.usage_in_bytes",
        limit: "memory.limit_in_bytes",
        kills: "memory.oom_control",
        cache: ["total_active_file ", "total_inactive_file "],
    },
];
/// The share of the limit, in percent, that is near it, and the one from which it is looked at often.
const NEAR: u64 = 85;
const WARM: u64 = 60;
/// The time between two looks, and where the use is high.
const INTERVAL: Duration = Duration::from_millis(250);
const SHORT_INTERVAL: Duration = Duration::from_millis(50);

/// What a container has in use and may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use, without the page cache.
    pub used: u64,
    /// The limit in bytes.
    pub limit: u64,
    /// The most that was in use, as far as it was seen.
    pub peak: u64,
    /// How many processes the out-of-memory killer has ended.
    pub kills: u64,
}

/// The files of one version of memory groups.
struct Group {
    folder: &'static str,
    used: &'static str,
    limit: &'static str,
    kills: &'static str,
    /// How the lines of `memory.stat` begin that count pages of files.
    cache: [&'static str; 2],
}

/// Returns how many processes of this container the out-of-memory killer has ended; 0 where the kernel does not say.
pub fn kills() -> u64 {
    GROUPS.iter().find_map(|group| number_after(&group.read(group.kills)?, "oom_kill ")).unwrap_or(0)
}

/// Tells of each time that the container comes near its limit, and of each kill. It ends with the process.
pub async fn watch(output: Arc<Output>) {
    let mut watch = Watch::default();
    loop {
        let seen = GROUPS.iter().find_map(Group::memory);
        if let Some(memory) = seen.and_then(|seen| watch.news(seen)) {
            output.push(Event::Memory(memory));
        }
        let warm = seen.is_some_and(|seen| is_above(seen, WARM));
        sleep(if warm { SHORT_INTERVAL } else { INTERVAL }).await;
    }
}

/// What was told last.
#[derive(Debug, Default)]
struct Watch {
    peak: u64,
    kills: u64,
    /// The limit that was said to be near.
    near: Option<u64>,
}

impl Watch {
    /// Returns what is to be told.
    fn news(&mut self, seen: Memory) -> Option<Memory> {
        self.peak = self.peak.max(seen.used);
        let struck = std::mem::replace(&mut self.kills, seen.kills) < seen.kills;
        let near = is_above(seen, NEAR).then_some(seen.limit);
        let came = std::mem::replace(&mut self.near, near) != near && near.is_some();
        (struck || came).then_some(Memory { peak: self.peak, ..seen })
    }
}

fn is_above(seen: Memory, percent: u64) -> bool {
    u128::from(seen.used) * 100 >= u128::from(seen.limit) * u128::from(percent)
}

impl Group {
    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(Path::new(self.folder).join(file)).ok()
    }

    /// Returns what is in use; `None` where there is no limit, or no such group.
    fn memory(&self) -> Option<Memory> {
        let limit = self.read(self.limit)?.trim().parse().ok()?;
        let all: u64 = self.read(self.used)?.trim().parse().ok()?;
        let parts = self.read("memory.stat")?;
        let cache: u64 = self.cache.iter().filter_map(|name| number_after(&parts, name)).sum();
        let kills = number_after(&self.read(self.kills)?, "oom_kill ").unwrap_or(0);
        Some(Memory { used: all.saturating_sub(cache), limit, peak: 0, kills })
    }
}

/// Returns the number of the line that begins so.
fn number_after(text: &str, beginning: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(beginning)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_the_file_of_kills_are_read() {
        let kills = |text| number_after(text, "oom_kill ");
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3));
        assert_eq!(kills("low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n"), Some(1));
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\n"), None);
    }

    #[test]
    fn nearness_is_told_once_under_each_limit_and_again_after_it_has_passed() {
        let mut watch = Watch::default();
        let mut told = |used, limit| watch.news(Memory { used, limit, peak: 0, kills: 0 }).map(|memory| memory.peak);
        assert_eq!(told(84, 100), None);
        assert_eq!(told(85, 100), Some(85));
        assert_eq!(told(99, 100), None);
        assert_eq!(told(99, 200), None);
        assert_eq!(told(180, 200), Some(180));
        assert_eq!(told(10, 200), None);
        assert_eq!(told(190, 200), Some(190));
        assert_eq!(told(390, 400), Some(390));
    }

    #[test]
    fn every_kill_is_told_with_the_peak() {
        let mut watch = Watch::default();
        let mut told = |used, kills| watch.news(Memory { used, limit: 100, peak: 0, kills }).map(|memory| memory.peak);
        assert_eq!(told(70, 0), None);
        assert_eq!(told(20, 1), Some(70));
        assert_eq!(told(20, 1), None);
        assert_eq!(told(20, 3), Some(70));
    }
}
