//! Everything that Vite serves, through a wrapper on Vite's own API that is told of changes.

use std::collections::BTreeMap;

use super::{
    looked_for,
    manifest::Package,
    node,
    packages::{self, Extra},
    project::Project,
    script,
};
use crate::domain::{
    error::Error,
    ids::FilePath,
    runtime::{APP_ROOT, ImagePlan, RUNTIME_MOUNT, ReloadPlan, RunPlan, StartPlan},
    spec::Stack,
};

/// The port that Vite listens on.
pub(super) const PORT: u16 = 5173;
/// The Vite of projects that list none: the newest that takes JSX in `.js` files by one setting of its configuration.
const VITE: Extra<'static> = ("vite", "7.3.8");
/// The plugin of projects that list none. It goes with Vite 4 to 8.
const PLUGIN: Extra<'static> = ("@vitejs/plugin-react", "^5.1.0");

const CONFIGS: [&str; 6] =
    ["vite.config.js", "vite.config.mjs", "vite.config.ts", "vite.config.cjs", "vite.config.mts", "vite.config.cts"];
const MOUNTS: [&str; 10] = [
    "src/main.jsx",
    "src/main.tsx",
    "src/main.js",
    "src/main.ts",
    "src/index.jsx",
    "src/index.tsx",
    "src/index.js",
    "src/index.ts",
    "main.jsx",
    "main.tsx",
];
const APPS: [&str; 8] = [
    "src/App.jsx",
    "src/App.tsx",
    "src/App.js",
    "src/App.ts",
    "src/app.jsx",
    "src/app.tsx",
    "src/components/App.jsx",
    "src/components/App.tsx",
];
/// An app beside the manifest, for which nothing is below `src`.
const ROOT_APPS: [&str; 3] = ["App.jsx", "App.tsx", "App.js"];
const STYLES: [&str; 4] = ["src/index.css", "src/styles.css", "src/main.css", "src/global.css"];

/// Plans a project that Vite serves, or whose own development script does.
///
/// # Errors
/// `BadManifest`, or `StackNotFound` when there is no `package.json`.
pub(super) fn plan(project: &Project<'_>, custom_start: bool, notes: &mut Vec<String>) -> Result<RunPlan, Error> {
    let package = Package::read(project)?.ok_or_else(|| looked_for([project.path("package.json")]))?;
    let scripted = ["dev", "start", "serve"].into_iter().find(|name| package.script(name).is_some());
    let vite = scripted.map(|name| options(package.script(name).unwrap_or_default()));
    let mut extras = Vec::new();
    let mut supplied = BTreeMap::new();
    let mut environment = node::process_environment(&package, PORT);
    let (argv, reload) = match (scripted, vite) {
        // Only a script of a project that lists what it runs can be relied on.
        (Some(name), Some(None)) if package.has("vite") || !runs_missing_vite(&package, name) => {
            notes.push(format!("react: the {name} script, which is no plain vite; every change starts it anew"));
            let start = node::run_script(project, &package, name);
            environment.extend(start.environment);
            (start.argv, ReloadPlan::Restart)
        }
        (_, vite) => {
            let vite = vite.flatten().unwrap_or_default();
            environment.extend(vite.environment);
            environment.insert("PREVIEWD_PROJECT".into(), APP_ROOT.into());
            let folder =
                vite.root.as_deref().map_or_else(|| project.at(&project.root), |root| project.at(&project.path(root)));
            let mut argv = vec!["node".to_owned(), format!("{RUNTIME_MOUNT}/node/vite.mjs")];
            argv.extend(["--port".to_owned(), PORT.to_string()]);
            argv.extend(vite.arguments.iter().cloned());
            if let Some(root) = &vite.root {
                argv.extend(["--root".into(), root.clone()]);
            }
            if package.has("react") {
                supply(&folder, &package, &mut extras, &mut supplied, notes)?;
            }
            let config = folder.first(&CONFIGS).or_else(|| {
                supplied.keys().any(|path: &FilePath| path.as_str() == folder.path(CONFIGS[1])).then_some(CONFIGS[1])
            });
            // Named, so that one which comes or goes is another plan, and so another process.
            if let (Some(config), None, false) = (config, &vite.root, argv.iter().any(|word| word == "--config")) {
                argv.extend(["--config".into(), config.to_owned()]);
            }
            notes.push("react: Vite, told of changes by previewd".into());
            (argv, ReloadPlan::Control)
        }
    };
    let argv = if custom_start { Vec::new() } else { argv };
    let install = packages::install(project, &package, &extras, notes)?;
    Ok(RunPlan {
        stack: Stack::React,
        root: project.root.clone(),
        image: ImagePlan::Dependencies(install),
        start: StartPlan { argv, environment, port: PORT, ready_path: "/".into(), reload },
        notes: Vec::new(),
        supplied,
    })
}

