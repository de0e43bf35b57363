//! The state machine of a preview: a phase and what happened in, what it becomes out.
//!
//! ```text
//! PENDING -> INSTALLING -> STARTING -> RUNNING -> STOPPING -> STOPPED
//!                             ^          |  ^
//!                             +-- died --+  +-- pause / wake --> PAUSED
//! FAILED from every phase but the last two; left by the next commit that works.
//! ```
//!
//! Awaits nothing and remembers nothing. The driver acts on the answer, and nobody else writes the phase. A reload of
//! a running preview stays RUNNING while its dependencies are installed anew, since the old version goes on serving.

use crate::domain::spec::Phase;

/// What happened, or is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Dependencies are about to be installed, or an image to be built.
    Install,
    /// A first container, or one in the place of a dead one, is about to be started.
    Start,
    /// The app's process is about to be started anew, and requests wait meanwhile.
    Restart,
    /// The app answers.
    Ready,
    /// The app's process or container ended by itself, and will be started again.
    Died,
    /// The code did not install, build, start or stay up, and nothing answers.
    Fail,
    /// The container was frozen.
    Pause,
    /// The container was woken.
    Wake,
    /// The end was asked for.
    Stop,
    /// Nothing is left.
    Removed,
}

/// What becomes of the phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It becomes this one.
    Go(Phase),
    /// It stays, and that is right.
    Ignore,
    /// It stays, and whoever asked has it wrong; the reason.
    Deny(&'static str),
}

/// Returns what becomes of a phase.
pub fn step(phase: Phase, input: Input) -> Decision {
    use Decision::{Deny, Go, Ignore};
    match (phase, input) {
        (Phase::Stopped, Input::Stop | Input::Removed) | (Phase::Stopping, Input::Stop) => Ignore,
        (Phase::Stopped, _) => Deny("a stopped preview does nothing more"),
        (Phase::Stopping, Input::Removed) => Go(Phase::Stopped),
        (Phase::Stopping, _) => Deny("a stopping preview only stops"),
        (_, Input::Stop) => Go(Phase::Stopping),
        (_, Input::Removed) => Deny("only a stopping preview can be gone"),
        (_, Input::Fail) => Go(Phase::Failed),
        (Phase::Running | Phase::Paused, Input::Install | Input::Start) => Ignore,
        (_, Input::Install) => Go(Phase::Installing),
        (_, Input::Start | Input::Restart) => Go(Phase::Starting),
        (Phase::Paused, Input::Ready | Input::Pause) => Ignore,
        (_, Input::Ready) => Go(Phase::Running),
        (Phase::Running | Phase::Paused, Input::Died) => Go(Phase::Starting),
        (_, Input::Died) => Ignore,
        (Phase::Running, Input::Pause) => Go(Phase::Paused),
        (_, Input::Pause) => Deny("only a running preview can be paused"),
        (Phase::Paused, Input::Wake) => Go(Phase::Running),
        (_, Input::Wake) => Ignore,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHASES: [Phase; 8] = [
        Phase::Pending,
        Phase::Installing,
        Phase::Starting,
        Phase::Running,
        Phase::Paused,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Failed,
    ];
    const INPUTS: [Input; 10] = [
        Input::Install,
        Input::Start,
        Input::Restart,
        Input::Ready,
        Input::Died,
        Input::Fail,
        Input::Pause,
        Input::Wake,
        Input::Stop,
        Input::Removed,
    ];

    fn after(phase: Phase, input: Input) -> Phase {
        match step(phase, input) {
            Decision::Go(next) => next,
            Decision::Ignore | Decision::Deny(_) => phase,
        }
    }

    #[test]
    fn a_life_goes_from_pending_to_stopped() {
        let mut phase = Phase::Pending;
        for (input, expected) in [
            (Input::Install, Phase::Installing),
            (Input::Start, Phase::Starting),
            (Input::Ready, Phase::Running),
            (Input::Pause, Phase::Paused),
            (Input::Wake, Phase::Running),
            (Input::Died, Phase::Starting),
            (Input::Fail, Phase::Failed),
            (Input::Start, Phase::Starting),
            (Input::Ready, Phase::Running),
            (Input::Stop, Phase::Stopping),
            (Input::Removed, Phase::Stopped),
        ] {
            phase = after(phase, input);
            assert_eq!(phase, expected, "after {input:?}");
        }
    }

    #[test]
    fn a_reinstall_of_a_running_preview_leaves_it_running() {
        assert_eq!(step(Phase::Running, Input::Install), Decision::Ignore);
        assert_eq!(step(Phase::Running, Input::Start), Decision::Ignore);
    }

    #[test]
    fn a_process_that_is_started_anew_is_not_running_meanwhile() {
        for phase in [Phase::Running, Phase::Failed, Phase::Starting] {
            assert_eq!(step(phase, Input::Restart), Decision::Go(Phase::Starting));
        }
    }

    #[test]
    fn stop_is_ignored_after_preview_stopped() {
        assert_eq!(step(Phase::Stopped, Input::Stop), Decision::Ignore);
        assert_eq!(step(Phase::Stopping, Input::Stop), Decision::Ignore);
    }

    proptest! {
        #[test]
        fn the_last_phases_are_never_left(inputs in prop::collection::vec(0..INPUTS.len(), 0..40)) {
            let mut phase = Phase::Stopping;
            for index in inputs {
                phase = after(phase, INPUTS[index]);
                prop_assert!(matches!(phase, Phase::Stopping | Phase::Stopped));
            }
        }

        #[test]
        fn stop_works_from_every_phase_and_a_repeat_changes_nothing(index in 0..PHASES.len()) {
            let once = after(PHASES[index], Input::Stop);
            prop_assert!(!once.is_live());
            prop_assert_eq!(after(once, Input::Stop), once);
        }
    }
}
