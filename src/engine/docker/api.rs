//! Calls to the daemon: deadlines, errors, and the requests that the client's own types cannot carry.
//!
//! Containers, networks, volumes and events are read with types of ours: the client's enums are closed, so one unknown
//! word would fail a whole list, and some of its integers are too narrow.

use std::{collections::BTreeMap, error::Error as _, future::Future, time::Duration};

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker, body_full, errors::Error};
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, TryFutureExt, TryStreamExt, stream};
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, de::DeserializeOwned};
use tokio_util::{
    codec::{FramedRead, LinesCodec},
    io::StreamReader,
    sync::{CancellationToken, DropGuard},
};

use super::transport::{Address, Transport};
use crate::engine::EngineError;

/// The deadline of a call that reads, or changes little.
pub(super) const SHORT: Duration = Duration::from_secs(15);
/// The deadline of a call that makes, starts or removes something.
pub(super) const LONG: Duration = Duration::from_secs(60);
/// The most bytes of one answer that is read whole, and of one line of a stream.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
const MAX_LINE: usize = 1024 * 1024;

/// The daemon's API.
#[derive(Debug, Clone)]
pub(super) struct Api {
    /// The client, for the calls that it types well.
    pub(super) docker: Docker,
    transport: Transport,
}

impl Api {
    /// Returns an API at an address. Nothing is connected yet.
    pub(super) fn new(address: Address) -> Result<Self, Error> {
        Self::over(Transport::new(address))
    }

    /// Returns an API whose connections are closed when the guard is dropped.
    pub(super) fn scoped(&self) -> Result<(Self, DropGuard), Error> {
        let scope = CancellationToken::new();
        Ok((Self::over(self.transport.scoped(scope.clone()))?, scope.drop_guard()))
    }

    fn over(transport: Transport) -> Result<Self, Error> {
        // Deadlines are ours, per call: the client's own covers headers only, and is the same for all.
        const NONE_OF_ITS_OWN: u64 = 24 * 3600;
        let sending = transport.clone();
        let docker = Docker::connect_with_custom_transport(
            move |request: BollardRequest| {
                let silent = is_silent(request.method(), request.uri().path());
                sending.clone().send(request).map(move |answer| believed(answer?, silent))
            },
            Some("http://docker"),
            NONE_OF_ITS_OWN,
            API_DEFAULT_VERSION,
        )?;
        Ok(Self { docker, transport })
    }

    /// Reads a value.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Query) -> Result<T, Error> {
        let response = self.send(Method::GET, path, query, "application/json", Bytes::new()).await?;
        Ok(serde_json::from_slice(&whole(response).await?)?)
    }

    /// Posts JSON and reads a value.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, Error> {
        let body = serde_json::to_vec(body)?.into();
        let response = self.send(Method::POST, path, &Query::default(), "application/json", body).await?;
        Ok(serde_json::from_slice(&whole(response).await?)?)
    }

    /// Sends a request and returns the answer as one JSON value per line, once its headers are there.
    pub(super) async fn stream<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &Query,
        body: Bytes,
    ) -> Result<impl Stream<Item = Result<T, Error>> + Send + Unpin + use<T>, Error> {
        let response = self.send(method, path, query, "application/x-tar", body).await?;
        let bytes = response.into_body().into_data_stream().map_err(std::io::Error::other);
        let lines = FramedRead::new(StreamReader::new(bytes), LinesCodec::new_with_max_length(MAX_LINE));
        Ok(Box::pin(lines.filter(|line| std::future::ready(!matches!(line, Ok(it) if it.is_empty()))).map(|line| {
            let line = line.map_err(|err| Error::IOError { err: std::io::Error::other(err) })?;
            Ok(serde_json::from_str(&line)?)
        })))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &Query,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://docker{path}{}", query.0))
            .header(CONTENT_TYPE, content_type)
            .body(body_full(body))?;
        let response = self.transport.clone().send(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        #[derive(Deserialize)]
        struct Message {
            message: String,
        }
        let body = whole(response).await?;
        let message = serde_json::from_slice::<Message>(&body)
            .map_or_else(|_| String::from_utf8_lossy(&body).trim().to_owned(), |it| it.message);
        Err(Error::DockerResponseServerError { status_code: status.as_u16(), message })
    }
}

/// Returns whether the daemon says nothing where it has done what a request asks for.
fn is_silent(method: &Method, path: &str) -> bool {
    let does = |verb: &str| path.ends_with(verb);
    match *method {
        Method::DELETE => ["/containers/", "/volumes/", "/networks/"].iter().any(|what| path.contains(what)),
        Method::POST => {
            path.contains("/containers/") && ["/start", "/pause", "/unpause", "/rename"].into_iter().any(does)
        }
        _ => false,
    }
}

