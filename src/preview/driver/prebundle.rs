//! Bundles of the packages that pages import, made once for many previews.
//!
//! A development server such as Vite bundles what its pages import before the first page, and that takes most of the time
//! until it shows. What comes of it is decided by the dependencies, the configuration and the names of what is imported: so
//! it is made again without any of the project's sources, in a container like the one of the installation, and the next
//! preview with the same dependencies and configuration begins with it. What a preview itself has bundled is never shared:
//! its code can write there.

use crate::{
    domain::{
        dependencies,
        runtime::{ImagePlan, RunPlan},
    },
    engine::Image,
    preview::{
        driver::Driver,
        face::log::Log,
        image::{
            images::Images,
            recipe::{Below, DEPENDENCIES, Name, OnTop, PREBUNDLED, Recipe, Source},
        },
    },
};

/// The variable that names the packages.
const PACKAGES: &str = "PREVIEWD_PACKAGES";
/// The most packages of one bundle, and the longest name.
const MAX_PACKAGES: usize = 500;
const MAX_NAME_BYTES: usize = 214;

impl Driver {
    /// Sees to it that other previews with the same dependencies find bundled what this one imports. It ends with the
    /// preview.
    pub(super) fn prebundle(&mut self) {
        let Some(session) = self.session.as_ref().filter(|session| session.plan.prebundle.is_some()) else { return };
        let (packages, after) = (names(&session.packages), self.core.settings.prebundle_after);
        if packages.is_empty() || after.is_zero() {
            return;
        }
        let (images, run) = (self.core.images.clone(), session.plan.clone());
        self.retiring.spawn(async move {
            tokio::time::sleep(after).await;
            images.prebundle(run, &packages).await;
        });
    }
}

impl Images {
    /// Returns the image of a plan's dependencies that has what its pages import bundled, if there is one.
    pub(super) async fn prebundled(&self, run: &RunPlan) -> Option<Image> {
        let (tag, ..) = self.bundle_of(run).await?;
        let look = self.bundles.look(&tag)?;
        let found = self.engine.image(&tag).await.ok()?;
        if found.is_none() {
            self.bundles.note_absent(&tag, look);
        }
        found
    }

    async fn prebundle(&self, run: RunPlan, packages: &[String]) {
        let Ok(_turn) = self.bundles.turn().await else { return };
        let Some((tag, key, base)) = self.bundle_of(&run).await else { return };
        self.flights.offered_image(&key, false).await;
        if !self.bundles.is_first(&tag) {
            return;
        }
        let Some(mut plan) = run.prebundle.clone() else { return };
        if !matches!(self.engine.image(&tag).await, Ok(None)) {
            self.bundles.note_there(&tag);
            return;
        }
        let Ok(list) = serde_json::to_string(packages) else { return };
        plan.environment.insert(PACKAGES.into(), list);
        let commands = plan.commands.last().cloned().into_iter().collect();
        let on_top = Some(OnTop { below: Below::Image(self.tag(DEPENDENCIES, &key)), commands });
        let name = Name { key, tag, base, on_top };
        // What it says is for nobody but who looks into a bundle that fails.
        let log = Log::new();
        let recipe = Recipe { run, source: Source::Prebundle(plan) };
        match recipe.make(&self.engine, &self.settings, &name, &log, None).await {
            Ok(_) => {
                self.bundles.note_there(&name.tag);
                tracing::info!(key = name.key, packages = packages.len(), "packages bundled for other previews");
            }
            Err(failure) => {
                tracing::info!(
                    key = name.key,
                    reason = failure.reason.as_str(),
                    message = failure.message,
                    "packages not bundled"
                );
            }
        }
    }

    /// Returns the name of the image that has a plan's bundle, the key of its dependencies, and their base.
    async fn bundle_of(&self, run: &RunPlan) -> Option<(String, String, String)> {
        let (ImagePlan::Dependencies(install), Some(bundle)) = (&run.image, &run.prebundle) else { return None };
        let (key, base) = self.dependencies(install, &Log::new(), &mut None).await.ok()?;
        let machine = self.engine.machine().await.ok()?;
        let bundle = dependencies::key(bundle, &base, &machine.architecture);
        Some((self.tag(PREBUNDLED, &bundle), key, base))
    }
}

/// Returns what is a name of a package or of a module in one, sorted, at most 500: they come from a container.
fn names(told: &[String]) -> Vec<String> {
    let mut names: Vec<String> = told.iter().filter(|name| is_name(name)).take(MAX_PACKAGES).cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// Returns whether a text is a bare specifier, as of `react-dom/client`.
fn is_name(text: &str) -> bool {
    let good = |part: &str| {
        let begins = part.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_');
        begins && part.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
    };
    let bare = text.strip_prefix('@').unwrap_or(text);
    text.len() <= MAX_NAME_BYTES && bare.split('/').all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_packages_and_their_modules_are_bundled() {
        let told =
            ["react", "react-dom/client", "@radix-ui/react-slot", "date-fns/locale/de.js", "react"].map(str::to_owned);
        assert_eq!(names(&told), ["@radix-ui/react-slot", "date-fns/locale/de.js", "react", "react-dom/client"]);
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a > b", "https://x/y", "a\"b", "a b", "./a", "@", "a//b"] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(!is_name(&"a".repeat(215)));
    }
}
