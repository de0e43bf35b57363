//! What the build of a package from source did not find: a tool, a compiler, a header, a library.

use std::sync::LazyLock;

use regex::Regex;

/// What is said of a package whose build failed: in the message, `{}` is the pattern's first group that took part.
struct Sign {
    pattern: &'static str,
    lack: &'static str,
}

const fn sign(pattern: &'static str, lack: &'static str) -> Sign {
    Sign { pattern, lack }
}

/// The most telling first.
const SIGNS: [Sign; 17] = [
    sign(r"error: linker `([\w.+-]+)` not found", "{} is not there"),
    sign(r"(pg_config|mysql_config|\w+-config) executable not found", "{} is not there"),
    sign(r"gyp ERR! stack Error: not found: (\S+)", "{} is not there"),
    sign(
        r"Could not find any Python installation|gyp.*Can't find Python executable",
        "Python, which node-gyp needs, is not there",
    ),
    sign(r"[Cc]an't find Rust|Cargo, the Rust package manager, is not", "a Rust compiler (cargo) is not there"),
    sign(
        r"Unknown compiler\(s\)|No CMAKE_C(?:XX)?_COMPILER could be found|no acceptable C compiler",
        "a C compiler is not there",
    ),
    sign(r"CMake must be installed|cmake(?:\.exe)?['`]? (?:is )?not (?:found|installed)", "cmake is not there"),
    sign(r"^(?:/bin/)?(?:ba)?sh: (?:line )?(?:\d+: )?([\w.+-]+): (?:command )?not found", "{} is not there"),
    sign(r"^(?:g?make|env)(?:\[\d+\])?: '?([\w.+-]+)'?: No such file or directory", "{} is not there"),
    sign(
        r"No such file or directory: '((?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|clang|cmake|make|ninja|cargo|rustc|gfortran|git|swig|go|\w+[-_]config))'",
        "{} is not there",
    ),
    sign(r"(?:command|unable to execute) '([\w.+-]+)'(?: failed)?: No such file", "{} is not there"),
    sign(r"fatal error: (\S+\.h(?:pp)?): No such file or directory", "the header {} is not there"),
    sign(r"No package '([\w.+-]+)' found|Package '?([\w.+-]+)'? was not found", "the library {} is not there"),
    sign(r#"Couldn't find a script name "([\w-]+)""#, "{} is not there"),
    sign(
        r"ImpImporter|use_2to3 is invalid|cython_sources|Cannot import 'setuptools\.build_meta'|No module named 'distutils'",
        "its build is older than this release of Python",
    ),
    sign(
        r"No module named '(pkg_resources|imp|setuptools)[.']?",
        "its build is older than this release of Python, and imports {}",
    ),
    sign(r"No module named '?([\w.]+)'?", "the Python module {}, which it imports, is not there"),
];

/// Packages that have to be built, and what has the same in a form that is ready.
const READY: [(&str, &str); 14] = [
    ("psycopg2", "psycopg2-binary"),
    ("mysqlclient", "PyMySQL"),
    ("mysql-python", "PyMySQL"),
    ("pycrypto", "pycryptodome"),
    ("python-ldap", "ldap3"),
    ("sklearn", "scikit-learn"),
    ("node-expat", "sax"),
    ("node-sass", "sass"),
    ("bcrypt", "bcryptjs"),
    ("canvas", "@napi-rs/canvas"),
    ("argon2", "@node-rs/argon2"),
    ("grpc", "@grpc/grpc-js"),
    ("sqlite3", "better-sqlite3"),
    ("iltorb", "node:zlib"),
];

static PATTERNS: LazyLock<Vec<(Regex, &'static Sign)>> =
    LazyLock::new(|| SIGNS.iter().filter_map(|sign| Some((Regex::new(sign.pattern).ok()?, sign))).collect());

/// Returns what a build that printed these lines lacked, and the index of the line that says so.
pub(super) fn lack<'a>(lines: impl DoubleEndedIterator<Item = &'a str> + Clone) -> Option<(String, usize)> {
    PATTERNS.iter().find_map(|(pattern, sign)| {
        let (at, found) = lines.clone().enumerate().find_map(|(at, line)| Some((at, pattern.captures(line)?)))?;
        let name = found.iter().skip(1).flatten().next().map_or("", |group| group.as_str());
        Some((sign.lack.replace("{}", &plain(name)), at))
    })
}

/// Returns a tool's name, with what it is where its own name does not tell.
fn plain(name: &str) -> String {
    match name.rsplit('-').next() {
        Some("gcc" | "cc" | "clang") => format!("a C compiler ({name})"),
        Some("g++" | "c++" | "clang++") => format!("a C++ compiler ({name})"),
        _ => name.to_owned(),
    }
}

/// Returns a package that does the same and comes ready, where one is known.
pub(super) fn ready(package: &str) -> Option<&'static str> {
    READY.iter().find(|(name, _)| name.eq_ignore_ascii_case(package)).map(|(_, other)| *other)
}

/// Returns what to do about a package whose build lacks something.
pub(super) fn remedy(package: &str, otherwise: &str) -> String {
    match ready(package) {
        Some(other) => {
            format!("take {other}, which comes built, or install what it lacks in a Dockerfile of the project")
        }
        None => format!("{otherwise}, or install what it lacks in a Dockerfile of the project"),
    }
}
