//! Makings that are joined, held, handed over and given up.

use super::*;
use crate::{
    engine::EngineError,
    preview::image::install::{room::NextRoom, volumes::Volumes},
};

fn image(id: &str) -> Image {
    Image { id: id.to_owned(), ..Image::default() }
}

fn no_room() -> NextRoom {
    NextRoom::begin(|_| async { Err(EngineError::NotFound { what: "image", name: "below".to_owned() }.into()) })
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
        drop(offer.make(image("below"), Volumes::default(), Arc::new(()), no_room()));
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
        let hurried = offer.make(image("below"), Volumes::default(), Arc::new(()), no_room()).await;
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
        offer.make(image("below"), Volumes::default(), Arc::new(()), no_room()).await;
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
        drop(offer.make(image("below"), Volumes::new(), container.clone(), no_room()));
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
        drop(offer.make(image("below"), Volumes::default(), container, no_room()));
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
        drop(offer.make(image("below"), Volumes::default(), Arc::new(()), no_room()));
        tokio::task::yield_now().await;
        Ok(image("whole"))
    });
    flights.offered_image("b", true).await;
    let Made::Fresh(_) = held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap() else { panic!("no offer") };
    flights.offered_image("a", true).await;
    assert_eq!(held.as_mut().unwrap().outcome(&Log::new(), |_| {}).await.unwrap().id(), "whole");
}
