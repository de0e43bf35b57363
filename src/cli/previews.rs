//! The commands that make, show, change and remove previews.

use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use super::{
    arguments::{self, Changes, Create, List, Target, Update},
    client::{Client, patient, quick},
    describe,
    errors::Failed,
    exit::{ERROR, OK, PREVIEW_FAILED},
    files,
    output::{self, Output},
};
use crate::proto::preview::v1 as proto;

/// How many previews are asked for at a time.
const PAGE: i32 = 1_000;

pub(super) async fn create(client: &Client, output: &Output, create: Create) -> Result<u8, Failed> {
    let files = output.folder(create.dir.as_deref())?;
    let paths = files::paths(&files);
    let waiting = output.waiting(&format!("making a preview of {}", create.project.project));
    let request = proto::CreateRequest {
        project_id: create.project.project,
        branch: create.project.branch.unwrap_or_default(),
        files,
        request_id: create.request_id.unwrap_or_default(),
        stack: create.stack.map_or(proto::Stack::Unspecified, stack).into(),
        start_command: create.start.unwrap_or_default(),
        app_port: create.port.unwrap_or_default().into(),
        ready_path: create.ready_path.unwrap_or_default(),
        environment: create.env.into_iter().collect(),
        limits: Some(proto::Limits {
            memory_bytes: create.memory.unwrap_or_default(),
            cpus: create.cpus.unwrap_or_default(),
            pids: create.pids.unwrap_or_default(),
        }),
        time_to_live: duration(create.ttl)?,
        idle_timeout: duration(create.idle)?,
        reload: if create.manual { proto::ReloadMode::Manual } else { proto::ReloadMode::Auto }.into(),
        wait: wait(create.no_wait).into(),
        replace: create.replace,
        message: create.message.unwrap_or_default(),
    };
    let response = client.previews().create(patient(request)).await;
    let response = response.map_err(|status| Failed::from(status).naming(&paths))?.into_inner();
    drop(waiting);
    output.message("CreateResponse", &response, |response| waited_for(response.preview.as_ref()));
    Ok(code(response.preview.as_ref()))
}

pub(super) async fn get(client: &Client, output: &Output, target: Target) -> Result<u8, Failed> {
    let (preview_id, project_id, branch) = names(target);
    let request = proto::GetRequest { preview_id, project_id, branch };
    let response = client.previews().get(quick(request)).await?.into_inner();
    output.message("GetResponse", &response, |response| described(response.preview.as_ref()));
    Ok(OK)
}

pub(super) async fn update(client: &Client, output: &Output, update: Update) -> Result<u8, Failed> {
    let (preview_id, project_id, branch) = names(update.target);
    let Changes { files, deletes, message, expected_head } = update.changes;
    let files = files::named(&files)?;
    let paths = files::paths(&files);
    let request = proto::UpdateRequest {
        preview_id,
        project_id,
        branch,
        files,
        delete_paths: deletes,
        message: message.unwrap_or_default(),
        expected_head: expected_head.unwrap_or_default(),
        wait: wait(update.no_wait).into(),
    };
    let waiting = output.waiting("applying the change");
    let response = client.previews().update(patient(request)).await;
    let response = response.map_err(|status| Failed::from(status).naming(&paths))?.into_inner();
    drop(waiting);
    output.message("UpdateResponse", &response, |response| waited_for(response.preview.as_ref()));
    Ok(code(response.preview.as_ref()))
}

pub(super) async fn delete(client: &Client, output: &Output, target: Target) -> Result<u8, Failed> {
    let (preview_id, project_id, branch) = names(target);
    let request = proto::DeleteRequest { preview_id, project_id, branch };
    let response = client.previews().delete(quick(request)).await?.into_inner();
    output.message("DeleteResponse", &response, |response| match &response.preview {
        Some(preview) => format!("{} is {}", preview.preview_id, describe::phase(preview)),
        None => String::new(),
    });
    Ok(OK)
}

