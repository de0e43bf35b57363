//! Errors as programs print them, placed in the project.

use super::*;

/// Checks what is said of the ends of a Node app, by the log that it leaves.
fn check<'a>(cases: impl IntoIterator<Item = (&'a str, (String, Option<String>, Option<u32>))>) {
    for (log, wanted) in cases {
        let (reason, file, line, message) = exited(&node(), FailureStage::Start, log);
        assert_eq!((reason, file, line), wanted, "{log}\n{message}");
    }
}

#[test]
fn modules_that_node_does_not_find_are_placed_in_the_project() {
    check([
        (
            "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module './not-there'\nRequire \
             stack:\n- /app/server.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)\n    at \
             require (node:internal/modules/helpers:182:18)\n    at Object.<anonymous> (/app/server.js:2:17)\n    at \
             Module._compile (node:internal/modules/cjs/loader:1521:14) {\n  code: 'MODULE_NOT_FOUND',\n}\n\nNode.js \
             v20.20.2",
            found("MODULE_NOT_FOUND", "server.js", 2),
        ),
        (
            "Error: Cannot find module './nothing'\nRequire stack:\n- /app/dist/app.service.js\n- /app/dist/main.js\n    at \
             Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)\n    at Object.<anonymous> \
             (/app/src/app.service.ts:3:1)\n    at Module._compile (node:internal/modules/cjs/loader:1521:14)",
            found("MODULE_NOT_FOUND", "src/app.service.ts", 3),
        ),
        (
            "node:internal/modules/esm/resolve:873\n\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'express' \
             imported from /app/src/b.mjs\n    at packageResolve (node:internal/modules/esm/resolve:873:9)",
            found("MODULE_NOT_FOUND", "src/b.mjs", 0),
        ),
        (
            "file:///app/e.mjs:1\nimport {nope} from \"node:fs\"\n        ^^^^\nSyntaxError: The requested module \
             'node:fs' does not provide an export named 'nope'\n    at ModuleJob._instantiate \
             (node:internal/modules/esm/module_job:213:21)",
            found("IMPORT_ERROR", "e.mjs", 1),
        ),
    ]);
}

#[test]
fn what_node_and_its_compilers_cannot_read_is_placed_in_the_project() {
    check([
        (
            "Prisma schema loaded from prisma/schema.prisma.\nError: Prisma schema validation - (get-dmmf wasm)\nError code: \
             P1012\n\u{1b}[1;91merror\u{1b}[0m: \u{1b}[1mType \"Strin\" is neither a built-in type, nor refers to another \
             model.\u{1b}[0m\n  \u{1b}[1;94m-->\u{1b}[0m  \u{1b}[4mprisma/schema.prisma:10\u{1b}[0m\n   | \n10 |   name Strin",
            found("SYNTAX_ERROR", "prisma/schema.prisma", 10),
        ),
        (
            "/app/node_modules/ts-node/src/index.ts:859\n    return new TSError(diagnosticText);\n           ^\nTSError: ⨯ \
             Unable to compile TypeScript:\nsrc/app.service.ts(10,16): error TS1109: Expression expected.\n\n    at \
             createTSError (/app/node_modules/ts-node/src/index.ts:859:12)",
            found("SYNTAX_ERROR", "src/app.service.ts", 10),
        ),
        (
            "/app/c.js:3\nexports.b = = 2;\n            ^\n\nSyntaxError: Unexpected token '='\n    at wrapSafe \
             (node:internal/modules/cjs/loader:1464:18)",
            found("SYNTAX_ERROR", "c.js", 3),
        ),
        (
            "error when starting dev server:\nError: Build failed with 1 error:\n/app/vite.config.js:5:16: ERROR: Expected \
             identifier but found \"{\"\n    at failureErrorWithLog (/app/node_modules/esbuild/lib/main.js:1472:15)",
            found("SYNTAX_ERROR", "vite.config.js", 5),
        ),
    ]);
}

