//! Asks an address for a page as a browser's navigation does.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::{connection::Connection, sockets::Candidate, tls};

/// How long one try may take. A first answer can be slow (code is compiled at the first request), and breaking it off
/// would make it begin anew.
const ANSWER_FOR: Duration = Duration::from_secs(10);
const CONNECT_FOR: Duration = Duration::from_secs(2);
/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// How much of the page of an error is kept, and how long it may take.
const MAX_BODY_BYTES: usize = 64 * 1024;
const BODY_FOR: Duration = Duration::from_secs(5);
/// How much of the end of a good page is kept, and how long that may take.
const MAX_END_BYTES: usize = 512;
const END_FOR: Duration = Duration::from_secs(1);
/// How much of another body is read, and for how long, so that the app does not see a broken connection.
const DRAIN_BYTES: usize = 4 * 1024 * 1024;
const DRAIN_FOR: Duration = Duration::from_secs(5);
const MAX_TYPE_BYTES: usize = 256;
const MAX_PATH_BYTES: usize = 2048;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who answered.
    pub from: Candidate,
    /// The status.
    pub status: u16,
    /// The content type; empty where none is named.
    pub content_type: String,
    /// The beginning of the body of an error (500 and more).
    pub body: Bytes,
    /// The end of a page, where it came at once.
    pub end: Bytes,
    /// Whether a page was broken off.
    pub broken_off: bool,
    /// The path that was answered, after redirects.
    pub path: String,
}

impl Answer {
    /// Returns whether it is a page that people can look at.
    pub fn is_page(&self) -> bool {
        self.status < 400 && is_html(&self.content_type)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It speaks TLS.
    Tls,
    /// It takes connections, and says something else than HTTP or nothing.
    NoHttp(String),
    /// It did not answer in time, or takes no connections.
    Silent(String),
}

impl Problem {
    /// Returns what is wrong, in a sentence.
    pub fn message(&self, port: u16) -> String {
        match self {
            Self::Tls => format!("port {port} speaks TLS"),
            Self::NoHttp(error) => format!("port {port} does not answer HTTP: {error}"),
            Self::Silent(message) => message.clone(),
        }
    }
}

/// Asks the ways to one port one after another; the first that takes the connection has to answer. Redirects to the same
/// port are followed.
pub async fn ask(ways: &[Candidate], path: &str) -> Result<Answer, Problem> {
    let mut path = path.to_owned();
    let mut answer = ask_once(ways, &path).await?;
    for _ in 0..MAX_REDIRECTS {
        let Some(next) = answer.1.take().and_then(|to| same_app(&path, &to, answer.0.from.address.port())) else {
            break;
        };
        path = next;
        answer = ask_once(ways, &path).await?;
    }
    Ok(answer.0)
}

/// Returns the answer, and where it leads on.
async fn ask_once(ways: &[Candidate], path: &str) -> Result<(Answer, Option<String>), Problem> {
    let mut last = "no address to ask".to_owned();
    for way in ways {
        let port = way.address.port();
        match timeout(CONNECT_FOR, Connection::open(way.address)).await {
            Ok(Ok(stream)) => {
                let answered = timeout(ANSWER_FOR, get(stream, *way, path)).await;
                let answered = answered.unwrap_or_else(|_| {
                    let seconds = ANSWER_FOR.as_secs();
                    Err(Problem::Silent(format!("port {port} did not answer within {seconds} s")))
                });
                let plain = match &answered {
                    Ok((answer, _)) => answer.status != 400 || !says_https(&answer.body),
                    Err(problem) => !matches!(problem, Problem::NoHttp(_)),
                };
                return if !plain && tls::speaks(way.address).await { Err(Problem::Tls) } else { answered };
            }
            Ok(Err(error)) => last = format!("{} does not connect: {error}", way.address),
            Err(_) => last = format!("{} does not connect in time", way.address),
        }
    }
    Err(Problem::Silent(last))
}

async fn get(stream: Connection, from: Candidate, path: &str) -> Result<(Answer, Option<String>), Problem> {
    let failed = |error: hyper::Error| Problem::NoHttp(described(&error));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // It ends when the body was read or given up.
    tokio::spawn(timeout(ANSWER_FOR + BODY_FOR + DRAIN_FOR, connection));
    let request = Request::get(path)
        .header(HOST, format!("localhost:{}", from.address.port()))
        .header(USER_AGENT, "Mozilla/5.0 (X11; Linux) previewd")
        .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-site", "none")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Problem::Silent(format!("the path cannot be asked for: {error}")))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status().as_u16();
    let header = |name, most: usize| {
        let value = response.headers().get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok());
        value.filter(|value| value.len() <= most).map(str::to_owned)
    };
    let content_type = header(CONTENT_TYPE, MAX_TYPE_BYTES).unwrap_or_default();
    let location = header(LOCATION, MAX_PATH_BYTES).filter(|_| matches!(status, 301..=303 | 307 | 308));
    let (mut body, mut end, mut broken_off) = (Bytes::new(), Bytes::new(), false);
    if status >= 500 || status == 400 {
        body = beginning(response).await;
    } else if status < 300 && is_html(&content_type) {
        (end, broken_off) = ending(response).await;
    } else {
        tokio::spawn(timeout(DRAIN_FOR, drain(response.into_body())));
    }
    Ok((Answer { from, status, content_type, body, end, broken_off, path: path.to_owned() }, location))
}

