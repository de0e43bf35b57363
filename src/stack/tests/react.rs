use super::*;

#[test]
fn vite_is_told_of_changes_where_the_dev_script_is_plain() {
    let plan = plan_of(&[("package.json", VITE), ("vite.config.ts", ""), ("index.html", "")]);
    assert_eq!(plan.start.reload, ReloadPlan::Control);
    assert_eq!(plan.start.argv.join(" "), "node /previewd/node/vite.mjs --port 5173 --config vite.config.ts");
    assert!(plan.supplied.is_empty());
    let other = r#"{"scripts":{"dev":"tsc -b && vite"},"devDependencies":{"vite":"7"}}"#;
    let plan = plan_of(&[("package.json", other)]);
    assert_eq!((plan.start.reload, plan.start.port), (ReloadPlan::Control, 5173));
    assert!(plan.start.argv[2].ends_with("\ntsc -b && vite"));
    assert_eq!(plan.start.environment["NODE_OPTIONS"], "--require=/previewd/node/hook.cjs");
}

#[test]
fn development_servers_that_are_known_are_told_of_changes_and_others_are_not() {
    for (package, dev, wanted) in [
        ("astro", "astro dev", ReloadPlan::Control),
        ("nuxt", "nuxt dev", ReloadPlan::Control),
        ("@react-router/dev", "react-router dev", ReloadPlan::Control),
        ("vitepress", "vitepress dev", ReloadPlan::Control),
        ("@angular/cli", "ng serve", ReloadPlan::Control),
        ("gatsby", "gatsby develop", ReloadPlan::Control),
        ("@docusaurus/core", "docusaurus start", ReloadPlan::Control),
        ("react-scripts", "react-scripts start", ReloadPlan::Control),
        ("@vue/cli-service", "vue-cli-service serve", ReloadPlan::Control),
        ("@11ty/eleventy", "eleventy --serve", ReloadPlan::Control),
        ("webpack-dev-server", "webpack serve", ReloadPlan::Control),
        ("parcel", "parcel index.html", ReloadPlan::Restart),
    ] {
        let manifest = format!(r#"{{"scripts":{{"dev":"{dev}"}},"devDependencies":{{"{package}":"1"}}}}"#);
        let plan = plan_of(&[("package.json", &manifest)]);
        assert_eq!(plan.start.reload, wanted, "{package}");
        assert_eq!(plan.start.environment.contains_key("NODE_OPTIONS"), wanted == ReloadPlan::Control, "{package}");
    }
}

#[test]
fn the_options_of_node_that_a_request_names_are_beside_the_hook() {
    let overrides = Overrides {
        environment: [("NODE_OPTIONS".to_owned(), "--max-old-space-size=300".to_owned())].into(),
        start_command: Some("npm run dev".to_owned()),
        ..Overrides::default()
    };
    let plan = try_with(&[("package.json", VITE)], &overrides).unwrap();
    assert_eq!(plan.start.reload, ReloadPlan::Control);
    assert_eq!(plan.start.environment["NODE_OPTIONS"], "--max-old-space-size=300 --require=/previewd/node/hook.cjs");
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
fn a_page_that_loads_what_lies_elsewhere_is_told_where_it_is() {
    let package = r#"{"scripts":{"dev":"vite"},"dependencies":{"react":"18","react-dom":"18"},"devDependencies":{"vite":"5","@vitejs/plugin-react":"4"}}"#;
    let page = "<html>\n<body>\n<script type=\"module\" src=\"/src/main.tsx\"></script>";
    let with = |files: Files<'_>| {
        let all = [&[("package.json", package), ("index.html", page)], files].concat();
        try_plan(&all).map(|plan| plan.supplied.keys().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let alias = "export default { resolve: { alias: { '@': path.resolve(__dirname, './src') } } }";
    for (files, there) in [
        (&[("main.tsx", ""), ("App.tsx", ""), ("vite.config.ts", alias)][..], "main.tsx"),
        (&[("src/main.jsx", ""), ("vite.config.js", "")][..], "src/main.jsx"),
        (&[("client/src/main.tsx", ""), ("node_modules/a/main.tsx", "")][..], "client/src/main.tsx"),
        (&[("src/index.tsx", ""), ("src/App.tsx", "")][..], "src/index.tsx"),
    ] {
        let error = with(files).unwrap_err();
        let Error::BadManifest { file, line, .. } = &error else { panic!("{error}") };
        assert_eq!((file.as_str(), *line), ("index.html", Some(3)), "{error}");
        let said = format!("it loads /src/main.tsx, which is not there; there is {there}");
        assert!(error.to_string().ends_with(&said), "{error}");
    }
    // It is there, is somewhere that the configuration alone knows, or is nowhere.
    let based = "export default { base: '/src/' }";
    for (files, supplied) in [
        (&[("src/main.tsx", ""), ("main.tsx", ""), ("vite.config.js", "")][..], ""),
        (&[("public/src/main.tsx", ""), ("main.tsx", ""), ("vite.config.js", "")][..], ""),
        (&[("main.tsx", ""), ("vite.config.js", based)][..], ""),
        (&[("App.tsx", ""), ("vite.config.js", "")][..], ""),
        (&[("src/App.tsx", ""), ("vite.config.js", "")][..], "src/main.tsx"),
    ] {
        assert_eq!(with(files).unwrap(), supplied, "{files:?}");
    }
}

#[test]
fn only_package_json_decides_what_a_react_project_is_given() {
    let page = ("index.html", "<script type=module src=\"/src/main.jsx\"></script>");
    let later: Files<'_> =
        &[("vite.config.js", "import react from '@vitejs/plugin-react'"), ("src/main.jsx", ""), page];
    for package in [
        r#"{"dependencies":{"react":"^19.0.0"}}"#,
        r#"{"dependencies":{"react":"19","react-dom":"19"},"devDependencies":{"vite":"^7.0.0"},"scripts":{"dev":"vite"}}"#,
    ] {
        let files: Files<'_> = &[("package.json", package), ("src/App.jsx", "")];
        let manifest = input(&plan_of(files), "package.json");
        for name in ["vite", "@vitejs/plugin-react", "react-dom"] {
            assert!(manifest.contains(&format!("\"{name}\"")), "{name}: {manifest}");
        }
        assert_eq!(key(files), key(&[files, later].concat()), "{package}");
    }
}

#[test]
fn a_react_project_that_lists_what_it_needs_is_installed_to_the_letter() {
    let with = |plugin: &str| {
        let package = format!(
            r#"{{"scripts":{{"dev":"vite"}},"dependencies":{{"react":"19","react-dom":"19"}},"devDependencies":{{"vite":"7","{plugin}":"*"}}}}"#
        );
        let plan = plan_of(&[("package.json", &package), ("package-lock.json", "{}"), ("src/App.jsx", "")]);
        (install(&plan).commands[0].clone(), plan.supplied[&"vite.config.mjs".parse::<FilePath>().unwrap()].clone())
    };
    for plugin in ["@vitejs/plugin-react", "@vitejs/plugin-react-swc", "@preact/preset-vite"] {
        let (command, config) = with(plugin);
        assert!(command.contains("npm 'npm ci") && config.contains(&format!("from '{plugin}'")), "{command} {config}");
    }
    let (command, config) = with("vite-plugin-babel");
    assert!(command.contains("npm 'npm ci") && config.contains("jsx: 'automatic'"), "{command} {config}");
    let alias =
        r#"{"dependencies":{"react":"npm:@preact/compat@17","preact":"10","vite":"7"},"scripts":{"dev":"vite"}}"#;
    let plan = plan_of(&[("package.json", alias), ("src/App.jsx", "")]);
    assert!(plan.supplied.is_empty() && !input(&plan, "package.json").contains("react-dom"));
    let old = r#"{"dependencies":{"react":"17","vite":"^3.2.0"},"scripts":{"dev":"vite"}}"#;
    let manifest = input(&plan_of(&[("package.json", old)]), "package.json");
    assert!(manifest.contains(r#""@vitejs/plugin-react": "^2.2.0""#) && manifest.contains(r#""react-dom": "^17.0.0""#));
}
