//! What it costs that many watch: one preview with one watcher and with many of them, in turns, in one run.
//!
//! It needs a Docker daemon with the base images (`make setup`). `PREVIEWD_BIN` names another build of the service.

#![allow(clippy::unwrap_used, reason = "a benchmark may end on what it does not expect")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use previewd::proto::preview::v1::{
    self as proto, preview_service_client::PreviewServiceClient, watch_reloads_response::Event,
};
use tokio::{sync::mpsc, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

const PORT: u16 = 19_800;
/// How many watch one preview, and how many streams share a connection.
const WATCHERS: usize = 1_000;
const PER_CONNECTION: usize = 100;
/// How many are open at once, and do nothing.
const OPEN: usize = 10_000;
const COMMITS: usize = 20;
/// How long a round may take.
const LONG: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() {
    let service = Service::start();
    let mut client = service.client().await;
    let [watched, other] = [create(&mut client, "watched").await, create(&mut client, "other").await];

    println!("{:<44} {:>12} {:>12} {:>8}", "", "1 watcher", "1,000", "ratio");
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        for (number, found) in [1, WATCHERS].into_iter().zip(&mut rounds) {
            let watchers = Watchers::open(&service, &watched, number).await;
            found.push(round(&service, &mut client, &watched, &other, watchers).await);
        }
    }
    let [one, many] = rounds.map(|rounds| Figures::of_all(&rounds));
    row("a commit's READY at half of them", one.ready, many.ready);
    row("another preview's Update meanwhile, p50", one.other_p50, many.other_p50);
    row("another preview's Update meanwhile, p99", one.other_p99, many.other_p99);
    let each = (many.cpu.saturating_sub(one.cpu)) / u32::try_from(WATCHERS - 1).unwrap();
    println!("{:<44} {:>25.1} us", "CPU for one watcher more and one commit", each.as_secs_f64() * 1e6);

    let before = service.resident();
    let mut watchers = Watchers::open(&service, &watched, OPEN).await;
    let kib = service.resident().saturating_sub(before) as f64 / OPEN as f64;
    println!("{:<44} {kib:>25.1} KiB", "memory for each of 10,000 streams");
    let began = Instant::now();
    let seen = watchers.see(&mut client, &watched).await;
    let p99 = percentile(seen.into_iter().map(|at| at.duration_since(began)).collect(), 0.99);
    println!("{:<44} {:>25.1} ms", "a commit's READY at 99 % of them", p99.as_secs_f64() * 1000.0);
}

/// What one round has found.
#[derive(Clone, Copy)]
struct Figures {
    ready: Duration,
    other_p50: Duration,
    other_p99: Duration,
    /// The service's for one commit.
    cpu: Duration,
}

impl Figures {
    fn of_all(rounds: &[Self]) -> Self {
        let median = |of: fn(&Self) -> Duration| percentile(rounds.iter().map(of).collect(), 0.5);
        Self {
            ready: median(|it| it.ready),
            other_p50: median(|it| it.other_p50),
            other_p99: median(|it| it.other_p99),
            cpu: median(|it| it.cpu),
        }
    }
}

/// Commits to the watched preview, and to another one at the same time.
async fn round(
    service: &Service,
    client: &mut PreviewServiceClient<Channel>,
    watched: &str,
    other: &str,
    mut watchers: Watchers,
) -> Figures {
    let (mut ready, mut updates) = (Vec::new(), Vec::new());
    let before = service.cpu();
    for _ in 0..COMMITS {
        let began = Instant::now();
        let seen = watchers.see(client, watched).await;
        ready.push(percentile(seen.into_iter().map(|at| at.duration_since(began)).collect(), 0.5));
        let mut beside = client.clone();
        let aside = async {
            let began = Instant::now();
            update(&mut beside, other).await;
            updates.push(began.elapsed());
        };
        tokio::join!(watchers.see(client, watched), aside);
    }
    let cpu = (service.cpu() - before) / u32::try_from(2 * COMMITS).unwrap();
    Figures {
        ready: percentile(ready, 0.5),
        other_p50: percentile(updates.clone(), 0.5),
        other_p99: percentile(updates, 0.99),
        cpu,
    }
}

/// The streams of one preview.
struct Watchers {
    number: usize,
    ready: mpsc::Receiver<Instant>,
    _tasks: JoinSet<()>,
}