/// Believes no success that is another than the daemon's own: whatever stands before it may answer in its place.
fn believed(answer: Response<Incoming>, silent: bool) -> Result<Response<Incoming>, Error> {
    let status = answer.status();
    if silent && status.is_success() && status != StatusCode::NO_CONTENT {
        let message = format!("status {status} where there is nothing to say");
        return Err(Error::DockerResponseServerError { status_code: StatusCode::BAD_GATEWAY.as_u16(), message });
    }
    Ok(answer)
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, Error> {
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    Ok(body.map_err(|err| Error::IOError { err: std::io::Error::other(err) })?.to_bytes())
}

/// The query of a request, encoded.
#[derive(Debug, Default)]
pub(super) struct Query(String);

impl Query {
    /// Adds a parameter.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        self
    }

    /// Adds filters: for each name the values, of which one must match.
    pub(super) fn filters(self, filters: &[(&str, &[&str])]) -> Self {
        let map: BTreeMap<_, _> = filters.iter().copied().collect();
        self.with("filters", &serde_json::json!(map).to_string())
    }
}

/// Waits for an answer until the deadline, and types what went wrong.
pub(super) async fn call<T>(
    action: &'static str,
    deadline: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(deadline, answer).await {
        Ok(answer) => answer.map_err(|err| failed(action, err)),
        Err(_) => Err(EngineError::Timeout(action)),
    }
}

/// Like [`call`], where "no such thing" is an answer about `name`.
pub(super) async fn call_on<T>(
    action: &'static str,
    (what, name): (&'static str, &str),
    deadline: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, EngineError> {
    let answer = tokio::time::timeout(deadline, answer).await.map_err(|_| EngineError::Timeout(action))?;
    answer.map_err(|err| match status(&err) {
        Some(404) => EngineError::NotFound { what, name: name.to_owned() },
        _ => failed(action, err),
    })
}

/// Like [`call_on`], where "taken" or "in use" is an answer about `name`, too.
pub(super) async fn claim<T>(
    action: &'static str,
    (what, name): (&'static str, &str),
    deadline: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, EngineError> {
    let answer = answer.map_err(|err| (status(&err) == Some(409), err)).map(|it| match it {
        Err((true, err)) => {
            tracing::debug!(action, what, name, reason = words(err), "conflict");
            Ok(None)
        }
        Err((false, err)) => Err(err),
        Ok(value) => Ok(Some(value)),
    });
    call_on(action, (what, name), deadline, answer)
        .await?
        .ok_or_else(|| EngineError::Conflict { what, name: name.to_owned() })
}

/// Types an error of which nothing more is known than the action.
pub(super) fn failed(action: &'static str, err: Error) -> EngineError {
    match err {
        Error::IOError { .. } | Error::HyperResponseError { .. } | Error::HyperLegacyError { .. } => {
            EngineError::Unreachable(Box::new(err))
        }
        Error::RequestTimeoutError => EngineError::Timeout(action),
        Error::DockerResponseServerError { status_code: 500.., .. }
        | Error::JsonDataError { .. }
        | Error::JsonSerdeError { .. }
        | Error::StrParseError { .. } => EngineError::Erred { action, message: words(err) },
        err => EngineError::Refused { action, message: words(err) },
    }
}

/// Returns the status that the daemon answered with.
pub(super) fn status(err: &Error) -> Option<u16> {
    match err {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Returns the daemon's own words.
pub(super) fn words(err: Error) -> String {
    match err {
        Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message } => message,
        err => match err.source() {
            Some(source) if source.to_string() != err.to_string() => format!("{err}: {source}"),
            _ => err.to_string(),
        },
    }
}

/// Turns "no such thing" into `None`.
pub(super) fn found<T>(answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(EngineError::NotFound { .. }) => Ok(None),
        Err(err) => Err(err),
    }
}

/// Runs the futures, `width` at a time, and returns the first error after all have ended.
pub(super) async fn each<F>(width: usize, futures: impl IntoIterator<Item = F>) -> Result<(), EngineError>
where
    F: Future<Output = Result<(), EngineError>>,
{
    let results: Vec<_> = stream::iter(futures).buffer_unordered(width).collect().await;
    results.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded() {
        let query = Query::default().with("all", "1").filters(&[("label", &["a=b c"])]);
        assert_eq!(query.0, "?all=1&filters=%7B%22label%22%3A%5B%22a%3Db+c%22%5D%7D");
    }
}
