//! How long to wait until something is tried again.

use std::time::Duration;

/// Pauses of which each is twice the one before, up to a longest.
#[derive(Debug, Clone)]
pub struct Pause {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pause {
    /// Returns pauses from the first to the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// Returns the next one; the one after it is longer.
    pub fn longer(&mut self) -> Duration {
        let next = self.next;
        self.next = (next * 2).min(self.longest);
        next
    }

    /// Begins anew, as after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew() {
        let mut pause = Pause::new(Duration::from_millis(100), Duration::from_millis(300));
        let mut three = || [(); 3].map(|()| pause.longer().as_millis());
        assert_eq!(three(), [100, 200, 300]);
        assert_eq!(three(), [300, 300, 300]);
        pause.reset();
        assert_eq!(pause.longer().as_millis(), 100);
    }
}
