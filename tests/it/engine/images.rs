//! Images: pulled, built, committed, removed.

use bytes::Bytes;
use previewd::engine::{BuildSpec, EngineError, LABEL_DEPENDENCY_KEY, LABEL_STACK};
use tokio::sync::mpsc;

use super::*;

fn build(it: &Fixture, dockerfile: &str) -> BuildSpec {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in [("sub/Dockerfile", dockerfile), ("page.html", "hello")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    BuildSpec {
        tag: format!("{}:1", it.instance),
        context: Bytes::from(archive.into_inner().unwrap()),
        dockerfile: "sub/Dockerfile".into(),
        labels: BTreeMap::from([(LABEL_ROLE.to_owned(), "build".to_owned())]),
        arguments: BTreeMap::from([("GIVEN".to_owned(), "argument".to_owned())]),
        limits: limits(),
        runtime_image: None,
    }
}

fn from(rest: &str) -> String {
    format!("FROM {}\n{rest}", base_image())
}

/// Counts the images that have no name, except those that were there before others came.
fn nameless() -> Vec<String> {
    docker(&["image", "ls", "-q", "--filter", "dangling=true"]).lines().map(str::to_owned).collect()
}

async fn lines(mut progress: mpsc::Receiver<String>) -> Vec<String> {
    let mut lines = vec![];
    while let Some(line) = progress.recv().await {
        lines.push(line);
    }
    lines
}

#[tokio::test]
async fn a_container_is_committed_without_what_was_for_it_alone() {
    let it = Fixture::new();
    let mut spec = it.spec("install", "");
    spec.environment.insert("SECRET".into(), "token".into());
    spec.environment.insert("LANG".into(), "mine".into());
    let id = it.engine.run(spec).await.unwrap();
    it.ask(&id, "echo installed >/app/done").await;
    let labels = BTreeMap::from([
        (LABEL_ROLE.to_owned(), "dependencies".to_owned()),
        (LABEL_DEPENDENCY_KEY.to_owned(), "key".to_owned()),
    ]);
    let tag = format!("{}:deps", it.instance);
    let image = it.engine.commit(&id, &tag, labels.clone()).await.unwrap();

    assert_eq!(image.labels[LABEL_INSTANCE], it.instance);
    assert_eq!(image.labels[LABEL_DEPENDENCY_KEY], "key");
    assert_eq!(image.labels[LABEL_ROLE], "dependencies");
    let base = it.engine.image(base_image()).await.unwrap().unwrap();
    assert_eq!(image.environment, base.environment);
    assert_eq!(it.engine.image(&tag).await.unwrap().unwrap().id, image.id);
    let listed = it.engine.images().await.unwrap();
    assert_eq!(listed.iter().map(|it| &it.id).collect::<Vec<_>>(), [&image.id]);

    // The next has the files, none of the environment, and none of the image's labels but its own.
    let mut spec = it.spec("next", "");
    spec.image = image.id.clone();
    spec.make_folders = false;
    let next = it.engine.run(spec).await.unwrap();
    assert_eq!(
        it.ask(&next, "cat /app/done; echo ${SECRET-unset} $LANG; echo more >>/app/done; tail -1 /app/done").await,
        "installed\nunset C.UTF-8\nmore"
    );
    let labels_of_next = it.engine.container(&next).await.unwrap().unwrap().labels;
    assert!(!labels_of_next.contains_key(LABEL_DEPENDENCY_KEY));

    // The container goes on, and a second commit takes the name.
    assert_eq!(it.ask(&id, "cat /app/done").await, "installed");
    it.engine.remove(&next).await.unwrap();
    let second = it.engine.commit(&id, &tag, labels).await.unwrap();
    assert_ne!(second.id, image.id);
    assert!(it.engine.image(&image.id).await.unwrap().is_none());
}

#[tokio::test]
async fn an_image_in_use_stays() {
    let it = Fixture::new();
    let id = it.run("install", "").await;
    let tag = format!("{}:deps", it.instance);
    let image = it.engine.commit(&id, &tag, BTreeMap::new()).await.unwrap();
    let mut spec = it.spec("user", "");
    spec.image = image.id.clone();
    let user = it.engine.run(spec).await.unwrap();
    let err = it.engine.remove_image(&image.id).await.unwrap_err();
    assert!(matches!(err, EngineError::Conflict { what: "image", .. }), "{err}");

    it.engine.remove(&user).await.unwrap();
    it.engine.remove_image(&image.id).await.unwrap();
    it.engine.remove_image(&image.id).await.unwrap();
    assert!(it.engine.images().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_pull_that_fails_has_the_daemons_words() {
    let it = Fixture::new();
    let (progress, _lines) = mpsc::channel(10);
    let there = it.engine.pull(base_image(), progress.clone()).await.unwrap();
    assert_eq!(there.id, it.engine.image(base_image()).await.unwrap().unwrap().id);

    // Nobody listens there.
    let err = it.engine.pull("127.0.0.1:1/none:1", progress.clone()).await.unwrap_err();
    assert!(matches!(&err, EngineError::Image { message, .. } if message.contains("127.0.0.1:1")), "{err}");
    let err = it.engine.pull("Not a reference", progress).await.unwrap_err();
    assert!(matches!(&err, EngineError::Image { message, .. } if message.contains("invalid")), "{err}");
}

#[tokio::test]
async fn a_dockerfile_is_built_under_limits_with_progress() {
    let it = Fixture::new();
    let dockerfile = from(
        "ARG GIVEN\nARG LIMITS\nRUN echo \"given $GIVEN\" && \
         cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null | sed 's/^/memory /'\n\
         COPY page.html /page.html\nEXPOSE 8080 9090/udp\nENTRYPOINT [\"a\"]\nCMD [\"b\", \"c\"]\nWORKDIR /srv\n\
         LABEL previewd.instance=stolen previewd.stack=stolen\n",
    );
    let (progress, told) = mpsc::channel(100);
    let told = tokio::spawn(lines(told));
    let image = it.engine.build(build(&it, &dockerfile), progress).await.unwrap();
    let told = told.await.unwrap();

    assert!(told.iter().any(|line| line == "given argument"), "{told:?}");
    assert!(told.iter().any(|line| line == "memory 67108864"), "{told:?}");
    assert_eq!((image.entrypoint, image.command), (vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]));
    assert_eq!(image.working_dir, "/srv");
    assert!(image.exposed_ports.contains(&8080) && !image.exposed_ports.contains(&9090));
    assert_eq!(image.labels[LABEL_INSTANCE], it.instance);
    assert!(!image.labels.contains_key(LABEL_STACK));
}

#[tokio::test]
async fn a_build_that_fails_has_the_last_lines_and_leaves_nothing() {
    let it = Fixture::new();
    let unique = uuid::Uuid::new_v4();
    let (progress, _told) = mpsc::channel(1);
    let before = nameless();
    let broken = from(&format!("RUN echo {unique} >/kept\nRUN echo the reason >&2; exit 9\n"));
    let err = it.engine.build(build(&it, &broken), progress.clone()).await.unwrap_err();
    let EngineError::Build { message, lines } = &err else { panic!("{err}") };
    assert!(message.contains("9") && lines.iter().any(|line| line.contains("the reason")), "{message}: {lines:?}");
    for (dockerfile, words) in [("NONSENSE\n".to_owned(), "NONSENSE"), (from("COPY absent /\n"), "absent")] {
        let err = it.engine.build(build(&it, &dockerfile), progress.clone()).await.unwrap_err();
        assert!(matches!(&err, EngineError::Build { message, .. } if message.contains(words)), "{err}");
    }
    let mut absent = build(&it, "");
    absent.dockerfile = "nowhere/Dockerfile".into();
    assert!(matches!(it.engine.build(absent, progress).await.unwrap_err(), EngineError::Build { .. }));
    assert_eq!(made_by(&unique.to_string(), &before), Vec::<String>::new());
    assert!(it.engine.images().await.unwrap().is_empty());
    assert!(it.engine.image(base_image()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_build_finds_the_runtime_files_in_an_image_that_goes_with_it() {
    let it = Fixture::new();
    let name = format!("{}:1-runtime", it.instance);
    let dockerfile = from(&format!("COPY --from={name} agent /given\nRUN test -x /given && echo it is there\n"));
    for dockerfile in [dockerfile.clone(), format!("{dockerfile}RUN exit 1\n")] {
        let mut spec = build(&it, &dockerfile);
        spec.runtime_image = Some(name.clone());
        let (progress, told) = mpsc::channel(100);
        let told = tokio::spawn(lines(told));
        let built = it.engine.build(spec, progress).await;
        let told = told.await.unwrap();
        // The second time the step is found in the cache of the first.
        let (seen, cached) = (
            told.iter().any(|line| line == "it is there"),
            told.iter().filter(|line| line.ends_with("Using cache")).count(),
        );
        assert!(if built.is_ok() { seen } else { !seen && cached == 2 }, "{told:?}");
        assert!(it.engine.image(&name).await.unwrap().is_none(), "the image of the runtime files stayed");
    }
}

#[tokio::test]
async fn a_dropped_build_is_ended_and_leaves_nothing() {
    let it = Fixture::new();
    let unique = uuid::Uuid::new_v4().to_string();
    let before = nameless();
    let (progress, mut told) = mpsc::channel(100);
    let dockerfile = from(&format!("RUN echo {unique} >/kept\nRUN echo {unique} && sleep 600\n"));
    let engine = it.engine.clone();
    let spec = build(&it, &dockerfile);
    let task = tokio::spawn(async move { engine.build(spec, progress).await });
    while told.recv().await.is_some_and(|line| line != unique) {}
    let runs = || docker(&["ps", "-a", "--no-trunc", "--format", "{{.Command}}"]).contains(&unique);
    assert!(runs());

    task.abort();
    until("the step has ended", || async { !runs() }).await;
    until("no image is left", || async { made_by(&unique, &before).is_empty() }).await;
}

#[tokio::test]
async fn the_stages_of_a_build_are_kept_with_the_image_and_go_with_it() {
    let it = Fixture::new();
    let unique = uuid::Uuid::new_v4().to_string();
    let before = nameless();
    let dockerfile = |page: &str| {
        let base = base_image();
        format!(
            "FROM {base} AS made\nRUN echo {unique} >/slow\nRUN echo {page} >/page\nFROM {base}\nCOPY --from=made /page /page\n"
        )
    };
    let run = async |page: &str| {
        let (progress, told) = mpsc::channel(100);
        let told = tokio::spawn(lines(told));
        let image = it.engine.build(build(&it, &dockerfile(page)), progress).await.unwrap();
        (image, told.await.unwrap())
    };
    let (first, _) = run("1").await;
    let (second, told) = run("2").await;
    assert_ne!(first.id, second.id);
    assert!(told.iter().any(|line| line.contains("Using cache")), "{told:?}");
    assert!(it.engine.image(&first.id).await.unwrap().is_none());
    assert_eq!(made_by(&unique, &before), Vec::<String>::new());

    it.engine.remove_image(&second.id).await.unwrap();
    let stages = docker(&["image", "ls", "--no-trunc", "--format", "{{.Repository}} {{.ID}}"]);
    for line in stages.lines().filter(|line| line.starts_with("previewd-stage/")) {
        let id = line.split_whitespace().last().unwrap();
        assert!(!docker(&["history", "--no-trunc", "--format", "{{.CreatedBy}}", id]).contains(&unique));
    }
}

/// Returns the images without a name in whose history a word is.
fn made_by(word: &str, before: &[String]) -> Vec<String> {
    let new = nameless().into_iter().filter(|it| !before.contains(it));
    new.filter(|id| {
        let history = Command::new("docker").args(["history", "--no-trunc", "--format", "{{.CreatedBy}}", id]).output();
        String::from_utf8_lossy(&history.unwrap().stdout).contains(word)
    })
    .collect()
}
