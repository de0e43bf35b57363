mod alike;
mod compiled;
mod folders;
mod installation;
mod node;
mod python;
mod react;
mod scripts;

use super::*;
use crate::domain::{
    dependencies,
    runtime::{BaseImage, InstallPlan, ReloadPlan},
    tree::{Entry, EntryKind},
};

type Files<'a> = &'a [(&'a str, &'a str)];

fn read(files: Files<'_>) -> (Tree, BTreeMap<FilePath, Bytes>) {
    let mut tree = Tree::new();
    for (path, text) in files {
        let entry = Entry { kind: EntryKind::File, blob: "0".repeat(40), size_bytes: text.len() as u64 };
        tree.insert(path.parse().unwrap(), entry);
    }
    let settings = files.iter().find(|(path, _)| *path == previewd_toml::FILE).map(|(_, text)| text.as_bytes());
    let contents = wanted(&tree, settings).into_iter().map(|path| {
        let (_, text) = files.iter().find(|(name, _)| *name == path.as_str()).unwrap();
        (path, Bytes::copy_from_slice(text.as_bytes()))
    });
    let contents = contents.collect();
    (tree, contents)
}

fn try_with(files: Files<'_>, overrides: &Overrides) -> Result<RunPlan, Error> {
    let (tree, contents) = read(files);
    plan(&tree, &contents, overrides)
}

pub(super) fn try_plan(files: Files<'_>) -> Result<RunPlan, Error> {
    try_with(files, &Overrides::default())
}

pub(super) fn plan_of(files: Files<'_>) -> RunPlan {
    try_plan(files).unwrap()
}

pub(super) fn static_page() -> RunPlan {
    plan_of(&[("index.html", "<h1>")])
}

pub(super) fn install(plan: &RunPlan) -> &InstallPlan {
    match &plan.image {
        ImagePlan::Dependencies(install) => install,
        ImagePlan::Build { .. } => panic!("a Dockerfile"),
    }
}

fn key(files: Files<'_>) -> String {
    dependencies::key(install(&plan_of(files)), "image", "amd64")
}

fn input(plan: &RunPlan, path: &str) -> String {
    String::from_utf8(install(plan).inputs[path].clone()).unwrap()
}

fn error_of(files: Files<'_>) -> String {
    try_plan(files).unwrap_err().to_string()
}

pub(super) const VITE: &str = r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"^7.0.0"}}"#;
pub(super) const EXPRESS: &str = r#"{"scripts":{"start":"node ./bin/www"},"dependencies":{"express":"5"}}"#;

