//! Random requests, commits, deaths and faults, and what is true whatever they are.

use std::sync::mpsc;

use previewd::engine::fake::Fault;
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{RngSeed, TestRunner},
};

use super::*;

/// The steps of one story, on the average.
const STEPS: usize = 20;
/// How many steps are taken in all, unless `PREVIEWD_MODEL_STEPS` says more: these are the same each time, and others
/// with that.
const IN_ALL: usize = 5_000;
/// How long one story may take by the clock on the wall: what goes round and round lets no time pass for the others.
const STUCK: Duration = Duration::from_secs(60);
/// How long a shorter story that fails too is looked for.
const SHRINKS: Duration = Duration::from_secs(120);

/// How long what is under way may hold up the end of a preview being said: what the engine holds is not waited for.
const SOON: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
enum Step {
    Create,
    Delete,
    Commit(Code),
    Dependencies(bool),
    KillApp,
    KillContainer,
    RemoveContainer,
    CutStreams,
    Freeze,
    Away(u64),
    Fail(Call, Fault),
    FailAfter(Call, Fault),
    Hold(Call, bool),
    Release,
    Wait(u64),
    Restart,
    Crash,
}

/// What the code of a commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Good,
    Exits,
    Errs,
    Slow,
}

impl Code {
    fn text(self, number: usize) -> String {
        let words = match self {
            Self::Good => "well",
            Self::Exits => "fake: exits 3",
            Self::Errs => "fake: answers 500",
            Self::Slow => "fake: takes 2000",
        };
        format!("# {number} {words}")
    }

    fn is_good(self) -> bool {
        matches!(self, Self::Good | Self::Slow)
    }
}

fn step() -> impl Strategy<Value = Step> {
    let call = || select(CALLS.to_vec());
    // What is refused is refused for good, by an engine or an agent: that is no fault that passes.
    let faulty = || {
        let late = |seconds| Fault::Late(Duration::from_secs(seconds));
        let fault = select(vec![Fault::Away, late(1), late(7), Fault::Erred, Fault::Timeout]);
        (call(), fault).prop_map(|(call, fault)| match fault {
            Fault::Erred | Fault::Timeout if call.is_agents() => (call, Fault::Away),
            fault => (call, fault),
        })
    };
    prop_oneof![
        6 => select(vec![0, 1, 5, 20, 100, 1_000, 5_000, 30_000]).prop_map(Step::Wait),
        3 => Just(Step::Create),
        1 => Just(Step::Delete),
        8 => select(vec![Code::Good, Code::Good, Code::Slow, Code::Exits, Code::Errs]).prop_map(Step::Commit),
        3 => prop::bool::weighted(0.8).prop_map(Step::Dependencies),
        2 => Just(Step::KillApp),
        2 => Just(Step::KillContainer),
        1 => Just(Step::RemoveContainer),
        2 => Just(Step::CutStreams),
        1 => Just(Step::Freeze),
        2 => (0..20_u64).prop_map(Step::Away),
        3 => faulty().prop_map(|(call, fault)| Step::Fail(call, fault)),
        2 => faulty().prop_map(|(call, fault)| Step::FailAfter(call, fault)),
        3 => (call(), any::<bool>()).prop_map(|(call, after)| Step::Hold(call, after)),
        4 => Just(Step::Release),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ]
}

/// One story: what was asked for, beside what there is.
struct Story {
    it: Service,
    holds: Vec<Hold>,
    made: bool,
    commits: usize,
    code: Code,
    /// Whether the dependencies of the head can be installed.
    installs: bool,
    head: Option<CommitId>,
}

