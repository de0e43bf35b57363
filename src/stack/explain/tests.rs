use super::*;
use crate::stack::tests::{plan_of, static_page};

mod page;

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn exited(plan: &RunPlan, stage: FailureStage, log: &str) -> (String, Option<String>, Option<u32>, String) {
    let failure = explain(plan, stage, &End::Exited { code: 1, out_of_memory: false }, &lines(log));
    assert_eq!(failure.exit_code, Some(1));
    (failure.reason, failure.file, failure.line, failure.message)
}

fn node() -> RunPlan {
    plan_of(&[("package.json", "{}"), ("server.js", "")])
}

fn python() -> RunPlan {
    plan_of(&[("requirements.txt", "flask\n\nnope==9.9  # why\n"), ("main.py", "")])
}

fn found(reason: &str, file: &str, line: u32) -> (String, Option<String>, Option<u32>) {
    (reason.to_owned(), (!file.is_empty()).then(|| file.to_owned()), (line > 0).then_some(line))
}

#[test]
fn node_errors_are_placed_in_the_project() {
    let cases = [
        (
            "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module './not-there'\nRequire \
             stack:\n- /app/server.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)\n    at \
             require (node:internal/modules/helpers:182:18)\n    at Object.<anonymous> (/app/server.js:2:17)\n    at \
             Module._compile (node:internal/modules/cjs/loader:1521:14) {\n  code: 'MODULE_NOT_FOUND',\n}\n\nNode.js \
             v20.20.2",
            found("MODULE_NOT_FOUND", "server.js", 2),
        ),
        (
            "/app/node_modules/ts-node/src/index.ts:859\n    return new TSError(diagnosticText);\n           ^\nTSError: ⨯ \
             Unable to compile TypeScript:\nsrc/app.service.ts(10,16): error TS1109: Expression expected.\n\n    at \
             createTSError (/app/node_modules/ts-node/src/index.ts:859:12)",
            found("SYNTAX_ERROR", "src/app.service.ts", 10),
        ),
        (
            "node:internal/modules/esm/resolve:873\n\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'express' \
             imported from /app/src/b.mjs\n    at packageResolve (node:internal/modules/esm/resolve:873:9)",
            found("MODULE_NOT_FOUND", "src/b.mjs", 0),
        ),
        (
            "/app/c.js:3\nexports.b = = 2;\n            ^\n\nSyntaxError: Unexpected token '='\n    at wrapSafe \
             (node:internal/modules/cjs/loader:1464:18)",
            found("SYNTAX_ERROR", "c.js", 3),
        ),
        (
            "file:///app/e.mjs:1\nimport {nope} from \"node:fs\"\n        ^^^^\nSyntaxError: The requested module \
             'node:fs' does not provide an export named 'nope'\n    at ModuleJob._instantiate \
             (node:internal/modules/esm/module_job:213:21)",
            found("IMPORT_ERROR", "e.mjs", 1),
        ),
        (
            "/app/node_modules/pg/lib/client.js:9\n  throw e\n  ^\n\nTypeError: bad\n    at f \
             (/app/node_modules/pg/lib/client.js:9:9)\n    at Object.<anonymous> (/app/lib/db.js:5:1)",
            found("EXCEPTION", "lib/db.js", 5),
        ),
        (
            "\n/app/i.js:1\nthrow \"text\"\n^\ntext\n(Use `node --trace-uncaught ...` to show where)\n\nNode.js v20",
            found("EXCEPTION", "i.js", 1),
        ),
        (
            "Error: listen EADDRINUSE: address already in use :::3000\n    at Server (node:net:1:1)",
            found("PORT_IN_USE", "", 0),
        ),
        ("/bin/sh: 2: exec: no-such-program: not found", found("COMMAND_NOT_FOUND", "", 0)),
        (
            "error when starting dev server:\nError: Build failed with 1 error:\n/app/vite.config.js:5:16: ERROR: Expected \
             identifier but found \"{\"\n    at failureErrorWithLog (/app/node_modules/esbuild/lib/main.js:1472:15)",
            found("SYNTAX_ERROR", "vite.config.js", 5),
        ),
    ];
    for (log, wanted) in cases {
        let (reason, file, line, message) = exited(&node(), FailureStage::Start, log);
        assert_eq!((reason, file, line), wanted, "{log}\n{message}");
    }
}

