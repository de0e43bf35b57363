mod table;

use proptest::prelude::*;

use super::*;
use crate::domain::{failure::FailureStage, limits::Limits, reason::Reason};

const LIMITS: Limits = Limits { memory_bytes: 1 << 20, cpus: 1.0, pids: 10 };

fn commit(digit: char) -> CommitId {
    digit.to_string().repeat(40).parse().unwrap()
}

fn address() -> SocketAddr {
    "127.0.0.1:8000".parse().unwrap()
}

fn failure() -> Failure {
    Failure::new(FailureStage::Run, Reason::Exited, "it ended")
}

/// A preview whose commit `a` answers, and that has nothing to do.
#[derive(Debug)]
struct Case {
    desired: Desired,
    status: PreviewStatus,
    unit: Unit,
    deaths: Vec<Instant>,
    again: bool,
    retry_at: Option<Instant>,
    ports_at: Option<Instant>,
    now: Instant,
}

impl Case {
    fn new() -> Self {
        let mut status = PreviewStatus::new(LIMITS);
        status.answers(address());
        (status.applied, status.settled, status.apply_request) = (Some(commit('a')), Some(commit('a')), 1);
        Self {
            desired: Desired { end: false, commit: Some(commit('a')), reload: ReloadMode::Auto, apply_request: 1 },
            status,
            unit: Unit::Well,
            deaths: Vec::new(),
            again: false,
            retry_at: None,
            ports_at: None,
            // So that there are times before it.
            now: Instant::now() + Duration::from_secs(3600),
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut case = Self::new();
        change(&mut case);
        case
    }

    fn step(&self) -> Step {
        let Self { status, unit, deaths, again, retry_at, ports_at, .. } = self;
        let observed =
            Observed { status, unit: *unit, deaths, again: *again, retry_at: *retry_at, ports_at: *ports_at };
        decide(&self.desired, &observed, self.now)
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_wait_ends_when_the_first_thing_is_due() {
    let case = Case::with(|it| (it.retry_at, it.ports_at) = (Some(it.now + seconds(8)), Some(it.now + seconds(3))));
    assert_eq!(case.step(), Step::Wait(case.ports_at));
    let case = Case::with(|it| (it.unit, it.retry_at) = (Unit::Unknown, Some(it.now + seconds(8))));
    assert_eq!(case.step(), Step::Wait(case.retry_at), "an engine that was just asked is given time");
}

#[test]
fn a_life_goes_from_pending_to_stopped() {
    let mut status = PreviewStatus::new(LIMITS);
    let mut seen = vec![phase_of(&status)];
    let changes: [fn(&mut PreviewStatus); 9] = [
        |it| it.making = Making::Image,
        |it| it.making = Making::Process,
        |it| it.answers(address()),
        PreviewStatus::freezes,
        PreviewStatus::wakes,
        PreviewStatus::restarts,
        |it| it.gives_up(failure()),
        |it| it.ending = Ending::Asked,
        |it| it.ending = Ending::Over,
    ];
    for change in changes {
        change(&mut status);
        seen.push(phase_of(&status));
    }
    use Phase::*;
    let expected = [Pending, Installing, Starting, Running, Paused, Running, Starting, Failed, Stopping, Stopped];
    assert_eq!(seen, expected);
}

#[test]
fn a_version_that_answers_goes_on_while_the_next_is_made() {
    let mut status = PreviewStatus::new(LIMITS);
    status.answers(address());
    for making in [Making::Image, Making::Process] {
        status.making = making;
        assert_eq!((phase_of(&status), site_state_of(&status)), (Phase::Running, SiteState::Open(address())));
    }
}

#[test]
fn the_page_that_says_why_stays_while_what_mends_it_is_made() {
    let mut status = PreviewStatus::new(LIMITS);
    status.gives_up(failure());
    for (making, phase) in
        [(Making::Nothing, Phase::Failed), (Making::Image, Phase::Installing), (Making::Process, Phase::Starting)]
    {
        status.making = making;
        assert_eq!((phase_of(&status), site_state_of(&status)), (phase, SiteState::Failed(Arc::new(failure()))));
    }
    status.restarts();
    assert_eq!(site_state_of(&status), SiteState::Hold);
}

fn statuses() -> impl Strategy<Value = PreviewStatus> {
    let serving = prop_oneof![Just(Serving::Nothing), Just(Serving::App(address())), Just(Serving::Frozen(address()))];
    let making = prop_oneof![Just(Making::Nothing), Just(Making::Image), Just(Making::Process)];
    let ending = prop_oneof![3 => Just(Ending::Not), 1 => Just(Ending::Asked), 1 => Just(Ending::Over)];
    let commits = || prop::option::of(prop_oneof![Just(commit('a')), Just(commit('b'))]);
    (serving, making, ending, any::<bool>(), any::<bool>(), commits(), commits(), 0..3_u64).prop_map(
        |(serving, making, ending, given_up, failed, applied, settled, apply_request)| PreviewStatus {
            serving,
            making,
            ending,
            given_up,
            applied,
            settled,
            apply_request,
            failure: (failed || given_up).then(failure),
            ..PreviewStatus::new(LIMITS)
        },
    )
}

fn cases() -> impl Strategy<Value = Case> {
    let units = prop_oneof![
        Just(Unit::Unknown),
        Just(Unit::None),
        Just(Unit::Well),
        Just(Unit::InDoubt),
        Just(Unit::Disconnected),
        Just(Unit::Ended),
    ];
    let commits = prop::option::of(prop_oneof![Just(commit('a')), Just(commit('b'))]);
    let reload = prop_oneof![Just(ReloadMode::Auto), Just(ReloadMode::Manual)];
    // In seconds from now, in the past and in the future.
    let times = || prop::option::of(0..20_u64);
    let rest = (commits, reload, 0..3_u64, any::<bool>(), prop::collection::vec(0..120_u64, 0..5), times(), times());
    (statuses(), units, any::<bool>(), rest).prop_map(|(status, unit, end, rest)| {
        let (commit, reload, apply_request, again, deaths, retry, ports) = rest;
        let now = Instant::now() + seconds(3600);
        let time = |time: Option<u64>| time.map(|time| now - seconds(10) + seconds(time));
        Case {
            desired: Desired { end, commit, reload, apply_request },
            status,
            unit,
            deaths: deaths.into_iter().map(|ago| now - seconds(ago)).collect(),
            again,
            retry_at: time(retry),
            ports_at: time(ports),
            now,
        }
    })
}

proptest! {
    #[test]
    fn phase_and_site_say_the_same(status in statuses()) {
        let site = site_state_of(&status);
        match phase_of(&status) {
            Phase::Running => prop_assert!(matches!(site, SiteState::Open(_))),
            Phase::Paused => prop_assert_eq!(site, SiteState::Paused),
            Phase::Failed => prop_assert!(matches!(site, SiteState::Failed(_))),
            Phase::Stopping | Phase::Stopped => prop_assert_eq!(site, SiteState::Gone),
            Phase::Pending | Phase::Installing | Phase::Starting => {
                prop_assert!(matches!(site, SiteState::Hold | SiteState::Failed(_)));
            }
        }
        prop_assert_eq!(status.is_served(), matches!(phase_of(&status), Phase::Running | Phase::Paused));
    }

    #[test]
    fn stop_outranks_all(mut case in cases()) {
        case.desired.end = true;
        prop_assert_eq!(case.step(), Step::End);
        case.status.ending = Ending::Asked;
        case.status.answers(address());
        prop_assert_eq!(phase_of(&case.status), Phase::Stopping);
    }

    #[test]
    fn nothing_is_made_before_it_is_known_what_is_there(mut case in cases()) {
        (case.unit, case.desired.end) = (Unit::Unknown, false);
        prop_assert!(matches!(case.step(), Step::TakeOver | Step::Wait(Some(_))));
    }

    #[test]
    fn a_commit_that_is_new_is_not_waited_with(mut case in cases()) {
        (case.desired.end, case.desired.reload) = (false, ReloadMode::Auto);
        case.desired.commit = Some(commit('c'));
        let step = case.step();
        let first = matches!(step, Step::TakeOver | Step::LookAfter | Step::Revive(_) | Step::GiveUp(_));
        let away = case.unit == Unit::Unknown && matches!(step, Step::Wait(_));
        prop_assert!(first || away || matches!(step, Step::Bring(..)), "{:?}", step);
    }

    #[test]
    fn only_what_answers_is_settled_unseen(case in cases()) {
        if let Step::Settle(Some(commit), _) = case.step() {
            prop_assert_eq!(case.status.answering(), Some(&commit));
            prop_assert_eq!(&case.status.failure, &None);
        }
    }

    #[test]
    fn a_wait_ends_after_now(case in cases()) {
        if let Step::Wait(Some(until)) = case.step() {
            prop_assert!(until > case.now);
        }
    }
}
