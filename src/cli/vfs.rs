//! The commands that read and write projects.

use super::{
    arguments::{Branch, Commit, Diff, History, Read, Revision, Rollback},
    client::{Client, quick},
    describe::{self, short, time_text},
    errors::Failed,
    exit::OK,
    files,
    output::Output,
};
use crate::proto::preview::v1::{self as proto, file::Content};

/// How many items are asked for at a time.
const PAGE: i32 = 1_000;

pub(super) async fn commit(client: &Client, output: &Output, commit: Commit) -> Result<u8, Failed> {
    let mut files = output.folder(commit.dir.as_deref())?;
    files.extend(files::named(&commit.changes.files)?);
    let paths = files::paths(&files);
    let request = proto::CommitRequest {
        project_id: commit.project.project,
        branch: commit.project.branch.unwrap_or_default(),
        files,
        delete_paths: commit.changes.deletes,
        message: commit.changes.message.unwrap_or_default(),
        expected_head: commit.changes.expected_head.unwrap_or_default(),
    };
    let response = client.vfs().commit(quick(request)).await;
    let response = response.map_err(|status| Failed::from(status).naming(&paths))?.into_inner();
    output.message("CommitResponse", &response, |response| response.commit_id.clone());
    Ok(OK)
}

pub(super) async fn files(client: &Client, output: &Output, revision: Revision) -> Result<u8, Failed> {
    let mut request = proto::ListFilesRequest {
        project_id: revision.project.project,
        branch: revision.project.branch.unwrap_or_default(),
        commit_id: revision.commit.unwrap_or_default(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let mut files = Vec::new();
    loop {
        let page = client.vfs().list_files(quick(request.clone())).await?.into_inner();
        files.extend(page.files);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    output.table("FileInfo", &files, ["BYTES", "MODE", "PATH"], |file| {
        let mode = if file.executable { "x" } else { "-" };
        [file.size_bytes.to_string(), mode.to_owned(), file.path.clone()]
    });
    Ok(OK)
}

pub(super) async fn read(client: &Client, output: &Output, read: Read) -> Result<u8, Failed> {
    let request = proto::ReadFileRequest {
        project_id: read.revision.project.project,
        branch: read.revision.project.branch.unwrap_or_default(),
        commit_id: read.revision.commit.unwrap_or_default(),
        path: read.path,
    };
    let response = client.vfs().read_file(quick(request)).await?.into_inner();
    if output.is_json() {
        output.message("ReadFileResponse", &response, |_| String::new());
        return Ok(OK);
    }
    match response.file.and_then(|file| file.content) {
        Some(Content::Text(text)) => output.raw(text.as_bytes()),
        Some(Content::Data(data)) => output.raw(&data),
        None => {}
    }
    Ok(OK)
}

pub(super) async fn history(client: &Client, output: &Output, history: History) -> Result<u8, Failed> {
    let mut request = proto::ListCommitsRequest {
        project_id: history.project.project,
        branch: history.project.branch.unwrap_or_default(),
        page_size: i32::try_from(history.limit.max(1)).unwrap_or(PAGE).min(PAGE),
        page_token: String::new(),
    };
    let mut commits = Vec::new();
    loop {
        let page = client.vfs().list_commits(quick(request.clone())).await?.into_inner();
        commits.extend(page.commits);
        if page.next_page_token.is_empty() || commits.len() >= history.limit {
            break;
        }
        request.page_token = page.next_page_token;
    }
    commits.truncate(history.limit);
    output.table("Commit", &commits, ["COMMIT", "TIME", "AUTHOR", "MESSAGE"], |commit| {
        let message = commit.message.lines().next().unwrap_or_default().to_owned();
        [commit.commit_id.clone(), time_text(commit.committed_at), commit.author.clone(), message]
    });
    Ok(OK)
}

pub(super) async fn diff(client: &Client, output: &Output, diff: Diff) -> Result<u8, Failed> {
    let base_commit_id = diff.base.unwrap_or_default();
    let request = proto::DiffRequest { project_id: diff.project, base_commit_id, commit_id: diff.commit };
    let response = client.vfs().diff(quick(request)).await?.into_inner();
    output.message("DiffResponse", &response, |response| {
        response.changed_paths.iter().map(describe::changed).collect::<Vec<_>>().join("\n")
    });
    Ok(OK)
}

pub(super) async fn rollback(client: &Client, output: &Output, rollback: Rollback) -> Result<u8, Failed> {
    let request = proto::RollbackRequest {
        project_id: rollback.project.project,
        branch: rollback.project.branch.unwrap_or_default(),
        commit_id: rollback.commit,
        message: rollback.message.unwrap_or_default(),
        expected_head: rollback.expected_head.unwrap_or_default(),
    };
    let response = client.vfs().rollback(quick(request)).await?.into_inner();
    output.message("RollbackResponse", &response, |response| response.commit_id.clone());
    Ok(OK)
}

pub(super) async fn branch(client: &Client, output: &Output, branch: Branch) -> Result<u8, Failed> {
    let Some(name) = branch.name else { return branches(client, output, branch.project).await };
    let commit_id = branch.at.unwrap_or_default();
    let request = proto::CreateBranchRequest { project_id: branch.project, branch: name, commit_id };
    let response = client.vfs().create_branch(quick(request)).await?.into_inner();
    output.message("CreateBranchResponse", &response, |response| match &response.branch {
        Some(branch) => format!("{} is at {}", branch.branch, short(&branch.commit_id)),
        None => String::new(),
    });
    Ok(OK)
}

async fn branches(client: &Client, output: &Output, project_id: String) -> Result<u8, Failed> {
    let mut request = proto::ListBranchesRequest { project_id, page_size: PAGE, page_token: String::new() };
    let mut branches = Vec::new();
    loop {
        let page = client.vfs().list_branches(quick(request.clone())).await?.into_inner();
        branches.extend(page.branches);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    output.table("Branch", &branches, ["BRANCH", "HEAD"], |branch| [branch.branch.clone(), branch.commit_id.clone()]);
    Ok(OK)
}
