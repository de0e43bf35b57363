//! Projects whose scripts go to folders with packages of their own.

use super::*;

#[test]
fn folders_that_the_started_script_goes_to_are_installed_and_share_no_port() {
    let root = |scripts: &str| format!("{{\"scripts\":{{{scripts}}},\"devDependencies\":{{\"concurrently\":\"9\"}}}}");
    let plan = |scripts: &str, settings: &str| {
        plan_of(&[
            ("previewd.toml", settings),
            ("package.json", &root(scripts)),
            ("client/package.json", r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"7"}}"#),
            ("server/package.json", r#"{"scripts":{"dev":"node index.js"},"dependencies":{"express":"4"}}"#),
            ("server/index.js", ""),
            ("other/package.json", r#"{"dependencies":{"ms":"2"}}"#),
        ])
    };
    let installed = |plan: &RunPlan| {
        let found = |name: &&str| {
            let there = format!("cd /app/{name}\n");
            install(plan).commands.iter().any(|command| command.starts_with(&there))
        };
        ["client", "server", "other"].into_iter().filter(found).collect::<Vec<_>>()
    };
    let all = ["client", "server"];
    for scripts in [
        r#""dev":"concurrently \"cd client && npm run dev\" \"cd server && npm run dev\"""#,
        r#""dev":"concurrently \"npm:dev:*\"","dev:web":"npm run dev --prefix client","dev:api":"npm --prefix=./server/ run dev""#,
        r#""dev":"npm run web & npm run api","web":"cd client && vite","api":"cd client; cd ../server; node index.js""#,
        r#""start":"run-p web api","web":"yarn --cwd client dev","api":"pnpm -C server dev","deploy":"cd other && node x""#,
    ] {
        let plan = plan(scripts, "");
        assert_eq!(installed(&plan), all, "{scripts}");
        assert_eq!(plan.start.reload, ReloadPlan::Control, "{scripts}");
        assert!(plan.runs_several() && !plan.start.environment.contains_key("PORT"), "{scripts}");
        assert_eq!(install(&plan).commands.last().map(String::as_str), Some("rm -rf /tmp/previewd-packages"));
    }
    let named = plan(r#""dev":"node x.js""#, "start = 'npm run dev --prefix client & npm run dev --prefix server'");
    assert_eq!(installed(&named), all);
    let told = plan(r#""dev":"concurrently \"cd client && vite --port $PORT\" \"cd server && node index.js\"""#, "");
    assert_eq!(told.start.environment["PORT"], "3000");
    let port = plan(r#""dev":"concurrently \"cd client && vite\" \"cd server && node index.js\"""#, "port = 8080");
    assert_eq!(port.start.environment["PORT"], "8080");
    let one_after = plan(r#""dev":"cd client && prisma generate && cd ../server && node index.js""#, "");
    assert_eq!(one_after.start.environment["PORT"], "3000");
    let word = plan(r#""dev":"cd client && vite --mode other","other":"cd other && expo start""#, "");
    assert_eq!(installed(&word), ["client"]);
    let one = plan(r#""dev":"cd server && node index.js""#, "");
    assert_eq!(installed(&one), ["server"]);
    assert_eq!(one.start.environment["PORT"], "3000");
}