#[test]
fn the_stack_is_found_as_a_user_expects() {
    let tools = r#"{"scripts":{"start":"webpack serve","build":"webpack"},"devDependencies":{"webpack":"5"}}"#;
    let next = r#"{"scripts":{"dev":"next dev","start":"next start"},"dependencies":{"next":"16","react":"19"}}"#;
    let served = r#"{"scripts":{"start":"node server.js"},"dependencies":{"express":"5","react":"19"}}"#;
    let cases: &[(Files<'_>, Stack, &str)] = &[
        (&[("requirements.txt", "flask"), ("app.py", "")], Stack::Python, ""),
        (&[("pyproject.toml", "[project]\nname='x'"), ("main.py", "")], Stack::Python, ""),
        (&[("package.json", VITE)], Stack::React, ""),
        (&[("package.json", r#"{"dependencies":{"react":"19"}}"#), ("src/App.jsx", "")], Stack::React, ""),
        (&[("package.json", EXPRESS), ("bin/www", "")], Stack::Node, ""),
        (&[("package.json", next)], Stack::Node, ""),
        (&[("package.json", served), ("server.js", "")], Stack::Node, ""),
        (&[("package.json", "{}"), ("app.js", "")], Stack::Node, ""),
        (&[("package.json", tools), ("index.html", "")], Stack::Static, ""),
        (&[("index.html", ""), ("index.js", "")], Stack::Static, ""),
        (&[("public/index.html", ""), ("README.md", "")], Stack::Static, "public"),
        (&[("Dockerfile", ""), ("package.json", "no json"), ("requirements.txt", "")], Stack::Dockerfile, ""),
        (&[("requirements.txt", ""), ("main.py", ""), ("package.json", VITE)], Stack::Python, ""),
        (&[("pyproject.toml", "[tool.black]"), ("package.json", VITE)], Stack::React, ""),
        (&[("manage.py", "DJANGO_SETTINGS_MODULE"), ("shop/settings.py", "")], Stack::Python, ""),
        (&[("web/package.json", VITE), ("README.md", "")], Stack::React, "web"),
        (&[("server.js", "")], Stack::Node, ""),
    ];
    for (files, stack, root) in cases {
        let plan = plan_of(files);
        assert_eq!((plan.stack, plan.root.as_str()), (*stack, *root), "{files:?}");
    }
}

#[test]
fn what_was_looked_for_is_said_when_nothing_fits() {
    let error = try_plan(&[("notes.txt", "")]).unwrap_err();
    assert_eq!(error.reason(), "STACK_NOT_FOUND");
    for name in ["Dockerfile", "requirements.txt", "package.json", "index.html"] {
        assert!(error.to_string().contains(name), "{error}");
    }
    let two =
        error_of(&[("a/package.json", VITE), ("b/package.json", VITE), ("c/requirements.txt", ""), ("c/main.py", "")]);
    assert!(two.contains("a, b, c"), "{two}");
    assert!(error_of(&[("requirements.txt", ""), ("helpers.py", "")]).contains("main.py"));
    assert!(error_of(&[("package.json", "{}")]).contains("server.js"));
}

#[test]
fn manifests_that_cannot_be_used_are_named_with_the_place() {
    let cases: &[(Files<'_>, &[&str])] = &[
        (&[("package.json", "{")], &["package.json", "line 1"]),
        (&[("package.json", "[]")], &["package.json"]),
        (&[("package.json", r#"{"dependencies":{"react":1}}"#)], &["package.json", "dependencies.react"]),
        (&[("package.json", r#"{"scripts":"vite"}"#)], &["package.json", "scripts"]),
        (
            &[("package.json", r#"{"packageManager":"pnpm@1;rm","dependencies":{"a":"1"}}"#), ("index.js", "")],
            &["packageManager"],
        ),
        (&[("pyproject.toml", "[project\n"), ("main.py", "")], &["pyproject.toml", "line 1"]),
        (&[("pyproject.toml", "[project]\ndependencies=[1]"), ("main.py", "")], &["project.dependencies[0]"]),
        (&[("pyproject.toml", "[project]\ndependencies=['--index-url=x']"), ("main.py", "")], &["dependencies[0]"]),
        (&[("requirements.txt", "-r gone.txt"), ("main.py", "")], &["gone.txt", "not there"]),
        (&[("requirements.txt", "flask\n-r ../../etc/passwd"), ("main.py", "")], &["requirements.txt", "line 2"]),
        (&[("previewd.toml", "port = \"80\"\n"), ("index.html", "")], &["previewd.toml", "port", "\"80\""]),
        (&[("previewd.toml", "port = 0\n"), ("index.html", "")], &["1 to 65535"]),
        (&[("previewd.toml", "prot = 1\nrot = 2\n"), ("index.html", "")], &["prot, rot", "ready_path"]),
        (&[("previewd.toml", "stack = \"rails\"\n"), ("index.html", "")], &["stack", "rails", "\"react\""]),
        (&[("previewd.toml", "root = \"../x\"\n"), ("index.html", "")], &["root"]),
        (&[("previewd.toml", "root = \"nope\"\n"), ("index.html", "")], &["root", "nope"]),
        (&[("previewd.toml", "start = \"\"\n"), ("index.html", "")], &["start"]),
        (&[("previewd.toml", "install = 3\n"), ("index.html", "")], &["install"]),
        (&[("previewd.toml", "ready_path = \"x\"\n"), ("index.html", "")], &["ready_path"]),
        (&[("previewd.toml", "data = \"x\"\n"), ("index.html", "")], &["data", "list of paths"]),
        (&[("previewd.toml", "data = [\"/x\"]\n"), ("index.html", "")], &["data", "must be relative"]),
        (&[("previewd.toml", "a = = 1\n"), ("index.html", "")], &["previewd.toml", "line 1"]),
    ];
    for (files, words) in cases {
        let error = try_plan(files).unwrap_err();
        assert_eq!(error.reason(), "BAD_MANIFEST", "{files:?} {error}");
        for word in *words {
            assert!(error.to_string().contains(word), "{word} is not in: {error}");
        }
    }
}

#[test]
fn a_manifest_that_is_too_large_is_named() {
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let error = try_plan(&[("package.json", &huge), ("index.js", "")]).unwrap_err();
    assert!(error.to_string().contains("package.json cannot be used: was not read"), "{error}");
}

#[test]
fn wanted_is_bounded_and_begins_with_manifests() {
    let paths: Vec<String> = (0..2000).map(|i| format!("data/{i:04}.txt")).chain(["package.json".into()]).collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
    let (tree, _) = read(&files);
    let wanted = wanted(&tree, None);
    assert_eq!(wanted.len(), 256);
    assert_eq!(wanted[0].as_str(), "package.json");
    let (tree, _) = read(&[("node_modules/a/package.json", "{}"), ("a/b/c/d/package.json", "{}"), ("main.rs", "")]);
    assert!(super::wanted(&tree, None).is_empty());
}

#[test]
fn previewd_toml_overrides_what_is_found_and_the_request_overrides_both() {
    let files: Files<'_> = &[
        (
            "previewd.toml",
            "stack='node'\nroot='web'\nstart='node other.js'\nport=6006\nready_path='/up'\ninstall=['echo a', 'echo b']\n",
        ),
        ("web/package.json", "{}"),
        ("web/other.js", ""),
        ("index.html", ""),
    ];
    let plan = plan_of(files);
    assert_eq!((plan.stack, plan.root.as_str(), plan.start.port), (Stack::Node, "web", 6006));
    assert_eq!(plan.start.ready_path, "/up");
    assert_eq!(plan.start.environment["PORT"], "6006");
    assert!(plan.start.argv[2].ends_with("\nnode other.js"), "{:?}", plan.start.argv);
    assert_eq!(install(&plan).commands, ["echo a", "echo b"]);
    assert_eq!(install(&plan).environment["PREVIEWD_ROOT"], "web");

    let overrides =
        Overrides { start_command: Some("node third.js".into()), app_port: Some(7007), ..Overrides::default() };
    let plan = try_with(files, &overrides).unwrap();
    assert!(plan.start.argv[2].ends_with("\nnode third.js"));
    assert_eq!((plan.start.port, plan.start.ready_path.as_str()), (7007, "/up"));
    let overrides = Overrides { stack: Some(Stack::Static), ..Overrides::default() };
    let error = try_with(files, &overrides).unwrap_err();
    assert!(error.to_string().contains("web/index.html"), "{error}");
}

#[test]
fn a_project_is_found_and_read_in_however_deep_a_folder_is_named() {
    for root in ["apps/web", "a/b/c/d/e/f/g"] {
        let (settings, page) = (format!("root = '{root}'"), format!("{root}/index.html"));
        let manifest = format!("{root}/package.json");
        let react = r#"{"scripts":{"dev":"vite"},"dependencies":{"react":"18"},"devDependencies":{"vite":"5"}}"#;
        let plan = plan_of(&[("previewd.toml", &settings), (&manifest, react), (&page, "<h1>")]);
        assert_eq!((plan.stack, plan.root.as_str()), (Stack::React, root));
    }
    for root in ["apps/web", "download/shop/web"] {
        let (manifest, server) = (format!("{root}/package.json"), format!("{root}/server.js"));
        let plan = plan_of(&[("README.md", ""), (&manifest, "{}"), (&server, "")]);
        assert_eq!((plan.stack, plan.root.as_str()), (Stack::Node, root));
    }
}

#[test]
fn a_stack_that_is_asked_for_needs_no_signs() {
    let python = Overrides { stack: Some(Stack::Python), start_command: Some("./run".into()), ..Overrides::default() };
    let plan = try_with(&[("run", "")], &python).unwrap();
    assert_eq!(plan.stack, Stack::Python);
    assert!(plan.start.argv[2].contains("/home/preview/venv/bin"));
}

#[test]
fn the_runtime_volume_holds_what_plans_name() {
    let files = runtime_files(Some(b"-----BEGIN CERTIFICATE-----\nown\n"));
    let named = |path: &str| files.iter().find(|file| file.path == path).unwrap();
    assert!(named("agent").executable);
    assert!(["pnpm", "yarn", "bun", "bunx"].iter().all(|name| named(&format!("node/bin/{name}")).executable));
    for path in ["python/serve.py", "python/warm.py", "python/version.py", "node/vite.mjs", "static/nginx.conf"] {
        assert!(!named(path).content.is_empty());
    }
    let bundle = String::from_utf8(named("ca.pem").content.to_vec()).unwrap();
    assert!(bundle.matches("BEGIN CERTIFICATE").count() > 100 && bundle.ends_with("own\n"));
    assert!(runtime_files(None).iter().all(|file| !file.path.ends_with(".pem")));
}

#[test]
fn every_process_knows_the_certificates_and_the_proxy() {
    let config = StackConfig { extra_ca: true, proxy: BTreeMap::from([("HTTPS_PROXY".into(), "http://p:1".into())]) };
    let environment = base_environment(&config);
    assert_eq!(environment["PIP_CERT"], "/previewd/ca.pem");
    assert_eq!(environment["NODE_EXTRA_CA_CERTS"], "/previewd/extra-ca.pem");
    assert_eq!(environment["https_proxy"], environment["HTTPS_PROXY"]);
    let plain = base_environment(&StackConfig::default());
    assert!(!plain.contains_key("PIP_CERT") && plain["HOME"] == "/home/preview");
}
