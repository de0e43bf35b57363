//! PID 1 of every preview container: it holds the project's files and the app's process, and does what the service asks.
//!
//! `agent run` serves the private contract on a Unix socket; `agent dial` passes bytes between its standard streams and
//! that socket, so that the service can speak to it through an `exec` in the container. `agent shim` is the parent of one
//! app process, and nobody's to call but the agent's. Nothing here may be believed by
//! the service: the app runs under the same uid. The agent defends itself as far as the kernel lets it: it cannot be
//! traced, PID 1 cannot be killed from inside, and only processes that came by `exec` may connect.

mod choice;
mod connection;
mod control;
mod convert;
mod dial;
mod echo;
mod made;
mod memory;
mod output;
mod pipes;
mod probe;
mod process;
mod processes;
mod progress;
mod ready;
mod reaper;
mod relay;
mod run;
mod server;
mod shim;
mod socket;
mod sockets;
mod spawn;
mod supervisor;
mod sync;
mod tls;

use std::{env, ffi::OsString, io, process::ExitCode};

use crate::socket::SocketName;

/// The generated contract.
#[allow(missing_docs, clippy::all)]
mod proto {
    tonic::include_proto!("agent.v1");
}

const USAGE: &str = "usage: agent run|dial [--socket NAME]\n\
    \n\
    run     supervise the container's app and serve the contract\n\
    dial    pass bytes between the standard streams and the running agent\n\
    \n\
    NAME is a path, or a name in the abstract namespace after an @ (default: @previewd-agent).\n";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1).collect::<Vec<OsString>>();
    if arguments.first().is_some_and(|word| word == shim::COMMAND) {
        return ended(shim::COMMAND, shim::run(&arguments.split_off(1)));
    }
    let arguments: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (command, name) = match words.as_slice() {
        [command] => (*command, None),
        [command, "--socket", name] => (*command, Some(*name)),
        _ => ("", None),
    };
    let socket = name.map_or_else(SocketName::default, SocketName::parse);
    let outcome = match command {
        "run" => run::run(&socket),
        "dial" => dial::dial(&socket),
        "--version" => {
            println!("{}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    ended(command, outcome)
}

fn ended(command: &str, outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("agent: failed to {command}: {error}");
            ExitCode::FAILURE
        }
    }
}
