//! Which scripts clearly run a server: those of known development servers, and those that run a file.

use super::arguments::file_index;
use crate::{
    domain::path,
    stack::{manifest::Package, script},
};

/// Programs that serve, whatever they are told, unless they are told to build.
const SERVERS: [&str; 34] = [
    "next",
    "nuxt",
    "nuxi",
    "astro",
    "gatsby",
    "remix",
    "remix-serve",
    "react-router",
    "ng",
    "docusaurus",
    "vinxi",
    "vite",
    "vike",
    "waku",
    "rsbuild",
    "farm",
    "nest",
    "strapi",
    "vitepress",
    "vuepress",
    "wrangler",
    "react-scripts",
    "craco",
    "vue-cli-service",
    "quasar",
    "umi",
    "max",
    "ember",
    "parcel",
    "webpack-dev-server",
    "snowpack",
    "json-server",
    "fastify",
    "micro",
];
/// Programs that serve when they are told so by one of these words.
const TOLD: [(&str, &[&str]); 7] = [
    ("storybook", &["dev"]),
    ("webpack", &["serve", "server"]),
    ("webpack-cli", &["serve", "server"]),
    ("rspack", &["serve", "server", "dev"]),
    ("eleventy", &["--serve"]),
    ("@11ty/eleventy", &["--serve"]),
    ("hexo", &["server", "s"]),
];
/// Programs that run a file.
const RUNNERS: [&str; 11] =
    ["nodemon", "tsx", "ts-node", "ts-node-dev", "tsnd", "bun", "deno", "esno", "vite-node", "babel-node", "swc-node"];
/// What is in the name of a file that builds, and so need not serve.
const BUILDS: [&str; 8] = ["build", "webpack", "rollup", "bundle", "compile", "generate", "gulp", "watch"];

/// Returns whether a script clearly runs a server. One that packs, watches or compiles is not known to.
pub(super) fn serves(package: &Package, script: &str) -> bool {
    // Quoted commands of `concurrently` and its like are apart at the quotes.
    let parts = script.split(['&', '|', ';', '"', '\'']).map(str::trim).filter(|part| !part.is_empty());
    parts.filter_map(|part| script::resolved(package, part)).any(|command| serves_as(&command.argv))
}

fn serves_as(argv: &[String]) -> bool {
    let Some((program, rest)) = argv.split_first() else { return false };
    let has = |words: &[&str]| rest.iter().any(|word| words.contains(&word.as_str()));
    if SERVERS.contains(&program.as_str()) {
        return !has(&["build", "watch", "generate", "export", "test", "lint", "--help"]);
    }
    if let Some((_, words)) = TOLD.iter().find(|(name, _)| name == program) {
        return has(words);
    }
    let builds = |word: &String| {
        let name = path::name(word);
        BUILDS.iter().any(|part| name.contains(part))
    };
    match program.as_str() {
        "node" => file_index(rest).is_some_and(|index| !builds(&rest[index])),
        program if RUNNERS.contains(&program) => {
            !rest.iter().filter(|word| !word.starts_with('-') && word.contains('.')).any(builds)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_from_a_packer() {
        let package = Package::default();
        for script in [
            "next dev",
            "NODE_ENV=development nodemon src/index.js",
            "node --watch --env-file .env server.js",
            "tsx watch src/index.ts",
            "vue-cli-service serve --mode x",
            "webpack serve --mode development",
            "concurrently \"tsc -w\" \"nodemon dist/index.js\"",
            "tsc && node dist/index.js",
            "bun --hot src/index.ts",
        ] {
            assert!(serves(&package, script), "{script}");
        }
        for script in [
            "webpack --watch",
            "tsc -w",
            "vite build --watch",
            "node esbuild.build.mjs --watch",
            "node -e 'x'",
            "tailwindcss -i a -o b --watch",
            "nodemon build.js",
            "parcel watch x",
            "",
        ] {
            assert!(!serves(&package, script), "{script}");
        }
    }
}
