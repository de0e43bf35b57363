use super::*;

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
fn a_streamlit_script_is_run_by_its_own_server() {
    let overrides = Overrides { app_port: Some(9001), ..Overrides::default() };
    let plan = try_with(&[("streamlit_app.py", "import streamlit as st\n")], &overrides).unwrap();
    assert!(plan.start.argv.join(" ").ends_with("/serve.py streamlit_app.py streamlit"), "{:?}", plan.start.argv);
    assert_eq!(plan.start.environment["PORT"], "9001");
    assert!(install(&plan).commands[1].ends_with("-- streamlit"));
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
fn servers_of_their_own_are_told_the_port() {
    let overrides = Overrides { app_port: Some(9001), ..Overrides::default() };
    let gradio = try_with(&[("app.py", "import gradio as gr\ndemo = gr.Blocks()\n")], &overrides).unwrap();
    assert_eq!(gradio.start.environment["GRADIO_SERVER_PORT"], "9001");
    let nicegui = plan_of(&[("requirements.txt", "nicegui"), ("main.py", "from nicegui import ui\nui.run()\n")]);
    assert!(nicegui.start.argv.join(" ").ends_with("main.py nicegui"), "{:?}", nicegui.start.argv);
    let reflex: Files<'_> = &[("requirements.txt", "reflex"), ("rxconfig.py", ""), ("shop/shop.py", "app = rx.App()")];
    assert!(error_of(reflex).contains("Dockerfile"));
}

#[test]
fn a_script_that_draws_a_page_is_found_wherever_it_stands() {
    let script = "import streamlit as st\n";
    let entry = |files: &[(&str, &str)]| {
        let plan = try_plan(files).ok()?;
        plan.start.argv.get(2).cloned()
    };
    let list = ("requirements.txt", "streamlit\n");
    assert_eq!(entry(&[list, ("src/gui/board/app.py", script)]).as_deref(), Some("src/gui/board/app.py"));
    assert_eq!(entry(&[list, ("Home.py", script), ("a/b/app.py", script)]).as_deref(), Some("Home.py"));
    assert_eq!(entry(&[list, ("tests/gui/app.py", script), ("a/b/c/app.py", "import os\n")]), None);
}

#[test]
fn what_a_streamlit_script_surely_lacks_is_said_before_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let run = |files: Files<'_>| {
        for (path, text) in files {
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        let stacks = concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/python");
        let code = format!(
            "import sys, types; sys.path[:0] = ['', {stacks:?}]; import serve\n\
             parts = ['streamlit', 'streamlit.web', 'streamlit.web.cli']\n\
             sys.modules.update({{name: types.ModuleType(name) for name in parts}})\n\
             sys.modules[parts[2]].main = lambda **_: print('served')\n\
             serve.streamlit('app.py')"
        );
        let output = std::process::Command::new("python3")
            .args(["-c", &code])
            .current_dir(folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let place = |error: &str, file: &str, line: u32| error.contains(&format!("{file}\", line {line}"));
    let (_, error) = run(&[("app.py", "import os\n\ndef f(:\n")]);
    assert!(error.contains("SyntaxError") && place(&error, "app.py", 3), "{error}");
    let (_, error) =
        run(&[("app.py", "import os, json\nfrom shop import x\n"), ("shop.py", "\nimport not_there.at_all\n")]);
    assert!(error.contains("No module named 'not_there'") && place(&error, "shop.py", 2), "{error}");
    // What may be meant to fail is left alone.
    let (served, error) = run(&[("shop.py", "try:\n    import not_there\nexcept ImportError:\n    pass\n")]);
    assert_eq!(served, "served\n", "{error}");
}

#[test]
fn dependencies_come_from_other_tools_lists_too() {
    let installs = |files: Files<'_>| {
        let plan = plan_of(&[files, &[("main.py", "app = FastAPI()")]].concat());
        let commands = install(&plan).commands.iter().filter(|it| it.contains("/pip") && !it.contains("--target"));
        let list = commands.filter_map(|it| it.split_once("--progress-bar off ")).map(|(_, list)| list.to_owned());
        (list.collect::<Vec<_>>().join("\n"), plan.warnings(""))
    };
    let list = |files: Files<'_>| installs(files).0;
    let project = ("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['flask']\n");
    let lock = "[[package]]\nname = 'flask'\nversion = '3.1.0'\ngroups = ['default']\n[[package]]\nname = 'uvicorn'\nversion = \
                '0.30.1'\nextras = ['standard']\nmarker = \"python_version > '3'\"\n[[package]]\nname = 'pytest'\nversion = \
                '8'\ngroups = ['test']\n";
    assert_eq!(
        list(&[project, ("pdm.lock", lock)]),
        "--no-deps -- 'flask==3.1.0' \"uvicorn[standard]==0.30.1 ; python_version > '3'\""
    );
    let locked = r#"{"default":{"flask":{"version":"==3.1.0","markers":"python_version >= '3'"},"own":{"path":".","editable":true},
                     "--index-url":{"version":"x"}},"develop":{"pytest":{"version":"==8"}}}"#;
    let pipfile = ("Pipfile", "[packages]\nflask = '*'\nhttpx = {version = '>=0.27', extras = ['http2']}\n");
    let (found, warnings) = installs(&[pipfile, ("Pipfile.lock", locked)]);
    assert_eq!(found, "--no-deps -- \"flask==3.1.0 ; python_version >= '3'\"");
    assert!(warnings[0].contains("own is a folder"), "{warnings:?}");
    assert_eq!(list(&[pipfile]), "-- flask 'httpx[http2]>=0.27'");
    assert_eq!(list(&[("setup.py", "setup(install_requires=['flask>=3'])")]), "-- 'flask>=3'");
    assert_eq!(list(&[("setup.cfg", "[options]\ninstall_requires =\n  flask\n")]), "-- flask");
    assert!(installs(&[("setup.py", "setup(install_requires=read())")]).1[0].contains("computed"));
    let conda = "name: x\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - conda-forge::numpy=1.26\n  - \
                 pytorch=2.2.0=py3.11_cuda\n  - cudatoolkit\n  - pandas >=2, <3\n  - pip:\n    - flask==3.1.0\n    - -r more.txt\n";
    let (found, warnings) = installs(&[("environment.yml", conda), ("more.txt", "httpx\n")]);
    assert_eq!(
        found,
        "-- 'numpy==1.26.*' torch==2.2.0 'pandas>=2,<3' flask==3.1.0\n-r more.txt"
            .replace("torch==2.2.0", "'torch==2.2.0'")
            .replace("flask==3.1.0", "'flask==3.1.0'")
    );
    assert!(warnings[0].contains("cannot install cudatoolkit"), "{warnings:?}");
    let bad = error_of(&[("environment.yml", "dependencies:\n  - a: [\n"), ("main.py", "app = FastAPI()")]);
    assert!(bad.contains("environment.yml"), "{bad}");
    let extras = "[project]\nname='x'\ndependencies=['flask']\n[project.optional-dependencies]\nweb_ui=['httpx']\n";
    assert_eq!(list(&[("requirements.txt", "-e .[web-ui]\n"), ("pyproject.toml", extras)]), "-- flask httpx");
    assert_eq!(list(&[("requirements.txt", "-e .\n"), ("setup.py", "setup(install_requires=['flask'])")]), "-- flask");
    assert_eq!(list(&[("requirements/base.txt", "flask\n")]), "-r requirements/base.txt");
}

