//! Ends, and what is said of them.

use super::{lines::MAX_MESSAGE_CHARS, *};
use crate::{
    domain::spec::Stack,
    stack::tests::{plan_of, static_page},
};

mod page;
mod readers;
mod variable;

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn exited(plan: &RunPlan, stage: FailureStage, log: &str) -> (String, Option<String>, Option<u32>, String) {
    let failure = explain(plan, stage, &End::Exited { code: 1, out_of_memory: false }, &lines(log));
    assert_eq!(failure.exit_code, Some(1));
    (failure.reason.to_string(), failure.file, failure.line, failure.message)
}

fn node() -> RunPlan {
    plan_of(&[("package.json", "{}"), ("server.js", "")])
}

fn python() -> RunPlan {
    plan_of(&[("requirements.txt", "flask\n\nnope==9.9  # why\n"), ("main.py", "")])
}

fn found(reason: &str, file: &str, line: u32) -> (String, Option<String>, Option<u32>) {
    (reason.to_owned(), (!file.is_empty()).then(|| file.to_owned()), (line > 0).then_some(line))
}

#[test]
fn only_the_beginning_of_a_path_is_taken_off_a_message() {
    let log = "Error: no src/app/page.tsx in /app/src/app/page.tsx, file:///app/x.js or (/app/y.js)";
    let (_, _, _, message) = exited(&node(), FailureStage::Start, log);
    assert_eq!(message, "Error: no src/app/page.tsx in src/app/page.tsx, x.js or (y.js)");
}

#[test]
fn a_bad_requirement_is_named_with_its_line() {
    let pip = "Collecting flask (from -r requirements.txt (line 1))\nERROR: Could not find a version that satisfies the \
               requirement nope==9.9 (from versions: none)\nERROR: No matching distribution found for nope==9.9";
    let (reason, file, line, message) = exited(&python(), FailureStage::Install, pip);
    assert_eq!((reason, file, line), found("INSTALL_FAILED", "requirements.txt", 3));
    assert!(message.contains("nope==9.9"), "{message}");

    let invalid = "ERROR: Invalid requirement: 'bad req here' (from line 2 of requirements.txt)";
    let (reason, file, line, _) = exited(&python(), FailureStage::Install, invalid);
    assert_eq!((reason, file, line), found("INSTALL_FAILED", "requirements.txt", 2));
}

