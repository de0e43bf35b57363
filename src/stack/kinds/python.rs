//! Python apps: ASGI and WSGI objects served by uvicorn, Django projects, and plain scripts.

mod entry;
mod launch;

use std::collections::BTreeMap;

use self::{
    entry::{ENTRIES, has_entry, imports_module, is_entry_name, makes_app},
    launch::Launch,
};
use super::kind::Kind;
use crate::{
    domain::{
        error::Error,
        ids::FilePath,
        path,
        runtime::{APP_ROOT, BaseImage, HOME, ImagePlan, InstallPlan, Needs, ReloadPlan, RunPlan, StartPlan},
        spec::Stack,
    },
    stack::{
        names::MAX_MANIFEST_BYTES,
        project::{Project, bad, looked_for},
        readers::{cause::Reader, node, python, shell as shells},
        requirements::{self, PIP, Requirements},
        shell::shell,
        signs::Signs,
    },
};

/// The port that Python apps listen on.
const PORT: u16 = 8000;
/// The configuration of Reflex.
const REFLEX: &str = "rxconfig.py";
/// Where Gradio is told its port, which has a server of its own.
const GRADIO_PORT: &str = "GRADIO_SERVER_PORT";
/// The server and what it needs, in a folder at the end of the module path, so that a project's own versions win.
const SERVER: &str =
    "uvicorn==0.54.0 a2wsgi==1.10.10 h11==0.16.0 click==8.5.1 wsproto==1.3.2 typing_extensions==4.16.0";

/// The stack `python`.
pub(super) struct Python;

impl Kind for Python {
    fn show(&self, project: &Project<'_>, signs: &mut Signs) -> Result<(), Error> {
        signs.python_manifest =
            requirements::MANIFESTS.iter().any(|name| project.has(name)) || requirements::describes_project(project)?;
        signs.python_entry = has_entry(project);
        signs.python_app = makes_app(project);
        Ok(())
    }

    fn entry(&self, path: &FilePath, _: usize) -> Option<u64> {
        (path.extension() == Some("py") && is_entry_name(path.name())).then_some(MAX_MANIFEST_BYTES)
    }

    fn plan(&self, project: &Project<'_>, start: Option<&str>, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
        let found = entry::find(project).or_else(|| if start.is_some() { None } else { entry::find_deep(project) });
        if found.is_none() && start.is_none() {
            return Err(nothing_to_start(project));
        }
        let source = found.as_ref().and_then(|entry| project.source(&entry.file())).unwrap_or_default();
        let mut requirements = requirements::read(project, &source, notes)?;
        requirements.commands.splice(0..0, requirements::version_check(project));
        let (above, package) = entry::package(project, &source).unzip();
        let launch = match found {
            Some(entry) => Launch::of(project, entry, &source, package.as_deref(), notes),
            None => Launch::by_command(),
        };
        let Launch { argv, mut folders, reload } = launch;
        if project.has_folder("src") {
            folders.push("src".into());
        }
        folders.extend(requirements.folders.iter().cloned());
        let environment = process_environment(&source, module_path(project, folders, above));
        Ok(RunPlan {
            stack: Stack::Python,
            root: project.root.clone(),
            image: ImagePlan::Dependencies(install(requirements)),
            prebundle: None,
            start: StartPlan { argv, environment, port: PORT, named_port: false, ready_path: "/".into(), reload },
            needs: Needs::default(),
            notes: Vec::new(),
            supplied: BTreeMap::new(),
            data: Vec::new(),
        })
    }

    fn start_by(&self, start: &mut StartPlan, _: &Project<'_>, command: &str) -> Result<(), Error> {
        start.argv = shell(&[&format!("{HOME}/venv/bin"), &format!("{HOME}/server/bin")], &[], command);
        start.reload = ReloadPlan::Restart;
        Ok(())
    }