impl Watchers {
    async fn open(service: &Service, preview: &str, number: usize) -> Self {
        let (mut tasks, (opened, mut open)) = (JoinSet::new(), mpsc::channel(number));
        let (sender, ready) = mpsc::channel(number);
        let mut client = service.client().await;
        for at in 0..number {
            if at % PER_CONNECTION == 0 {
                client = service.client().await;
            }
            let request = proto::WatchReloadsRequest { preview_id: preview.to_owned(), ..Default::default() };
            let (mut client, opened, sender) = (client.clone(), opened.clone(), sender.clone());
            tasks.spawn(async move {
                let mut stream = client.watch_reloads(request).await.unwrap().into_inner();
                while let Ok(Some(message)) = stream.message().await {
                    match message.event {
                        Some(Event::Hello(_)) => opened.send(()).await.unwrap(),
                        Some(Event::Reload(it)) if it.stage() == proto::ReloadStage::Ready => {
                            let _ = sender.send(Instant::now()).await;
                        }
                        _ => {}
                    }
                }
            });
        }
        for _ in 0..number {
            tokio::time::timeout(LONG, open.recv()).await.unwrap();
        }
        Self { number, ready, _tasks: tasks }
    }

    /// Commits, and returns when each watcher has heard that it is READY.
    async fn see(&mut self, client: &mut PreviewServiceClient<Channel>, preview: &str) -> Vec<Instant> {
        update(client, preview).await;
        self.rest().await
    }

    /// Waits until all have heard.
    async fn rest(&mut self) -> Vec<Instant> {
        let mut seen = Vec::with_capacity(self.number);
        while seen.len() < self.number {
            seen.push(tokio::time::timeout(LONG, self.ready.recv()).await.unwrap().unwrap());
        }
        seen
    }
}

async fn create(client: &mut PreviewServiceClient<Channel>, project: &str) -> String {
    let request = proto::CreateRequest { project_id: project.into(), files: vec![page()], ..Default::default() };
    client.create(request).await.unwrap().into_inner().preview.unwrap().preview_id
}

async fn update(client: &mut PreviewServiceClient<Channel>, preview: &str) {
    let request = proto::UpdateRequest { preview_id: preview.to_owned(), files: vec![page()], ..Default::default() };
    client.update(request).await.unwrap();
}

/// Returns a page that was not there before.
fn page() -> proto::File {
    let content = format!("<h1>{}</h1>", uuid::Uuid::new_v4());
    proto::File { path: "index.html".into(), content: Some(proto::file::Content::Text(content)), ..Default::default() }
}

/// The service under test, in a process of its own that ends with it, however the benchmark does.
struct Service {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let binary = std::env::var("PREVIEWD_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_previewd").into());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env");
        let named: BTreeMap<_, _> = dotenvy::from_path_iter(file).into_iter().flatten().flatten().collect();
        let process = Command::new(binary)
            .args(["serve", "--remove-on-exit"])
            .envs(named)
            .env("PREVIEW_LISTEN", format!("127.0.0.1:{PORT}"))
            .env("PREVIEW_DATA_DIR", folder.path().join("data"))
            .env("PREVIEW_NETWORK", format!("previewd-bench-{}", std::process::id()))
            .env("PREVIEW_PORT_RANGE_START", (PORT + 1).to_string())
            .env("PREVIEW_PORT_RANGE_END", (PORT + 20).to_string())
            .env("PREVIEW_MAX_CONCURRENT_STREAMS", "20000")
            .stdout(Stdio::null())
            .stderr(fs::File::create(std::env::temp_dir().join("previewd-bench.log")).unwrap())
            .spawn()
            .unwrap();
        Self { process, _folder: folder }
    }

    async fn client(&self) -> PreviewServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{PORT}")).unwrap();
        let began = Instant::now();
        loop {
            match endpoint.connect().await {
                Ok(channel) => return PreviewServiceClient::new(channel),
                Err(error) => assert!(began.elapsed() < LONG, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the processor time that it has used.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // In ticks of 10 ms: utime and stime, the 14th and 15th of proc(5).
        let ticks = [11, 12].map(|at: usize| fields[at].parse::<u64>().unwrap()).iter().sum::<u64>();
        Duration::from_millis(10 * ticks)
    }

    /// Returns the memory that it has, in KiB.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

fn percentile(mut times: Vec<Duration>, at: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * at).round() as usize]
}

fn row(name: &str, one: Duration, many: Duration) {
    let [one, many] = [one, many].map(|it| it.as_secs_f64() * 1000.0);
    println!("{name:<44} {one:>9.1} ms {many:>9.1} ms {:>8.2}", many / one);
}
