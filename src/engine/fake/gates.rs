//! Where a test stops a call, or has it fail: before the call does anything, or after it has done everything.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// A call of an engine, or of the agent in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the call of that name")]
pub enum Call {
    Info,
    Machine,
    Prepare,
    Image,
    Pull,
    Build,
    Commit,
    Images,
    RemoveImage,
    Run,
    Container,
    Containers,
    Restart,
    Rename,
    Limits,
    Update,
    SetPaused,
    Remove,
    Dial,
    Upstream,
    Status,
    Sync,
    Start,
    AwaitReady,
    Ports,
    Notify,
    Mark,
    Watch,
    Export,
}

impl Call {
    /// Returns whether it is a call of the agent in a container, and not of the engine.
    pub fn is_agents(self) -> bool {
        self >= Self::Status
    }
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Whoever is called cannot be reached.
    Away,
    /// It errs: an engine with status 500.
    Erred,
    /// It refuses.
    Refused,
    /// It has no such thing.
    NotFound,
    /// A name is taken.
    Conflict,
    /// It does not answer in time.
    Timeout,
    /// It answers only after so long.
    Late(Duration),
    /// It never answers.
    Hang,
}

/// When a call is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Before,
    After,
}

enum Rule {
    Fail(Fault),
    Hold { reached: oneshot::Sender<()>, released: oneshot::Receiver<()> },
}

/// A call that is stopped when it comes.
pub struct Hold {
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Hold {
    /// Returns once a call has come to the place. It stays there until this is released or dropped.
    pub async fn reached(&mut self) {
        let _ = (&mut self.reached).await;
    }

    /// Lets the call go on.
    pub fn release(self) {
        let _ = self.release.send(());
    }
}

/// The rules for the calls that are to come, and how many have come.
#[derive(Default)]
pub(super) struct Gates {
    rules: Mutex<BTreeMap<(Call, When), VecDeque<Rule>>>,
    counts: Mutex<BTreeMap<Call, u64>>,
}

impl Gates {
    /// Has the next such call fail, before it does anything.
    pub(super) fn fail(&self, call: Call, fault: Fault) {
        self.add(call, When::Before, Rule::Fail(fault));
    }

    /// Has the next such call do all that it is asked for, and answer that it failed.
    pub(super) fn fail_after(&self, call: Call, fault: Fault) {
        self.add(call, When::After, Rule::Fail(fault));
    }

    /// Stops the next such call before it does anything.
    pub(super) fn hold(&self, call: Call) -> Hold {
        self.add_hold(call, When::Before)
    }

    /// Stops the next such call once it has done everything, before whoever called hears of it.
    pub(super) fn hold_after(&self, call: Call) -> Hold {
        self.add_hold(call, When::After)
    }

    /// Forgets every rule that has met no call yet.
    pub(super) fn clear(&self) {
        self.rules.lock().clear();
    }

    /// Returns how many calls have come of all kinds.
    pub(super) fn counts(&self) -> BTreeMap<Call, u64> {
        self.counts.lock().clone()
    }

    /// Lets a call in, or says what is wrong with it.
    pub(super) async fn enter(&self, call: Call) -> Result<(), Fault> {
        *self.counts.lock().entry(call).or_default() += 1;
        self.meet(call, When::Before).await
    }

    /// Lets the answer of a call out.
    pub(super) async fn leave(&self, call: Call) -> Result<(), Fault> {
        self.meet(call, When::After).await
    }

    async fn meet(&self, call: Call, when: When) -> Result<(), Fault> {
        let rule = {
            let mut rules = self.rules.lock();
            rules.get_mut(&(call, when)).and_then(VecDeque::pop_front)
        };
        match rule {
            None => Ok(()),
            Some(Rule::Fail(Fault::Late(by))) => {
                tokio::time::sleep(by).await;
                Ok(())
            }
            Some(Rule::Fail(Fault::Hang)) => std::future::pending().await,
            Some(Rule::Fail(fault)) => Err(fault),
            Some(Rule::Hold { reached, released }) => {
                let _ = reached.send(());
                // Whoever holds it may be gone.
                let _ = released.await;
                Ok(())
            }
        }
    }

    fn add(&self, call: Call, when: When, rule: Rule) {
        let mut rules = self.rules.lock();
        rules.entry((call, when)).or_default().push_back(rule);
    }

    fn add_hold(&self, call: Call, when: When) -> Hold {
        let (tell, reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.add(call, when, Rule::Hold { reached: tell, released });
        Hold { reached, release }
    }
}