    fn port_variables(&self) -> &'static [&'static str] {
        &["PORT", GRADIO_PORT]
    }

    /// The environment is active, and its own pip in it.
    fn install_by(&self, commands: &[String]) -> Vec<String> {
        let active =
            |command: &String| format!("export VIRTUAL_ENV={HOME}/venv PATH=\"{HOME}/venv/bin:$PATH\"\n{command}");
        std::iter::once(format!("python3 -m venv {HOME}/venv"))
            .chain(commands.iter().map(active))
            .chain([server_command(), WARM.to_owned()])
            .collect()
    }

    fn manifests(&self) -> &'static [&'static str] {
        &["requirements.txt", "pyproject.toml"]
    }

    fn readers(&self) -> &'static [Reader] {
        &[python::read, shells::read, node::read]
    }

    fn pages(&self) -> &'static [&'static str] {
        &["/docs", "/admin/", "/api", "/api/docs", "/health"]
    }
}

/// Returns why a project has nothing to start.
fn nothing_to_start(project: &Project<'_>) -> Error {
    if project.has(REFLEX) {
        let message = "Reflex builds its pages with Node, which the image for Python has not; a Dockerfile of the project's own can have both";
        return bad(project.path(REFLEX), message);
    }
    looked_for(ENTRIES.iter().chain(&["manage.py"]).map(|name| project.path(name)))
}

/// Returns the variables of an app whose entry has that source, and whose modules come from those folders.
fn process_environment(source: &str, module_path: String) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        ("PORT".to_owned(), PORT.to_string()),
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        // The app's own bytecode would be found stale by its whole-second time and size. That of the dependencies was
        // written when they were installed.
        ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
        ("PYTHONPATH".to_owned(), module_path),
    ]);
    if imports_module(source, "gradio") {
        environment.extend(
            [
                ("GRADIO_SERVER_NAME", "0.0.0.0"),
                ("GRADIO_ANALYTICS_ENABLED", "False"),
                (GRADIO_PORT, &PORT.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    }
    environment
}

/// Compiles what the base image lacks, so that no start has to.
const WARM: &str = "\"$HOME/venv/bin/python\" /previewd/python/warm.py";

/// Makes an empty environment. `ensurepip` would take eight seconds at half a CPU, so the base image's own pip serves
/// where there is one that can.
const ENVIRONMENT: &str = r#"if python3 -c 'import pip, sys; sys.exit([int(part) for part in pip.__version__.split(".")[:2]] < [22, 3])' 2>/dev/null; then
python3 -m venv --without-pip "$HOME/venv"
printf '#!/bin/sh\nexec %s -m pip --python %s "$@"\n' "$(command -v python3)" "$HOME/venv/bin/python" > "$HOME/venv/bin/pip"
chmod 755 "$HOME/venv/bin/pip"
else
python3 -m venv "$HOME/venv"
fi"#;

/// Returns whether an installation is that of requirement files, as it is planned here.
pub(in crate::stack) fn is_own(plan: &InstallPlan) -> bool {
    let pip = plan.commands.iter().any(|command| command.starts_with(&format!("{PIP} -r ")));
    pip && plan.commands.first().is_some_and(|first| first == ENVIRONMENT)
}

/// Returns the commands of an installation without those that make what an earlier one has made.
pub(in crate::stack) fn on_top(plan: &InstallPlan) -> Vec<String> {
    let made = [ENVIRONMENT.to_owned(), server_command()];
    plan.commands.iter().filter(|command| !made.contains(command)).cloned().collect()
}

fn server_command() -> String {
    format!("{PIP} --quiet --no-deps --target \"$HOME/server\" {SERVER}")
}

fn install(requirements: Requirements) -> InstallPlan {
    let mut commands = vec![ENVIRONMENT.to_owned()];
    commands.extend(requirements.commands);
    commands.extend([server_command(), WARM.to_owned()]);
    InstallPlan {
        base: BaseImage::Python,
        commands,
        inputs: requirements.inputs,
        environment: requirements.environment,
    }
}

/// Returns the absolute folders that modules are imported from, once each, in order: those of the project, then one from
/// the root of all files.
fn module_path(project: &Project<'_>, folders: Vec<String>, last: Option<String>) -> String {
    let mut paths: Vec<String> = Vec::new();
    for path in folders.iter().map(|folder| path::join(&project.path(""), folder)).chain(last) {
        let path = format!("{APP_ROOT}/{path}").trim_end_matches('/').to_owned();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths.join(":")
}
