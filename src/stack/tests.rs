use super::*;
use crate::domain::{
    dependencies,
    runtime::{BaseImage, InstallPlan},
    tree::{Entry, EntryKind},
};

type Files<'a> = &'a [(&'a str, &'a str)];

fn read(files: Files<'_>) -> (Tree, BTreeMap<FilePath, Bytes>) {
    let mut tree = Tree::new();
    for (path, text) in files {
        let entry = Entry { kind: EntryKind::File, blob: "0".repeat(40), size_bytes: text.len() as u64 };
        tree.insert(path.parse().unwrap(), entry);
    }
    let contents = wanted(&tree).into_iter().map(|path| {
        let (_, text) = files.iter().find(|(name, _)| *name == path.as_str()).unwrap();
        (path, Bytes::copy_from_slice(text.as_bytes()))
    });
    let contents = contents.collect();
    (tree, contents)
}

fn try_with(files: Files<'_>, overrides: &Overrides) -> Result<RunPlan, Error> {
    let (tree, contents) = read(files);
    plan(&tree, &contents, overrides, &StackConfig::default())
}

fn try_plan(files: Files<'_>) -> Result<RunPlan, Error> {
    try_with(files, &Overrides::default())
}

pub(super) fn plan_of(files: Files<'_>) -> RunPlan {
    try_plan(files).unwrap()
}

pub(super) fn static_page() -> RunPlan {
    plan_of(&[("index.html", "<h1>")])
}

fn install(plan: &RunPlan) -> &InstallPlan {
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

const VITE: &str = r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"^7.0.0"}}"#;
const EXPRESS: &str = r#"{"scripts":{"start":"node ./bin/www"},"dependencies":{"express":"5"}}"#;

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
    let two = error_of(&[("a/package.json", VITE), ("b/requirements.txt", ""), ("b/main.py", "")]);
    assert!(two.contains("a, b"), "{two}");
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
    let wanted = wanted(&tree);
    assert_eq!(wanted.len(), 256);
    assert_eq!(wanted[0].as_str(), "package.json");
    let (tree, _) = read(&[("node_modules/a/package.json", "{}"), ("a/b/c/d/package.json", "{}"), ("main.rs", "")]);
    assert!(super::wanted(&tree).is_empty());
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
fn a_stack_that_is_asked_for_needs_no_signs() {
    let python = Overrides { stack: Some(Stack::Python), start_command: Some("./run".into()), ..Overrides::default() };
    let plan = try_with(&[("run", "")], &python).unwrap();
    assert_eq!(plan.stack, Stack::Python);
    assert!(plan.start.argv[2].contains("/home/preview/venv/bin"));
}

