use super::*;

#[test]
fn packages_are_installed_by_the_manager_of_the_lockfile() {
    let package = r#"{"dependencies":{"express":"5"},"scripts":{"start":"node a.js","postinstall":"node b.js"}}"#;
    let named =
        r#"{"dependencies":{"express":"5"},"packageManager":"pnpm@9.1.0+sha512.abc","scripts":{"start":"node a.js"}}"#;
    let bun = r#"{"dependencies":{"express":"5"},"packageManager":"bun@1.2.5","scripts":{"start":"node a.js"}}"#;
    let cases: &[(Files<'_>, &[&str])] = &[
        (&[("package.json", package)], &["npm install --no-package-lock"]),
        (&[("package.json", package), ("package-lock.json", "{}")], &["packages.cjs npm 'npm ci", "' 'npm install"]),
        (
            &[("package.json", package), ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n")],
            &["pnpm@8.", "--frozen-lockfile"],
        ),
        (&[("package.json", named)], &["pnpm@9.1.0 ", "--no-frozen-lockfile"]),
        (&[("package.json", package), ("yarn.lock", "# yarn lockfile v1\n")], &["yarn@1.", "--frozen-lockfile"]),
        (&[("package.json", package), ("bun.lock", "{}")], &["--prefix \"$HOME/bun\" bun@1."]),
        (&[("package.json", bun)], &["bun@1.2.5"]),
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
fn of_two_lockfiles_the_one_in_step_decides_and_which_is_said() {
    let locked = |range: &str| format!(r#"{{"packages":{{"":{{"dependencies":{{"express":"{range}"}}}}}}}}"#);
    let pnpm = |range: &str| {
        format!(
            "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      express:\n        specifier: '{range}'\n        version: 5.0.0\n"
        )
    };
    let plan = |named: &str, npm: &str, other: &str| {
        let package = format!(r#"{{"dependencies":{{"express":"5"}},{named}"scripts":{{"start":"node a.js"}}}}"#);
        let (npm, other) = (locked(npm), pnpm(other));
        let plan = plan_of(&[
            ("package.json", &package),
            ("package-lock.json", &npm),
            ("pnpm-lock.yaml", &other),
            ("a.js", ""),
        ]);
        let install = install(&plan);
        let locks: Vec<&str> =
            install.inputs.keys().map(String::as_str).filter(|name| name.contains("-lock")).collect();
        let said = plan.notes.iter().filter(|note| note.contains("packages: ") || note.starts_with("warning: "));
        (install.commands[0].clone(), locks.join(" "), said.cloned().collect::<Vec<_>>().join("\n"))
    };
    let pnpm_named = r#""packageManager":"pnpm@9.1.0","#;
    for (named, npm, other, command, lock, said) in [
        ("", "5", "4", "npm 'npm ci", "package-lock.json", "packages: npm, by package-lock.json, which is in step"),
        (
            "",
            "4",
            "5",
            "pnpm@10.18.3 ",
            "pnpm-lock.yaml",
            "by pnpm-lock.yaml, which is in step with package.json; package-lock.json",
        ),
        ("", "5", "5", "npm 'npm ci", "package-lock.json", "package-lock.json"),
        (pnpm_named, "5", "5", "pnpm@9.1.0 ", "pnpm-lock.yaml", "packages: pnpm 9.1.0, by packageManager"),
        (pnpm_named, "5", "4", "npm 'npm ci", "package-lock.json", "package-lock.json, which is in step"),
        (
            pnpm_named,
            "4",
            "4",
            "--no-frozen-lockfile",
            "pnpm-lock.yaml",
            "pnpm-lock.yaml is not in step with package.json (express)",
        ),
        (
            "",
            "4",
            "4",
            "npm 'npm install",
            "package-lock.json",
            "package-lock.json is not in step with package.json (express)",
        ),
    ] {
        let (commands, locks, notes) = plan(named, npm, other);
        assert!(commands.contains(command), "{named} {npm} {other}: {commands}");
        assert_eq!(locks, lock, "{named} {npm} {other}");
        assert!(notes.contains(said), "{said}: {notes}");
    }
}

#[test]
fn well_known_packages_are_built_unless_the_project_says_whose_scripts_run() {
    let command = |fields: &str, version: &str| {
        let package = format!(
            r#"{{"dependencies":{{"esbuild":"1"}},"packageManager":"pnpm@{version}",{fields}"scripts":{{"start":"node a.js"}}}}"#
        );
        install(&plan_of(&[("package.json", &package), ("a.js", "")])).commands[0].clone()
    };
    assert!(command("", "10.2.0").contains("--config.onlyBuiltDependencies=esbuild "));
    assert!(!command("", "9.15.0").contains("onlyBuilt"));
    assert!(!command(r#""pnpm":{"onlyBuiltDependencies":["a"]},"#, "10.2.0").contains("onlyBuilt"));
}

#[test]
fn repositories_that_everybody_may_read_are_fetched_over_https() {
    let environment = |range: &str| {
        let package = format!(r#"{{"dependencies":{{"ms":"{range}"}},"scripts":{{"start":"node a.js"}}}}"#);
        install(&plan_of(&[("package.json", &package), ("a.js", "")])).environment.clone()
    };
    let variables = environment("git+ssh://git@github.com/a/ms.git");
    assert_eq!(variables["GIT_CONFIG_KEY_0"], "url.https://github.com/.insteadOf");
    assert_eq!(variables["GIT_CONFIG_COUNT"], "6");
    assert!(!environment("^2").contains_key("GIT_CONFIG_COUNT"));
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
        match argv.strip_prefix("/bin/sh -c export PATH=/app/node_modules/.bin:\"$PATH\":") {
            Some(rest) => format!("sh: {}", rest.split_once('\n').unwrap().1),
            None => argv,
        }
    };
    let cases = [
        ("node ./bin/www", "node ./bin/www"),
        ("nodemon server.js --flag", "node server.js --flag"),
        ("nodemon", "node lib/main.js"),
        ("nodemon -w src -e ts src/a.ts", "sh: exec ts-node src/a.ts"),
        ("nodemon --exec 'tsx x'", "sh: exec tsx x"),
        ("nodemon -x tsx src/a.ts --flag", "sh: exec tsx src/a.ts --flag"),
        ("nodemon --exec 'tsc && node x'", "sh: nodemon --exec 'tsc && node x'"),
        ("nodemon -r dotenv/config --inspect server.js", "node -r dotenv/config --inspect server.js"),
        ("node -r dotenv/config server.js", "node -r dotenv/config server.js"),
        ("node --import tsx src/a.ts --watch", "node --import tsx src/a.ts --watch"),
        ("node --watch-path ./src --env-file .env server.js", "node --env-file .env server.js"),
        ("tsx watch --ignore dist --env-file=.env src/a.ts", "sh: exec tsx '--env-file=.env' src/a.ts"),
        ("tsx --watch src/a.ts", "sh: exec tsx src/a.ts"),
        ("bun --hot src/a.ts", "sh: exec bun src/a.ts"),
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
    let built = r#"{"scripts":{"start":"node dist/index.js","build":"tsc | cat"}}"#;
    let argv = plan_of(&[("package.json", built), ("src/index.ts", "")]).start.argv;
    assert!(argv[2].ends_with("( tsc | cat\n) || exit $?\nnode dist/index.js"), "{argv:?}");
    let hooked = r#"{"scripts":{"prestart":"node a.js","start":"node b.js"}}"#;
    let argv = plan_of(&[("package.json", hooked), ("b.js", "")]).start.argv;
    assert!(argv[2].ends_with("( node a.js\n) || exit $?\nnode b.js"), "{argv:?}");
}

#[test]
fn what_nodemon_is_told_by_its_configuration_is_run() {
    let start = |package: &str, configuration: Option<&str>| {
        let mut files = vec![("package.json", package), ("src/index.ts", ""), ("server.js", "")];
        files.extend(configuration.map(|text| ("nodemon.json", text)));
        let plan = plan_of(&files);
        (plan.start.argv.last().unwrap().rsplit('\n').next().unwrap().to_owned(), plan.start.environment)
    };
    let plain = r#"{"scripts":{"dev":"nodemon"}}"#;
    let exec = r#"{"watch":["src"],"exec":"ts-node ./src/index.ts","env":{"MODE":"x"}}"#;
    let (command, environment) = start(plain, Some(exec));
    assert_eq!((command.as_str(), environment["MODE"].as_str()), ("exec ts-node ./src/index.ts", "x"));
    let map = r#"{"scripts":{"dev":"nodemon src/index.ts"},"nodemonConfig":{"execMap":{"ts":"node --import tsx"}}}"#;
    assert_eq!(start(map, None).0, "src/index.ts");
    let listed = r#"{"scripts":{"dev":"nodemon src/index.ts"},"devDependencies":{"tsx":"4"}}"#;
    assert_eq!(start(listed, None).0, "exec tsx src/index.ts");
    assert_eq!(start(plain, Some("{ no json")).0, "exec nodemon");
}

#[test]
fn the_order_of_what_a_node_project_may_start() {
    let said = |package: &str| {
        let plan = plan_of(&[("package.json", package), ("server.js", ""), ("dist/x.js", ""), ("src/a.js", "")]);
        assert_eq!(plan.stack, Stack::Node);
        plan.notes.into_iter().find(|note| note.starts_with("node: ")).unwrap()
    };
    let cases = [
        (r#"{"main":"src/a.js","scripts":{"start":"node dist/x.js","dev":"nodemon server.js"}}"#, "the start script"),
        (
            r#"{"dependencies":{"next":"16"},"scripts":{"start":"next start","dev":"next dev"}}"#,
            "the dev script of next",
        ),
        (r#"{"main":"server.js","scripts":{"dev":"webpack --watch"}}"#, "server.js"),
        (r#"{"main":"gone.js","scripts":{"dev":"tsc -w"}}"#, "server.js"),
        (r#"{"main":"server.js","scripts":{"dev":"nodemon src/a.js"}}"#, "the dev script"),
        (r#"{"main":"server.js","scripts":{"dev":"tsx watch src/a.ts"}}"#, "the dev script"),
        (r#"{"scripts":{"start":"node build/x.js","dev":"tsc -w","build":"tsc"}}"#, "the build script, then"),
        (r#"{"scripts":{"start":"node build/x.js","dev":"nodemon src/a.js","build":"tsc"}}"#, "the dev script, since"),
        (r#"{"scripts":{"start":"node -r dotenv/config src/a.js","dev":"nodemon server.js"}}"#, "the start script"),
        (r#"{"scripts":{"start":"node --import tsx src/b.ts","build":"tsc"}}"#, "the build script, then"),
        (r#"{"scripts":{"serve":"vue-cli-service serve","build":"vue-cli-service build"}}"#, "the serve script"),
    ];
    for (package, wanted) in cases {
        let note = said(package);
        assert!(note.starts_with(&format!("node: {wanted}")), "{package} {note}");
    }
    let last = plan_of(&[("package.json", r#"{"scripts":{"dev":"./run"}}"#)]);
    assert!(last.notes[0].ends_with("since there is nothing else"), "{:?}", last.notes);
}

#[test]
fn a_page_with_a_manifest_of_page_libraries_is_static() {
    let stack =
        |package: &str, script: (&str, &str)| plan_of(&[("package.json", package), ("index.html", ""), script]).stack;
    let page = ("script.js", "document.title = 'x'");
    let server = ("index.js", "require('http').createServer(f).listen(3000)");
    let test = r#""scripts":{"test":"echo no"}"#;
    for (package, script, wanted) in [
        (format!(r#"{{"main":"index.js",{test},"dependencies":{{"bootstrap":"5"}}}}"#), page, Stack::Static),
        (format!(r#"{{"main":"script.js",{test},"dependencies":{{"three":"1"}}}}"#), page, Stack::Static),
        (format!(r#"{{"main":"index.js",{test}}}"#), ("index.js", "document.title"), Stack::Static),
        (format!(r#"{{"main":"index.js",{test}}}"#), server, Stack::Node),
        (format!(r#"{{"main":"index.js",{test},"dependencies":{{"express":"5"}}}}"#), server, Stack::Node),
        (r#"{"scripts":{"dev":"nodemon index.js"}}"#.to_owned(), server, Stack::Node),
        (r#"{"scripts":{"dev":"webpack --watch"},"dependencies":{"three":"1"}}"#.to_owned(), page, Stack::Static),
        (r#"{"scripts":{"start":"webpack serve"},"dependencies":{"three":"1"}}"#.to_owned(), page, Stack::Node),
        (r#"{"scripts":{"start":"live-server"}}"#.to_owned(), page, Stack::Static),
    ] {
        assert_eq!(stack(&package, script), wanted, "{package} {script:?}");
    }
}

#[test]
fn the_development_server_of_create_react_app_is_kept_from_ending() {
    let package = r#"{"scripts":{"start":"react-scripts start"},"dependencies":{"react":"19","react-scripts":"5"}}"#;
    let plan = plan_of(&[("package.json", package), ("public/index.html", ""), ("src/index.js", "")]);
    assert_eq!((plan.stack, plan.start.reload), (Stack::React, ReloadPlan::Control));
    assert_eq!(plan.start.environment["CI"], "true");
    assert!(plan.start.argv[2].ends_with("exec react-scripts start"));
}

#[test]
fn bun_is_installed_for_what_it_locks_or_runs() {
    let locked = plan_of(&[
        ("package.json", r#"{"dependencies":{"hono":"4"},"scripts":{"dev":"bun run --hot src/index.ts"}}"#),
        ("bun.lock", "{}"),
        ("src/index.ts", ""),
    ]);
    let commands = install(&locked).commands.join("\n");
    assert!(commands.contains("bun/node_modules/.bin/bun\" install --no-progress --frozen-lockfile"), "{commands}");
    assert_eq!(input(&locked, "bun.lock"), "{}");
    assert!(locked.start.argv[2].contains("/home/preview/bun/node_modules/.bin:/previewd/node/bin\n"));
    assert!(locked.start.argv[2].ends_with("\nexec bun run src/index.ts"), "{:?}", locked.start.argv);
    let called = plan_of(&[("package.json", r#"{"dependencies":{"hono":"4"},"scripts":{"dev":"bun src/index.ts"}}"#)]);
    assert!(install(&called).commands[0].contains("bun@") && install(&called).commands[1].contains("npm 'npm install"));
    let made = r#"{"module":"index.ts","type":"module","devDependencies":{"@types/bun":"latest"}}"#;
    let made = plan_of(&[("package.json", made), ("index.ts", "")]);
    assert!(made.start.argv[2].ends_with("\nexec bun index.ts") && install(&made).commands[0].contains("bun@"));
}

#[test]
fn a_member_of_a_workspace_is_installed_by_its_lockfile() {
    let web = r#"{"name":"web","version":"1.0.0","scripts":{"dev":"vite"},"dependencies":{"react":"19"}}"#;
    let files = |settings: &'static str, members: &'static str| {
        plan_of(&[
            ("previewd.toml", settings),
            ("package.json", r#"{"name":"all","private":true,"packageManager":"pnpm@9.1.0"}"#),
            ("pnpm-workspace.yaml", members),
            ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
            (".npmrc", "x=y"),
            ("apps/web/package.json", web),
            ("apps/web/src/App.jsx", ""),
            ("packages/ui/package.json", r#"{"name":"ui","version":"2.0.0"}"#),
        ])
    };
    let paths = |plan: &RunPlan| install(plan).inputs.keys().cloned().collect::<Vec<_>>();
    let plan = files("root = 'apps/web'\n", "packages:\n  # all\n  - 'apps/*'\n  - packages/*\n");
    assert_eq!(
        paths(&plan),
        [
            ".npmrc",
            "apps/web/package.json",
            "package.json",
            "packages/ui/package.json",
            "pnpm-lock.yaml",
            "pnpm-workspace.yaml"
        ]
    );
    let command = &install(&plan).commands[0];
    assert!(command.starts_with("cd /app/\nnode ") && command.contains("pnpm 'npx --yes pnpm@9.1.0 install"));
    assert!(
        input(&plan, "apps/web/package.json").contains("plugin-react")
            && !input(&plan, "package.json").contains("vite")
    );
    assert!(input(&plan, "packages/ui/package.json").contains("2.0.0"));
    assert!(plan.notes.iter().any(|note| note.contains("part of the workspace")), "{:?}", plan.notes);
    // Not a member.
    let alone = files("root = 'apps/web'\n", "packages:\n  - packages/*\n");
    assert_eq!(paths(&alone), ["apps/web/package.json"]);

    let start = plan_of(&[
        ("previewd.toml", "root = 'apps/api'\n"),
        ("package.json", r#"{"workspaces":["apps/*"]}"#),
        ("package-lock.json", "{}"),
        ("apps/api/package.json", r#"{"scripts":{"start":"tsx a.ts"},"dependencies":{"tsx":"4"}}"#),
    ]);
    assert!(start.start.argv[2].starts_with(
        "export PATH=/app/apps/api/node_modules/.bin:/app/apps/node_modules/.bin:/app/node_modules/.bin:"
    ));
    assert!(install(&start).commands[0].contains("npm 'npm ci"), "{:?}", install(&start).commands);
}

#[test]
fn frameworks_that_are_known_to_need_memory_say_so() {
    let needs = |package: &str| {
        let text = format!(r#"{{"dependencies":{{"{package}":"1"}},"scripts":{{"dev":"x dev","start":"x"}}}}"#);
        plan_of(&[("package.json", &text)]).needs.memory_bytes
    };
    for heavy in ["next", "nuxt", "@angular/cli"] {
        assert_eq!(needs(heavy), Some(1024 * 1024 * 1024), "{heavy}");
    }
    assert_eq!(needs("express"), None);
}

#[test]
fn a_development_script_of_another_name_is_found_where_it_serves() {
    let notes = |package: &str| plan_of(&[("package.json", package), ("index.js", "")]).notes.join("\n");
    for (package, script) in [
        (r#"{"scripts":{"docs:dev":"vitepress dev docs"},"devDependencies":{"vitepress":"1"}}"#, "docs:dev"),
        (r#"{"scripts":{"build":"x","dev:site":"eleventy --serve"}}"#, "dev:site"),
        (r#"{"scripts":{"storybook":"storybook dev -p 6006","build-storybook":"storybook build"}}"#, "storybook"),
    ] {
        assert!(notes(package).contains(&format!("the {script} script")), "{}", notes(package));
    }
    let tool = notes(r#"{"scripts":{"dev:types":"tsc -w"}}"#);
    assert!(tool.contains("node: index.js"), "{tool}");
}

#[test]
fn an_app_for_phones_has_no_page_unless_it_is_made_for_the_web_too() {
    let native = r#"{"main":"app/app.js","dependencies":{"@nativescript/core":"8"}}"#;
    let error = error_of(&[("package.json", native), ("app/app.js", "")]);
    assert!(error.contains("NativeScript") && error.contains("phones"), "{error}");
    let expo = r#"{"scripts":{"start":"expo start"},"dependencies":{"expo":"54","react":"19","react-native":"0.81"}}"#;
    assert!(error_of(&[("package.json", expo)]).contains("Expo"));
    let web = expo.replace("\"react\"", "\"react-native-web\":\"0.21\",\"react\"");
    assert!(try_plan(&[("package.json", &web)]).is_ok());
    assert!(try_plan(&[("package.json", native), ("app/app.js", ""), ("previewd.toml", "start = 'node x'\n")]).is_ok());
}

#[test]
fn a_workspace_with_tools_at_its_root_is_run_in_its_member_or_names_them() {
    let root =
        ("package.json", r#"{"private":true,"scripts":{"build":"pnpm -r build"},"devDependencies":{"prettier":"3"}}"#);
    let workspace = ("pnpm-workspace.yaml", "packages:\n  - artifacts/*\n  - lib/*\n");
    let page = r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"7"}}"#;
    let library = ("lib/zod/package.json", r#"{"name":"zod"}"#);
    let one =
        plan_of(&[root, workspace, library, ("artifacts/app/package.json", page), ("artifacts/app/index.html", "")]);
    assert_eq!((one.root.as_str(), one.stack), ("artifacts/app", Stack::React));
    let two = try_plan(&[
        root,
        workspace,
        library,
        ("artifacts/shop/package.json", page),
        ("artifacts/sandbox/package.json", page),
    ]);
    let said = two.unwrap_err().to_string();
    assert!(said.contains("artifacts/sandbox, artifacts/shop") && !said.contains("lib/zod"), "{said}");
    let tools = try_plan(&[root, library]).unwrap_err().to_string();
    assert!(tools.contains("a start or dev script"), "{tools}");
}