#[test]
fn what_node_apps_throw_is_placed_in_the_project() {
    check([
        (
            "14:20:14 [ERROR] nothing is not defined\n  Stack trace:\n    at /app/src/components/Welcome.astro:6:6\n    [...] \
             See full stack trace in the browser, or rerun with --verbose.",
            found("EXCEPTION", "src/components/Welcome.astro", 6),
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
    ]);
}

#[test]
fn errors_that_are_of_no_file_have_none() {
    check([
        (
            "Error: listen EADDRINUSE: address already in use :::3000\n    at Server (node:net:1:1)",
            found("PORT_IN_USE", "", 0),
        ),
        ("/bin/sh: 2: exec: no-such-program: not found", found("COMMAND_NOT_FOUND", "", 0)),
    ]);
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
    check(cases);
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
        (
            "x Build failed in 40ms\nerror during build:\nsrc/main.tsx (2:9): \"x\" is not exported by \"src/o.ts\", imported by \
             \"src/main.tsx\".\nfile: /app/src/main.tsx:2:9\n\n1: \n2: import { x } from \"./o\"\n    at getRollupError \
             (file:///app/node_modules/rollup/dist/es/shared/parseAst.js:355:41)",
            found("IMPORT_ERROR", "src/main.tsx", 2),
        ),
        (
            "error during build:\n[vite:esbuild] Transform failed with 1 error:\n/app/src/main.tsx:3:0: ERROR: Unexpected end \
             of file before a closing \"div\" tag\nfile: /app/src/main.tsx:3:0\n\n    at failureErrorWithLog \
             (/app/node_modules/esbuild/lib/main.js:1472:15)",
            found("SYNTAX_ERROR", "src/main.tsx", 3),
        ),
        (
            "error during build:\n[vite:css] [postcss] /app/src/a.css:1:1: Unclosed block\nfile: /app/src/a.css:1:0\n    at \
             Input.error (/app/node_modules/postcss/lib/input.js:135:16)",
            found("SYNTAX_ERROR", "src/a.css", 1),
        ),
    ];
    check(cases);
    // The line of an import is found in the file.
    for log in [
        "[vite:load-fallback] Could not load /app/src/components/ui/card (imported by src/App.tsx): ENOENT: no such file or \
         directory, open '/app/src/components/ui/card'\n    at async open (node:internal/fs/promises:637:25)\n    at async \
         Object.load (file:///app/node_modules/vite/dist/node/chunks/dep-BK3b2jBa.js:65357:25)",
        "Could not resolve \"./nothing\" from \"src/App.tsx\"\nfile: /app/src/App.tsx\n    at getRollupError \
         (file:///app/node_modules/rollup/dist/es/shared/parseAst.js:355:41)",
        "[vite]: Rollup failed to resolve import \"not-there\" from \"/app/src/App.tsx\".\nThis is most likely unintended \
         because it can break your application at runtime.\n    at viteWarn (file:///app/node_modules/vite/dist/x.js:65855:17)",
    ] {
        let log = format!("x Build failed in 52ms\nerror during build:\n{log}");
        let (reason, file, line, _) = exited(&node(), FailureStage::Start, &log);
        assert_eq!((reason.as_str(), file.as_deref(), line), ("MODULE_NOT_FOUND", Some("src/App.tsx"), None), "{log}");
    }
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
fn a_program_of_the_projects_own_that_an_installation_runs_is_read() {
    let log = "added 1 package in 1s\nnode:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\nError: Cannot find module \
               '/app/nope.js'\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15) {\n  code: \
               'MODULE_NOT_FOUND',\n  requireStack: []\n}\n\nNode.js v20.19.2";
    let (reason, _, _, message) = exited(&node(), FailureStage::Install, log);
    assert_eq!(reason, "INSTALL_FAILED");
    assert!(message.starts_with("the installation ended with status 1: Error: Cannot find module"), "{message}");
}