/// Returns the beginning of a body, as much as comes in time.
async fn beginning(response: Response<Incoming>) -> Bytes {
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    let read = async {
        while body.len() < MAX_BODY_BYTES
            && let Some(Ok(frame)) = incoming.frame().await
        {
            if let Ok(data) = frame.into_data() {
                let room = MAX_BODY_BYTES - body.len();
                body.extend_from_slice(data.get(..room).unwrap_or(&data));
            }
        }
    };
    // What did not come is not needed.
    let _ = timeout(BODY_FOR, read).await;
    tokio::spawn(timeout(DRAIN_FOR, drain(incoming)));
    body.into()
}

/// Returns the end of a body, and whether it was broken off. One that takes its time is waited for no longer.
async fn ending(response: Response<Incoming>) -> (Bytes, bool) {
    let mut incoming = response.into_body();
    let mut end = Vec::new();
    let mut read = 0;
    let reading = async {
        while read < DRAIN_BYTES {
            match incoming.frame().await {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    read += data.len();
                    end.extend_from_slice(data.get(data.len().saturating_sub(MAX_END_BYTES)..).unwrap_or(&data));
                    end.drain(..end.len().saturating_sub(MAX_END_BYTES));
                }
                Some(Err(_)) => return Some(true),
                None => return Some(false),
            }
        }
        None
    };
    if let Ok(Some(broken_off)) = timeout(END_FOR, reading).await {
        return (end.into(), broken_off);
    }
    tokio::spawn(timeout(DRAIN_FOR, drain(incoming)));
    (Bytes::new(), false)
}

fn is_html(content_type: &str) -> bool {
    content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
}

async fn drain(mut body: Incoming) {
    let mut read = 0;
    while read < DRAIN_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// Returns the path that a redirect leads to, if it is one of the same app.
fn same_app(path: &str, location: &str, port: u16) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    let target = if location.contains("://") || location.starts_with("//") {
        let location = if location.starts_with("//") { format!("http:{location}") } else { location.to_owned() };
        let uri: Uri = location.parse().ok()?;
        let own = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]"].contains(&uri.host()?);
        if uri.scheme_str() != Some("http") || !own || uri.port_u16().unwrap_or(80) != port {
            return None;
        }
        uri.path_and_query().map_or("/", |path| path.as_str()).to_owned()
    } else if location.starts_with('/') {
        location.to_owned()
    } else {
        let path = path.split('?').next().unwrap_or_default();
        let folder = path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or("/");
        if location.starts_with('?') { format!("{path}{location}") } else { format!("{folder}{location}") }
    };
    let plain = target.len() <= MAX_PATH_BYTES && target.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then_some(target)
}

/// Returns whether a body says that plain HTTP is not spoken here, as nginx and Go do.
fn says_https(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains("https")
}

fn described(error: &hyper::Error) -> String {
    if error.is_incomplete_message() {
        "closed without an answer".to_owned()
    } else if error.is_parse() {
        "not an answer of HTTP/1".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_within_the_app() {
        let table = [
            ("/", "/login", Some("/login")),
            ("/", "/a?b=c#d", Some("/a?b=c")),
            ("/a/b?x", "c", Some("/a/c")),
            ("/a/b?x", "?y", Some("/a/b?y")),
            ("/", "http://localhost:3000/en", Some("/en")),
            ("/", "http://127.0.0.1:3000", Some("/")),
            ("/", "http://localhost:3001/en", None),
            ("/", "https://localhost:3000/en", None),
            ("/", "//example.com/en", None),
            ("/", "https://example.com/", None),
            ("/", "/a b", None),
        ];
        for (path, location, expected) in table {
            assert_eq!(same_app(path, location, 3000).as_deref(), expected, "{path} {location}");
        }
    }
}
