//! Previews as they are sent, and the requests that list and change them.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{fields::Fields, scalars::sent_duration};
use crate::{
    domain::{
        decide::phase_of,
        error::Error,
        failure::{Failure, FailureStage},
        ids::{CommitId, PreviewId, ProjectId},
        limits::Limits,
        ports::AppPort,
        spec::{Phase, ReloadMode, Stack},
    },
    grpc::page::{Binding, page_size},
    preview::{
        api::{ListFilter, ListPage, PreviewView, Target, Update},
        unit::claims::name,
    },
    proto::preview::v1 as proto,
};

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// An `Update`, checked.
#[derive(Debug)]
pub struct UpdateCall {
    /// The preview.
    pub target: Target,
    /// What to do with it.
    pub update: Update,
}

impl TryFrom<proto::UpdateRequest> for UpdateCall {
    type Error = Error;

    fn try_from(request: proto::UpdateRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let target = fields.target(&request.preview_id, &request.project_id, &request.branch);
        let changes = fields.changes(request.files, &request.delete_paths);
        let message = fields.message(request.message);
        let expected_head = fields.optional_name("expected_head", &request.expected_head);
        let wait = fields.wait(request.wait);
        fields.finish(|| {
            let (writes, deletes) = changes?;
            let update = Update { writes, deletes, message: message?, expected_head: expected_head?, wait: wait? };
            Some(Self { target: target?, update })
        })
    }
}

/// A `List`, checked.
#[derive(Debug)]
pub struct ListCall {
    /// Which previews.
    pub filter: ListFilter,
    binding: Binding,
}

/// Where a page of previews ends.
#[derive(Serialize, Deserialize)]
struct Place {
    created_at: SystemTime,
    id: PreviewId,
}

impl TryFrom<proto::ListRequest> for ListCall {
    type Error = Error;

    fn try_from(request: proto::ListRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let project: Option<Option<ProjectId>> = fields.optional_name("project_id", &request.project_id);
        let phases = phases(&mut fields, &request.phases);
        let page_size = fields.take(page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE));
        let binding = Binding::new("List", &(&project, &phases));
        let place = fields.take(binding.place::<Place>(&request.page_token));
        fields.finish(|| {
            let after = place?.map(|place| (place.created_at, place.id));
            let filter = ListFilter { project: project?, phases: phases?, page_size: page_size?, after };
            Some(Self { filter, binding })
        })
    }
}

impl ListCall {
    /// Returns the answer of the page that was found.
    pub fn response(&self, page: ListPage) -> proto::ListResponse {
        let place = page.next.map(|(created_at, id)| Place { created_at, id });
        proto::ListResponse {
            next_page_token: place.map_or_else(String::new, |place| self.binding.token(&place)),
            previews: page.previews.into_iter().map(proto::Preview::from).collect(),
        }
    }
}

/// Returns the chosen phases, each once; empty for all but stopped.
fn phases(fields: &mut Fields, numbers: &[i32]) -> Option<Vec<Phase>> {
    const ALL: [Phase; 8] = [
        Phase::Pending,
        Phase::Installing,
        Phase::Starting,
        Phase::Running,
        Phase::Paused,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Failed,
    ];
    let chosen: Vec<Option<Phase>> =
        fields.variants("phases", numbers, |asked| ALL.into_iter().find(|phase| sent_phase(*phase) == asked))?;
    // One that is not specified means every one.
    let all = chosen.contains(&None);
    Some(ALL.into_iter().filter(|phase| all || chosen.contains(&Some(*phase))).collect())
}

impl From<PreviewView> for proto::Preview {
    fn from(view: PreviewView) -> Self {
        let PreviewView { spec, status, url, last_accessed_at, head } = view;
        let answering = status.answering().cloned();
        let answers = status.is_served();
        Self {
            container_name: name(&spec.id),
            preview_id: spec.id.into(),
            project_id: spec.project.into(),
            branch: spec.branch.into(),
            stack: status.stack.map_or(proto::Stack::Unspecified, sent_stack).into(),
            phase: sent_phase(phase_of(&status)).into(),
            url,
            port: spec.address.port.unwrap_or_default().into(),
            container_id: status.container.unwrap_or_default(),
            commit_id: text(answering),
            created_at: Some(spec.created_at.into()),
            last_accessed_at: Some(last_accessed_at.into()),
            expires_at: Some(spec.expires_at.into()),
            failure: status.failure.map(proto::Failure::from),
            limits: Some(status.limits.into()),
            reload: match spec.reload {
                ReloadMode::Auto => proto::ReloadMode::Auto,
                ReloadMode::Manual => proto::ReloadMode::Manual,
            }
            .into(),
            head_commit_id: text(head),
            idle_timeout: Some(sent_duration(spec.idle_timeout)),
            notes: status.notes,
            http_status: status.http_status.filter(|_| answers).map(u32::from),
            ports: if answers { status.ports.into_iter().map(proto::AppPort::from).collect() } else { Vec::new() },
        }
    }
}

impl From<AppPort> for proto::AppPort {
    fn from(port: AppPort) -> Self {
        Self {
            number: port.number.into(),
            http_status: port.http_status.map(u32::from),
            content_type: port.content_type,
            tls: port.tls,
        }
    }
}

impl From<Limits> for proto::Limits {
    fn from(limits: Limits) -> Self {
        Self { memory_bytes: limits.memory_bytes, cpus: limits.cpus, pids: limits.pids }
    }
}

impl From<Failure> for proto::Failure {
    fn from(failure: Failure) -> Self {
        let stage = match failure.stage {
            FailureStage::Detect => proto::FailureStage::Detect,
            FailureStage::Image => proto::FailureStage::Image,
            FailureStage::Install => proto::FailureStage::Install,
            FailureStage::Build => proto::FailureStage::Build,
            FailureStage::Sync => proto::FailureStage::Sync,
            FailureStage::Start => proto::FailureStage::Start,
            FailureStage::Run => proto::FailureStage::Run,
        };
        Self {
            stage: stage.into(),
            reason: failure.reason.as_str().to_owned(),
            message: failure.message,
            file: failure.file.unwrap_or_default(),
            line: failure.line.unwrap_or_default(),
            log_excerpt: failure.log_excerpt,
            exit_code: failure.exit_code,
            commit_id: text(failure.commit),
        }
    }
}

/// Returns a phase as it is sent.
pub(super) fn sent_phase(phase: Phase) -> proto::Phase {
    match phase {
        Phase::Pending => proto::Phase::Pending,
        Phase::Installing => proto::Phase::Installing,
        Phase::Starting => proto::Phase::Starting,
        Phase::Running => proto::Phase::Running,
        Phase::Paused => proto::Phase::Paused,
        Phase::Stopping => proto::Phase::Stopping,
        Phase::Stopped => proto::Phase::Stopped,
        Phase::Failed => proto::Phase::Failed,
    }
}

/// Returns a commit as it is sent: empty for none.
pub(super) fn text(commit: Option<CommitId>) -> String {
    commit.map(String::from).unwrap_or_default()
}

fn sent_stack(stack: Stack) -> proto::Stack {
    match stack {
        Stack::Python => proto::Stack::Python,
        Stack::Node => proto::Stack::Node,
        Stack::React => proto::Stack::React,
        Stack::Static => proto::Stack::Static,
        Stack::Dockerfile => proto::Stack::Dockerfile,
    }
}
