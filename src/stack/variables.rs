//! Which variables of a request an installation is given.

use std::collections::BTreeMap;

/// How the names begin of the settings of package managers, and of switches that packages read when they are installed.
const PREFIXES: [&str; 26] = [
    "PIP_",
    "UV_",
    "POETRY_",
    "NPM_",
    "npm_",
    "YARN_",
    "PNPM_",
    "pnpm_",
    "BUN_",
    "COREPACK_",
    "PUPPETEER_",
    "PLAYWRIGHT_",
    "CYPRESS_",
    "ELECTRON_",
    "SHARP_",
    "PRISMA_ENGINES_",
    "PRISMA_SKIP_",
    "PRISMA_CLI_",
    "SASS_BINARY_",
    "SWC_BINARY_",
    "SENTRYCLI_",
    "CHROMEDRIVER_",
    "SETUPTOOLS_",
    "CMAKE_",
    "CARGO_",
    "GIT_",
];
/// What compilers read.
const NAMES: [&str; 9] =
    ["CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "RUSTFLAGS", "PKG_CONFIG_PATH"];
/// What stands before the name of a variable where it is referred to.
const REFERENCES: [&str; 8] =
    ["$", "${", "process.env.", "process.env[\"", "process.env['", "os.environ[\"", "os.environ['", "os.getenv(\""];
/// The largest file that is searched for references, in bytes.
const MAX_SEARCHED_BYTES: usize = 1024 * 1024;

/// Returns the variables of a request that may change what is installed: the settings of package managers and compilers,
/// well-known switches of packages, and every variable that a command of the project's own installation or a file of the
/// installation refers to, as `$NAME`, `${NAME}` or `process.env.NAME`.
///
/// The others do not reach the installation. All of these are in the dependency key, and previews that differ in nothing
/// but an app's password are to share their dependencies.
pub(super) fn deciding(
    environment: &BTreeMap<String, String>,
    commands: &[String],
    inputs: &BTreeMap<String, Vec<u8>>,
) -> BTreeMap<String, String> {
    let known = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name);
    let texts: Vec<_> = commands
        .iter()
        .map(|command| command.as_str().into())
        .chain(
            inputs
                .values()
                .filter(|content| content.len() <= MAX_SEARCHED_BYTES)
                .map(|content| String::from_utf8_lossy(content)),
        )
        .collect();
    let referred = |name: &str| texts.iter().any(|text| refers(text, name));
    let chosen = environment.iter().filter(|(name, _)| known(name) || referred(name));
    chosen.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn refers(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let ends = !text[at + name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        ends && REFERENCES.iter().any(|before| text[..at].ends_with(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_are_referred_to_or_well_known_decide() {
        let names = ["API_KEY", "TOKEN", "A", "B", "PUPPETEER_SKIP_DOWNLOAD", "CFLAGS", "DATABASE_URL", "TOKENS"];
        let environment = names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect();
        let commands = ["curl -H \"$TOKEN\" x && echo ${A:-none} DATABASE_URL".to_owned()];
        let inputs = BTreeMap::from([(".pnpmfile.cjs".to_owned(), b"if (process.env.B) {}".to_vec())]);
        let found: Vec<String> = deciding(&environment, &commands, &inputs).into_keys().collect();
        assert_eq!(found, ["A", "B", "CFLAGS", "PUPPETEER_SKIP_DOWNLOAD", "TOKEN"]);
    }
}
