//! What is done next, row by row: what is otherwise than in a preview that has nothing to do, and the step.

use super::{Step::*, *};

type Row = (&'static str, fn(&mut Case), Step);

fn check<const N: usize>(rows: [Row; N]) {
    for (what, change, step) in rows {
        assert_eq!(Case::with(change).step(), step, "{what}");
    }
}

#[test]
fn an_end_that_is_asked_for_comes_first() {
    check([
        ("its end was asked for", |it| it.desired.end = true, End),
        (
            "its end was asked for while its app has ended and a commit is there",
            |it| {
                (it.desired.end, it.unit, it.desired.commit) = (true, Unit::Ended, Some(commit('b')));
            },
            End,
        ),
        ("its end was asked for while the engine is away", |it| (it.desired.end, it.unit) = (true, Unit::Unknown), End),
    ]);
}

#[test]
fn a_container_of_which_too_little_is_known_comes_before_commits() {
    check([
        ("an earlier life may have left a container", |it| it.unit = Unit::Unknown, TakeOver),
        (
            "it may have, and there is a commit",
            |it| (it.unit, it.desired.commit) = (Unit::Unknown, Some(commit('b'))),
            TakeOver,
        ),
        (
            "it may have, and the engine is asked again",
            |it| (it.unit, it.retry_at) = (Unit::Unknown, Some(it.now)),
            TakeOver,
        ),
        ("somebody doubts the container", |it| it.unit = Unit::InDoubt, LookAfter),
        (
            "somebody doubts it, and there is a commit",
            |it| (it.unit, it.desired.commit) = (Unit::InDoubt, Some(commit('b'))),
            LookAfter,
        ),
    ]);
}

#[test]
fn an_app_that_has_answered_is_started_again_when_it_ends() {
    check([
        ("the app has ended", |it| it.unit = Unit::Ended, Revive(commit('a'))),
        (
            "it has ended twice",
            |it| (it.unit, it.deaths) = (Unit::Ended, vec![it.now - seconds(59), it.now]),
            Revive(commit('a')),
        ),
        (
            "it has ended three times",
            |it| (it.unit, it.deaths) = (Unit::Ended, vec![it.now - seconds(59), it.now, it.now]),
            GiveUp(commit('a')),
        ),
        (
            "it has ended three times, once long ago",
            |it| (it.unit, it.deaths) = (Unit::Ended, vec![it.now - seconds(60), it.now, it.now]),
            Revive(commit('a')),
        ),
        (
            "it has ended, and there is a commit",
            |it| (it.unit, it.desired.commit) = (Unit::Ended, Some(commit('b'))),
            Revive(commit('a')),
        ),
        (
            "what had failed has ended",
            |it| {
                it.unit = Unit::Ended;
                it.status.gives_up(failure());
            },
            Wait(None),
        ),
        (
            "what has not answered yet has ended, and there is a commit",
            |it| {
                (it.unit, it.status.applied, it.desired.commit) = (Unit::Ended, None, Some(commit('b')));
            },
            Bring(commit('b'), 1),
        ),
    ]);
}

#[test]
fn a_commit_is_brought_once_or_when_it_is_asked_for() {
    check([
        ("there is a commit", |it| it.desired.commit = Some(commit('b')), Bring(commit('b'), 1)),
        (
            "there is a commit, and the container is not heard",
            |it| (it.unit, it.desired.commit) = (Unit::Disconnected, Some(commit('b'))),
            Bring(commit('b'), 1),
        ),
        (
            "there is a commit that nobody asked to apply",
            |it| (it.desired.reload, it.desired.commit) = (ReloadMode::Manual, Some(commit('b'))),
            Wait(None),
        ),
        (
            "there is one that somebody asked to apply",
            |it| {
                (it.desired.reload, it.desired.commit, it.desired.apply_request) =
                    (ReloadMode::Manual, Some(commit('b')), 2);
            },
            Bring(commit('b'), 2),
        ),
        (
            "an older commit answers, and the newest has failed",
            |it| {
                (it.desired.commit, it.status.settled) = (Some(commit('b')), Some(commit('b')));
                it.status.failure = Some(failure());
            },
            Wait(None),
        ),
    ]);
}

#[test]
fn what_is_asked_for_again_is_settled_only_where_it_answers_well() {
    check([
        ("what answers was asked for", |it| it.desired.apply_request = 2, Settle(Some(commit('a')), 2)),
        (
            "what answers with an error was asked for",
            |it| (it.desired.apply_request, it.status.failure) = (2, Some(failure())),
            Bring(commit('a'), 2),
        ),
        (
            "what does not answer was asked for",
            |it| {
                it.desired.apply_request = 2;
                it.status.restarts();
            },
            Bring(commit('a'), 2),
        ),
        (
            "the engine kept it from running, and it is tried again",
            |it| (it.again, it.status.failure) = (true, Some(failure())),
            Bring(commit('a'), 1),
        ),
        ("it runs all the same", |it| it.again = true, Settle(Some(commit('a')), 1)),
        ("its branch is gone", |it| it.desired.commit = None, Wait(None)),
        (
            "its branch is gone, and it was asked for",
            |it| (it.desired.commit, it.desired.apply_request) = (None, 2),
            Settle(None, 2),
        ),
    ]);
}

#[test]
fn what_is_due_is_done_when_there_is_no_commit() {
    check([
        ("nothing to do", |_| {}, Wait(None)),
        ("something is to be tried again", |it| it.retry_at = Some(it.now), Retry),
        ("its ports are to be looked at", |it| it.ports_at = Some(it.now), LookAtPorts),
        (
            "something is to be tried again, and there is a commit",
            |it| (it.retry_at, it.desired.commit) = (Some(it.now), Some(commit('b'))),
            Bring(commit('b'), 1),
        ),
    ]);
}
