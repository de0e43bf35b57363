//! What is compiled or generated before a Node app starts.

use super::*;

#[test]
fn nest_is_told_where_it_compiles_one_program_by_typescript() {
    let told = |script: &str, configuration: &str| {
        let package = format!(r#"{{"scripts":{{"start":"{script}"}},"devDependencies":{{"@nestjs/cli":"11"}}}}"#);
        let plan = plan_of(&[("package.json", &package), ("nest-cli.json", configuration)]);
        let watches = plan.start.argv.join(" ").contains("--watch");
        assert_eq!(watches, plan.start.reload == ReloadPlan::Control, "{script}: {:?}", plan.start.argv);
        watches
    };
    let usual = r#"{"sourceRoot":"src","compilerOptions":{"deleteOutDir":true}}"#;
    assert!(told("nest start", usual));
    assert!(told("nest start --watch --debug", r#"{"compilerOptions":{"builder":{"type":"tsc"}}}"#));
    for (script, configuration) in [
        ("nest start --builder swc", usual),
        ("nest start --watch", r#"{"compilerOptions":{"builder":"swc"}}"#),
        ("nest start -w", r#"{"compilerOptions":{"webpack":true}}"#),
        ("nest start", r#"{"monorepo":true}"#),
        ("nest start", "{"),
        ("node dist/main", usual),
    ] {
        assert!(!told(script, configuration), "{script} {configuration}");
    }
}

#[test]
fn what_tsc_builds_and_node_runs_is_compiled_beside_it() {
    let told = |scripts: &str| {
        let package = format!(r#"{{"scripts":{{{scripts}}}}}"#);
        let plan = plan_of(&[("package.json", &package)]);
        let argv = plan.start.argv.join(" ");
        assert_eq!(argv.contains("/compiled.cjs"), plan.start.reload == ReloadPlan::Control, "{argv}");
        argv.split_once("/compiled.cjs ").map(|(_, words)| words.to_owned())
    };
    let (two, one) =
        (r#""build":"tsc","start":"node dist/a.js""#, r#""start":"npx tsc -p src && node -r x dist/a.js""#);
    assert_eq!(told(two).as_deref(), Some(r#"[] ["dist/a.js"]"#));
    assert_eq!(told(one).as_deref(), Some(r#"["-p","src"] ["-r","x","dist/a.js"]"#));
    for other in [
        r#""build":"tsc -b","start":"node dist/a.js""#,
        r#""build":"tsc && cp a b","start":"node dist/a.js""#,
        r#""build":"tsc","prebuild":"rimraf dist","start":"node dist/a.js""#,
        r#""start":"tsc && node -e 1""#,
        r#""start":"tsc && node a.js && echo""#,
    ] {
        assert_eq!(told(other), None, "{other}");
    }
}

#[test]
fn what_a_project_has_generated_comes_before_its_start() {
    let start = |package: &str, schema: Option<&str>| {
        let mut files = vec![("package.json", package), ("a.js", "")];
        files.extend(schema.map(|path| (path, "model A {}")));
        let plan = plan_of(&files);
        assert!(!plan.notes.iter().any(|note| note.contains("is not run")), "{:?}", plan.notes);
        plan.start.argv.join(" ")
    };
    let prisma = r#"{"scripts":{"start":"node a.js"},"dependencies":{"prisma":"6"}}"#;
    let first = start(prisma, Some("prisma/schema.prisma"));
    assert!(first.contains("prisma generate || exit $?") && first.ends_with("exec node a.js"), "{first}");
    assert_ne!(first, start(prisma, Some("b.prisma")), "another schema is a reason to generate anew");
    assert!(!start(prisma, None).contains("generate"));
    let own = r#"{"scripts":{"start":"prisma generate && node a.js"},"dependencies":{"prisma":"6"}}"#;
    assert!(!start(own, Some("prisma/schema.prisma")).contains("exit $?"));
    let hook = r#"{"scripts":{"start":"node a.js","postinstall":"npx prisma generate && fumadocs-mdx"}}"#;
    let both = start(hook, Some("prisma/schema.prisma"));
    assert!(both.contains("  prisma generate || exit") && both.contains("  fumadocs-mdx || exit"), "{both}");
}

#[test]
fn a_hook_that_only_begins_like_a_generator_is_said_not_to_run() {
    for script in ["velite-watch", "velite; node a.js", "velite && node a.js"] {
        let package = format!(r#"{{"scripts":{{"start":"node a.js","postinstall":"{script}"}}}}"#);
        let plan = plan_of(&[("package.json", &package), ("a.js", "")]);
        assert!(plan.notes.iter().any(|note| note.contains("is not run")), "{script}: {:?}", plan.notes);
    }
}