#[test]
fn python_errors_are_placed_in_the_project() {
    let frames = "Traceback (most recent call last):\n  File \"/previewd/python/serve.py\", line 250, in <module>\n    \
                  main()\n  File \"<frozen importlib._bootstrap>\", line 1387, in _gcd_import\n";
    let cases = [
        (
            "  File \"/app/main.py\", line 6\n    def broken(:\n               ^\nSyntaxError: invalid syntax",
            found("SYNTAX_ERROR", "main.py", 6),
        ),
        (
            "  File \"/app/main.py\", line 1, in <module>\n    import nope\nModuleNotFoundError: No module named 'nope'",
            found("MODULE_NOT_FOUND", "main.py", 1),
        ),
        (
            "  File \"/app/main.py\", line 3, in <module>\n    from a import b\n  File \"/app/a.py\", line 9, in <module>\n    \
             os.environ[\"X\"]\n    ~~~~~~~~~~^^^^^\n  File \"<frozen os>\", line 714, in __getitem__\nKeyError: 'X'",
            found("MISSING_VARIABLE", "a.py", 9),
        ),
        ("  File \"/app/main.py\", line 3, in <module>\n    {}['X']\nKeyError: 'X'", found("EXCEPTION", "main.py", 3)),
        (
            "  File \"/app/main.py\", line 3, in <module>\n  File \
             \"/home/preview/venv/lib/python3.13/site-packages/flask/app.py\", line 7, in run\nflask.cli.NoAppException",
            found("EXCEPTION", "main.py", 3),
        ),
        (
            "  File \"/app/a.py\", line 1, in <module>\nValueError: first\n\nDuring handling of the above exception, another \
             exception occurred:\n\nTraceback (most recent call last):\n  File \"/app/b.py\", line 2, in <module>\nImportError: \
             cannot import name 'x'",
            found("IMPORT_ERROR", "b.py", 2),
        ),
    ];
    for (log, wanted) in cases {
        let (reason, file, line, message) = exited(&python(), FailureStage::Start, &format!("{frames}{log}"));
        assert_eq!((reason, file, line), wanted, "{log}\n{message}");
    }
    let lifespan = "INFO:     Waiting for application startup.\nERROR:    Traceback (most recent call last):\n  File \
                    \"/app/main.py\", line 8, in lifespan\n    1 / 0\nZeroDivisionError: division by zero\n\nERROR:    \
                    Application startup failed. Exiting.";
    let (reason, file, line, message) = exited(&python(), FailureStage::Start, lifespan);
    assert_eq!((reason, file, line), found("EXCEPTION", "main.py", 8));
    assert_eq!(message, "ZeroDivisionError: division by zero");
}

#[test]
fn what_the_typescript_compiler_says_is_placed_in_the_project() {
    let pretty = "src/main.ts:3:7 - error TS2322: Type 'string' is not assignable to type 'number'.\n\n3 const port: \
                  number = \"3000\";\n        ~~~~\n\n\nFound 1 error in src/main.ts:3\n";
    let (reason, file, line, message) = exited(&node(), FailureStage::Start, pretty);
    assert_eq!((reason, file, line), found("TYPE_ERROR", "src/main.ts", 3));
    assert_eq!(message, "TS2322: Type 'string' is not assignable to type 'number'.");
    let cases = [
        ("src/[id] (a)/p.tsx(3,7): error TS2322: Type.", found("TYPE_ERROR", "src/[id] (a)/p.tsx", 3)),
        ("[server] src/a.ts(3,7): error TS2339: No.\nsrc/b.ts(1,1): error TS1: x", found("TYPE_ERROR", "src/a.ts", 3)),
        ("src/a.ts(9,7): error TS1005: ';' expected.", found("SYNTAX_ERROR", "src/a.ts", 9)),
        ("src/a.ts(2,7): error TS2307: Cannot find module 'x'.", found("MODULE_NOT_FOUND", "src/a.ts", 2)),
        ("error TS18003: No inputs were found in config file.", found("BUILD_FAILED", "", 0)),
        ("tsconfig.json(4,5): error TS5023: Unknown compiler option 'x'.", found("BUILD_FAILED", "tsconfig.json", 4)),
        ("ERROR in ./src/main.ts:3:7\nTS2322: Type.\n  > 3 | const", found("TYPE_ERROR", "src/main.ts", 3)),
        (
            "src/a.ts:1:1 - error TS2322: old.\n[12:00:00] File change detected. Starting incremental \
             compilation...\nsrc/b.ts:2:1 - error TS2322: new.",
            found("TYPE_ERROR", "src/b.ts", 2),
        ),
        (
            "TSError: ⨯ Unable to compile TypeScript:\nsrc/app.ts(10,16): error TS2322: Type.\n    at f (/app/x.ts:1:1)",
            found("TYPE_ERROR", "src/app.ts", 10),
        ),
        // It went on in spite of that, and something else ended it.
        (
            "src/a.ts:1:1 - error TS2322: old.\n/app/dist/a.js:7\n  throw e\n\nTypeError: bad\n    at f \
             (/app/dist/a.js:7:1)",
            found("EXCEPTION", "dist/a.js", 7),
        ),
    ];
    for (log, wanted) in cases {
        let (reason, file, line, message) = exited(&node(), FailureStage::Start, log);
        assert_eq!((reason, file, line), wanted, "{log}\n{message}");
    }
}