impl Story {
    async fn take(mut self, step: Step) -> Self {
        match step {
            Step::Create if !self.made => {
                // While the engine is away none is made.
                if let Ok(view) = self.it.try_create(PYTHON, Wait::None).await {
                    (self.made, self.head) = (true, view.head);
                    (self.code, self.installs) = (Code::Good, true);
                }
            }
            Step::Delete if self.made => self.delete().await,
            Step::Commit(code) if self.made => {
                self.commit("main.py", |number| code.text(number)).await;
                self.code = code;
            }
            Step::Dependencies(good) if self.made => {
                let fails = if good { "" } else { "# fake: exits 1" };
                self.commit("requirements.txt", |number| format!("fastapi\npackage-{number}\n{fails}\n")).await;
                self.installs = good;
            }
            Step::KillApp => self.containers().iter().for_each(|id| self.it.engine.kill_app(id, 1)),
            Step::KillContainer => self.containers().iter().for_each(|id| self.it.engine.kill(id, 137, false)),
            Step::RemoveContainer => self.containers().iter().for_each(|id| {
                self.it.engine.kill(id, 137, false);
                self.it.engine.remove_unseen(id);
            }),
            Step::CutStreams => self.containers().iter().for_each(|id| self.it.engine.cut_streams(id)),
            Step::Freeze => self.containers().iter().for_each(|id| self.it.engine.freeze(id)),
            Step::Away(seconds) => {
                self.it.engine.set_away(true);
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                self.it.engine.set_away(false);
            }
            Step::Fail(call, fault) => self.it.engine.fail(call, fault),
            Step::FailAfter(call, fault) => self.it.engine.fail_after(call, fault),
            Step::Hold(call, false) => self.holds.push(self.it.engine.hold(call)),
            Step::Hold(call, true) => self.holds.push(self.it.engine.hold_after(call)),
            Step::Release => self.holds.clear(),
            Step::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Step::Restart => {
                self.holds.clear();
                self.it = self.it.restarted().await;
            }
            Step::Crash => {
                self.holds.clear();
                self.it = self.it.killed().await;
            }
            Step::Create | Step::Delete | Step::Commit(_) | Step::Dependencies(_) => {}
        }
        self.agrees().await;
        self
    }

    async fn commit(&mut self, path: &str, text: impl FnOnce(usize) -> String) {
        self.commits += 1;
        self.head = Some(self.it.commit(&[(path, &text(self.commits))]).await);
    }

    async fn delete(&mut self) {
        if let Ok(asked) = self.it.manager.delete(target()).await {
            // It outranks all that is under way, and is said at once.
            tokio::time::sleep(SOON).await;
            let phase = phase_of(&self.it.view().await.status);
            assert!(matches!(phase, Phase::Stopping | Phase::Stopped), "{phase:?}");
            assert_eq!(self.it.site(), Site::Gone);
            self.holds.clear();
            self.it.manager.outcome(asked).await;
        }
        self.made = false;
    }

    /// Returns the preview's containers that run.
    fn containers(&self) -> Vec<String> {
        let all = self.it.engine.all().into_iter();
        all.filter(|it| it.runs() && it.labels[LABEL_ROLE] == "preview").map(|it| it.id).collect()
    }

    /// Checks what is true at any moment.
    async fn agrees(&self) {
        let Ok(view) = self.it.manager.get(target()).await else { return };
        let site = self.it.site();
        match phase_of(&view.status) {
            Phase::Stopping | Phase::Stopped => assert_eq!(site, Site::Gone),
            Phase::Failed => assert!(matches!(site, Site::Failed(_)), "{site:?} {:#?}", view.status),
            Phase::Running => {
                assert!(matches!(site, Site::Answers(_)), "{site:?} {:#?}", view.status);
                // What answers is what is said to answer, unless it has just ended and nobody can know.
                if let Site::Answers(Some(answer)) = site {
                    let applied = view.status.applied.as_ref().map(CommitId::as_str);
                    assert_eq!(Some(answer.revision.as_str()), applied);
                }
            }
            // The page that says why the commit before has failed stays until this one answers.
            Phase::Pending | Phase::Installing | Phase::Starting => {
                let says = view.status.failure.as_ref().map(|failure| Site::Failed(failure.reason));
                assert!(site == Site::Waits || Some(&site) == says.as_ref(), "{site:?} {:#?}", view.status);
            }
            Phase::Paused => {}
        }
    }

