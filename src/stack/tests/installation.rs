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
