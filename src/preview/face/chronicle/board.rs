//! Where news are put up for many readers.
//!
//! Whoever puts something up wakes nobody. The one who does wakes them a few at a time, and lets others work between: who is
//! woken late finds all that has come up meanwhile, and what makes the news is not kept waiting by those who hear of them.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, task::yield_now};

/// How many news a slow reader may be behind.
const BEHIND: usize = 256;
/// How many are woken at once.
const WOKEN: usize = 8;

/// The news of one preview.
pub(super) struct Board<T> {
    state: Mutex<State<T>>,
    /// Told when something was put up.
    put_up: Notify,
}

struct State<T> {
    news: VecDeque<T>,
    /// The number of the first that is kept.
    first: u64,
    closed: bool,
    /// Who has joined since the last look.
    joined: Vec<Weak<Notify>>,
}

/// A reader's place.
pub struct Seat<T> {
    board: Arc<Board<T>>,
    next: u64,
    wake: Arc<Notify>,
}

/// Why there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    /// Something was put up that is not kept any more. The place is of no more use.
    Missed,
    /// There will be none.
    Closed,
}

/// Who has to be woken, and who was.
#[derive(Default)]
struct Wave {
    waiting: VecDeque<Weak<Notify>>,
    woken: Vec<Weak<Notify>>,
}

impl<T: Clone> Board<T> {
    pub(super) fn new() -> Arc<Self> {
        let state = State { news: VecDeque::new(), first: 0, closed: false, joined: Vec::new() };
        Arc::new(Self { state: Mutex::new(state), put_up: Notify::new() })
    }

    /// Puts something up.
    pub(super) fn put_up(&self, news: T) {
        let mut state = self.state.lock();
        state.news.push_back(news);
        if state.news.len() > BEHIND {
            state.news.pop_front();
            state.first += 1;
        }
        drop(state);
        self.put_up.notify_one();
    }

    /// Says that there will be no more.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.put_up.notify_one();
    }

    /// Returns a place for who reads what comes from now on.
    pub(super) fn join(self: &Arc<Self>) -> Seat<T> {
        let wake = Arc::new(Notify::new());
        let mut state = self.state.lock();
        if !state.closed {
            state.joined.push(Arc::downgrade(&wake));
        }
        let next = state.first + state.news.len() as u64;
        Seat { board: self.clone(), next, wake }
    }

    /// Wakes readers until there will be no more to read.
    pub(super) async fn wake_readers(&self) {
        let mut wave = Wave::default();
        loop {
            self.put_up.notified().await;
            let mut last = self.begin(&mut wave);
            while wave.go_on() {
                tokio::select! {
                    biased;
                    () = self.put_up.notified() => last |= self.begin(&mut wave),
                    () = yield_now() => {}
                }
            }
            if last {
                return;
            }
        }
    }

    /// Has all readers woken. Returns whether there will be no more.
    fn begin(&self, wave: &mut Wave) -> bool {
        let mut state = self.state.lock();
        wave.woken.append(&mut state.joined);
        // Who was woken last waits longest.
        wave.waiting.extend(wave.woken.drain(..));
        state.closed
    }
}

impl Wave {
    /// Wakes some of those who wait, and returns whether others do.
    fn go_on(&mut self) -> bool {
        for reader in self.waiting.drain(..self.waiting.len().min(WOKEN)) {
            if let Some(wake) = reader.upgrade() {
                wake.notify_one();
                self.woken.push(reader);
            }
        }
        !self.waiting.is_empty()
    }
}

impl<T: Clone> Seat<T> {
    /// Waits for what was put up next.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn read(&mut self) -> Result<T, Nothing> {
        loop {
            if let Some(read) = self.look() {
                return read;
            }
            self.wake.notified().await;
        }
    }

    fn look(&mut self) -> Option<Result<T, Nothing>> {
        let state = self.board.state.lock();
        let Some(at) = self.next.checked_sub(state.first) else { return Some(Err(Nothing::Missed)) };
        match state.news.get(usize::try_from(at).unwrap_or(usize::MAX)) {
            Some(news) => {
                self.next += 1;
                Some(Ok(news.clone()))
            }
            None => state.closed.then_some(Err(Nothing::Closed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a board whose readers are woken.
    fn board() -> Arc<Board<usize>> {
        let board = Board::new();
        let waking = board.clone();
        tokio::spawn(async move { waking.wake_readers().await });
        board
    }

    #[tokio::test]
    async fn all_read_all_from_when_they_joined() {
        let board = board();
        let mut early: Vec<_> = (0..100).map(|_| board.join()).collect();
        board.put_up(1);
        let mut late = board.join();
        board.put_up(2);
        for seat in &mut early {
            assert_eq!((seat.read().await, seat.read().await), (Ok(1), Ok(2)));
        }
        assert_eq!(late.read().await, Ok(2));
        board.close();
        assert_eq!(late.read().await, Err(Nothing::Closed));
        assert_eq!(board.join().read().await, Err(Nothing::Closed));
    }

    #[tokio::test]
    async fn who_waits_is_woken_each_time_and_at_the_end() {
        let board = board();
        let reading: Vec<_> = (0..100)
            .map(|_| {
                let mut seat = board.join();
                tokio::spawn(async move {
                    let mut sum = 0;
                    while let Ok(news) = seat.read().await {
                        sum += news;
                    }
                    sum
                })
            })
            .collect();
        drop(board.join());
        for number in 1..=50 {
            board.put_up(number);
            if number % 10 == 0 {
                tokio::task::yield_now().await;
            }
        }
        board.close();
        for sum in reading {
            assert_eq!(sum.await.unwrap(), 50 * 51 / 2);
        }
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told() {
        let board = Board::new();
        let mut seat = board.join();
        (0..=BEHIND).for_each(|number| board.put_up(number));
        assert_eq!(seat.read().await, Err(Nothing::Missed));
        let mut seat = board.join();
        board.put_up(9);
        assert_eq!(seat.read().await, Ok(9));
    }
}
