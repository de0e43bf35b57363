//! What a `Create` asks for.

use std::collections::BTreeMap;

use super::{fields::Fields, scalars};
use crate::{
    domain::{
        error::Error,
        limits::{CPUS, LimitOverrides, MAX_LIFETIME, MEMORY_BYTES, MIN_LIFETIME, PIDS},
        spec::{Overrides, ReloadMode, Stack},
    },
    preview::api::{Create, Wait},
    proto::preview::v1 as proto,
};

const MAX_REQUEST_ID_BYTES: usize = 128;
const MAX_COMMAND_BYTES: usize = 4096;
const MAX_READY_PATH_BYTES: usize = 1024;
const MAX_VARIABLES: usize = 100;
const MAX_VARIABLE_NAME_BYTES: usize = 256;
const MAX_VARIABLE_BYTES: usize = 32 * 1024;
/// With their names, together; the kernel starts no process with more than 2 MiB, its arguments included.
const MAX_ENVIRONMENT_BYTES: usize = 1024 * 1024;

impl TryFrom<proto::CreateRequest> for Create {
    type Error = Error;

    fn try_from(request: proto::CreateRequest) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let lifetimes = MIN_LIFETIME..=MAX_LIFETIME;
        let project = fields.name("project_id", &request.project_id);
        let branch = fields.branch(&request.branch);
        let files = fields.writes(request.files);
        let request_id = fields.request_id(request.request_id);
        let stack = fields.variant("stack", request.stack, stack);
        let start_command = fields.text("start_command", request.start_command, MAX_COMMAND_BYTES);
        let app_port = fields.app_port(request.app_port);
        let ready_path = fields.ready_path(request.ready_path);
        let environment = fields.environment(request.environment);
        let limits = fields.limits(request.limits.unwrap_or_default());
        let time_to_live = fields.take(scalars::duration("time_to_live", request.time_to_live, &lifetimes));
        let idle_timeout = fields.take(scalars::duration("idle_timeout", request.idle_timeout, &lifetimes));
        let reload = fields.variant("reload", request.reload, |mode| match mode {
            proto::ReloadMode::Unspecified | proto::ReloadMode::Auto => ReloadMode::Auto,
            proto::ReloadMode::Manual => ReloadMode::Manual,
        });
        let wait = fields.wait(request.wait);
        let message = fields.message(request.message);
        fields.finish(|| {
            Some(Self {
                project: project?,
                branch: branch?,
                files: files?,
                message: message?,
                request_id: request_id?,
                overrides: Overrides {
                    stack: stack?,
                    start_command: start_command?,
                    app_port: app_port?,
                    ready_path: ready_path?,
                    environment: environment?,
                    limits: limits?,
                },
                time_to_live: time_to_live?,
                idle_timeout: idle_timeout?,
                reload: reload?,
                wait: wait?,
                replace: request.replace,
            })
        })
    }
}

impl Fields {
    /// Checks when a call is to answer.
    pub(super) fn wait(&mut self, number: i32) -> Option<Wait> {
        self.variant("wait", number, |mode| match mode {
            proto::WaitMode::Unspecified | proto::WaitMode::Ready => Wait::Ready,
            proto::WaitMode::None => Wait::None,
        })
    }

    fn request_id(&mut self, text: String) -> Option<Option<String>> {
        if text.chars().any(char::is_control) {
            return self.fail("request_id", "must not have control characters");
        }
        self.text("request_id", text, MAX_REQUEST_ID_BYTES)
    }

    fn app_port(&mut self, number: u32) -> Option<Option<u16>> {
        match u16::try_from(number) {
            Ok(0) => Some(None),
            Ok(port) => Some(Some(port)),
            Err(_) => self.fail("app_port", format!("must be from 1 to 65535, is {number}")),
        }
    }

    fn ready_path(&mut self, path: String) -> Option<Option<String>> {
        if path.is_empty() {
            return Some(None);
        }
        let visible = path.bytes().all(|byte| byte.is_ascii_graphic());
        if !path.starts_with('/') || path.len() > MAX_READY_PATH_BYTES || !visible {
            let rule = format!("must begin with / and have at most {MAX_READY_PATH_BYTES} visible ASCII characters");
            return self.fail("ready_path", rule);
        }
        Some(Some(path))
    }

    fn environment(&mut self, variables: BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
        if variables.len() > MAX_VARIABLES {
            return self.fail("environment", format!("must be at most {MAX_VARIABLES}, are {}", variables.len()));
        }
        let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_ENVIRONMENT_BYTES {
            return self.fail("environment", format!("must have at most {MAX_ENVIRONMENT_BYTES} bytes, has {bytes}"));
        }
        let mut sound = true;
        for (name, value) in &variables {
            let field = format!("environment[{name:?}]");
            let problem = if !is_variable_name(name) {
                "must have a name of [A-Za-z_][A-Za-z0-9_]*, at most 256 bytes"
            } else if value.len() > MAX_VARIABLE_BYTES {
                "must have at most 32768 bytes"
            } else if value.contains('\0') {
                "must not have NUL characters"
            } else {
                continue;
            };
            sound = false;
            self.fail::<()>(field, problem);
        }
        sound.then_some(variables)
    }

    fn limits(&mut self, asked: proto::Limits) -> Option<LimitOverrides> {
        let memory = asked.memory_bytes == 0 || MEMORY_BYTES.contains(&asked.memory_bytes);
        if !memory {
            self.fail::<()>("limits.memory_bytes", bounds(&MEMORY_BYTES, asked.memory_bytes));
        }
        let cpus = asked.cpus == 0.0 || CPUS.contains(&asked.cpus);
        if !cpus {
            self.fail::<()>("limits.cpus", bounds(&CPUS, asked.cpus));
        }
        let pids = asked.pids == 0 || PIDS.contains(&asked.pids);
        if !pids {
            self.fail::<()>("limits.pids", bounds(&PIDS, asked.pids));
        }
        (memory && cpus && pids).then_some(LimitOverrides {
            memory_bytes: Some(asked.memory_bytes).filter(|bytes| *bytes != 0),
            cpus: Some(asked.cpus).filter(|cpus| *cpus != 0.0),
            pids: Some(asked.pids).filter(|pids| *pids != 0),
        })
    }
}

pub(super) fn stack(stack: proto::Stack) -> Option<Stack> {
    match stack {
        proto::Stack::Unspecified => None,
        proto::Stack::Python => Some(Stack::Python),
        proto::Stack::Node => Some(Stack::Node),
        proto::Stack::React => Some(Stack::React),
        proto::Stack::Static => Some(Stack::Static),
        proto::Stack::Dockerfile => Some(Stack::Dockerfile),
    }
}

fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= MAX_VARIABLE_NAME_BYTES
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn bounds<T: std::fmt::Display>(range: &std::ops::RangeInclusive<T>, given: T) -> String {
    format!("must be 0 for the default, or from {} to {}, is {given}", range.start(), range.end())
}
