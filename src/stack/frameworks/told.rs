//! How a development server learns of changes.

use std::collections::BTreeMap;

use crate::domain::runtime::{APP_ROOT, RUNTIME_MOUNT, ReloadPlan};

/// How a development server learns of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stack) enum Told {
    /// Through the Vite, the webpack or the watcher that it makes its server by, which is found by a hook
    /// (`stacks/node/hook.cjs`).
    Hook,
    /// By its own watcher; that it has built what was sent it says over its channel to the browser (`stacks/node/next.cjs`).
    Next,
    /// It is not: its process is started anew.
    Nobody,
}

/// The hook of [`Told::Hook`].
const HOOK: &str = "hook.cjs";

/// Returns whether what is started with some variables has the hook of [`Told::Hook`].
pub(in crate::stack) fn has_hook(environment: &BTreeMap<String, String>) -> bool {
    environment.get("NODE_OPTIONS").is_some_and(|options| options.contains(HOOK))
}

impl Told {
    /// Returns how a change becomes visible, after adding to the variables what that takes.
    pub fn prepare(self, environment: &mut BTreeMap<String, String>) -> ReloadPlan {
        let hook = match self {
            Self::Hook => HOOK,
            Self::Next => "next.cjs",
            Self::Nobody => return ReloadPlan::Restart,
        };
        environment.insert("PREVIEWD_PROJECT".into(), APP_ROOT.into());
        // Child processes inherit it. Node takes the options of both.
        let hook = format!("--require={RUNTIME_MOUNT}/node/{hook}");
        let options = environment.entry("NODE_OPTIONS".into()).or_default();
        if !options.contains(&hook) {
            *options = format!("{options} {hook}").trim_start().to_owned();
        }
        ReloadPlan::Control
    }
}