#[test]
fn a_bad_package_is_named_with_its_manifest() {
    let react = plan_of(&[("package.json", r#"{"dependencies":{"vite":"1"}}"#)]);
    let missing = "npm http fetch GET 404 https://registry/@a%2fnope 371ms (cache skip)\nnpm error code E404\nnpm error 404  \
                   The requested resource '@a/nope@^1.0.0' could not be found or you do not have permission to access it.";
    let (reason, file, line, message) = exited(&react, FailureStage::Install, missing);
    assert_eq!((reason, file, line), found("INSTALL_FAILED", "package.json", 0));
    assert!(message.contains("@a/nope"), "{message}");

    let version = "npm error code ETARGET\nnpm error notarget No matching version found for express@^99.0.0.";
    assert!(exited(&react, FailureStage::Install, version).3.contains("express@^99.0.0"));

    let network = "npm error code EAI_AGAIN\nnpm error errno EAI_AGAIN";
    let (_, file, _, message) = exited(&react, FailureStage::Install, network);
    assert_eq!(file, None);
    assert!(message.contains("EAI_AGAIN"), "{message}");
}

#[test]
fn an_end_that_the_log_says_nothing_of_carries_its_status_and_last_line() {
    let (reason, file, _, message) = exited(&node(), FailureStage::Start, "up\nI give up\n\n");
    assert_eq!((reason.as_str(), file), ("EXITED", None));
    assert!(message.contains("status 1") && message.contains("I give up"), "{message}");

    let emerg = "2026/01/01 00:00:00 [emerg] 1#1: bind() to 0.0.0.0:80 failed (13: Permission denied)";
    assert!(exited(&static_page(), FailureStage::Start, emerg).3.contains("Permission denied"));
}

#[test]
fn a_silent_app_is_explained_by_what_it_listens_on() {
    let quiet = End::TimedOut { listening: vec![], message: "connection refused".into() };
    assert_eq!(explain(&node(), FailureStage::Start, &quiet, &[]).reason, "NOT_LISTENING");
    let deaf = End::TimedOut { listening: vec![3000], message: "no answer".into() };
    let failure = explain(&node(), FailureStage::Start, &deaf, &lines("Error: an old one"));
    assert_eq!((failure.reason.as_str(), failure.exit_code), ("NOT_ANSWERING", None));
    assert!(failure.message.contains("3000"));
}

#[test]
fn what_the_app_reports_is_passed_on() {
    let react = plan_of(&[("package.json", r#"{"dependencies":{"vite":"1"}}"#)]);
    let said =
        End::Reported { message: "Unexpected token".into(), file: Some("/app/src/App.jsx".into()), line: Some(3) };
    let failure = explain(&react, FailureStage::Run, &said, &[]);
    assert_eq!((failure.reason.to_string(), failure.file, failure.line), found("TRANSFORM_FAILED", "src/App.jsx", 3));
}

#[test]
fn a_base_image_that_cannot_be_fetched_is_named() {
    let plan = plan_of(&[("package.json", "{}"), ("server.js", "")]);
    let build = |message: &str, step: &str| {
        let end = End::Reported { message: message.into(), file: None, line: None };
        explain(&plan, FailureStage::Build, &end, &lines(step)).message
    };
    let unknown = "Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host";
    let said = build(unknown, "Step 1/9 : FROM --platform=amd64 base:1-small AS made\n");
    assert!(said.starts_with("the base image base:1-small cannot be fetched"), "{said}");
    assert!(said.contains("stack in previewd.toml") && said.ends_with("no such host"), "{said}");
    assert_eq!(build(unknown, "Step 3/9 : RUN make"), unknown);
    assert_eq!(build("manifest for base:1 not found", "Step 1/9 : FROM base:1"), "manifest for base:1 not found");
}

#[test]
fn the_excerpt_of_an_end_has_no_frames_but_the_project_s() {
    let python = "Traceback (most recent call last):\n  File \"/previewd/python/serve.py\", line 402, in <module>\n    main()\n    \
                  ~~~~^^\n  File \"<frozen importlib._bootstrap>\", line 1387, in _gcd_import\n  File \"/app/api.py\", line 2, in \
                  <module>\n    import httpxx\nModuleNotFoundError: No module named 'httpxx'";
    let end = End::Exited { code: 1, out_of_memory: false };
    let failure = explain(&self::python(), FailureStage::Start, &end, &lines(python));
    let own = [
        "Traceback (most recent call last):",
        "  File \"/app/api.py\", line 2, in <module>",
        "    import httpxx",
        "ModuleNotFoundError: No module named 'httpxx'",
    ];
    assert_eq!(failure.log_excerpt, own);
    let thrown = "Error: no\n    at Object.<anonymous> (/app/server.js:2:7)\n    at Module._compile \
                  (node:internal/modules/cjs/loader:1529:14)\n\nNode.js v20.19.2";
    let failure = explain(&node(), FailureStage::Start, &end, &lines(thrown));
    let own = ["Error: no", "    at Object.<anonymous> (/app/server.js:2:7)", "", "Node.js v20.19.2"];
    assert_eq!(failure.log_excerpt, own);
}

#[test]
fn memory_comes_before_all_else() {
    let end = End::Exited { code: 137, out_of_memory: true };
    assert_eq!(explain(&python(), FailureStage::Start, &end, &lines("ValueError: x")).reason, "OUT_OF_MEMORY");
}

#[test]
fn hostile_logs_are_cut_to_size() {
    let long = format!("\u{1b}[31mTypeError: {}\u{1b}[0m\u{7}", "x".repeat(100_000));
    let log: Vec<String> = std::iter::repeat_n(long, 5000).collect();
    let failure = explain(&node(), FailureStage::Run, &End::Exited { code: 1, out_of_memory: false }, &log);
    assert_eq!(failure.log_excerpt.len(), MAX_EXCERPT_LINES);
    assert!(failure.log_excerpt[0].chars().count() <= MAX_LINE_CHARS);
    assert!(failure.message.chars().count() <= MAX_MESSAGE_CHARS + 3);
    assert!(failure.log_excerpt[0].starts_with("TypeError"));
    for line in ["Error: ", "SyntaxError: ", "  File \"", "\u{1b}[", "Traceback (most recent call last)"] {
        exited(&python(), FailureStage::Start, line);
        exited(&node(), FailureStage::Install, line);
    }
}

#[test]
fn an_app_that_its_dockerfile_put_elsewhere_is_found_in_the_project() {
    let lines = lines("/srv/app/server.js:1\nconst a = ;\n          ^\n\nSyntaxError: Unexpected token ';'");
    let plan = RunPlan { stack: Stack::Dockerfile, ..node() };
    let end = End::Exited { code: 1, out_of_memory: false };
    let failure = explain_in(&plan, FailureStage::Start, &end, &lines, "/srv/app");
    assert_eq!((failure.file.as_deref(), failure.line), (Some("server.js"), Some(1)));
    assert!(failure.log_excerpt[0].starts_with("/srv/app/"));
}