/// Returns whether the script calls Vite in a project that does not list it, so that it cannot run.
fn runs_missing_vite(package: &Package, name: &str) -> bool {
    package.script(name).is_some_and(|script| script.split_whitespace().any(|word| word == "vite"))
}

/// What a plain `vite` command says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    environment: BTreeMap<String, String>,
    /// What the wrapper takes as well.
    arguments: Vec<String>,
    root: Option<String>,
}

/// Reads a script that is `vite` with options that the wrapper knows or has no need of; `None` for any other.
fn options(script: &str) -> Option<Options> {
    let command = script::plain(script)?;
    let mut words = command.argv.into_iter().peekable();
    if words.next()? != "vite" {
        return None;
    }
    match words.peek().map(String::as_str) {
        Some("dev" | "serve") => _ = words.next(),
        Some("build" | "preview" | "optimize") => return None,
        _ => {}
    }
    let mut options = Options { environment: command.environment, ..Options::default() };
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            let root = word.strip_prefix("./").unwrap_or(&word).trim_end_matches('/').to_owned();
            root.parse::<FilePath>().ok()?;
            if options.root.replace(root).is_some() {
                return None;
            }
            continue;
        }
        let (name, mut value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let mut argument = || value.take().or_else(|| words.next_if(|word| !word.starts_with('-')));
        match name.as_str() {
            "--mode" | "-m" => options.arguments.extend(["--mode".into(), argument()?]),
            "--config" | "-c" => options.arguments.extend(["--config".into(), argument()?]),
            "--base" => options.arguments.extend(["--base".into(), argument()?]),
            "--force" => options.arguments.push("--force".into()),
            "--port" | "--logLevel" | "-l" => _ = argument()?,
            "--host" | "--open" | "--debug" | "-d" | "--filter" | "-f" => _ = argument(),
            "--strictPort" | "--cors" => {}
            "--clearScreen" => _ = words.next_if(|word| matches!(word.as_str(), "true" | "false")),
            _ => return None,
        }
    }
    Some(options)
}

/// Supplies what a React project lacks to be served: Vite, the plugin and its configuration, the page, the mount script.
fn supply(
    project: &Project<'_>,
    package: &Package,
    extras: &mut Vec<Extra<'static>>,
    supplied: &mut BTreeMap<FilePath, String>,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let mut add = |name: &str, text: String, notes: &mut Vec<String>| {
        if let Ok(path) = project.path(name).parse::<FilePath>() {
            notes.push(format!("react: {path} is supplied in the container, since the project has none"));
            supplied.insert(path, text);
        }
    };
    let ours = !package.has("vite");
    if ours {
        extras.push(VITE);
        notes.push(format!("react: {}@{} is installed, since package.json lists none", VITE.0, VITE.1));
    }
    if project.first(&CONFIGS).is_none() {
        let plugin = ["@vitejs/plugin-react-swc", PLUGIN.0].into_iter().find(|name| package.has(name));
        if plugin.is_none() {
            extras.push(PLUGIN);
        }
        add(CONFIGS[1], configuration(plugin.unwrap_or(PLUGIN.0), ours), notes);
    }
    let page = project.text("index.html")?;
    let app = project.first(&APPS).or_else(|| project.first(&ROOT_APPS));
    let mount = match &page {
        Some(page) => MOUNTS.into_iter().find(|mount| names(page, mount)),
        None => project
            .first(&MOUNTS)
            .or_else(|| app.map(|app| if app.starts_with("src/") { MOUNTS[0] } else { MOUNTS[8] })),
    };
    if let (Some(mount), Some(app)) = (mount, app)
        && !project.has(mount)
    {
        if !package.has("react-dom") {
            extras.push(("react-dom", react_dom(package)));
        }
        add(mount, mount_script(mount, app, project.first(&STYLES)), notes);
    }
    if let (None, Some(mount)) = (&page, mount) {
        let title = package.name.as_deref().unwrap_or("App");
        add("index.html", entry_page(title, mount), notes);
    }
    Ok(())
}