#[test]
fn another_python_than_the_image_s_is_asked_for_in_the_installation() {
    let check = |files: Files<'_>| {
        let plan = plan_of(&[files, &[("main.py", "app = FastAPI()")]].concat());
        let found =
            install(&plan).commands.iter().find_map(|it| it.split_once("version.py ")).map(|(_, it)| it.to_owned());
        found.unwrap_or_default()
    };
    assert_eq!(check(&[(".python-version", "3.11.4\n")]), "'==3.11.*' .python-version");
    assert_eq!(
        check(&[("pyproject.toml", "[project]\nname='x'\nrequires-python='>=3.14'")]),
        "'>=3.14' pyproject.toml"
    );
    assert_eq!(check(&[("requirements.txt", "")]), "");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/python/version.py");
    let said = |range: &str| {
        let output = std::process::Command::new("python3").args([script, range, "x"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(said(">=3"), "");
    // Without pip, nothing can be said.
    let pip = std::process::Command::new("python3").args(["-c", "import pip"]).output().unwrap().status.success();
    assert_eq!(said("==2.7.*").starts_with("previewd: warning: x asks for Python ==2.7.*"), pip);
}

#[test]
fn a_python_app_is_found_in_a_package_of_any_name() {
    let entry = |files: Files<'_>| {
        let mut all = vec![("pyproject.toml", "[project]\nname='x'\ndependencies=['flask']")];
        all.extend(files);
        let plan = plan_of(&all);
        (plan.start.argv[2..].join(" "), plan.start.environment["PYTHONPATH"].clone())
    };
    let is = |module: &str, path: &str| (module.to_owned(), path.to_owned());
    let factory = "def create_app(test_config=None):\n";
    assert_eq!(
        entry(&[("flaskr/__init__.py", factory), ("flaskr/db.py", ""), ("tests/__init__.py", "app = 1")]),
        is("flaskr auto", "/app")
    );
    assert_eq!(
        entry(&[("src/shop/__init__.py", ""), ("src/shop/main.py", "app = FastAPI()")]),
        is("shop.main auto", "/app/src:/app")
    );
    assert_eq!(
        entry(&[("src/__init__.py", ""), ("src/shop/__init__.py", factory)]),
        is("src.shop auto", "/app:/app/src")
    );
    // Bare imports of files beside it.
    assert_eq!(entry(&[("server/app.py", "app = Flask(__name__)")]), is("server.app auto", "/app:/app/server"));
    // What promises more wins, then the usual places, then the name.
    assert_eq!(
        entry(&[("main.py", "print()"), ("shop/app.py", "app = FastAPI()")]),
        is("shop.app auto", "/app:/app/shop")
    );
    assert_eq!(
        entry(&[("b/main.py", "app = 1"), ("a/main.py", "app = 1"), ("b/__init__.py", "")]),
        is("a.main auto", "/app:/app/a")
    );
    assert_eq!(entry(&[("wsgi.py", "app = 1"), ("a/main.py", "app = 1")]), is("wsgi auto", "/app"));
    // A project that keeps its app deeper than that has it in the file that promises most, if it does more than import one.
    let page = "import streamlit as st\n";
    assert_eq!(
        entry(&[("src/__init__.py", ""), ("src/core/main.py", "print()"), ("src/gui/web/app.py", page)]).0,
        "src/gui/web/app.py streamlit"
    );
    assert_eq!(entry(&[("a/b/c/app.py", "app = FastAPI()"), ("a/b/d/app.py", page)]).0, "a.b.c.app auto");
    assert!(error_of(&[("requirements.txt", ""), ("a/tests/b/app.py", page)]).contains("main.py"));
    assert!(error_of(&[("requirements.txt", ""), ("a/b/c/main.py", "from x import app\n")]).contains("main.py"));
    assert!(error_of(&[("requirements.txt", ""), ("tool/main.py", "print()")]).contains("main.py"));
}

#[test]
fn a_folder_that_lists_its_own_dependencies_is_run_as_a_project_of_its_own() {
    for (name, source) in [("main.py", "app = FastAPI()"), ("manage.py", "DJANGO_SETTINGS_MODULE")] {
        let plan = plan_of(&[
            ("README.md", ""),
            (&format!("backend/{name}"), source),
            ("backend/requirements.txt", "fastapi\n"),
        ]);
        assert_eq!(plan.root, "backend");
        assert_eq!(input(&plan, "backend/requirements.txt"), "fastapi\n");
    }
}

#[test]
fn the_folder_above_a_package_is_on_the_module_path() {
    let entry = |files: Files<'_>| {
        let plan = plan_of(files);
        (plan.start.argv[2..].join(" "), plan.start.environment["PYTHONPATH"].clone())
    };
    let is = |module: &str, path: &str| (module.to_owned(), path.to_owned());
    let list = ("backend/requirements.txt", "fastapi");
    let by_name = "from backend.db import VERSION\napp = FastAPI()\n";
    let marker = ("backend/__init__.py", "");
    assert_eq!(entry(&[list, marker, ("backend/main.py", by_name)]), is("main auto", "/app/backend:/app"));
    // One of the newer kind, which has no marker.
    assert_eq!(entry(&[list, ("backend/main.py", by_name)]), is("main auto", "/app/backend:/app"));
    assert_eq!(entry(&[list, ("backend/main.py", "app = FastAPI()\n")]), is("main auto", "/app/backend"));
    let relative = "from .db import VERSION\napp = FastAPI()\n";
    assert_eq!(entry(&[list, marker, ("backend/main.py", relative)]), is("backend.main auto", "/app/backend:/app"));
    assert_eq!(
        entry(&[
            ("previewd.toml", "root = 'srv/shop/api'"),
            ("srv/shop/__init__.py", ""),
            ("srv/shop/api/__init__.py", ""),
            ("srv/shop/api/requirements.txt", ""),
            ("srv/shop/api/main.py", relative),
        ]),
        is("shop.api.main auto", "/app/srv/shop/api:/app/srv")
    );
}

