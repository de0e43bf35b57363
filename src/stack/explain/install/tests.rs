use super::*;
use crate::{
    domain::failure::{Failure, FailureStage},
    stack::{End, explain, tests::plan_of},
};

fn node(dependencies: &str) -> RunPlan {
    plan_of(&[("package.json", &format!(r#"{{"dependencies":{dependencies}}}"#)), ("server.js", "")])
}

fn python(requirements: &str) -> RunPlan {
    plan_of(&[("requirements.txt", requirements), ("main.py", "")])
}

fn failed(plan: &RunPlan, log: &str) -> Failure {
    let lines: Vec<String> = log.lines().map(str::to_owned).collect();
    let failure = explain(plan, FailureStage::Install, &End::Exited { code: 1, out_of_memory: false }, &lines);
    let all = format!("{} {}", failure.message, failure.log_excerpt.join("\n"));
    assert!(!all.contains("_logs/") && !all.contains("likely not a problem with"), "{all}");
    failure
}

/// Checks that a log gives a message with each of the words, and blames the place.
fn says(plan: &RunPlan, log: &str, place: &str, words: &[&str]) {
    let failure = failed(plan, log);
    let line = failure.line.map(|line| format!(":{line}")).unwrap_or_default();
    assert_eq!(format!("{}{line}", failure.file.unwrap_or_default()), place, "{}", failure.message);
    assert_eq!(failure.reason, "INSTALL_FAILED", "{}", failure.message);
    for word in words {
        assert!(failure.message.contains(word), "{word}: {}", failure.message);
    }
}

#[test]
fn a_package_that_does_not_exist_is_named_by_each_manager() {
    let plan = node(r#"{"nope":"1.0.0"}"#);
    for log in [
        "npm http fetch GET 404 https://registry/nope 62ms (cache skip)\nnpm ERR! code E404\nnpm ERR! 404 Not Found - GET https://registry/nope\nnpm ERR! 404 \nnpm ERR! 404  'nope@1.0.0' is not in this registry.\nnpm ERR! 404 \nnpm ERR! 404 Note that you can also install from a\nnpm ERR! 404 tarball, folder, http url, or git url.\n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /tmp/npm/_logs/2026-debug-0.log",
        " ERR_PNPM_FETCH_404  GET https://registry/nope: Not Found - 404\n\nThis error happened while installing a direct dependency of /app\n\nnope is not in the npm registry, or you have no permission to fetch it.",
        "[1/4] Resolving packages...\nerror Couldn't find package \"nope\" on the \"npm\" registry.\ninfo Visit https://yarn/en/docs/cli/install for documentation about this command.",
        "➤ YN0000: ┌ Resolution step\n➤ YN0035: │ nope@npm:1.0.0: Package not found\n➤ YN0035: │   Response Code: 404 (Not Found)\n➤ YN0000: └ Completed in 0s 201ms\n➤ YN0000: · Failed with errors in 0s 241ms",
        "Resolving dependencies\nerror: GET https://registry/nope - 404\nerror: nope@1.0.0 failed to resolve",
    ] {
        says(&plan, log, "package.json", &["there is no package nope", "check its name"]);
    }
    let pip = "ERROR: Could not find a version that satisfies the requirement nope (from versions: none)\nERROR: No matching distribution found for nope";
    says(&python("flask\nnope\n"), pip, "requirements.txt:2", &["there is no package nope"]);
    let uv = "  × No solution found when resolving dependencies:\n  ╰─▶ Because nope was not found in the package registry and you require nope, we can conclude that your requirements are unsatisfiable.";
    says(&python("nope\n"), uv, "requirements.txt:1", &["there is no package nope"]);
}

#[test]
fn a_version_that_does_not_exist_is_named_with_the_nearest() {
    let plan = node(r#"{"express":"^99.0.0"}"#);
    let listed = "previewd: releases of express: 4.21.2 5.0.0 5.3.0";
    for log in [
        "npm ERR! code ETARGET\nnpm ERR! notarget No matching version found for express@^99.0.0.\nnpm ERR! notarget In most cases you or one of your dependencies are requesting",
        "npm error notarget No matching version found for express@^99.0.0.",
        " ERR_PNPM_NO_MATCHING_VERSION  No matching version found for express@^99.0.0 while fetching it from https://registry/",
        "error Couldn't find any versions for \"express\" that matches \"^99.0.0\"",
        "➤ YN0082: │ express@npm:^99.0.0: No candidates found",
        "error: No version matching \"^99.0.0\" found for specifier \"express\" (but package exists)\nerror: express@^99.0.0 failed to resolve",
    ] {
        says(&plan, log, "package.json", &["there is no version express@^99.0.0"]);
        says(&plan, &format!("{log}\n{listed}"), "package.json", &["express@^99.0.0; the newest is 5.3.0"]);
    }
    let pnpm = " ERR_PNPM_NO_MATCHING_VERSION  No matching version found for express@^99.0.0\n\nThe latest release of express is \"5.3.0\".";
    says(&plan, pnpm, "package.json", &["the newest is 5.3.0"]);

    let releases = (0..300).map(|patch| format!("2.0.{patch}")).collect::<Vec<_>>().join(", ");
    let pip = format!(
        "ERROR: Could not find a version that satisfies the requirement flask==2.9 (from versions: 1.0, {releases}, 3.1.2rc1, 3.1.1)\nERROR: No matching distribution found for flask==2.9"
    );
    says(
        &python("flask==2.9\n"),
        &pip,
        "requirements.txt:1",
        &["flask==2.9", "the nearest is 2.0.299, the newest 3.1.1"],
    );
}

#[test]
fn a_release_that_was_taken_back_is_named_with_its_package() {
    let plan = node(r#"{"@shop/cart":"latest"}"#);
    for log in [
        "error: GET https://registry/@shop/cart/-/cart-0.2.0.tgz - 404",
        " ERR_PNPM_FETCH_404  GET https://registry/npm/@shop/cart/-/cart-0.2.0.tgz: Not Found - 404",
        "error Error: https://registry/@shop/cart/-/cart-0.2.0.tgz: Request failed \"404 Not Found\"",
    ] {
        says(&plan, log, "package.json", &["0.2.0 of @shop/cart is not in the registry"]);
    }
    let elsewhere = "error: GET https://host/files/cart.tgz - 404";
    says(&plan, elsewhere, "package.json", &["there is nothing at https://host/files/cart.tgz"]);
}

#[test]
fn a_package_for_another_python_says_so() {
    let pip = "ERROR: Ignored the following versions that require a different python version: 1.0.0 Requires-Python <3.9; 1.21.0 Requires-Python >=3.7,<3.11\nERROR: Could not find a version that satisfies the requirement numpy==1.21.0 (from versions: 1.26.4, 2.3.1)\nERROR: No matching distribution found for numpy==1.21.0";
    let words = ["numpy==1.21.0 needs another release of Python (>=3.7,<3.11)", "the newest 2.3.1"];
    says(&python("numpy==1.21.0\n"), pip, "requirements.txt:1", &words);
    let own = "ERROR: Package 'thing' requires a different Python: 3.13.5 not in '<3.12,>=3.8'";
    says(&python("thing\n"), own, "requirements.txt:1", &["thing needs Python <3.12,>=3.8, and this is 3.13.5"]);
}

/// What pip prints around the output of a build.
fn pip_build(collecting: &str, output: &str) -> String {
    format!(
        "Collecting flask (from -r requirements.txt (line 1))\n  Downloading flask-3.1.3-py3-none-any.whl (103 kB)\nCollecting {collecting}\n  Downloading x.tar.gz (384 kB)\n  Getting requirements to build wheel: started\n  Getting requirements to build wheel: finished with status 'error'\n  error: subprocess-exited-with-error\n  \n  × Getting requirements to build wheel did not run successfully.\n  │ exit code: 1\n  ╰─> [34 lines of output]\n      /tmp/overlay/lib/python3.13/site-packages/setuptools/dist.py:765: SetuptoolsDeprecationWarning\n{output}\n      [end of output]\n  \n  note: This error originates from a subprocess, and is likely not a problem with pip.\nerror: subprocess-exited-with-error\n\n× Getting requirements to build wheel did not run successfully.\n│ exit code: 1\n╰─> See above for output.\n\nnote: This error originates from a subprocess, and is likely not a problem with pip."
    )
}

#[test]
fn a_python_package_that_cannot_be_built_names_what_it_lacks() {
    for (requirement, output, words) in [
        (
            "psycopg2==2.9.9",
            "      Error: pg_config executable not found.\n      \n      pg_config is required to build psycopg2 from source.",
            &["psycopg2==2.9.9", "Python 3.13", "pg_config is not there", "psycopg2-binary"][..],
        ),
        (
            "mysqlclient",
            "      /bin/sh: 1: pkg-config: not found\n      Exception: Can not find valid pkg-config name.",
            &["mysqlclient", "pkg-config is not there", "PyMySQL"],
        ),
        (
            "lru-dict==1.1.8",
            "      building 'lru' extension\n      error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'",
            &["a C compiler (x86_64-linux-gnu-gcc) is not there", "a newer release than 1.1.8"],
        ),
        (
            "thing==1",
            "      lru.c:1:10: fatal error: ffi.h: No such file or directory",
            &["thing==1", "the header ffi.h is not there"],
        ),
        (
            "pandas==2.0.3",
            "      ModuleNotFoundError: No module named 'pkg_resources'",
            &["pandas==2.0.3", "older than this release"],
        ),
        ("pillow==9.5.0", "      KeyError: '__version__'", &["pillow==9.5.0", "KeyError: '__version__'"]),
    ] {
        let log = pip_build(&format!("{requirement} (from -r requirements.txt (line 2))"), output);
        says(&python(&format!("flask\n{requirement}\n")), &log, "requirements.txt:2", words);
    }
    let rust = "Collecting pydantic==2.4.0 (from -r requirements.txt (line 1))\nCollecting pydantic-core==2.10.0 (from pydantic==2.4.0->-r requirements.txt (line 1))\n  × Building wheel for pydantic-core (pyproject.toml) did not run successfully.\n      Rust not found, installing into a temporary directory\n      Found CPython 3.13 at /home/preview/venv/bin/python3\n      error: linker `cc` not found\n      [end of output]\n  ERROR: Failed building wheel for pydantic-core\nFailed to build pydantic-core";
    let words = ["pydantic-core==2.10.0 (wanted by pydantic)", "a C compiler (cc) is not there"];
    says(&python("pydantic==2.4.0\n"), rust, "requirements.txt:1", &words);
}

#[test]
fn python_requirements_that_exclude_one_another_are_both_named() {
    let log = "ERROR: Cannot install -r requirements.txt (line 1) and werkzeug==1.0.0 because these package versions have conflicting dependencies.\n\nThe conflict is caused by:\n    The user requested werkzeug==1.0.0\n    flask 3.0.0 depends on Werkzeug>=3.0.0\n\nTo fix this you could try to:\nERROR: ResolutionImpossible: for help visit https://pip/topics";
    let words = ["conflict", "werkzeug==1.0.0", "flask 3.0.0 depends on Werkzeug>=3.0.0"];
    says(&python("flask==3.0.0\nwerkzeug==1.0.0\n"), log, "requirements.txt:2", &words);
}

/// What node-gyp prints where make is missing, each line after a prefix.
fn gyp(prefix: &str) -> String {
    let lines = "gyp info it worked if it ends with ok\ngyp info spawn args ]\ngyp ERR! build error \ngyp ERR! stack Error: not found: make\ngyp ERR! stack at getNotFoundError (/usr/share/nodejs/which/which.js:10:17)\ngyp ERR! cwd /app/node_modules/node-expat\ngyp ERR! node -v v20.19.2\ngyp ERR! not ok";
    lines.lines().map(|line| format!("{prefix}{line}\n")).collect()
}

#[test]
fn a_node_package_that_cannot_be_built_names_what_it_lacks() {
    let plan = node(r#"{"node-expat":"2.4.1"}"#);
    let pnpm = ".../node_modules/node-expat install";
    for log in [
        format!(
            "npm ERR! code 1\nnpm ERR! path /app/node_modules/node-expat\nnpm ERR! command failed\nnpm ERR! command sh -c node-gyp rebuild\n{}\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /tmp/npm/_logs/debug-0.log",
            gyp("npm ERR! ")
        ),
        format!(
            "npm error path /app/node_modules/a/node_modules/node-expat\nnpm error command failed\nnpm error command sh -c node-gyp rebuild\n{}",
            gyp("npm error ")
        ),
        format!(
            "{pnpm}$ node-gyp rebuild\n{}{pnpm}: Failed\n ELIFECYCLE  Command failed with exit code 1.",
            gyp(&format!("{pnpm}: "))
        ),
        format!(
            "error /app/node_modules/node-expat: Command failed.\nExit code: 1\nCommand: node-gyp rebuild\nArguments: \nDirectory: /app/node_modules/node-expat\nOutput:\n{}info Visit https://yarn/",
            gyp("")
        ),
        format!(
            "Resolved, downloaded and extracted [16]\n{}\nerror: install script from \"node-expat\" exited with 1",
            gyp("")
        ),
    ] {
        says(&plan, &log, "package.json", &["node-expat is built when it is installed", "make is not there", "sax"]);
    }
    let berry = "➤ YN0007: │ node-expat@npm:2.4.1 must be built because it never has been before or the last one failed\n➤ YN0000: │ node-expat@npm:2.4.1 STDOUT Usage Error: Couldn't find a script name \"node-gyp\" in the top-level\n➤ YN0009: │ node-expat@npm:2.4.1 couldn't be built successfully (exit code 1, logs can be found here: /tmp/xfs/build.log)";
    says(&plan, berry, "package.json", &["node-expat", "node-gyp is not there"]);
}

#[test]
fn an_install_script_that_fails_is_named_with_its_last_lines() {
    let plan = node(r#"{"thing":"1"}"#);
    let pnpm = ".../.pnpm/thing@1/node_modules/thing postinstall";
    let berry = "thing@npm:1.0.0";
    for log in [
        "npm ERR! code 3\nnpm ERR! path /app/node_modules/thing\nnpm ERR! command failed\nnpm ERR! command sh -c node install.js\nnpm ERR! downloading the binary\nnpm ERR! Error: SOME_TOKEN is not set\n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /tmp/npm/_logs/debug-0.log".to_owned(),
        format!("{pnpm}$ node install.js\n{pnpm}: downloading the binary\n.../other postinstall: x\n{pnpm}: Error: SOME_TOKEN is not set\n{pnpm}: Failed"),
        "error /app/node_modules/thing: Command failed.\nExit code: 3\nCommand: node install.js\nArguments: \nDirectory: /app/node_modules/thing\nOutput:\ndownloading the binary\nError: SOME_TOKEN is not set\ninfo Visit https://yarn/".to_owned(),
        format!("➤ YN0007: │ {berry} must be built because it never has been before\n➤ YN0000: │ {berry} STDOUT downloading the binary\n➤ YN0000: │ {berry} STDERR Error: SOME_TOKEN is not set\n➤ YN0009: │ {berry} couldn't be built successfully (exit code 3, logs can be found here: /tmp/xfs/build.log)"),
        "bun install v1.3.1\ndownloading the binary\nError: SOME_TOKEN is not set\nerror: postinstall script from \"thing\" exited with 3".to_owned(),
    ] {
        says(&plan, &log, "package.json", &["install script of thing", "Error: SOME_TOKEN is not set"]);
    }
}

#[test]
fn a_repository_that_cannot_be_fetched_is_named_with_its_package() {
    let plan = node(r#"{"nothing":"git+https://git.invalid/nobody/nothing.git"}"#);
    let fatal = "unable to access 'https://git.invalid/nobody/nothing.git/': Could not resolve host: git.invalid";
    for log in [
        format!(
            "npm ERR! code 128\nnpm ERR! command git --no-replace-objects ls-remote https://git.invalid/nobody/nothing.git\nnpm ERR! fatal: {fatal}\n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /tmp/npm/_logs/debug-0.log"
        ),
        format!(
            " ERROR  Command failed with exit code 128: git ls-remote https://git.invalid/nobody/nothing.git HEAD\nfatal: {fatal}"
        ),
        format!(
            "error Command failed.\nExit code: 128\nCommand: git\nArguments: ls-remote --tags --heads https://git.invalid/nobody/nothing.git\nOutput:\nfatal: {fatal}\ninfo Visit https://yarn/"
        ),
        format!(
            "➤ YN0001: │ nothing@git+https://git.invalid/nobody/nothing.git: Failed listing refs\n➤ YN0001: │   Repository URL: https://git.invalid/nobody/nothing.git\n➤ YN0001: │   Fatal Error: {fatal}"
        ),
    ] {
        says(
            &plan,
            &log,
            "package.json",
            &["nothing comes from https://git.invalid/nobody/nothing.git", "the host git.invalid was not found"],
        );
    }
    let bun = "npm http fetch GET 200 https://registry/bun 10ms\nerror: InstallFailed cloning repository for nothing\nerror: nothing@git+https://git.invalid/nobody/nothing.git failed to resolve";
    says(&plan, bun, "package.json", &["nothing comes from git+https://git.invalid/nobody/nothing.git"]);
    let pip = format!(
        "Collecting nothing@ git+https://git.invalid/nobody/nothing.git (from -r requirements.txt (line 2))\n  Running command git clone --quiet https://git.invalid/nobody/nothing.git /tmp/x\n  fatal: {fatal}\n  error: subprocess-exited-with-error\n  × git clone --quiet https://git.invalid/nobody/nothing.git /tmp/x did not run successfully."
    );
    let lists = python("flask\nnothing @ git+https://git.invalid/nobody/nothing.git\n");
    says(&lists, &pip, "requirements.txt:2", &["nothing comes from", "the host git.invalid was not found"]);

    let ssh = "npm ERR! command git ls-remote ssh://git@git.example/a/ms.git\nnpm ERR! ssh -oStrictHostKeyChecking=accept-new: 1: ssh: not found\nnpm ERR! fatal: Could not read from remote repository.";
    let ms = node(r#"{"ms":"git+ssh://git@git.example/a/ms.git"}"#);
    says(
        &ms,
        ssh,
        "package.json",
        &["ms comes from ssh://git@git.example/a/ms.git", "ssh", "write the address with https"],
    );
    let private = "fatal: could not read Username for 'https://git.example': terminal prompts disabled\nCommand: git ls-remote https://git.example/a/ms.git";
    says(&ms, private, "package.json", &["ms comes from https://git.example/a/ms.git", "cannot be read without"]);
    let secret = "fatal: Authentication failed for 'https://me:hunter2@git.example/a/ms.git/'";
    assert!(!failed(&ms, secret).message.contains("hunter2"));
}

#[test]
fn an_index_that_asks_for_a_token_is_not_taken_for_a_missing_package() {
    let plan = node(r#"{"@acme/thing":"1"}"#);
    for log in [
        "npm http fetch GET 401 https://packages.example/@acme%2fthing 5ms\nnpm ERR! code E401\nnpm ERR! Incorrect or missing password.",
        " ERR_PNPM_FETCH_401  GET https://packages.example/@acme%2Fthing: Unauthorized - 401",
        "error: GET https://packages.example/@acme%2fthing - 401\nerror: @acme/thing@1.0.0 failed to resolve",
    ] {
        says(&plan, log, "package.json", &["@acme/thing", "private", ".npmrc"]);
    }
}

#[test]
fn what_is_no_fault_of_the_project_blames_no_file() {
    let plan = node(r#"{"thing":"1"}"#);
    for (log, reason, word) in [
        (
            "npm ERR! network request to https://packages.invalid/x failed, reason: getaddrinfo ENOTFOUND packages.invalid",
            "INSTALL_FAILED",
            "ENOTFOUND packages.invalid",
        ),
        ("error Error: getaddrinfo EAI_AGAIN packages.invalid", "INSTALL_FAILED", "EAI_AGAIN packages.invalid"),
        (
            "npm ERR! code ENOSPC\nnpm ERR! nospc ENOSPC: no space left on device, write",
            "INSTALL_FAILED",
            "no space left",
        ),
        (
            "npm ERR! path /app/node_modules/thing\nnpm ERR! command failed\nnpm ERR! command sh -c node x.js\nnpm ERR! FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "OUT_OF_MEMORY",
            "memory",
        ),
    ] {
        let failure = failed(&plan, log);
        assert_eq!((failure.reason.as_str(), failure.file), (reason, None), "{log}");
        assert!(failure.message.contains(word), "{}", failure.message);
    }
    let pip = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: [Errno -2] Name or service not known')': /simple/x\nERROR: Could not find a version that satisfies the requirement x (from versions: none)\nERROR: No matching distribution found for x";
    let failure = failed(&python("x\n"), pip);
    assert!(failure.file.is_none() && failure.message.contains("could not be reached"), "{}", failure.message);
}

#[test]
fn what_asks_for_another_system_or_workspace_says_so() {
    let plan = node(r#"{"thing":"workspace:*"}"#);
    for (log, words) in [
        (
            "error @: The engine \"node\" is incompatible with this module. Expected version \">=99\". Got \"20.19.2\"\nerror Found incompatible module.",
            &["Node.js", ">=99"][..],
        ),
        (
            "npm ERR! notsup Not compatible with your version of node/npm: undefined\nnpm ERR! notsup Required: {\"node\":\">=99\"}",
            &["Node.js", ">=99"],
        ),
        (
            "error thing@1.0.0: The engine \"node\" is incompatible with this module. Expected version \">=50\". Got \"20.19.2\"",
            &["thing needs Node.js >=50"],
        ),
        (
            " ERR_PNPM_UNSUPPORTED_ENGINE  Unsupported environment (bad pnpm and/or Node.js version)\n\nExpected version: >=99\nGot: v20.19.2",
            &["Node.js", ">=99"],
        ),
        (
            "npm ERR! notsup Unsupported platform for fsevents@2.3.3: wanted {\"os\":\"darwin\"}",
            &["fsevents is not made for this system"],
        ),
        (
            "npm ERR! code EUNSUPPORTEDPROTOCOL\nnpm ERR! Unsupported URL Type \"workspace:\": workspace:*",
            &["workspace:*", "packageManager"],
        ),
        (
            " ERR_PNPM_WORKSPACE_PKG_NOT_FOUND  In : \"thing@workspace:*\" is in the dependencies but no package named \"thing\" is present in the workspace",
            &["thing is asked for from the workspace"],
        ),
        (
            "➤ YN0001: │ Error: thing@workspace:*: Workspace not found (thing@workspace:*)",
            &["thing is asked for from the workspace"],
        ),
    ] {
        says(&plan, log, "package.json", words);
    }
}

#[test]
fn both_packages_of_a_peer_conflict_are_named() {
    let log = "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree\nnpm ERR! \nnpm ERR! While resolving: case@undefined\nnpm ERR! Found: react@19.3.1\nnpm ERR! node_modules/react\nnpm ERR!   react@\"^19\" from the root project\nnpm ERR! \nnpm ERR! Could not resolve dependency:\nnpm ERR! peer react@\"^16.8.5 || ^17.0.0\" from react-beautiful-dnd@13.1.1\nnpm ERR! node_modules/react-beautiful-dnd";
    says(
        &node(r#"{"react":"^19"}"#),
        log,
        "package.json",
        &["react-beautiful-dnd@13.1.1 wants react ^16.8.5 || ^17.0.0", "react@19.3.1"],
    );
}

#[test]
fn the_cause_is_found_and_shown_however_far_above_the_end_it_stands() {
    let noise = "npm ERR! gyp verb which succeeded\n".repeat(3000);
    let log = format!("{noise}npm ERR! notarget No matching version found for express@^99.0.0.\n{noise}");
    let failure = failed(&node(r#"{"express":"^99"}"#), &log);
    assert!(failure.message.contains("express@^99.0.0"), "{}", failure.message);
    assert!(failure.log_excerpt.iter().any(|line| line.contains("express@^99.0.0")), "{:?}", failure.log_excerpt);
    assert_eq!(failure.log_excerpt.len(), 50);
}

#[test]
fn what_an_installation_did_otherwise_than_asked_for_is_said() {
    let said = |log: &str| installed(&log.lines().map(str::to_owned).collect::<Vec<_>>());
    let conflict = "npm ERR! Found: react@19.3.1\nnpm ERR! Could not resolve dependency:\nnpm ERR! peer react@\"^16\" from react-beautiful-dnd@13.1.1\npreviewd: installing again, with the conflict of peer dependencies allowed\nadded 3 packages";
    assert_eq!(
        said(conflict),
        [
            "warning: react-beautiful-dnd@13.1.1 wants react ^16, and react@19.3.1 is asked for: the required versions conflict; installed with it allowed (--legacy-peer-deps)"
        ]
    );
    assert_eq!(
        said("error\npreviewd: installing again, without yarn.lock, which cannot be read\nDone in 2 s."),
        ["warning: installed without yarn.lock, which cannot be read"]
    );
    assert_eq!(said("previewd: warning: .nvmrc asks for Node.js 22"), ["warning: .nvmrc asks for Node.js 22"]);
    let pnpm = "│   Ignored build scripts: core-js,                    │\n│   thing.                  │\n│   Run \"pnpm approve-builds\"  │";
    assert!(said(pnpm)[0].contains("scripts of core-js, thing were not run"), "{:?}", said(pnpm));
    let bun = "Blocked 1 postinstall. Run `bun pm untrusted` for details.\n./node_modules/core-js @3.40.0\n » [postinstall]: node -e x";
    assert!(said(bun)[0].contains("scripts of core-js were not run"), "{:?}", said(bun));
    assert!(said("added 3 packages").is_empty());
    assert_eq!(said(&"previewd: warning: a\npreviewd: warning: b\n".repeat(1000)).len(), 12);
}

#[test]
fn the_last_attempt_is_what_counts() {
    let log = "npm ERR! notarget No matching version found for a@9.\npreviewd: installing again, by the manifest alone\nnpm ERR! notarget No matching version found for b@9.";
    assert!(failed(&node(r#"{"a":"9","b":"9"}"#), log).message.contains("b@9"));
    let silent =
        "npm ERR! notarget No matching version found for a@9.\npreviewd: installing again, by the manifest alone\n";
    assert!(failed(&node(r#"{"a":"9"}"#), silent).message.contains("a@9"));
}

#[test]
fn a_failure_that_nobody_knows_shows_the_last_line_that_tells_something() {
    let log = "doing things\nnpm ERR! something strange\nnpm ERR! \n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /tmp/npm/_logs/debug-0.log";
    let failure = failed(&node(r#"{"a":"9"}"#), log);
    assert_eq!(failure.message, "the installation ended with status 1: npm ERR! something strange");
}
