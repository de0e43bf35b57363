//! What an image is made from, and how it is known. How one is made is in `install.rs` and `make.rs`.

use crate::{
    domain::runtime::{InstallPlan, RunPlan},
    preview::image::{context::Context, install::handover::Installed},
};

/// The value of [`LABEL_ROLE`](crate::engine::LABEL_ROLE) of images that are built from projects' own Dockerfiles.
pub(in crate::preview) const BUILD: &str = "build";

/// The value of [`LABEL_ROLE`](crate::engine::LABEL_ROLE) of images that hold dependencies.
pub(in crate::preview) const DEPENDENCIES: &str = "dependencies";

/// The value of [`LABEL_ROLE`](crate::engine::LABEL_ROLE) of images that hold dependencies, and a bundle of those that pages import.
pub(in crate::preview) const PREBUNDLED: &str = "prebundled";

/// What an image is made from.
#[derive(Clone)]
pub struct Recipe {
    /// How the project is run.
    pub run: RunPlan,
    /// What goes into it.
    pub source: Source,
}

/// What goes into an image.
#[derive(Clone)]
pub enum Source {
    /// A base image, and what is installed into it.
    Dependencies(InstallPlan),
    /// An image of dependencies, and a bundle of the packages that pages import.
    Prebundle(InstallPlan),
    /// The folder of a project's own Dockerfile.
    Build(Context),
}

/// How the image that is made is known.
pub(in crate::preview) struct Name {
    pub(in crate::preview) key: String,
    pub(in crate::preview) tag: String,
    /// The base image's id; empty for a build.
    pub(in crate::preview) base: String,
    /// Other dependencies to go on from, if there are such, and how.
    pub(in crate::preview) on_top: Option<OnTop>,
}

/// What has most of what is wanted.
pub(in crate::preview) struct OnTop {
    pub(in crate::preview) below: Below,
    pub(in crate::preview) commands: Vec<String>,
}

/// Where other dependencies are.
pub(in crate::preview) enum Below {
    /// In an image.
    Image(String),
    /// In volumes, of which an image is being made.
    Installed(Installed),
}

impl Recipe {
    /// Returns the value of [`LABEL_ROLE`](crate::engine::LABEL_ROLE) of the images that are made.
    pub(in crate::preview) fn role(&self) -> &'static str {
        match self.source {
            Source::Dependencies(_) => DEPENDENCIES,
            Source::Prebundle(_) => PREBUNDLED,
            Source::Build(_) => BUILD,
        }
    }

    /// Returns whether other previews may want the same image, so that it is kept for them.
    pub(in crate::preview) fn is_shared(&self) -> bool {
        !matches!(self.source, Source::Build(_))
    }

    /// Returns what is said while the image is made, or `None` if there is nothing to wait for.
    pub(in crate::preview) fn announcement(&self) -> Option<&'static str> {
        match &self.source {
            Source::Dependencies(plan) if plan.commands.is_empty() => None,
            Source::Prebundle(_) => None,
            Source::Dependencies(_) => Some("installing dependencies"),
            Source::Build(_) => Some("building the image"),
        }
    }
}
