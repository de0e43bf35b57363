//! What `serve.py` makes of a project's module.

/// Serves the `main.py` of a folder as in a container, and returns what that printed.
fn serve(folder: &std::path::Path) -> std::process::Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/python/serve.py");
    let mut command = std::process::Command::new("python3");
    command.args([script, "main", "auto"]).env("PYTHONPATH", folder).env("HOME", folder).output().unwrap()
}

#[test]
fn the_projects_own_server_may_be_years_older_than_ours() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("main.py", "async def app(scope, receive, send): pass\n");
    write("uvicorn/__init__.py", "");
    write(
        "uvicorn/config.py",
        "class Config:\n    def __init__(self, app, host, port, interface, proxy_headers): pass\n",
    );
    // Before 0.13, the class was in another module.
    write(
        "uvicorn/main.py",
        "class Server:\n    started = True\n    def __init__(self, config): pass\n    def run(self): print('served')\n",
    );
    let output = serve(folder.path());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "served\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_script_without_an_app_object_runs_once() {
    let folder = tempfile::tempdir().unwrap();
    let main = "print('at the top', __name__)\ndef run():\n    print('in the end', __name__)\n\
                if __name__ == \"__main__\":\n    run()\n    raise SystemExit(f'{__file__[-7:]} ends')\n";
    std::fs::write(folder.path().join("main.py"), main).unwrap();
    std::fs::create_dir(folder.path().join("uvicorn")).unwrap();
    for (file, text) in [("__init__", ""), ("config", "class Config: pass\n"), ("main", "class Server: pass\n")] {
        std::fs::write(folder.path().join(format!("uvicorn/{file}.py")), text).unwrap();
    }
    let output = serve(folder.path());
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(said, "at the top main\nin the end __main__\n", "{errors}");
    assert!(errors.ends_with("main.py ends\n"), "{errors}");
}

#[test]
fn a_script_makes_what_it_needs_before_its_app_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
    std::fs::create_dir(folder.path().join("uvicorn")).unwrap();
    write("uvicorn/__init__.py", "def run(app, **options): print('not this')\n");
    write("uvicorn/config.py", "class Config:\n    def __init__(self, app, **options): self.app = app\n");
    write(
        "uvicorn/server.py",
        "class Server:\n    started = True\n    def __init__(self, config): self.app = config.app\n    \
         def run(self): print('serves', self.app.name)\n",
    );
    let app = "class App:\n    name = 'one'\n    async def __call__(self, scope, receive, send): pass\napp = App()\n";
    let guard = "if __name__ == '__main__':\n    import uvicorn\n    app.name += ' with tables'\n";
    for (end, said) in [
        ("    uvicorn.run('main:app', reload=True)\n    print('after')\n", "serves one with tables\nafter\n"),
        ("    uvicorn.run(app)\n", "serves one with tables\n"),
        // Nothing serves the app there, so nothing of it is done.
        ("    print('a job')\n", "serves one\n"),
        ("    import subprocess\n    subprocess.run(['false'])\n", "serves one\n"),
        // A command line that wants words ends.
        ("    raise SystemExit(2)\n    uvicorn.run(app)\n", "serves one with tables\n"),
    ] {
        write("main.py", &format!("{app}{guard}{end}"));
        let output = serve(folder.path());
        assert_eq!(String::from_utf8_lossy(&output.stdout), said, "{}", String::from_utf8_lossy(&output.stderr));
    }
    write("main.py", &format!("{app}{guard}    tables()\n    uvicorn.run(app)\n"));
    // The app is there all the same.
    let output = serve(folder.path());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("main.py\", line 8, in <module>") && errors.contains("NameError"), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "serves one with tables\n");

    let help = "HELP = \"\"\"\nif __name__ == '__main__':\n    it's run\n\"\"\"\n";
    write("main.py", &format!("{help}{app}{guard}    uvicorn.run(app)\n"));
    assert_eq!(String::from_utf8_lossy(&serve(folder.path()).stdout), "serves one with tables\n");
}
