//! The command line: a gRPC client like any other.
//!
//! It knows the public contract and nothing of the service's inside.

mod arguments;
mod client;
mod connection;
mod describe;
mod errors;
mod exit;
mod files;
mod json;
mod output;
mod previews;
mod streams;
mod vfs;

pub use self::{
    arguments::{Arguments, ClientCommand, Command, Serve},
    connection::Connection,
    exit::{ERROR, OK, PREVIEW_FAILED},
};
use self::{client::Client, errors::Failed, output::Output};

/// Runs a command against a service and returns the exit code.
pub async fn run(connection: Connection, command: ClientCommand) -> u8 {
    let output = Output::new(connection.json);
    let address = connection.address();
    match execute(&address, &output, command).await {
        Ok(code) => code,
        Err(failed) => {
            output.failed(&failed.at(&address));
            ERROR
        }
    }
}

async fn execute(address: &str, output: &Output, command: ClientCommand) -> Result<u8, Failed> {
    let client = Client::new(address)?;
    match command {
        ClientCommand::Create(arguments) => previews::create(&client, output, *arguments).await,
        ClientCommand::Get(target) => previews::get(&client, output, target).await,
        ClientCommand::Update(arguments) => previews::update(&client, output, arguments).await,
        ClientCommand::Delete(target) => previews::delete(&client, output, target).await,
        ClientCommand::List(arguments) => previews::list(&client, output, arguments).await,
        ClientCommand::Health => previews::health(&client, output).await,
        ClientCommand::Logs(arguments) => streams::logs(&client, output, arguments).await,
        ClientCommand::Watch(arguments) => streams::watch(&client, output, arguments).await,
        ClientCommand::Commit(arguments) => vfs::commit(&client, output, arguments).await,
        ClientCommand::Files(arguments) => vfs::files(&client, output, arguments).await,
        ClientCommand::Read(arguments) => vfs::read(&client, output, arguments).await,
        ClientCommand::History(arguments) => vfs::history(&client, output, arguments).await,
        ClientCommand::Diff(arguments) => vfs::diff(&client, output, arguments).await,
        ClientCommand::Rollback(arguments) => vfs::rollback(&client, output, arguments).await,
        ClientCommand::Branch(arguments) => vfs::branch(&client, output, arguments).await,
    }
}
