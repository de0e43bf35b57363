//! The commands by which each package manager installs.

use super::manager::{Choice, Manager, YARN_CLASSIC};
use crate::domain::runtime::{InstallPlan, RUNTIME_MOUNT};

/// Where package managers keep what they download, until the installation is over.
pub(super) const CACHE: &str = "/tmp/previewd-packages";
/// `http`: one line for each package that is fetched, so that there is progress to see.
pub(super) const NPM_FLAGS: &str = "--include=dev --no-audit --no-fund --no-update-notifier --loglevel=http";
/// Well-known packages whose install scripts run though the project approves of none, where a manager asks for that.
const APPROVED: [&str; 22] = [
    "@parcel/watcher",
    "@prisma/client",
    "@prisma/engines",
    "@swc/core",
    "@tailwindcss/oxide",
    "argon2",
    "bcrypt",
    "better-sqlite3",
    "bufferutil",
    "canvas",
    "esbuild",
    "lightningcss",
    "msgpackr-extract",
    "node-sass",
    "prisma",
    "protobufjs",
    "rollup",
    "sharp",
    "sqlite3",
    "unrs-resolver",
    "utf-8-validate",
    "workerd",
];

/// Returns the command. `only` says that nothing is installed but what the manifest lists, `approve` that well-known
/// packages may run their install scripts.
///
/// Where the lockfile can decide alone, it is tried first; what it does not serve for is mended by the manifest.
pub(super) fn command(choice: &Choice, only: bool, approve: bool) -> String {
    let locked = choice.lockfile.is_some();
    let exact = locked && choice.exact && only;
    let (name, strict, free) = match &choice.manager {
        Manager::Npm if !locked => ("npm", None, format!("npm install --no-package-lock {NPM_FLAGS}")),
        Manager::Npm => ("npm", Some(format!("npm ci {NPM_FLAGS}")), format!("npm install {NPM_FLAGS}")),
        Manager::Pnpm { version } => {
            let mut run = format!(
                "npx --yes pnpm@{version} install --prod=false --store-dir {CACHE}/pnpm --package-import-method copy"
            );
            if approve && asks_for_approval(version) {
                for name in APPROVED {
                    run.push_str(" --config.onlyBuiltDependencies=");
                    run.push_str(name);
                }
            }
            ("pnpm", Some(format!("{run} --frozen-lockfile")), format!("{run} --no-frozen-lockfile"))
        }
        Manager::YarnClassic => {
            let run =
                format!("npx --yes yarn@{YARN_CLASSIC} install --production=false --non-interactive --no-progress");
            ("yarn", Some(format!("{run} --frozen-lockfile")), run)
        }
        Manager::YarnBerry { version } => {
            let run = format!("npx --yes --package @yarnpkg/cli-dist@{version} yarn install");
            ("berry", Some(format!("{run} --immutable")), format!("{run} --no-immutable"))
        }
        Manager::Bun { .. } => {
            let run = "\"$HOME/bun/node_modules/.bin/bun\" install --no-progress".to_owned();
            ("bun", Some(format!("{run} --frozen-lockfile")), run)
        }
    };
    let attempts = strict.filter(|_| exact).into_iter().chain([free]);
    let words: String = attempts.map(|attempt| format!(" '{attempt}'")).collect();
    format!("node {RUNTIME_MOUNT}/node/packages.cjs {name}{words}")
}

/// Returns whether a release of pnpm runs no install scripts but those that are approved.
fn asks_for_approval(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 10)
}

/// Returns the command that removes what was downloaded. It is the last of every installation that is planned here.
pub(super) fn clear() -> String {
    format!("rm -rf {CACHE}")
}

/// Returns whether an installation is planned here, and not by the project.
pub(super) fn is_planned_here(plan: &InstallPlan) -> bool {
    plan.commands.last().is_some_and(|last| *last == clear())
}
