//! A preview's log as a stream that can be read on.

use std::sync::Arc;

use async_stream::stream;
use futures_util::stream::BoxStream;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{logs::LogLine, status::Ending},
    preview::{
        api::{Goodbye, LogItem, LogQuery},
        face::log::Batch,
        handle::Handle,
    },
};

/// How many lines are taken from the log at once.
const BATCH: usize = 256;

/// Returns the lines that a query selects: those that are there, then, if it follows, those that come.
pub fn stream_logs(handle: Arc<Handle>, query: LogQuery, shutdown: CancellationToken) -> BoxStream<'static, LogItem> {
    Box::pin(stream! {
        let log = handle.log.clone();
        let mut newest = log.newest();
        let mut status = handle.status();
        // What is there now ends a stream that does not follow.
        let end = log.last();
        let mut told = false;
        let mut position = match (query.after, query.tail) {
            (Some(after), _) if after.log == log.number() => after.line.min(end),
            (Some(_), _) => {
                yield LogItem::Gap { dropped: 0, message: "the cursor is of an earlier life of the service" };
                0
            }
            (None, Some(tail)) => { told = true; log.tail(tail, |line| selects(&query, line)) }
            (None, None) => { told = true; 0 }
        };
        loop {
            newest.mark_unchanged();
            let live = status.borrow_and_update().ending != Ending::Over;
            loop {
                let mut batch = log.read(position, BATCH);
                // To begin with what is kept is no gap.
                if std::mem::take(&mut told) {
                    batch.missed = 0;
                }
                position = batch.position;
                let all = batch.lines.is_empty() || (!query.follow && position >= end);
                for item in items(batch, &query) {
                    yield item;
                }
                if all {
                    break;
                }
            }
            if !query.follow {
                return;
            }
            if !live {
                yield LogItem::Goodbye(handle.goodbye());
                return;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    yield LogItem::Goodbye(Goodbye::ShuttingDown);
                    return;
                }
                _ = newest.changed() => {}
                _ = status.changed() => {}
            }
        }
    })
}

/// Returns what is told of a batch: the lines that a query selects, and where some are missing.
fn items(batch: Batch, query: &LogQuery) -> impl Iterator<Item = LogItem> {
    let gap = |dropped, message| (dropped > 0).then_some(LogItem::Gap { dropped, message });
    let lines = batch.lines.into_iter().flat_map(move |(cursor, lost, line)| {
        let line = selects(query, &line).then_some(LogItem::Line(cursor, line));
        gap(lost, "the app wrote faster than could be read").into_iter().chain(line)
    });
    gap(batch.missed, "these lines are no longer kept").into_iter().chain(lines)
}

fn selects(query: &LogQuery, line: &LogLine) -> bool {
    (query.sources.is_empty() || query.sources.contains(&line.source.into()))
        && query.since.is_none_or(|since| line.timestamp >= since)
}