/// Returns whether a page has a script of that path.
fn names(page: &str, mount: &str) -> bool {
    ["\"/", "\"./", "\"", "'/", "'./", "'"].iter().any(|start| {
        let end = if start.starts_with('"') { '"' } else { '\'' };
        page.contains(&format!("{start}{mount}{end}"))
    })
}

/// Returns the range of react-dom that goes with the project's React.
fn react_dom(package: &Package) -> &'static str {
    let range = package.dependency("react").unwrap_or_default();
    match range.trim_start_matches(['^', '~', '=', '>', 'v', ' ']).split('.').next() {
        Some("17") => "^17.0.0",
        Some("18") => "^18.0.0",
        _ => "^19.0.0",
    }
}

fn configuration(plugin: &str, ours: bool) -> String {
    // Generators that know no Vite write JSX into .js files.
    let jsx = "  esbuild: { loader: 'tsx', include: /\\.[cm]?[jt]sx?$/, exclude: /node_modules/ },
  optimizeDeps: { esbuildOptions: { loader: { '.js': 'jsx' } } },\n";
    format!(
        "import react from '{plugin}'\nimport {{ defineConfig }} from 'vite'\n\nexport default defineConfig({{\n  plugins: [react()],\n{}}})\n",
        if ours { jsx } else { "" }
    )
}

fn mount_script(mount: &str, app: &str, style: Option<&str>) -> String {
    let folder = mount.rsplit_once('/').map_or("", |(folder, _)| folder);
    let beside = |path: &str| {
        let path = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
        format!("./{path}")
    };
    let style = style.map(|style| format!("import '{}'\n", beside(style))).unwrap_or_default();
    format!(
        "import {{ createElement, StrictMode }} from 'react'\nimport {{ createRoot }} from 'react-dom/client'\nimport * as app from '{}'\n{style}\n\
         createRoot(document.getElementById('root')).render(createElement(StrictMode, null, createElement(app.default ?? app.App)))\n",
        beside(app)
    )
}

fn entry_page(title: &str, mount: &str) -> String {
    let title: String = title.chars().take(100).filter(|c| !matches!(c, '<' | '>' | '&')).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"UTF-8\" />\n    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1.0\" />\n    <title>{title}</title>\n  </head>\n  <body>\n    <div id=\"root\"></div>\n    <script type=\"module\" src=\"/{mount}\"></script>\n  </body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_vite_scripts_are_read() {
        for script in [
            "vite",
            "vite dev",
            "vite --host",
            "npx vite --host 0.0.0.0 --port 3000 --open",
            "vite --open /x",
            "vite serve --strictPort",
        ] {
            assert_eq!(options(script), Some(Options::default()), "{script}");
        }
        let read = options("cross-env A=b vite client --mode=dev -c my.config.ts --base /x/").unwrap();
        assert_eq!(read.root.as_deref(), Some("client"));
        assert_eq!(read.arguments, ["--mode", "dev", "--config", "my.config.ts", "--base", "/x/"]);
        assert_eq!(read.environment["A"], "b");
        for script in
            ["tsc && vite", "vite build", "vite preview", "next dev", "vite --https", "vite ../x", "node vite.js"]
        {
            assert_eq!(options(script), None, "{script}");
        }
    }
}