#[test]
fn what_bundlers_and_generators_say_is_placed_in_the_project() {
    let placed = "\u{1b}[31m✘ \u{1b}[41;31m[\u{1b}[41;97mERROR\u{1b}[41;31m]\u{1b}[0m \u{1b}[1mTS1134: Variable declaration \
                  expected.\u{1b}[0m [plugin angular-compiler]\n\n    src/app/app.ts:4:6:\n\u{1b}[37m      4 │ const = 1;\n        \
                  ╵       ^\n\n\nWatch mode enabled. Watching for file changes...";
    let cases = [
        (placed, found("SYNTAX_ERROR", "src/app/app.ts", 4)),
        (
            "X [ERROR] TS2322: Type 'string' is not assignable to type 'number'. [plugin angular-compiler]\n\n    \
             src/app/app.ts:9:2:\n",
            found("TYPE_ERROR", "src/app/app.ts", 9),
        ),
        (
            "[11ty] 1. Having trouble writing to \"./_site/index.html\" from \"./index.md\" (via \
             EleventyTemplateError)\n[11ty] 2. (./_includes/base.njk) [Line 10, Column 7]\n[11ty]   unexpected token: %} \
             (via Template render error)\n[11ty] \n[11ty] Original error stack trace: Error: unexpected token: %}\n[11ty]     \
             at new TemplateError (/app/node_modules/nunjucks/src/lib.js:74:17)",
            found("SYNTAX_ERROR", "_includes/base.njk", 10),
        ),
        (
            "[11ty] 2. tag if not closed, file:./index.liquid, line:3, col:1 (via ParseError)",
            found("SYNTAX_ERROR", "index.liquid", 3),
        ),
        ("✘ [ERROR] Could not resolve \"./gone\"\n\n    src/a.ts:1:7:\n", found("MODULE_NOT_FOUND", "src/a.ts", 1)),
    ];
    for (log, wanted) in cases {
        let (reason, file, line, _) = exited(&node(), FailureStage::Start, log);
        assert_eq!((reason, file, line), wanted, "{log}");
    }
}

#[test]
fn only_the_beginning_of_a_path_is_taken_off_a_message() {
    let log = "Error: no src/app/page.tsx in /app/src/app/page.tsx, file:///app/x.js or (/app/y.js)";
    let (_, _, _, message) = exited(&node(), FailureStage::Start, log);
    assert_eq!(message, "Error: no src/app/page.tsx in src/app/page.tsx, x.js or (y.js)");
}

#[test]
fn an_error_of_a_package_names_it_and_the_node_that_runs_it() {
    let log = "TypeError: Cannot read properties of undefined (reading 'bind')\n    at Object.<anonymous> \
               (/app/node_modules/undici/lib/web/cache.js:56:15)\n    at Module._compile \
               (node:internal/modules/cjs/loader:1529:14)\n\nNode.js v20.19.2";
    let (_, file, _, message) = exited(&node(), FailureStage::Start, log);
    assert_eq!(file, None);
    assert!(message.contains("in the package undici; is it made for Node.js 20.19.2"), "{message}");
}