pub(super) async fn list(client: &Client, output: &Output, list: List) -> Result<u8, Failed> {
    let mut request = proto::ListRequest {
        project_id: list.project.unwrap_or_default(),
        phases: list.phases.into_iter().map(|asked| phase(asked).into()).collect(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let mut previews = Vec::new();
    loop {
        let page = client.previews().list(quick(request.clone())).await?.into_inner();
        previews.extend(page.previews);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let header = ["PREVIEW", "PROJECT", "BRANCH", "STACK", "PHASE", "COMMIT", "URL"];
    output.table("Preview", &previews, header, |preview| {
        [
            preview.preview_id.clone(),
            preview.project_id.clone(),
            preview.branch.clone(),
            describe::stack(preview),
            describe::phase(preview),
            describe::short(&preview.commit_id).to_owned(),
            preview.url.clone(),
        ]
    });
    Ok(OK)
}

pub(super) async fn health(client: &Client, output: &Output) -> Result<u8, Failed> {
    let request = HealthCheckRequest { service: String::new() };
    let status = client.health().check(quick(request)).await?.into_inner().status();
    output.health(describe::word(status.as_str_name(), ""));
    Ok(if status == ServingStatus::Serving { OK } else { ERROR })
}

/// Returns the fields by which a request names a preview.
pub(super) fn names(target: Target) -> (String, String, String) {
    let Target { preview, project, branch } = target;
    (preview.unwrap_or_default(), project.unwrap_or_default(), branch.unwrap_or_default())
}

fn described(preview: Option<&proto::Preview>) -> String {
    preview.map(output::preview).unwrap_or_default()
}

/// Describes a preview that was waited for, and says so where somebody has ended it meanwhile.
fn waited_for(preview: Option<&proto::Preview>) -> String {
    let mut text = described(preview);
    if preview.is_some_and(|preview| matches!(preview.phase(), proto::Phase::Stopping | proto::Phase::Stopped)) {
        text.push_str("it has been deleted meanwhile\n");
    }
    text
}

/// Returns the exit code for a preview that was waited for.
fn code(preview: Option<&proto::Preview>) -> u8 {
    use proto::Phase::{Failed, Stopped, Stopping};
    match preview {
        // Somebody may have ended it meanwhile.
        Some(preview) if preview.failure.is_some() || matches!(preview.phase(), Failed | Stopping | Stopped) => {
            PREVIEW_FAILED
        }
        _ => OK,
    }
}

fn wait(no_wait: bool) -> proto::WaitMode {
    if no_wait { proto::WaitMode::None } else { proto::WaitMode::Ready }
}

fn duration(given: Option<std::time::Duration>) -> Result<Option<prost_types::Duration>, Failed> {
    let too_long = |_| Failed::local("the duration is too long");
    given.map(|duration| duration.try_into().map_err(too_long)).transpose()
}

fn stack(stack: arguments::Stack) -> proto::Stack {
    match stack {
        arguments::Stack::Python => proto::Stack::Python,
        arguments::Stack::Node => proto::Stack::Node,
        arguments::Stack::React => proto::Stack::React,
        arguments::Stack::Static => proto::Stack::Static,
        arguments::Stack::Dockerfile => proto::Stack::Dockerfile,
    }
}

fn phase(phase: arguments::Phase) -> proto::Phase {
    match phase {
        arguments::Phase::All => proto::Phase::Unspecified,
        arguments::Phase::Pending => proto::Phase::Pending,
        arguments::Phase::Installing => proto::Phase::Installing,
        arguments::Phase::Starting => proto::Phase::Starting,
        arguments::Phase::Running => proto::Phase::Running,
        arguments::Phase::Paused => proto::Phase::Paused,
        arguments::Phase::Stopping => proto::Phase::Stopping,
        arguments::Phase::Stopped => proto::Phase::Stopped,
        arguments::Phase::Failed => proto::Phase::Failed,
    }
}
