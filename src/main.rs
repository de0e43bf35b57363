//! The `previewd` program: a page of arguments, settings, logs and an exit code.

use std::process::ExitCode;

use clap::Parser;
use previewd::{
    app::{self, ServeOptions},
    cli::{self, Arguments, Command, Serve},
    config::{Config, ConfigError},
    telemetry::{self, error_chain},
};

/// The exit code of every failure but that of a preview, which has its own.
const FAILURE: u8 = 1;

/// From which size on memory is the system's own, and goes back to it once it is free.
#[cfg(target_env = "gnu")]
const OWN_MAPPING_BYTES: libc::c_int = 256 * 1024;

fn main() -> ExitCode {
    give_back_large_pieces();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            // Not clap's own code for a mistake: it is that of a preview which does not run.
            return if error.use_stderr() { ExitCode::from(FAILURE) } else { ExitCode::SUCCESS };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let code = match arguments.command {
        Command::Serve(options) => runtime.block_on(serve(options)),
        Command::Client(command) => ExitCode::from(runtime.block_on(cli::run(arguments.connection, command))),
    };
    // A disk that hangs holds nobody up.
    runtime.shutdown_background();
    code
}

/// Has glibc map each large piece of memory for itself. By default it does so with the first only, and from then on keeps
/// what requests of tens of megabytes took.
fn give_back_large_pieces() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a number of the allocator's, before there is another thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
    }
}

/// Runs the service until a signal, or until it fails.
async fn serve(options: Serve) -> ExitCode {
    let config = match Config::load() {
        Ok(config) => config,
        Err(errors) => return fail(&errors),
    };
    if let Err(error) = telemetry::init(config.log_format, &config.log_filter) {
        return fail(&error);
    }
    for ConfigError { name, problem, .. } in &config.ignored {
        tracing::warn!(name, problem, "a variable is ignored");
    }
    // A preview's connections are files too; what the system allows at the most is the operator's to bound.
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    match app::run(config, ServeOptions { remove_on_exit: options.remove_on_exit }).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %error_chain(&error), "previewd stops");
            ExitCode::from(FAILURE)
        }
    }
}

fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    eprintln!("previewd: {}", error_chain(error));
    ExitCode::from(FAILURE)
}