#[test]
fn a_missing_variable_is_named() {
    let python_cases = [
        (
            "  File \"/app/main.py\", line 9, in <module>\n    settings = Settings()\n  File \
             \"/home/preview/venv/lib/python3.13/site-packages/pydantic_settings/main.py\", line 194, in __init__\n    \
             super().__init__(\npydantic_core._pydantic_core.ValidationError: 2 validation errors for \
             Settings\npayment_key\n  Field required [type=missing, input_value={}, input_type=dict]\n    For further \
             information visit https://errors.pydantic.dev/2.11/v/missing\nport\n  Input should be a valid integer\n",
            "PAYMENT_KEY",
        ),
        (
            "previewd: not set in the environment: SHOP_KEY, SHOP_URL\nTraceback (most recent call last):\n  File \
             \"/app/main.py\", line 9, in <module>\npydantic_core._pydantic_core.ValidationError: 2 validation errors \
             for Settings\nkey\n  Field required [type=missing]\nurl\n  Field required [type=missing]",
            "SHOP_KEY and SHOP_URL",
        ),
        (
            "  File \"/usr/lib/python3.13/os.py\", line 1, in __getitem__\n    raise KeyError(key) from None\nKeyError: 'API'",
            "API",
        ),
        ("decouple.UndefinedValueError: SECRET not found. Declare it as envvar or define a default value.", "SECRET"),
        ("environs.exceptions.EnvError: Environment variable \"GITHUB_USER\" not set", "GITHUB_USER"),
        ("django.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY environment variable", "SECRET_KEY"),
        ("KeyError: \"Config 'SECRET' is missing, and has no default.\"", "SECRET"),
        (
            "openai.OpenAIError: The api_key client option must be set either by passing api_key to the client or by \
             setting the OPENAI_API_KEY environment variable",
            "OPENAI_API_KEY",
        ),
        ("RuntimeError: DATABASE_URL must be set", "DATABASE_URL"),
        ("ValueError: Missing required env var STRIPE_KEY", "STRIPE_KEY"),
        (
            "    shop = Shop(os.getenv(\"SHOP_URL\"), os.environ.get(\"SHOP_KEY\"))\n  File \
             \"/home/preview/venv/lib/python3.13/site-packages/shop/main.py\", line 1, in __init__\n    \
             check(os.environ.get(\"SHOP_PROXY\"))\nshop.ShopError: the address is required",
            "SHOP_URL and SHOP_KEY",
        ),
    ];
    for (log, name) in python_cases {
        let log = format!("Traceback (most recent call last):\n  File \"/app/main.py\", line 9, in <module>\n{log}");
        let (reason, file, line, message) = exited(&python(), FailureStage::Start, &log);
        assert_eq!((reason, file, line), found("MISSING_VARIABLE", "main.py", 9), "{log}\n{message}");
        assert!(message.contains(&format!(" {name} ")), "{message}");
    }
    let frame = "    at Object.<anonymous> (/app/env.js:4:7)";
    let node_cases = [
        (
            "❌ Invalid environment variables: [\n  {\n    code: 'invalid_type',\n    expected: 'string',\n    path: [ \
             'DATABASE_URL' ],\n    message: 'Required'\n  },\n  { path: [ 'SECRET' ] }\n]\n/app/env.js:4\n\nError: \
             Invalid environment variables",
            "DATABASE_URL and SECRET",
        ),
        (
            "ZodError: [\n  {\n    \"code\": \"invalid_type\",\n    \"path\": [\n      \"API_KEY\"\n    ],\n    \
             \"message\": \"Required\"\n  }\n]",
            "API_KEY",
        ),
        (
            "MissingEnvVarsError: The following variables were defined in .env.example but are not present in the \
             environment:\n  DATABASE_URL, S3_KEY\nMake sure to add them to .env or directly to the environment.",
            "DATABASE_URL and S3_KEY",
        ),
        ("PrismaClientInitializationError: \nerror: Environment variable not found: DATABASE_URL.\n", "DATABASE_URL"),
        ("Error: process.env.JWT is undefined", "JWT"),
        ("Error: MONGODB_URI is not defined", "MONGODB_URI"),
        (
            "Error: an address and a key are required\n    at run (/app/env.js:4:7)\n  3 | const mode = process.env.NODE_ENV\n> \
             4 |   shop(\n    |       ^\n  5 |     process.env.SHOP_URL!,\n  6 |     process.env.SHOP_KEY!,\n",
            "SHOP_URL and SHOP_KEY",
        ),
    ];
    for (log, name) in node_cases {
        let (reason, file, line, message) = exited(&node(), FailureStage::Start, &format!("{log}\n{frame}"));
        assert_eq!((reason, file, line), found("MISSING_VARIABLE", "env.js", 4), "{log}\n{message}");
        assert!(message.contains(&format!(" {name} ")), "{message}");
    }
    let prisma = "Error: Prisma schema validation - (get-config wasm)\nError code: P1012\nerror: Environment variable \
                  not found: DATABASE_URL.\n  -->  prisma/schema.prisma:10\n   | \n 9 |   provider = \"postgresql\"";
    let (reason, file, line, _) = exited(&node(), FailureStage::Start, prisma);
    assert_eq!((reason, file, line), found("MISSING_VARIABLE", "prisma/schema.prisma", 10));
    let envalid = "================================\n Missing environment variables:\n    PORT_X: undefined\n\
                   ================================\nExiting with error code 1";
    assert_eq!(exited(&node(), FailureStage::Start, envalid).0, "MISSING_VARIABLE");
    assert_eq!(exited(&node(), FailureStage::Start, "up\nDATABASE_URL is required").0, "MISSING_VARIABLE");
    // Names in the code are none of the environment, and a warning is not what ended it.
    for log in [
        "ReferenceError: API_KEY is not defined",
        "Error: the table USERS is missing",
        "SENTRY_DSN is not set\nTypeError: bad",
        "ZodError: [\n  {\n    \"path\": [\n      \"name\"\n    ]\n  }\n]",
    ] {
        assert_eq!(exited(&node(), FailureStage::Start, &format!("{log}\n{frame}")).0, "EXCEPTION", "{log}");
    }
}

