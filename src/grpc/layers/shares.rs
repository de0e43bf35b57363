//! How many of the places for calls each caller and each preview has.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use crate::domain::ids::{BranchName, ProjectId};

/// Whom a place is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whose {
    /// Whoever calls from there.
    Caller(IpAddr),
    /// The preview of a branch, which there is at most one of, or is to be.
    Branch(ProjectId, BranchName),
}

/// The counts.
#[derive(Debug, Default)]
pub struct Shares(Mutex<HashMap<Whose, usize>>);

/// One place of theirs, until this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    whose: Whose,
}

impl Shares {
    /// Counts one place more for them, and returns how many they then have.
    pub fn take(self: &Arc<Self>, whose: Whose) -> (Share, usize) {
        let mut counts = self.0.lock();
        let count = counts.entry(whose.clone()).or_default();
        *count += 1;
        (Share { shares: self.clone(), whose }, *count)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.shares.0.lock();
        if let Some(count) = counts.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_counted_no_more() {
        let shares = Arc::new(Shares::default());
        let (one, two) = (Whose::Caller([127, 0, 0, 1].into()), Whose::Caller([127, 0, 0, 2].into()));
        let (first, count) = shares.take(one.clone());
        assert_eq!(count, 1);
        let (second, count) = shares.take(one.clone());
        assert_eq!((count, shares.take(two).1), (2, 1));
        drop(first);
        assert_eq!(shares.take(one).1, 2);
        drop(second);
        assert!(shares.0.lock().is_empty());
    }
}
