//! A preview's log as a stream that can be read on.

use std::sync::Arc;

use async_stream::stream;
use futures_util::stream::BoxStream;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::logs::LogLine,
    preview::{
        api::{Goodbye, LogItem, LogQuery},
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
        let select = |line: &LogLine| {
            (query.sources.is_empty() || query.sources.contains(&line.source.into()))
                && query.since.is_none_or(|since| line.timestamp >= since)
        };
        // What is there now ends a stream that does not follow.
        let end = log.last();
        let mut told = false;
        let mut position = match (query.after, query.tail) {
            (Some(after), _) if after.log == log.number() => after.line.min(end),
            (Some(_), _) => {
                yield LogItem::Gap { dropped: 0, message: "the cursor is of an earlier life of the service" };
                0
            }
            (None, Some(tail)) => { told = true; log.tail(tail, select) }
            (None, None) => { told = true; 0 }
        };
        loop {
            newest.mark_unchanged();
            let live = status.borrow_and_update().ending != crate::domain::status::Ending::Over;
            loop {
                let batch = log.read(position, BATCH);
                // To begin with what is kept is no gap.
                if batch.missed > 0 && !told {
                    yield LogItem::Gap { dropped: batch.missed, message: "these lines are no longer kept" };
                }
                told = false;
                position = batch.position;
                if batch.lines.is_empty() {
                    break;
                }
                for (cursor, lost, line) in batch.lines {
                    if lost > 0 {
                        yield LogItem::Gap { dropped: lost, message: "the app wrote faster than could be read" };
                    }
                    if select(&line) {
                        yield LogItem::Line(cursor, line);
                    }
                }
                if !query.follow && position >= end {
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