#[test]
fn a_bad_requirement_is_named_with_its_line() {
    let pip = "Collecting flask (from -r requirements.txt (line 1))\nERROR: Could not find a version that satisfies the \
               requirement nope==9.9 (from versions: none)\nERROR: No matching distribution found for nope==9.9";
    let (reason, file, line, message) = exited(&python(), FailureStage::Install, pip);
    assert_eq!((reason, file, line), found("INSTALL_FAILED", "requirements.txt", 3));
    assert!(message.contains("nope==9.9"), "{message}");

    let invalid = "ERROR: Invalid requirement: 'bad req here' (from line 2 of requirements.txt)";
    let (reason, file, line, _) = exited(&python(), FailureStage::Install, invalid);
    assert_eq!((reason, file, line), found("INSTALL_FAILED", "requirements.txt", 2));
}

#[test]
fn a_bad_package_is_named_with_its_manifest() {
    let react = plan_of(&[("package.json", r#"{"dependencies":{"vite":"1"}}"#)]);
    let missing = "npm http fetch GET 404 https://registry/@a%2fnope 371ms (cache skip)\nnpm error code E404\nnpm error 404  \
                   The requested resource '@a/nope@^1.0.0' could not be found or you do not have permission to access it.";
    let (reason, file, line, message) = exited(&react, FailureStage::Install, missing);
    assert_eq!((reason, file, line), found("INSTALL_FAILED", "package.json", 0));
    assert!(message.contains("@a/nope"), "{message}");

    let version = "npm error code ETARGET\nnpm error notarget No matching version found for express@^99.0.0.";
    assert!(exited(&react, FailureStage::Install, version).3.contains("express@^99.0.0"));

    let network = "npm error code EAI_AGAIN\nnpm error errno EAI_AGAIN";
    let (_, file, _, message) = exited(&react, FailureStage::Install, network);
    assert_eq!(file, None);
    assert!(message.contains("EAI_AGAIN"), "{message}");
}

#[test]
fn an_end_that_the_log_says_nothing_of_carries_its_status_and_last_line() {
    let (reason, file, _, message) = exited(&node(), FailureStage::Start, "up\nI give up\n\n");
    assert_eq!((reason.as_str(), file), ("EXITED", None));
    assert!(message.contains("status 1") && message.contains("I give up"), "{message}");

    let emerg = "2026/01/01 00:00:00 [emerg] 1#1: bind() to 0.0.0.0:80 failed (13: Permission denied)";
    assert!(exited(&static_page(), FailureStage::Start, emerg).3.contains("Permission denied"));
}

#[test]
fn a_silent_app_is_explained_by_what_it_listens_on() {
    let quiet = End::TimedOut { listening: vec![], message: "connection refused".into() };
    assert_eq!(explain(&node(), FailureStage::Start, &quiet, &[]).reason, "NOT_LISTENING");
    let deaf = End::TimedOut { listening: vec![3000], message: "no answer".into() };
    let failure = explain(&node(), FailureStage::Start, &deaf, &lines("Error: an old one"));
    assert_eq!((failure.reason.as_str(), failure.exit_code), ("NOT_ANSWERING", None));
    assert!(failure.message.contains("3000"));
}

#[test]
fn what_the_app_reports_is_passed_on() {
    let react = plan_of(&[("package.json", r#"{"dependencies":{"vite":"1"}}"#)]);
    let said =
        End::Reported { message: "Unexpected token".into(), file: Some("/app/src/App.jsx".into()), line: Some(3) };
    let failure = explain(&react, FailureStage::Run, &said, &[]);
    assert_eq!((failure.reason, failure.file, failure.line), found("TRANSFORM_FAILED", "src/App.jsx", 3));
}

#[test]
fn a_base_image_that_cannot_be_fetched_is_named() {
    let plan = plan_of(&[("package.json", "{}"), ("server.js", "")]);
    let build = |message: &str, step: &str| {
        let end = End::Reported { message: message.into(), file: None, line: None };
        explain(&plan, FailureStage::Build, &end, &lines(step)).message
    };
    let unknown = "Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host";
    let said = build(unknown, "Step 1/9 : FROM --platform=amd64 base:1-small AS made\n");
    assert!(said.starts_with("the base image base:1-small cannot be fetched"), "{said}");
    assert!(said.contains("stack in previewd.toml") && said.ends_with("no such host"), "{said}");
    assert_eq!(build(unknown, "Step 3/9 : RUN make"), unknown);
    assert_eq!(build("manifest for base:1 not found", "Step 1/9 : FROM base:1"), "manifest for base:1 not found");
}

#[test]
fn memory_comes_before_all_else() {
    let end = End::Exited { code: 137, out_of_memory: true };
    assert_eq!(explain(&python(), FailureStage::Start, &end, &lines("ValueError: x")).reason, "OUT_OF_MEMORY");
}

#[test]
fn hostile_logs_are_cut_to_size() {
    let long = format!("\u{1b}[31mTypeError: {}\u{1b}[0m\u{7}", "x".repeat(100_000));
    let log: Vec<String> = std::iter::repeat_n(long, 5000).collect();
    let failure = explain(&node(), FailureStage::Run, &End::Exited { code: 1, out_of_memory: false }, &log);
    assert_eq!(failure.log_excerpt.len(), MAX_EXCERPT_LINES);
    assert!(failure.log_excerpt[0].chars().count() <= MAX_LINE_CHARS);
    assert!(failure.message.chars().count() <= MAX_MESSAGE_CHARS + 3);
    assert!(failure.log_excerpt[0].starts_with("TypeError"));
    for line in ["Error: ", "SyntaxError: ", "  File \"", "\u{1b}[", "Traceback (most recent call last)"] {
        exited(&python(), FailureStage::Start, line);
        exited(&node(), FailureStage::Install, line);
    }
}

#[test]
fn an_app_that_its_dockerfile_put_elsewhere_is_found_in_the_project() {
    let lines = lines("/srv/app/server.js:1\nconst a = ;\n          ^\n\nSyntaxError: Unexpected token ';'");
    let plan = RunPlan { stack: Stack::Dockerfile, ..node() };
    let end = End::Exited { code: 1, out_of_memory: false };
    let failure = explain_in(&plan, FailureStage::Start, &end, &lines, "/srv/app");
    assert_eq!((failure.file.as_deref(), failure.line), (Some("server.js"), Some(1)));
    assert!(failure.log_excerpt[0].starts_with("/srv/app/"));
}
