//! What a React project lacks to be served by Vite: packages, and the files that a generator left out.
//!
//! Which packages are missing is read from `package.json` alone. If the files decided it too, a commit that adds
//! `vite.config.js` or `src/main.jsx` would change the dependency key, and take away the package that the new file imports.

use std::collections::BTreeMap;

use super::page::{self, CONFIGS, MOUNTS};
use crate::{
    domain::{ids::FilePath, path::folder},
    stack::{manifest::Package, packages::Extra, project::Project},
};

/// The Vite of projects that list none: the newest that takes JSX in `.js` files by one setting of its configuration.
const VITE: Extra<'static> = ("vite", "7.3.8");
/// The plugin of projects that list none. It goes with Vite 4 to 8.
const PLUGIN: Extra<'static> = ("@vitejs/plugin-react", "^5.1.0");
/// What is in the names of packages that bring JSX to Vite: plugins of React and Preact, Babel, SWC, and frameworks that hold one.
const JSX_PLUGINS: [&str; 12] = [
    "plugin-react",
    "preact",
    "plugin-babel",
    "plugin-swc",
    "unplugin-swc",
    "vite-react",
    "react-refresh",
    "react-start",
    "react-router/dev",
    "remix-run/dev",
    "vike-react",
    "waku",
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

/// Returns whether the project lists React itself, and not another package under its name.
pub(super) fn is_react(package: &Package) -> bool {
    package.dependency("react").is_some_and(|range| !range.starts_with("npm:"))
}

/// Returns the packages that a React project needs and does not list: Vite, what brings JSX to it, `react-dom`.
///
/// A project that lists all three gets none, and its lockfile is followed to the letter.
pub(super) fn packages(package: &Package, notes: &mut Vec<String>) -> Vec<Extra<'static>> {
    let mut extras = Vec::new();
    if !package.has("vite") {
        extras.push(VITE);
    }
    if lacks_plugin(package) {
        extras.push((PLUGIN.0, plugin_range(package)));
    }
    if !package.has("react-dom") {
        extras.push(("react-dom", react_dom_range(package)));
    }
    if !extras.is_empty() {
        let list: Vec<String> = extras.iter().map(|(name, range)| format!("{name}@{range}")).collect();
        notes.push(format!("react: installing {} too, which package.json does not list", list.join(", ")));
    }
    extras
}

fn lacks_plugin(package: &Package) -> bool {
    !package.names().any(|name| JSX_PLUGINS.iter().any(|part| name.contains(part)))
}

/// Returns the range of the plugin that goes with the project's Vite.
fn plugin_range(package: &Package) -> &'static str {
    match package.dependency("vite").and_then(major) {
        Some("2") => "^1.3.2",
        Some("3") => "^2.2.0",
        _ => PLUGIN.1,
    }
}

/// Returns the range of react-dom that goes with the project's React.
fn react_dom_range(package: &Package) -> &'static str {
    match package.dependency("react").and_then(major) {
        Some("17") => "^17.0.0",
        Some("18") => "^18.0.0",
        _ => "^19.0.0",
    }
}

/// Returns the major version that a range begins with.
fn major(range: &str) -> Option<&str> {
    range.trim_start_matches(['^', '~', '=', '>', 'v', ' ']).split('.').next()
}

/// Supplies the files that a React project lacks: the plugin's configuration, the page, the mount script.
pub(super) fn files(
    project: &Project<'_>,
    package: &Package,
    supplied: &mut BTreeMap<FilePath, String>,
    notes: &mut Vec<String>,
) {
    let mut add = |name: &str, text: String, notes: &mut Vec<String>| {
        if let Ok(path) = project.path(name).parse::<FilePath>() {
            notes.push(format!("react: {path} is supplied in the container, since the project has none"));
            supplied.insert(path, text);
        }
    };
    if project.first(&CONFIGS).is_none() {
        let mut known = [PLUGIN.0, "@vitejs/plugin-react-swc", "@preact/preset-vite"].into_iter();
        let plugin = known.find(|name| package.has(name) || (*name == PLUGIN.0 && lacks_plugin(package)));
        add(CONFIGS[1], configuration(plugin, !package.has("vite")), notes);
    }
    let page = project.source("index.html");
    let app = project.first(&APPS).or_else(|| project.first(&ROOT_APPS));
    let mount = match &page {
        Some(page) => {
            let named = page::scripts(page);
            MOUNTS.into_iter().find(|mount| named.iter().any(|script| script.path == *mount))
        }
        None => project
            .first(&MOUNTS)
            .or_else(|| app.map(|app| if app.starts_with("src/") { MOUNTS[0] } else { MOUNTS[8] })),
    };
    // An app in another place than the script was meant for is a mistake that its own people know how to mend.
    let beside = |mount: &str, app: &str| app.starts_with(folder(mount));
    if let (Some(mount), Some(app)) = (mount, app)
        && !project.has(mount)
        && beside(mount, app)
    {
        add(mount, mount_script(mount, app, project.first(&STYLES)), notes);
    }
    if let (None, Some(mount)) = (&page, mount) {
        let title = package.name.as_deref().unwrap_or("App");
        add("index.html", entry_page(title, mount), notes);
    }
}

/// Returns Vite's configuration. `ours`: the project knows nothing of Vite. Without a plugin, Vite itself takes JSX.
fn configuration(plugin: Option<&str>, ours: bool) -> String {
    let import = plugin.map(|plugin| format!("import react from '{plugin}'\n")).unwrap_or_default();
    let uses = if plugin.is_some() { "  plugins: [react()],\n" } else { "  esbuild: { jsx: 'automatic' },\n" };
    // Generators that know no Vite write JSX into .js files.
    let jsx = if ours {
        "  esbuild: { loader: 'tsx', include: /\\.[cm]?[jt]sx?$/, exclude: /node_modules/ },
  optimizeDeps: { esbuildOptions: { loader: { '.js': 'jsx' } } },\n"
    } else {
        ""
    };
    format!("{import}import {{ defineConfig }} from 'vite'\n\nexport default defineConfig({{\n{uses}{jsx}}})\n")
}

fn mount_script(mount: &str, app: &str, style: Option<&str>) -> String {
    let folder = folder(mount);
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
