//! Images that are being made: each once, however many previews want it at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::{sync::watch, task::AbortHandle};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        reason::Reason,
    },
    engine::Image,
    preview::{
        face::log::Log,
        image::install::handover::{Coming, Fresh, Installed, Offer},
    },
};

/// How many log lines are copied at once.
const BATCH: usize = 256;

/// The images that are being made, by what names them.
#[derive(Default)]
pub(in crate::preview) struct Flights {
    by_key: Mutex<HashMap<String, Weak<Flight>>>,
}

/// One making. It ends with the last one who holds it.
struct Flight {
    log: Log,
    /// What it has before its image, for the first who waits.
    offer: Offer,
    result: watch::Receiver<Option<Result<Image, Failure>>>,
    task: AbortHandle,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What comes of a making.
pub(in crate::preview) enum Made {
    /// The image.
    Image(Image),
    /// What goes into it, for this one alone. The image comes later.
    Fresh(Fresh),
}

/// A place among those who hold a making, and how much of its log they have read.
pub struct Held {
    key: String,
    flight: Arc<Flight>,
    position: u64,
}

/// A making whose image nobody waits for.
pub struct Landing(Weak<Flight>);

impl Landing {
    /// Says that it is time for the image: what was offered is used no more.
    pub(in crate::preview) fn hurry(&self) {
        self.0.upgrade().inspect(|flight| flight.offer.hurry());
    }

    /// Returns whether it has come to its end.
    pub(in crate::preview) fn is_over(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Flights {
    /// Holds the making of a key, beginning it if nobody does. What was held before is let go afterwards, unless it is
    /// the same.
    pub(in crate::preview) fn hold<F>(&self, key: &str, held: &mut Option<Held>, make: impl FnOnce(Log, Offer) -> F)
    where
        F: Future<Output = Result<Image, Failure>> + Send + 'static,
    {
        if held.as_ref().is_some_and(|held| held.key == key && !held.flight.failed()) {
            return;
        }
        *held = Some(Held { key: key.to_owned(), flight: self.join(key, make), position: 0 });
    }

    /// Waits for the image of what has been offered: it is being made by the engine alone. A making that has not come so
    /// far is not waited for, as it may itself wait for whoever asks. It is made at once in a hurry, else when it is time.
    pub(in crate::preview) async fn offered_image(&self, key: &str, hurry: bool) {
        let mut result = {
            let flights = self.by_key.lock();
            let flight = flights.get(key).and_then(Weak::upgrade);
            let Some(flight) = flight.filter(|flight| flight.offer.was_made()) else { return };
            if hurry {
                flight.offer.hurry();
            }
            flight.result.clone()
        };
        let _ = result.wait_for(Option::is_some).await;
    }

    /// Returns what was installed for a key, if its image is still being made.
    pub(in crate::preview) fn installed(&self, key: &str) -> Option<Installed> {
        let flights = self.by_key.lock();
        flights.get(key).and_then(Weak::upgrade)?.offer.installed()
    }

    /// Ends every making. Whoever waits for one hears that it was abandoned.
    pub(in crate::preview) fn end(&self) {
        for flight in self.by_key.lock().drain().filter_map(|(_, flight)| flight.upgrade()) {
            flight.task.abort();
        }
    }

    fn join<F>(&self, key: &str, make: impl FnOnce(Log, Offer) -> F) -> Arc<Flight>
    where
        F: Future<Output = Result<Image, Failure>> + Send + 'static,
    {
        let mut flights = self.by_key.lock();
        flights.retain(|_, flight| flight.strong_count() > 0);
        // One that has failed is held by somebody who has not looked yet: whoever comes now wants another try.
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade).filter(|flight| !flight.failed()) {
            return flight;
        }
        let (log, offer) = (Log::new(), Offer::default());
        let (sender, result) = watch::channel(None);
        let work = make(log.clone(), offer.clone());
        let offered = offer.clone();
        // A task of its own: whoever asked first may go away while others wait.
        let task = tokio::spawn(async move {
            let outcome = work.await;
            drop(offered.take());
            sender.send_replace(Some(outcome));
        })
        .abort_handle();
        let flight = Arc::new(Flight { log, offer, result, task });
        flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }
}

impl Flight {
    /// Returns whether it will come to nothing: it failed, or panicked and will never say so.
    fn failed(&self) -> bool {
        let abandoned = self.result.has_changed().is_err();
        match &*self.result.borrow() {
            Some(outcome) => outcome.is_err(),
            None => abandoned,
        }
    }
}

impl Held {
    /// Returns what can say that it is time for the image.
    pub(in crate::preview) fn landing(&self) -> Landing {
        Landing(Arc::downgrade(&self.flight))
    }

    /// Holds on until the making has come to its end.
    pub(in crate::preview) async fn landed(self) {
        let _ = self.flight.result.clone().wait_for(Option::is_some).await;
    }

    /// Waits for the outcome, and copies the log to another meanwhile. `coming` is told of what will be had, if this one
    /// is the first to hear of it.
    ///
    /// # Cancel safety
    /// Safe: a later call goes on where this one was.
    pub(in crate::preview) async fn outcome(
        &mut self,
        log: &Log,
        mut coming: impl FnMut(Coming),
    ) -> Result<Made, Failure> {
        let mut result = self.flight.result.clone();
        let mut offer = self.flight.offer.hear();
        let mut lines = self.flight.log.newest();
        loop {
            let outcome = result.borrow_and_update().clone();
            self.position = copy(&self.flight.log, self.position, log);
            if let Some(outcome) = outcome {
                return outcome.map(Made::Image);
            }
            if let Some(fresh) = self.flight.offer.take() {
                return Ok(Made::Fresh(fresh));
            }
            if let Some(announced) = self.flight.offer.take_announced() {
                coming(announced);
            }
            if self.flight.offer.is_taken() {
                self.flight.offer.hurry();
            }
            tokio::select! {
                changed = result.changed() => if changed.is_err() {
                    return Err(Failure::new(FailureStage::Install, Reason::Internal, "the making of the image was abandoned"));
                },
                _ = offer.changed() => {}
                _ = lines.changed() => {}
            }
        }
    }
}

/// Copies what is new in one log to another, and returns where to go on.
fn copy(from: &Log, mut position: u64, to: &Log) -> u64 {
    loop {
        let batch = from.read(position, BATCH);
        if batch.lines.is_empty() {
            return batch.position;
        }
        to.lost(batch.missed);
        for (_, lost, line) in batch.lines {
            to.lost(lost);
            to.push(line);
        }
        position = batch.position;
    }
}

#[cfg(test)]
mod tests;
