//! What a folder shows of its kind.

/// What a `package.json` is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stack) enum PackageUse {
    /// A page that Vite serves.
    Page,
    /// A server of its own, or a framework's.
    Server,
    /// Tools beside the project: nothing in it can be run as a server.
    Tools,
}

/// What one folder shows of its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::stack) struct Signs {
    /// A `Dockerfile`.
    pub dockerfile: bool,
    /// A `requirements.txt`, or a `pyproject.toml` that describes a project.
    pub python_manifest: bool,
    /// A Python file that can be started.
    pub python_entry: bool,
    /// That Python file shows signs of an app: it is not only a script with a likely name.
    pub python_app: bool,
    /// A `package.json`.
    pub package: Option<PackageUse>,
    /// An `index.html`, in the folder or one that is published by custom.
    pub index_page: bool,
    /// A `server.js` or `app.js` without a `package.json`.
    pub server_script: bool,
}

impl Signs {
    /// No sign at all.
    pub const NONE: Self = Self {
        dockerfile: false,
        python_manifest: false,
        python_entry: false,
        python_app: false,
        package: None,
        index_page: false,
        server_script: false,
    };
}