#[test]
fn a_page_with_a_stray_script_is_static() {
    let stack = |files: Files<'_>| plan_of(files).stack;
    assert_eq!(stack(&[("index.html", ""), ("build.py", ""), ("main.py", "print()")]), Stack::Static);
    assert_eq!(stack(&[("index.html", ""), ("server.py", "http.server.test()")]), Stack::Static);
    assert_eq!(
        stack(&[("index.html", ""), ("main.py", "from fastapi import FastAPI\napp = FastAPI()")]),
        Stack::Python
    );
    assert_eq!(stack(&[("index.html", ""), ("streamlit_app.py", "import streamlit as st\n")]), Stack::Python);
    assert_eq!(stack(&[("index.html", ""), ("main.py", "print()"), ("requirements.txt", "")]), Stack::Python);
}

#[test]
fn a_pyproject_that_lists_nothing_leaves_it_to_the_imports() {
    let main = ("main.py", "from fastapi import FastAPI\napp = FastAPI()\n");
    let plan = |text: &str| plan_of(&[("pyproject.toml", text), main, ("requirements.in", "httpx  # x\n")]);
    for text in ["[tool.black]\nline-length = 100", "[project]\nname = 'x'"] {
        assert!(install(&plan(text)).commands[1].ends_with("-- fastapi"), "{text}");
    }
    assert!(!install(&plan("[project]\ndependencies = []")).commands.join("\n").contains("fastapi"));

    let dynamic = "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = ";
    for list in ["{file = ['requirements.in']}", "{file = 'requirements.in'}"] {
        let plan = plan(&format!("{dynamic}{list}"));
        assert!(install(&plan).commands[1].ends_with("-r requirements.in"), "{:?}", install(&plan).commands);
        assert_eq!(input(&plan, "requirements.in"), "httpx\n");
    }
    let unknown = plan("[project]\ndynamic = ['dependencies']");
    assert!(unknown.notes.iter().any(|note| note.contains("nothing of it is installed")), "{:?}", unknown.notes);
}

#[test]
fn a_script_of_gradio_that_launches_is_told_of_changes() {
    let reload = |text: &str| plan_of(&[("app.py", text), ("requirements.txt", "gradio")]).start.reload;
    let (script, mounted) = ("demo.launch()\n", "app = gr.mount_gradio_app(app, demo, path='/')\ndemo.launch()\n");
    assert_eq!(reload(&format!("import gradio as gr\n{script}")), ReloadPlan::Control);
    assert_eq!(reload(&format!("import gradio as gr\n{mounted}")), ReloadPlan::Restart);
    assert_eq!(reload(&format!("import other\n{script}")), ReloadPlan::Restart);
}