    /// Checks what is true in the end, once nothing is wrong any more.
    async fn ends_well(mut self) {
        self.holds.clear();
        self.it.engine.heal();
        self.it.engine.set_away(false);
        if !self.made {
            return self.it.is_empty().await;
        }
        // What was killed last is known.
        tokio::time::sleep(Duration::from_secs(10)).await;
        // What answered may have been killed before it had answered, or too often: the next commit is what mends that.
        let head = self.head.clone().unwrap();
        let ended = |view: &PreviewView| {
            let failure = view.status.failure.as_ref();
            failure.is_some_and(|failure| matches!(failure.reason, Reason::Exited | Reason::CrashLoop))
        };
        if self.installs && self.code.is_good() {
            let answers =
                |view: &PreviewView| view.status.applied.as_ref() == Some(&head) && view.status.failure.is_none();
            if ended(&self.it.until("it has come to its end", |view| ended(view) || answers(view)).await) {
                self = self.take(Step::Commit(Code::Good)).await;
            }
            self.it.shows_in_the_end(self.head.as_ref().unwrap()).await;
        } else {
            let fails = |view: &PreviewView, head: &CommitId| {
                let failure = view.status.failure.as_ref();
                let of_head = failure.is_some_and(|it| it.commit.as_ref() == Some(head) && !it.reason.is_engines());
                of_head && view.status.settled.as_ref() == Some(head)
            };
            let view = self.it.until("it has come to its end", |view| ended(view) || fails(view, &head)).await;
            if !fails(&view, &head) {
                let code = self.code;
                self = self.take(Step::Commit(code)).await;
            }
            let head = self.head.clone().unwrap();
            self.it.until("the failure of the newest commit is said", |view| fails(view, &head)).await;
        }
        self.agrees().await;
        let answers = usize::from(matches!(self.it.site(), Site::Answers(_)));
        // One whose app has ended stays for the commit that mends it.
        self.it.tidies(answers..=1).await;
        self.it.delete().await;
        self.it.is_empty().await;
    }
}

/// Ends the process, with the story, where that is not at its end in time. Dropping what it returns says that it is.
fn watch(steps: &[Step]) -> mpsc::Sender<()> {
    let (ended, end) = mpsc::channel();
    let story = format!("{steps:?}");
    std::thread::spawn(move || {
        if end.recv_timeout(STUCK) == Err(mpsc::RecvTimeoutError::Timeout) {
            // The harness keeps what a test writes until that has ended, which this one never does.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("stuck: {story}\n").as_bytes());
            std::process::abort();
        }
    });
    ended
}

#[test]
fn whatever_happens_what_is_said_is_true_and_the_newest_commit_is_what_answers_in_the_end() {
    let more: Option<usize> = std::env::var("PREVIEWD_MODEL_STEPS").ok().map(|it| it.parse().unwrap());
    let cases = u32::try_from(more.unwrap_or(IN_ALL) / STEPS).unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        rng_seed: if more.is_some() { RngSeed::Random } else { RngSeed::Fixed(0) },
        max_shrink_time: u32::try_from(SHRINKS.as_millis()).unwrap(),
        ..ProptestConfig::with_cases(cases)
    };
    let story = |steps: Vec<Step>| {
        let _watched = watch(&steps);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let it = Service::new().await;
            let mut story =
                Story { it, holds: Vec::new(), made: false, commits: 0, code: Code::Good, installs: true, head: None };
            story = story.take(Step::Create).await;
            for step in steps {
                story = story.take(step).await;
            }
            story.ends_well().await;
        });
        Ok(())
    };
    if let Err(error) = TestRunner::new(config).run(&vec(step(), 1..2 * STEPS), story) {
        panic!("{error}");
    }
}
