//! Whether an app that does not answer yet still works.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::processes;

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// The share of a core, in percent, that is work: an app that only waits wakes up now and then, too.
const WORK_PERCENT: u32 = 3;

/// Returns once what is below a process has used next to no CPU, and no app has written anything, for so long. `written`
/// counts what they write.
pub async fn stillness(of: i32, mut written: watch::Receiver<u64>, still_for: Duration) {
    let mut work = Work::new(processes::cpu_time(of), Instant::now());
    written.mark_unchanged();
    loop {
        sleep(INTERVAL.min(still_for)).await;
        let wrote = written.has_changed().unwrap_or(false);
        written.mark_unchanged();
        if work.still(processes::cpu_time(of), wrote, Instant::now()) >= still_for {
            return;
        }
    }
}

/// What was seen last.
#[derive(Debug)]
struct Work {
    cpu: Duration,
    looked: Instant,
    worked: Instant,
}

impl Work {
    fn new(cpu: Duration, now: Instant) -> Self {
        Self { cpu, looked: now, worked: now }
    }

    /// Returns for how long nothing was done. Less CPU than before, as after the end of a process, is a sign of life.
    fn still(&mut self, cpu: Duration, wrote: bool, now: Instant) -> Duration {
        let idle = (now - self.looked) * WORK_PERCENT / 100;
        let used = cpu.checked_sub(self.cpu);
        if wrote || used.is_none_or(|used| used > idle) {
            self.worked = now;
        }
        (self.cpu, self.looked) = (cpu, now);
        now - self.worked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_output_and_processes_that_come_and_go_are_work() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let milliseconds = Duration::from_millis;
        let mut work = Work::new(milliseconds(100), begun);
        assert_eq!(work.still(milliseconds(120), false, at(1)), Duration::from_secs(1), "as much as a timer takes");
        assert_eq!(work.still(milliseconds(120), false, at(2)), Duration::from_secs(2));
        assert_eq!(work.still(milliseconds(400), false, at(3)), Duration::ZERO);
        assert_eq!(work.still(milliseconds(400), false, at(5)), Duration::from_secs(2));
        assert_eq!(work.still(milliseconds(400), true, at(6)), Duration::ZERO);
        assert_eq!(work.still(milliseconds(10), false, at(7)), Duration::ZERO);
        assert_eq!(work.still(milliseconds(10), false, at(37)), Duration::from_secs(30));
    }
}
