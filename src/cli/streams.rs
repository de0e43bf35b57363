//! The commands that print a stream until it ends.

use std::time::SystemTime;

use tonic::Request;

use super::{
    arguments::{self, Logs, Watch},
    client::Client,
    describe::{self, milliseconds, short, time_text, word},
    errors::Failed,
    exit::OK,
    output::Output,
    previews::names,
};
use crate::proto::preview::v1::{self as proto, stream_logs_response, watch_reloads_response};

pub(super) async fn logs(client: &Client, output: &Output, logs: Logs) -> Result<u8, Failed> {
    let (preview_id, project_id, branch) = names(logs.target);
    let since = logs.since.map(|ago| SystemTime::now().checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH));
    let request = proto::StreamLogsRequest {
        preview_id,
        project_id,
        branch,
        sources: logs.sources.into_iter().map(|asked| source(asked).into()).collect(),
        follow: logs.follow,
        tail_lines: logs.tail,
        since: since.map(prost_types::Timestamp::from),
        after_cursor: logs.after.unwrap_or_default(),
    };
    let mut messages = client.previews().stream_logs(Request::new(request)).await?.into_inner();
    while let Some(message) = messages.message().await? {
        output.message("StreamLogsResponse", &message, log_text);
    }
    Ok(OK)
}

pub(super) async fn watch(client: &Client, output: &Output, watch: Watch) -> Result<u8, Failed> {
    let (preview_id, project_id, branch) = names(watch.target);
    let after_commit_id = watch.after.unwrap_or_default();
    let request = proto::WatchReloadsRequest { preview_id, project_id, branch, after_commit_id };
    let mut messages = client.previews().watch_reloads(Request::new(request)).await?.into_inner();
    while let Some(message) = messages.message().await? {
        output.message("WatchReloadsResponse", &message, watch_text);
    }
    Ok(OK)
}

fn log_text(message: &proto::StreamLogsResponse) -> String {
    use stream_logs_response::Event;
    match &message.event {
        Some(Event::Entry(entry)) => {
            let source = word(entry.source().as_str_name(), "LOG_SOURCE_");
            format!("{} {source:<9} {}", time_text(entry.timestamp), entry.line)
        }
        Some(Event::Gap(gap)) if gap.dropped_lines > 0 => {
            format!("-- {} lines are missing: {}", gap.dropped_lines, gap.message)
        }
        Some(Event::Gap(gap)) => format!("-- lines are missing: {}", gap.message),
        Some(Event::Goodbye(goodbye)) => goodbye_text(goodbye),
        None => String::new(),
    }
}

fn watch_text(message: &proto::WatchReloadsResponse) -> String {
    use watch_reloads_response::Event;
    match &message.event {
        Some(Event::Hello(hello)) => format!(
            "{} is {}, head {}, answers {}",
            hello.preview_id,
            word(hello.phase().as_str_name(), "PHASE_"),
            short(&hello.head_commit_id),
            short(&hello.applied_commit_id),
        ),
        Some(Event::Reload(reload)) => reload_text(reload),
        Some(Event::Heartbeat(beat)) => format!("-- alive, head {}", short(&beat.head_commit_id)),
        Some(Event::MemoryGiven(given)) => {
            format!("-- given {} MiB of memory instead of {}", given.memory_bytes >> 20, given.before_bytes >> 20)
        }
        Some(Event::Reset(reset)) => format!("-- begins anew at {}: {}", short(&reset.head_commit_id), reset.message),
        Some(Event::Goodbye(goodbye)) => goodbye_text(goodbye),
        None => String::new(),
    }
}

fn reload_text(reload: &proto::Reload) -> String {
    let stage = word(reload.stage().as_str_name(), "RELOAD_STAGE_");
    let mut text = format!("{} {} {stage:<9}", time_text(reload.timestamp), short(&reload.commit_id));
    if reload.stage() == proto::ReloadStage::Committed {
        let paths: Vec<String> = reload.changed_paths.iter().map(describe::changed).collect();
        text.push_str(&format!(" {}", paths.join(", ")));
    } else {
        let strategy = match reload.strategy() {
            proto::ReloadStrategy::Unspecified => String::new(),
            strategy => format!(" {}", word(strategy.as_str_name(), "RELOAD_STRATEGY_")),
        };
        let total = reload.durations.and_then(|durations| durations.total);
        let status = reload.http_status.map(|status| format!(", the page answers {status}")).unwrap_or_default();
        text.push_str(&format!("{strategy} after {}{status}", milliseconds(total)));
    }
    if let Some(failure) = &reload.failure {
        text.push_str(&format!("\n{}", describe::failure(failure)));
    }
    text
}

fn goodbye_text(goodbye: &proto::Goodbye) -> String {
    format!("-- ends: {}", word(goodbye.reason().as_str_name(), "GOODBYE_REASON_"))
}

fn source(source: arguments::LogSource) -> proto::LogSource {
    match source {
        arguments::LogSource::Lifecycle => proto::LogSource::Lifecycle,
        arguments::LogSource::Install => proto::LogSource::Install,
        arguments::LogSource::Stdout => proto::LogSource::Stdout,
        arguments::LogSource::Stderr => proto::LogSource::Stderr,
    }
}
