use super::*;

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
