use super::*;

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