#[test]
fn only_what_decides_the_dependencies_changes_their_key() {
    let package =
        |extra: &str| format!(r#"{{"scripts":{{"dev":"vite"}},"dependencies":{{"vite":"7","a":"1"}}{extra}}}"#);
    let base = key(&[("package.json", &package("")), ("package-lock.json", "{}")]);
    assert_eq!(
        base,
        key(&[("package.json", &package(r#","description":"x""#)), ("package-lock.json", "{}"), ("src/a.js", "")])
    );
    assert_ne!(base, key(&[("package.json", &package(r#","overrides":{"b":"2"}"#)), ("package-lock.json", "{}")]));
    assert_ne!(base, key(&[("package.json", &package("")), ("package-lock.json", "{ }")]));
    assert_ne!(base, key(&[("package.json", &package("")), ("package-lock.json", "{}"), (".npmrc", "x=y")]));

    let python = key(&[("requirements.txt", "flask\nhttpx\n"), ("main.py", "x = 1")]);
    assert_eq!(python, key(&[("requirements.txt", "flask # web\nhttpx\n"), ("main.py", "x = 2")]));
    assert_ne!(python, key(&[("requirements.txt", "flask\n\nhttpx>1\n"), ("main.py", "x = 1")]));
}

#[test]
fn a_variable_of_the_request_counts_when_it_decides_what_is_installed() {
    let files: Files<'_> = &[("package.json", EXPRESS), (".npmrc", "//r/:_authToken=${TOKEN}"), ("bin/www", "")];
    let names = ["TOKEN", "npm_config_registry", "DATABASE_URL", "NODE_ENV"];
    let environment = names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect();
    let plan = try_with(files, &Overrides { environment, ..Overrides::default() }).unwrap();
    let counted: Vec<bool> = names.iter().map(|name| install(&plan).environment.contains_key(*name)).collect();
    assert_eq!(counted, [true, true, false, false]);
}

#[test]
fn packages_are_installed_by_the_manager_of_the_lockfile() {
    let package = r#"{"dependencies":{"express":"5"},"scripts":{"start":"node a.js","postinstall":"node b.js"}}"#;
    let named =
        r#"{"dependencies":{"express":"5"},"packageManager":"pnpm@9.1.0+sha512.abc","scripts":{"start":"node a.js"}}"#;
    let cases: &[(Files<'_>, &[&str])] = &[
        (&[("package.json", package)], &["npm install --no-package-lock"]),
        (&[("package.json", package), ("package-lock.json", "{}")], &["npm ci", "|| {", "npm install"]),
        (
            &[("package.json", package), ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n")],
            &["pnpm@8.", "--frozen-lockfile"],
        ),
        (&[("package.json", named)], &["pnpm@9.1.0 ", "--no-frozen-lockfile"]),
        (&[("package.json", package), ("yarn.lock", "# yarn lockfile v1\n")], &["yarn@1.", "--frozen-lockfile"]),
        (
            &[("package.json", package), ("yarn.lock", "__metadata:\n  version: 8\n")],
            &["@yarnpkg/cli-dist@4", "--immutable"],
        ),
    ];
    for (files, words) in cases {
        let plan = plan_of(files);
        for word in *words {
            assert!(install(&plan).commands[0].contains(word), "{word}: {:?}", install(&plan).commands);
        }
        assert_eq!(install(&plan).base, BaseImage::Node);
        assert!(!input(&plan, "package.json").contains("postinstall"));
    }
    let none = plan_of(&[("package.json", r#"{"scripts":{"start":"node a.js"}}"#), ("a.js", "")]);
    assert!(install(&none).commands.is_empty() && install(&none).inputs.is_empty());
    let workspace = r#"{"workspaces":["packages/*"],"scripts":{"start":"node a.js"}}"#;
    let plan =
        plan_of(&[("package.json", workspace), ("packages/a/package.json", r#"{"name":"a","scripts":{"x":"y"}}"#)]);
    assert!(input(&plan, "packages/a/package.json").contains("\"a\""));
}

#[test]
fn node_apps_are_started_without_npm_and_without_watchers() {
    let start = |script: &str| {
        let package = format!(r#"{{"scripts":{{"start":{}}},"main":"lib/main.js"}}"#, serde_json::json!(script));
        let plan = plan_of(&[
            ("package.json", &package),
            ("server.js", ""),
            ("lib/main.js", ""),
            ("src/a.ts", ""),
            ("bin/www", ""),
        ]);
        assert_eq!(plan.start.reload, ReloadPlan::Restart);
        assert_eq!(plan.start.environment["PORT"], "3000");
        let argv = plan.start.argv.join(" ");
        argv.replace("/bin/sh -c export PATH=/app/node_modules/.bin:\"$PATH\"\n", "sh: ")
    };
    let cases = [
        ("node ./bin/www", "node ./bin/www"),
        ("nodemon server.js --flag", "node server.js --flag"),
        ("nodemon", "node lib/main.js"),
        ("nodemon -w src -e ts src/a.ts", "sh: exec ts-node src/a.ts"),
        ("nodemon --exec 'tsx x'", "sh: exec nodemon --exec 'tsx x'"),
        ("node --watch --watch-path=src server.js", "node server.js"),
        ("tsx watch src/a.ts", "sh: exec tsx src/a.ts"),
        ("ts-node-dev --respawn --transpile-only src/a.ts", "sh: exec ts-node --transpile-only src/a.ts"),
        ("FOO=1 node server.js", "node server.js"),
        ("node a.js && node b.js", "sh: node a.js && node b.js"),
    ];
    for (script, wanted) in cases {
        assert_eq!(start(script), wanted, "{script}");
    }
}

#[test]
fn what_has_to_be_built_is_built_or_run_from_its_sources() {
    let dev = r#"{"scripts":{"start":"node dist/index.js","dev":"tsx watch src/index.ts","build":"tsc"}}"#;
    let argv = plan_of(&[("package.json", dev), ("src/index.ts", "")]).start.argv;
    assert!(argv[2].ends_with("exec tsx src/index.ts"), "{argv:?}");
    let built = r#"{"scripts":{"start":"node dist/index.js","build":"tsc"}}"#;
    let argv = plan_of(&[("package.json", built), ("src/index.ts", "")]).start.argv;
    assert!(argv[2].ends_with("( tsc\n) || exit $?\nnode dist/index.js"), "{argv:?}");
    let hooked = r#"{"scripts":{"prestart":"node a.js","start":"node b.js"}}"#;
    let argv = plan_of(&[("package.json", hooked), ("b.js", "")]).start.argv;
    assert!(argv[2].ends_with("( node a.js\n) || exit $?\nnode b.js"), "{argv:?}");
}

#[test]
fn python_apps_are_found_where_they_are() {
    let entry = |files: Files<'_>| {
        let mut all = vec![("requirements.txt", "flask")];
        all.extend(files);
        let plan = plan_of(&all);
        (plan.start.argv[2..].join(" "), plan.start.environment["PYTHONPATH"].clone())
    };
    let is = |module: &str, path: &str| (module.to_owned(), path.to_owned());
    assert_eq!(entry(&[("main.py", ""), ("app.py", "")]), is("main auto", "/app"));
    assert_eq!(entry(&[("main.py", "print()"), ("app.py", "app = Flask(__name__)")]), is("app auto", "/app"));
    assert_eq!(entry(&[("app/__init__.py", ""), ("app/main.py", "app = FastAPI()")]), is("app.main auto", "/app"));
    assert_eq!(
        entry(&[("app/__init__.py", "def create_app():\n"), ("run.py", "from app import create_app\n")]),
        is("app auto", "/app")
    );
    assert_eq!(
        entry(&[("wsgi.py", "app = create_app()"), ("app/__init__.py", "def create_app():")]),
        is("wsgi auto", "/app")
    );
    assert_eq!(entry(&[("src/main.py", "")]), is("main auto", "/app/src:/app"));
    assert_eq!(entry(&[("src/__init__.py", ""), ("src/main.py", "")]), is("src.main auto", "/app:/app/src"));
    assert_eq!(entry(&[("manage.py", "DJANGO_SETTINGS_MODULE")]), is("manage.py django", "/app"));
    assert_eq!(entry(&[("shop/manage.py", "DJANGO_SETTINGS_MODULE")]), is("shop/manage.py django", "/app/shop:/app"));
}

#[test]
fn python_dependencies_come_from_what_lists_them() {
    let commands = |files: Files<'_>| install(&plan_of(files)).commands.join("\n");
    let plan = plan_of(&[
        ("requirements.txt", "-r requirements/base.txt\n-c limits.txt\n-e .\n./libs/shop  # ours\nflask\n"),
        ("requirements/base.txt", "httpx # fast\n"),
        ("limits.txt", "httpx<1\n"),
        ("libs/shop/shop.py", ""),
        ("pyproject.toml", "[project]\nname='x'\ndependencies=['rich>=1', 'own @ file:///x']\n"),
        ("main.py", ""),
    ]);
    assert_eq!(input(&plan, "requirements.txt"), "-r requirements/base.txt\n-c limits.txt\n\n\nflask\n");
    assert_eq!(input(&plan, "requirements/base.txt"), "httpx\n");
    assert!(
        install(&plan).commands.iter().any(|command| command.ends_with("-- 'rich>=1'")),
        "{:?}",
        install(&plan).commands
    );
    assert_eq!(plan.start.environment["PYTHONPATH"], "/app:/app/libs/shop/src:/app/libs/shop");

    assert!(
        commands(&[("pyproject.toml", "[project]\ndependencies=[\"flask ; python_version > '3'\"]"), ("main.py", "")])
            .contains(r#"-- "flask ; python_version > '3'""#)
    );
    assert!(
        commands(&[("pyproject.toml", "[tool.poetry.dependencies]\nflask='*'"), ("main.py", "")])
            .contains("poetry install")
    );
    assert!(
        commands(&[("pyproject.toml", "[project]"), ("uv.lock", "x"), ("requirements.txt", ""), ("main.py", "")])
            .contains("uv sync")
    );
    assert!(commands(&[("app.py", "import os, sys\nfrom flask import Flask\nimport shop\n")]).contains("-- flask\n"));
    let nothing = plan_of(&[("requirements.txt", "# none\n"), ("main.py", "")]);
    assert!(install(&nothing).inputs.is_empty());
    assert!(commands(&[("requirements.txt", ""), ("main.py", "")]).contains("uvicorn=="));
}

#[test]
fn vite_is_told_of_changes_where_the_dev_script_is_plain() {
    let plan = plan_of(&[("package.json", VITE), ("vite.config.ts", ""), ("index.html", "")]);
    assert_eq!(plan.start.reload, ReloadPlan::Control);
    assert_eq!(plan.start.argv.join(" "), "node /previewd/node/vite.mjs --port 5173 --config vite.config.ts");
    assert!(plan.supplied.is_empty());
    let other = r#"{"scripts":{"dev":"tsc -b && vite"},"devDependencies":{"vite":"7"}}"#;
    let plan = plan_of(&[("package.json", other)]);
    assert_eq!((plan.start.reload, plan.start.port), (ReloadPlan::Restart, 5173));
    assert!(plan.start.argv[2].ends_with("\ntsc -b && vite"));
}

#[test]
fn what_a_react_project_lacks_is_supplied() {
    let plan = plan_of(&[
        ("package.json", r#"{"name":"shop","dependencies":{"react":"^18.2.0"}}"#),
        ("src/App.jsx", ""),
        ("src/index.css", ""),
    ]);
    let supplied: Vec<&str> = plan.supplied.keys().map(FilePath::as_str).collect();
    assert_eq!(supplied, ["index.html", "src/main.jsx", "vite.config.mjs"]);
    let text = |path: &str| plan.supplied[&path.parse::<FilePath>().unwrap()].clone();
    assert!(
        text("index.html").contains("<div id=\"root\"></div>") && text("index.html").contains("src=\"/src/main.jsx\"")
    );
    assert!(text("src/main.jsx").contains("from './App.jsx'\nimport './index.css'\n"), "{}", text("src/main.jsx"));
    assert!(text("vite.config.mjs").contains("@vitejs/plugin-react"));
    assert!(plan.start.argv.join(" ").ends_with("--config vite.config.mjs"));
    let manifest = input(&plan, "package.json");
    for word in ["\"vite\": \"7.", "@vitejs/plugin-react", "\"react-dom\": \"^18.0.0\""] {
        assert!(manifest.contains(word), "{word}: {manifest}");
    }

    let whole = r#"{"scripts":{"dev":"vite"},"dependencies":{"react":"19","react-dom":"19","vite":"8","@vitejs/plugin-react":"6"}}"#;
    let page = "<div id=root></div><script type=module src=\"/src/main.tsx\"></script>";
    let plan = plan_of(&[("package.json", whole), ("index.html", page), ("src/App.tsx", ""), ("vite.config.js", "")]);
    let supplied: Vec<&str> = plan.supplied.keys().map(FilePath::as_str).collect();
    assert_eq!(supplied, ["src/main.tsx"]);
    let plan = plan_of(&[
        ("package.json", whole),
        ("index.html", page),
        ("src/App.tsx", ""),
        ("vite.config.js", ""),
        ("src/main.tsx", ""),
    ]);
    assert!(plan.supplied.is_empty());
}

#[test]
fn the_runtime_volume_holds_what_plans_name() {
    let files = runtime_files(Some(b"-----BEGIN CERTIFICATE-----\nown\n"));
    let named = |path: &str| files.iter().find(|file| file.path == path).unwrap();
    assert!(named("agent").executable);
    for path in ["python/serve.py", "python/warm.py", "node/vite.mjs", "static/nginx.conf"] {
        assert!(!named(path).content.is_empty());
    }
    let bundle = String::from_utf8(named("ca.pem").content.to_vec()).unwrap();
    assert!(bundle.matches("BEGIN CERTIFICATE").count() > 100 && bundle.ends_with("own\n"));
    assert!(runtime_files(None).iter().all(|file| !file.path.ends_with(".pem")));
}

#[test]
fn every_process_knows_the_certificates_and_the_proxy() {
    let config = StackConfig {
        extra_ca: true,
        proxy: BTreeMap::from([("HTTPS_PROXY".into(), "http://p:1".into())]),
        ..StackConfig::default()
    };
    let environment = base_environment(&config);
    assert_eq!(environment["PIP_CERT"], "/previewd/ca.pem");
    assert_eq!(environment["NODE_EXTRA_CA_CERTS"], "/previewd/extra-ca.pem");
    assert_eq!(environment["https_proxy"], environment["HTTPS_PROXY"]);
    let plain = base_environment(&StackConfig::default());
    assert!(!plain.contains_key("PIP_CERT") && plain["HOME"] == "/home/preview");
}
