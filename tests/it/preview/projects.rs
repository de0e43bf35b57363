//! What is previewed, and the calls that it takes.

use previewd::engine::fake::Call;

/// A site of files.
pub(super) const STATIC: &[(&str, &str)] = &[("index.html", "<h1>one</h1>")];
/// An app that is started anew for each change.
pub(super) const PYTHON: &[(&str, &str)] =
    &[("main.py", "from fastapi import FastAPI\napp = FastAPI()\n"), ("requirements.txt", "fastapi\n")];
/// An app that is told of changes.
pub(super) const VITE: &[(&str, &str)] = &[
    ("index.html", "<script type=\"module\" src=\"/src/main.jsx\"></script>"),
    ("src/main.jsx", "document.body.textContent = 'one'"),
    ("package.json", r#"{"scripts": {"dev": "vite"}, "devDependencies": {"vite": "^7.0.0"}}"#),
];
/// One of each way in which changes are shown, with a file that may be changed.
pub(super) const PROJECTS: [(&[(&str, &str)], &str); 3] =
    [(STATIC, "index.html"), (PYTHON, "main.py"), (VITE, "src/main.jsx")];
/// Every call on the way of a commit, and of a preview.
pub(super) const CALLS: [Call; 22] = [
    Call::Machine,
    Call::Image,
    Call::Commit,
    Call::Run,
    Call::Container,
    Call::Containers,
    Call::Restart,
    Call::Info,
    Call::Rename,
    Call::Limits,
    Call::Update,
    Call::Remove,
    Call::Dial,
    Call::Upstream,
    Call::Status,
    Call::Sync,
    Call::Start,
    Call::AwaitReady,
    Call::Notify,
    Call::Mark,
    Call::Watch,
    Call::Export,
];
