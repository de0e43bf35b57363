//! The bounds that containers run under, and those of callers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most bytes of files in one request.
pub const MAX_REQUEST_BYTES: u64 = 32 * 1024 * 1024;
/// The most bytes of one file.
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// The most files in one tree.
pub const MAX_TREE_FILES: usize = 20_000;
/// The most changed paths that one message names.
pub const MAX_CHANGED_PATHS: usize = 1_000;
/// The longest commit message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The longest line of a log, in bytes; a longer one is split.
pub const MAX_LOG_LINE_BYTES: usize = 16 * 1024;
/// The shortest time to live and idle timeout.
pub const MIN_LIFETIME: Duration = Duration::from_secs(1);
/// The longest time to live and idle timeout.
pub const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// The bounds of a container's memory, in bytes.
pub const MEMORY_BYTES: std::ops::RangeInclusive<u64> = 16 * 1024 * 1024..=64 * 1024 * 1024 * 1024;
/// The bounds of a container's CPU time per wall time.
pub const CPUS: std::ops::RangeInclusive<f64> = 0.01..=64.0;
/// The bounds of a container's processes and threads.
pub const PIDS: std::ops::RangeInclusive<u32> = 16..=32_768;

/// What one container may use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes, with no swap beyond it.
    pub memory_bytes: u64,
    /// CPU time per wall time; 1.0 is one core.
    pub cpus: f64,
    /// Processes and threads.
    pub pids: u32,
}

impl Limits {
    /// Returns these limits on a machine with so many CPUs: engines refuse more than there are.
    pub fn on_machine(self, cpus: u32) -> Self {
        Self { cpus: self.cpus.min(f64::from(cpus)), ..self }
    }
}

/// How much memory a container may be given beyond what it begins with, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The most, in bytes; less than it begins with if it gets no more.
    pub most_bytes: u64,
    /// What would have to be changed for more: a setting, or a field of the request.
    pub said_by: &'static str,
}

impl Allowance {
    /// The share of its limit, in percent, from which a container is given more.
    const NEAR: u64 = 85;

    /// Returns the double of a limit, or as much as may be given; `None` where that is no more.
    pub fn more_than(&self, limit: u64) -> Option<u64> {
        Some(limit.saturating_mul(2).min(self.most_bytes)).filter(|more| *more > limit)
    }

    /// Returns whether so much in use is near a limit.
    pub fn is_near(&self, used: u64, limit: u64) -> bool {
        u128::from(used) * 100 >= u128::from(limit) * u128::from(Self::NEAR)
    }
}

/// What a request asks for instead of the defaults; `None` keeps the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitOverrides {
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time per wall time.
    pub cpus: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

impl LimitOverrides {
    /// Returns the defaults with the overrides on top.
    pub fn over(&self, defaults: Limits) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes.unwrap_or(defaults.memory_bytes),
            cpus: self.cpus.unwrap_or(defaults.cpus),
            pids: self.pids.unwrap_or(defaults.pids),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_doubled_up_to_the_most() {
        let allowance = Allowance { most_bytes: 2000, said_by: "PREVIEW_MAX_MEM" };
        assert_eq!(allowance.more_than(512), Some(1024));
        assert_eq!(allowance.more_than(1024), Some(2000));
        assert_eq!(allowance.more_than(2000), None);
        assert_eq!(Allowance { most_bytes: 0, ..allowance }.more_than(512), None);
        assert!(allowance.is_near(85, 100) && !allowance.is_near(84, 100));
        assert!(allowance.is_near(u64::MAX, u64::MAX));
    }

    #[test]
    fn no_more_cpus_are_taken_than_a_machine_has() {
        let limits = Limits { memory_bytes: 1, cpus: 2.0, pids: 1 };
        assert!((limits.on_machine(1).cpus - 1.0).abs() < f64::EPSILON);
        assert_eq!(limits.on_machine(4), limits);
    }
}
