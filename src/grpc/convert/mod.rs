//! Between the contract and the core: requests are checked whole, so that a caller learns of every wrong field at once.

mod fields;
mod files;
mod logs;
mod previews;
mod reloads;
mod scalars;
mod specs;
mod targets;
#[cfg(test)]
mod tests;
mod vfs;

pub use self::{
    logs::log_response,
    previews::{ListCall, UpdateCall},
    reloads::watch_responses,
    targets::{LogsCall, WatchCall},
    vfs::{
        CommitCall, CreateBranchCall, DiffCall, ListBranchesCall, ListCommitsCall, ListFilesCall, ReadFileCall,
        Revision, RollbackCall,
    },
};
