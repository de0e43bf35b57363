use super::*;

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
fn how_a_project_calls_itself_is_no_part_of_the_key() {
    let package = |fields: &str| format!(r#"{{{fields}"scripts":{{"start":"node a.js"}},"dependencies":{{"a":"1"}}}}"#);
    let of = |fields: &str| key(&[("package.json", &package(fields)), ("package-lock.json", "{}"), ("a.js", "")]);
    assert_eq!(of(""), of(r#""name":"x","version":"2.0.0","private":true,"type":"module","description":"d","#));
    // Yarn's newer lockfiles have the name in them.
    let berry = |name: &str| {
        key(&[
            ("package.json", &package(&format!(r#""name":"{name}","#))),
            ("yarn.lock", "__metadata:\n"),
            ("a.js", ""),
        ])
    };
    assert_ne!(berry("x"), berry("y"));

    let uv = |version: &str, rest: &str| {
        let pyproject = format!("[project]\nname='x'\nversion='{version}'\ndependencies=['flask']\n{rest}");
        let lock = format!(
            "[[package]]\nname = \"flask\"\nversion = \"3\"\n\n[[package]]\nname = \"x\"\nversion = \"{version}\"\nsource = {{ editable = \".\" }}\n"
        );
        let files: Files<'_> = &[("pyproject.toml", &pyproject), ("uv.lock", &lock), ("main.py", "")];
        assert!(input(&plan_of(files), "uv.lock").contains("version = \"3\""));
        key(files)
    };
    assert_eq!(uv("1", ""), uv("2", "description='d'\n[build-system]\nrequires=['hatchling']\n[tool.ruff]\n"));
    assert_ne!(uv("1", ""), uv("1", "[tool.uv]\nindex-url='x'\n"));

    let poetry = |rest: &str| {
        let pyproject = format!("[tool.poetry]\n{rest}\n[tool.poetry.dependencies]\nflask='*'\n");
        key(&[("pyproject.toml", &pyproject), ("poetry.lock", ""), ("main.py", "")])
    };
    assert_eq!(poetry("name='x'\nversion='1'\nauthors=['a']"), poetry("name='y'\nversion='2'\nreadme='r'"));
    assert_ne!(poetry(""), poetry("[tool.poetry.extras]\na=['b']"));
}

#[test]
fn what_the_manifests_name_is_brought_and_counts() {
    let named = r#"{"pnpm":{"patchedDependencies":{"a@1":"patches/a@1.patch"}},"dependencies":{"a":"1","b":"file:./lib/b.tgz"},"scripts":{"start":"node a.js"}}"#;
    let files = |patch: &'static str, other: &'static str| {
        plan_of(&[
            ("package.json", named),
            ("pnpm-lock.yaml", ""),
            (".pnpmfile.cjs", "module.exports = {}"),
            ("patches/a@1.patch", patch),
            ("patches/unused.patch", other),
            ("lib/b.tgz", "archive"),
            ("a.js", ""),
        ])
    };
    let paths = |plan: &RunPlan| install(plan).inputs.keys().cloned().collect::<Vec<_>>();
    let plan = files("1", "");
    assert_eq!(paths(&plan), [".pnpmfile.cjs", "lib/b.tgz", "package.json", "patches/a@1.patch", "pnpm-lock.yaml"]);
    assert_eq!(install(&plan), install(&files("1", "2")));
    assert_ne!(install(&plan), install(&files("2", "")));

    let yarn = plan_of(&[
        ("package.json", r#"{"dependencies":{"a":"patch:a@npm%3A1#~/.yarn/patches/a.patch"},"scripts":{"start":"x"}}"#),
        ("yarn.lock", "__metadata:\n"),
        (".yarnrc.yml", "plugins: []"),
        (".yarn/plugins/@yarnpkg/plugin-x.cjs", ""),
        (".yarn/patches/a.patch", ""),
        (".yarn/cache/a.zip", ""),
    ]);
    assert_eq!(paths(&yarn)[..2], [".yarn/patches/a.patch", ".yarn/plugins/@yarnpkg/plugin-x.cjs"]);
    assert!(!paths(&yarn).iter().any(|path| path.ends_with(".zip")));

    let python = plan_of(&[
        (
            "requirements.txt",
            "./wheels/own-1-py3-none-any.whl ; python_version > '3'\nb @ file:lib/b.tar.gz\n-f more\nhttps://x/c.whl\n",
        ),
        ("wheels/own-1-py3-none-any.whl", "w"),
        ("wheels/other-1-py3-none-any.whl", "w"),
        ("lib/b.tar.gz", "t"),
        ("more/d.whl", "d"),
        ("main.py", ""),
    ]);
    assert_eq!(paths(&python), ["lib/b.tar.gz", "more/d.whl", "requirements.txt", "wheels/own-1-py3-none-any.whl"]);
    assert!(input(&python, "requirements.txt").contains("./wheels/own-1"));
}

#[test]
fn a_package_in_an_archive_that_is_too_large_is_named() {
    let large = "x".repeat(10 * 1024 * 1024 + 1);
    let plan = plan_of(&[("requirements.txt", "./a.whl\n"), ("a.whl", &large), ("main.py", "")]);
    assert!(plan.notes.iter().any(|note| note.starts_with("a.whl: not there when")), "{:?}", plan.notes);
    let half = "x".repeat(9 * 1024 * 1024);
    let (tree, _) = read(&[("a.whl", &half), ("b.whl", &half), ("package.json", "{}")]);
    assert_eq!(wanted(&tree, None).len(), 2);
}

#[test]
fn scripts_that_run_with_an_installation_are_said_not_to_run() {
    let notes = |scripts: &str, settings: Option<&str>| {
        let package = format!(r#"{{"dependencies":{{"a":"1"}},"scripts":{{"start":"node a.js",{scripts}}}}}"#);
        let mut files = vec![("package.json", package.as_str()), ("a.js", "")];
        files.extend(settings.map(|text| ("previewd.toml", text)));
        plan_of(&files).notes.into_iter().filter(|note| note.contains("is not run")).collect::<Vec<_>>()
    };
    let generate = r#""postinstall":"node generate.js","prepare":"husky""#;
    assert_eq!(notes(generate, None).len(), 1);
    assert!(
        notes(generate, None)[0].contains("the postinstall script")
            && notes(generate, None)[0].contains("previewd.toml")
    );
    assert!(notes(generate, Some("install = 'npm ci'")).is_empty());
    assert!(notes(r#""prepare":"husky install || true""#, None).is_empty());
}

#[test]
fn a_custom_installation_is_given_what_it_names_and_nothing_else() {
    let with = |commands: &str, change: Option<(&'static str, &'static str)>| {
        let settings = format!("install = {commands}\n");
        let mut files = vec![
            ("previewd.toml", settings.as_str()),
            (
                "package.json",
                r#"{"version":"1","scripts":{"start":"node a.js","postinstall":"prisma generate","setup":"sh tools/x.sh"},"dependencies":{"a":"1"}}"#,
            ),
            ("package-lock.json", "{}"),
            ("prisma/schema.prisma", "s"),
            ("scripts/setup.sh", "s"),
            ("tools/x.sh", "s"),
            ("data/items.json", "[]"),
            ("public/robots.txt", ""),
            ("tsconfig.json", "{}"),
            ("requirements/base.txt", ""),
            ("a.js", ""),
        ];
        if let Some(change) = change {
            files.retain(|(path, _)| *path != change.0);
            files.push(change);
        }
        plan_of(&files)
    };
    let paths = |plan: &RunPlan| install(plan).inputs.keys().cloned().collect::<Vec<_>>();
    let plan = with("'npm ci'", None);
    let always = ["package-lock.json", "package.json", "prisma/schema.prisma", "requirements/base.txt"];
    assert_eq!(paths(&plan), always);
    assert!(input(&plan, "package.json").contains("postinstall") && !input(&plan, "package.json").contains("start"));
    for (path, text) in [("data/items.json", "[1]"), ("public/robots.txt", "x"), ("tsconfig.json", "{ }")] {
        assert_eq!(install(&plan), install(&with("'npm ci'", Some((path, text)))), "{path}");
    }
    assert_ne!(install(&plan), install(&with("'npm ci'", Some(("prisma/schema.prisma", "t")))));
    let named = paths(&with("['npm ci', 'sh ./scripts/setup.sh --config=tsconfig.json', 'cp -r ./data /tmp']", None));
    for path in ["scripts/setup.sh", "tsconfig.json", "data/items.json"] {
        assert!(named.iter().any(|named| named == path), "{path}: {named:?}");
    }
    let called = with("'npm ci && npm run setup'", None);
    assert!(paths(&called).contains(&"tools/x.sh".to_owned()) && input(&called, "package.json").contains("\"setup\""));
    let python = plan_of(&[("previewd.toml", "install = ''\n"), ("requirements.txt", "flask"), ("main.py", "")]);
    assert!(install(&python).inputs.is_empty());
}

#[test]
fn a_script_of_a_custom_installation_may_be_executed() {
    let (mut tree, contents) = read(&[
        ("previewd.toml", "install = './scripts/a b.sh; ./scripts/setup.sh'\n"),
        ("scripts/setup.sh", ""),
        ("a.js", ""),
        ("package.json", "{}"),
        ("index.js", ""),
    ]);
    tree.get_mut(&"scripts/setup.sh".parse::<FilePath>().unwrap()).unwrap().kind = EntryKind::Executable;
    let plan = plan(&tree, &contents, &Overrides::default()).unwrap();
    assert_eq!(install(&plan).commands[0], "chmod 755 /app/scripts/setup.sh");
}

#[test]
fn a_workspace_of_pnpm_is_installed_though_its_root_lists_nothing() {
    let plan = plan_of(&[
        ("package.json", r#"{"packageManager":"pnpm@10.18.0","scripts":{"dev":"pnpm --filter web dev"}}"#),
        ("pnpm-workspace.yaml", "packages:\n  - apps/*\n"),
        ("apps/web/package.json", r#"{"name":"web","scripts":{"dev":"vite"},"devDependencies":{"vite":"7"}}"#),
    ]);
    let install = install(&plan);
    assert!(install.commands.join("\n").contains("pnpm@10.18.0 install"), "{:?}", install.commands);
    assert!(install.inputs.contains_key("apps/web/package.json"));
    // The server of a member is told of changes, whoever starts it.
    assert_eq!(plan.start.reload, ReloadPlan::Control);
}

#[test]
fn a_custom_installation_below_the_root_is_given_its_own_manifests_and_those_above() {
    let plan = plan_of(&[
        ("previewd.toml", "root = 'apps/web'\ninstall = 'sh ../../scripts/setup.sh && npm ci'\n"),
        ("package.json", r#"{"workspaces":["apps/*"]}"#),
        ("apps/web/package.json", r#"{"scripts":{"start":"node a.js"}}"#),
        ("apps/web/a.js", ""),
        ("apps/api/package.json", "{}"),
        ("scripts/setup.sh", ""),
    ]);
    let paths: Vec<&String> = install(&plan).inputs.keys().collect();
    assert_eq!(paths, ["apps/web/package.json", "package.json", "scripts/setup.sh"]);
}
