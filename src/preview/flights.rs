//! Images that are being made: each once, however many previews want it at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::{sync::watch, task::AbortHandle};

use crate::{
    domain::{
        failure::{Failure, FailureStage},
        reason::Reason,
    },
    engine::Image,
    preview::{
        handover::{Coming, Fresh, Installed, Offer},
        log::Log,
    },
};

/// How many log lines are copied at once.
const BATCH: usize = 256;

/// The images that are being made, by what names them.
#[derive(Default)]
pub(super) struct Flights {
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
pub(super) enum Made {
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
    pub(super) fn hurry(&self) {
        self.0.upgrade().inspect(|flight| flight.offer.hurry());
    }

    /// Returns whether it has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Flights {
    /// Holds the making of a key, beginning it if nobody does. What was held before is let go afterwards, unless it is
    /// the same.
    pub(super) fn hold<F>(&self, key: &str, held: &mut Option<Held>, make: impl FnOnce(Log, Offer) -> F)
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
    pub(super) async fn offered_image(&self, key: &str, hurry: bool) {
        let mut result = {
            let flights = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
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
    pub(super) fn installed(&self, key: &str) -> Option<Installed> {
        let flights = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        flights.get(key).and_then(Weak::upgrade)?.offer.installed()
    }

    fn join<F>(&self, key: &str, make: impl FnOnce(Log, Offer) -> F) -> Arc<Flight>
    where
        F: Future<Output = Result<Image, Failure>> + Send + 'static,
    {
        let mut flights = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
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
    pub(super) fn landing(&self) -> Landing {
        Landing(Arc::downgrade(&self.flight))
    }

    /// Holds on until the making has come to its end.
    pub(super) async fn landed(self) {
        let _ = self.flight.result.clone().wait_for(Option::is_some).await;
    }

    /// Waits for the outcome, and copies the log to another meanwhile. `coming` is told of what will be had, if this one
    /// is the first to hear of it.
    ///
    /// # Cancel safety
    /// Safe: a later call goes on where this one was.
    pub(super) async fn outcome(&mut self, log: &Log, mut coming: impl FnMut(Coming)) -> Result<Made, Failure> {
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
mod tests {
    use super::*;
    use crate::preview::handover::Volumes;

    fn image(id: &str) -> Image {
        Image { id: id.to_owned(), ..Image::default() }
    }

    impl Made {
        fn id(self) -> String {
            match self {
                Self::Image(image) => image.id,
                Self::Fresh(fresh) => format!("fresh {}", fresh.image.id),
            }
        }
    }

    #[tokio::test]
    async fn what_is_held_goes_on_when_the_one_who_waited_has_gone() {
        let flights = Flights::default();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let mut held = None;
        flights.hold("a", &mut held, |_, _| async move {
            let _ = wait.await;
            Ok(image("first"))
        });
        let log = Log::new();
        let waited =
            tokio::time::timeout(std::time::Duration::from_millis(10), held.as_mut().unwrap().outcome(&log, |_| {}));
        assert!(waited.await.is_err());
        flights.hold("a", &mut held, |_, _| async { Ok(image("second")) });
        go.send(()).unwrap();
        assert_eq!(held.as_mut().unwrap().outcome(&log, |_| {}).await.unwrap().id(), "first");
    }

    #[tokio::test]
    async fn a_making_that_nobody_holds_ends() {
        let flights = Flights::default();
        let (alive, mut ended) = tokio::sync::oneshot::channel::<()>();
        let mut held = None;
        flights.hold("a", &mut held, |_, _| async move {
            std::future::pending::<()>().await;
            drop(alive);
            Ok(image("never"))
        });
        tokio::task::yield_now().await;
        assert!(ended.try_recv().is_err_and(|err| err == tokio::sync::oneshot::error::TryRecvError::Empty));
        held = None;
        assert!(ended.await.is_err());
        drop(held);
    }

    #[tokio::test]
    async fn a_making_that_failed_is_tried_again() {
        let flights = Flights::default();
        let (mut one, mut other) = (None, None);
        let failure = || Failure::new(FailureStage::Install, Reason::InstallFailed, "no");
        flights.hold("a", &mut one, |_, _| async move { Err(failure()) });
        assert!(one.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.is_err());
        flights.hold("a", &mut other, |_, _| async { Ok(image("good")) });
        assert_eq!(other.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap().id(), "good");
    }

    #[tokio::test]
    async fn a_making_that_panicked_is_tried_again() {
        let flights = Flights::default();
        let mut held = None;
        flights.hold("a", &mut held, |_, _| async { panic!("a defect") });
        assert_eq!(held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.err().unwrap().reason, "INTERNAL");
        flights.hold("a", &mut held, |_, _| async { Ok(image("good")) });
        assert_eq!(held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap().id(), "good");
    }

    #[tokio::test]
    async fn what_was_installed_is_for_the_first_who_waits_and_the_image_for_the_others() {
        let flights = Flights::default();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let (mut one, mut other) = (None, None);
        flights.hold("a", &mut one, |_, offer| async move {
            drop(offer.make(image("below"), Volumes::default(), Arc::new(())));
            let _ = wait.await;
            Ok(image("whole"))
        });
        flights.hold("a", &mut other, |_, _| async { panic!("it is being made") });
        let log = Log::new();
        let Made::Fresh(fresh) = one.as_mut().unwrap().outcome(&log, |_| {}).await.unwrap() else {
            panic!("nothing is offered")
        };
        assert_eq!(fresh.image.id, "below");
        go.send(()).unwrap();
        assert_eq!(other.as_mut().unwrap().outcome(&log, |_| {}).await.unwrap().id(), "whole");
        assert_eq!(one.as_mut().unwrap().outcome(&log, |_| {}).await.unwrap().id(), "whole");
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_nobody_waits_for_is_made_once_what_was_offered_has_had_its_rest() {
        let flights = Flights::default();
        let began = tokio::time::Instant::now();
        let make = |_, offer: Offer| async move {
            let hurried = offer.make(image("below"), Volumes::default(), Arc::new(())).await;
            Ok(image(if hurried { "hurried" } else { "rested" }))
        };
        let mut held = None;
        for (key, wait) in [("rests", None), ("deleted", Some("landing")), ("wanted", Some("below"))] {
            flights.hold(key, &mut held, make);
            let Made::Fresh(fresh) = held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap() else {
                panic!("no offer")
            };
            drop(fresh);
            let held = held.take().unwrap();
            let landing = held.landing();
            let mut result = held.flight.result.clone();
            let kept = tokio::spawn(held.landed());
            match wait {
                None => {}
                Some("landing") => landing.hurry(),
                Some(_) => flights.offered_image(key, true).await,
            }
            let made = result.wait_for(Option::is_some).await.unwrap().clone().unwrap().unwrap();
            assert_eq!(made.id, if wait.is_none() { "rested" } else { "hurried" });
            kept.await.unwrap();
            tokio::task::yield_now().await;
            assert!(landing.is_over());
        }
        let took = began.elapsed().as_secs();
        assert!((20..30).contains(&took), "{took} s: one has its rest, the others not");
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_for_an_image_does_not_wait_for_the_rest() {
        let flights = Flights::default();
        let (mut one, mut other) = (None, None);
        flights.hold("a", &mut one, |_, offer: Offer| async move {
            offer.make(image("below"), Volumes::default(), Arc::new(())).await;
            Ok(image("whole"))
        });
        let began = tokio::time::Instant::now();
        drop(one.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap());
        tokio::task::yield_now().await;
        flights.hold("a", &mut other, |_, _| async { panic!("it is being made") });
        assert_eq!(other.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap().id(), "whole");
        assert!(began.elapsed() < std::time::Duration::from_secs(1));
    }

    #[tokio::test]
    async fn what_was_installed_can_be_gone_on_from_until_its_image_is_made() {
        let flights = Flights::default();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let mut held = None;
        flights.hold("a", &mut held, |_, offer| async move {
            let container: Arc<()> = Arc::default();
            drop(offer.make(image("below"), Volumes::new(), container.clone()));
            let _ = wait.await;
            drop(container);
            Ok(image("whole"))
        });
        assert!(flights.installed("a").is_none(), "nothing is installed yet");
        let Made::Fresh(fresh) = held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap() else {
            panic!("no offer")
        };
        drop(fresh);
        assert_eq!(flights.installed("a").map(|installed| installed.volumes.len()), Some(2));
        assert!(flights.installed("b").is_none());
        go.send(()).unwrap();
        held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap();
        assert!(flights.installed("a").is_none(), "the container that keeps the volumes has gone");
    }

    #[tokio::test]
    async fn what_nobody_has_taken_is_kept_no_longer_than_the_making() {
        let flights = Flights::default();
        let mut held = None;
        let container = Arc::new(());
        let kept = Arc::downgrade(&container);
        flights.hold("a", &mut held, |_, offer| async move {
            drop(offer.make(image("below"), Volumes::default(), container));
            Ok(image("whole"))
        });
        held.take().unwrap().landed().await;
        assert_eq!(kept.strong_count(), 0);
    }

    #[tokio::test]
    async fn only_an_image_of_what_was_offered_is_waited_for() {
        let flights = Arc::new(Flights::default());
        let mut held = None;
        let this = flights.clone();
        flights.hold("a", &mut held, |_, offer| async move {
            // Itself, as where its image was removed by somebody.
            this.offered_image("a", true).await;
            drop(offer.make(image("below"), Volumes::default(), Arc::new(())));
            tokio::task::yield_now().await;
            Ok(image("whole"))
        });
        flights.offered_image("b", true).await;
        let Made::Fresh(_) = held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap() else {
            panic!("no offer")
        };
        flights.offered_image("a", true).await;
        assert_eq!(held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap().id(), "whole");
    }
}
