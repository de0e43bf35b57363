//! Pages that are errors, as frameworks show and log them.

use super::*;

fn explained(plan: &RunPlan, kind: &str, body: &str, log: &str) -> Failure {
    let failure = read(plan, kind, body, log);
    assert_eq!(failure.stage, FailureStage::Run);
    failure
}

fn read(plan: &RunPlan, kind: &str, body: &str, log: &str) -> Failure {
    let answer = PageAnswer { path: "/", status: 500, content_type: kind, body: body.as_bytes() };
    explain_page(plan, &answer, &lines(log), "")
}

fn place(failure: &Failure) -> (&str, Option<&str>, Option<u32>) {
    (failure.reason.as_str(), failure.file.as_deref(), failure.line)
}

fn react() -> RunPlan {
    plan_of(&[("package.json", r#"{"dependencies": {"vite": "5", "react": "18"}}"#), ("index.html", "")])
}

const FASTAPI: &str = "ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File \"/home/preview/venv/lib/python3.13/site-packages/starlette/routing.py\", line 78, in app
    response = await func(request)
               ^^^^^^^^^^^^^^^^^^^
  File \"/app/main.py\", line 8, in root
    return undefined_name
           ^^^^^^^^^^^^^^
NameError: name 'undefined_name' is not defined. Did you mean: 'x'?";

#[test]
fn what_the_app_logs_of_its_page_comes_first_and_foreign_frames_are_left_out() {
    let failure = explained(&python(), "text/plain", "Internal Server Error", FASTAPI);
    assert_eq!(place(&failure), ("EXCEPTION", Some("main.py"), Some(8)));
    assert!(failure.message.starts_with("NameError: name 'undefined_name'"), "{}", failure.message);
    assert_eq!(
        failure.log_excerpt,
        lines(
            "ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"/app/main.py\", line 8, in \
             root\n    return undefined_name\n           ^^^^^^^^^^^^^^\nNameError: name 'undefined_name' is not defined. Did \
             you mean: 'x'?"
        )
    );
}

#[test]
fn an_error_in_a_template_is_placed_in_the_template() {
    let log = "Traceback (most recent call last):
  File \"/app/main.py\", line 10, in root
    return templates.TemplateResponse(request, \"index.html\")
  File \"/home/preview/venv/lib/python3.13/site-packages/jinja2/environment.py\", line 950, in handle_exception
    raise rewrite_traceback_stack(source=source)
  File \"/app/templates/index.html\", line 3, in template
    <p>never closed</p>
    ^^^^^^^^^^^^^^^^^^^^
jinja2.exceptions.TemplateSyntaxError: Unexpected end of template. Jinja was looking for the following tags: 'endif'.";
    for log in [log.to_owned(), log.replace("/app/templates", "templates")] {
        let failure = explained(&python(), "text/plain", "Internal Server Error", &log);
        assert_eq!(place(&failure), ("SYNTAX_ERROR", Some("templates/index.html"), Some(3)));
        assert!(failure.message.contains("Unexpected end of template"), "{}", failure.message);
    }
}

#[test]
fn an_error_that_names_no_more_than_a_line_of_a_template_is_placed_there() {
    let pug = "TypeError: /app/views/index.pug:5\n    3| block content\n    4|   h1= title\n  > 5|   p= nothing.of.that\n    6|   p \
               Welcome\n\nCannot read properties of undefined (reading 'of')\n    at eval (eval at wrap \
               (/app/node_modules/pug-runtime/wrap.js:6:10), <anonymous>:13:74)\n    at /app/routes/index.js:6:7";
    let failure = explained(&node(), "text/html", "", pug);
    assert_eq!(place(&failure), ("EXCEPTION", Some("views/index.pug"), Some(5)));
    assert_eq!(failure.message, "TypeError: Cannot read properties of undefined (reading 'of')");
    let unclosed = "Error: /app/views/index.pug:6:23\n    4|   h1= title\n    5|   p(Welcome\n  > 6|\n-------------^\n\nThe end of the \
                    string reached with no closing bracket ) found.\n    at makeError (/app/node_modules/pug-error/index.js:34:13)";
    let failure = explained(&node(), "text/html", "", unclosed);
    assert_eq!(place(&failure), ("EXCEPTION", Some("views/index.pug"), Some(6)));
    assert_eq!(failure.message, "Error: The end of the string reached with no closing bracket ) found.");
}

#[test]
fn a_silent_app_is_explained_by_its_page() {
    let express = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n\
         <pre>TypeError: Cannot read properties of undefined (reading &#39;here&#39;)<br> &nbsp; &nbsp;at \
         /app/server.js:4:33<br> &nbsp; &nbsp;at Layer.handle [as handle_request] \
         (/app/node_modules/express/lib/router/layer.js:95:5)</pre>\n</body>\n</html>\n";
    let failure = explained(&node(), "text/html; charset=utf-8", express, "");
    assert_eq!(place(&failure), ("EXCEPTION", Some("server.js"), Some(4)));
    assert_eq!(failure.message, "TypeError: Cannot read properties of undefined (reading 'here')");
    assert!(!failure.log_excerpt.iter().any(|line| line.contains("node_modules")), "{:?}", failure.log_excerpt);

    let werkzeug = "<!doctype html><html lang=en><head><title>ZeroDivisionError: division by zero // Werkzeug Debugger</title>\
         </head><body><h1>ZeroDivisionError</h1><div class=\"frame\" id=\"frame-1\"><h4>File <cite \
         class=\"filename\">\"/app/main.py\"</cite>, line <em class=\"line\">7</em>, in <code \
         class=\"function\">root</code></h4></div></body></html>\n<!--\n\nTraceback (most recent call last):\n  File \
         \"/home/preview/venv/lib/python3.13/site-packages/flask/app.py\", line 1536, in __call__\n    return \
         self.wsgi_app(environ, start_response)\n  File \"/app/main.py\", line 7, in root\n    return str(1 / \
         0)\nZeroDivisionError: division by zero\n\n-->\n";
    let failure = explained(&python(), "text/html", werkzeug, "127.0.0.1 - - \"GET / HTTP/1.1\" 500 -");
    assert_eq!(place(&failure), ("EXCEPTION", Some("main.py"), Some(7)));

    let django = "<!DOCTYPE html><html><head><title>NameError at /</title><style>x{}</style></head><body><h1>NameError at \
         /</h1><textarea id=\"traceback_area\">Environment:\n\n\nRequest Method: GET\n\nTraceback (most recent call last):\n  \
         File \"/home/preview/venv/lib/python3.13/site-packages/django/core/handlers/exception.py\", line 55, in inner\n    \
         response = get_response(request)\n  File \"/app/site1/views.py\", line 4, in index\n    return nope\n           \
         ^^^^\n\nException Type: NameError at /\nException Value: name &#x27;nope&#x27; is not defined</textarea></body></html>";
    let failure = explained(&python(), "text/html", django, "");
    assert_eq!(place(&failure), ("EXCEPTION", Some("site1/views.py"), Some(4)));
    assert_eq!(failure.message, "NameError: name 'nope' is not defined");
    let summary = "<h1>NameError at /</h1><table><tr><th scope=\"row\">Exception Type:</th><td>NameError</td></tr><tr><th \
         scope=\"row\">Exception Value:</th><td><pre>name &#x27;nope&#x27; is not defined</pre></td></tr><tr><th \
         scope=\"row\">Exception Location:</th><td><span class=\"fname\">/app/site1/views.py</span>, line 4, in \
         index</td></tr></table>";
    let failure = explained(&python(), "text/html", summary, "");
    assert_eq!(place(&failure), ("EXCEPTION", Some("site1/views.py"), Some(4)));

    let template = "<h1>TemplateSyntaxError at /</h1><div id=\"template\"><h2>Error during template rendering</h2><p>In template \
         <code>/app/blog/templates/blog/home.html</code>, error at line <strong>2</strong></p><h3>Unclosed tag on line 2: \
         &#x27;if&#x27;.</h3></div>";
    let log = "Traceback (most recent call last):\n  File \"/app/blog/views.py\", line 4, in home\n    return render(request, \
         \"blog/home.html\")\n  File \"/home/preview/venv/lib/python3.13/site-packages/django/template/base.py\", line 591, in \
         unclosed_block_tag\n    raise self.error(token, msg)\ndjango.template.exceptions.TemplateSyntaxError: Unclosed tag on \
         line 2: 'if'.";
    let failure = explained(&python(), "text/html", template, log);
    assert_eq!((failure.file.as_deref(), failure.line), (Some("blog/templates/blog/home.html"), Some(2)));
    let of_django =
        template.replace("/app/blog", "/home/preview/venv/lib/python3.13/site-packages/django/contrib/admin");
    let failure = explained(&python(), "text/html", &of_django, log);
    assert_eq!((failure.file.as_deref(), failure.line), (Some("blog/views.py"), Some(4)));
}

#[test]
fn objects_in_a_page_are_read() {
    let vite = r#"<html lang="en"><head><title>Error</title><script type="module">
const error = {"message":"Cannot find name x","stack":"    at eval (/app/src/routes/index.tsx:5:11)\n    at run (/app/node_modules/vite/dist/node/chunk.js:1:1)","loc":{"file":"/app/src/routes/index.tsx","line":5,"column":11}}
try { const { ErrorOverlay } = await import("/@vite/client") } catch {}
</script></head><body></body></html>"#;
    let failure = explained(&react(), "text/html", vite, "");
    assert_eq!(place(&failure), ("EXCEPTION", Some("src/routes/index.tsx"), Some(5)));

    let next = r#"<html><body><div id="__next"></div><script id="__NEXT_DATA__" type="application/json">{"props":{},"page":"/_error","err":{"name":"ReferenceError","source":"server","message":"nope is not defined","stack":"ReferenceError: nope is not defined\n    at Home (webpack-internal:///./pages/index.js:10:15)\n    at renderWithHooks (/app/node_modules/react-dom/cjs/x.js:5:1)"}}</script></body></html>"#;
    let failure = explained(&node(), "text/html", next, "");
    assert_eq!(place(&failure), ("EXCEPTION", Some("pages/index.js"), Some(10)));
    assert_eq!(failure.message, "ReferenceError: nope is not defined");

    let nitro = r#"{"statusCode":500,"message":"nope is not defined","stack":["at setup (/app/pages/index.vue:3:1)","at x (/app/node_modules/vue/y.js:1:1)"]}"#;
    let failure = explained(&node(), "application/json", nitro, "");
    assert_eq!(place(&failure), ("EXCEPTION", Some("pages/index.vue"), Some(3)));
}

#[test]
fn what_a_framework_writes_around_an_error_is_passed_over() {
    let refused = r#"<script id="__NEXT_DATA__" type="application/json">{"page":"/_error","err":{"name":"Error","source":"server","message":"./src/app/page.tsx:8:144\nError: Expected '</', got '{'\n   6 | ...\n> 8 | ...\n     |    ^\n\nParsing ecmascript source code failed\n\nImport traces:\n  Client Component Browser:\n    ./src/app/page.tsx [Server Component]\n","stack":"Error: ./src/app/page.tsx:8:144\nError: Expected '</', got '{'\n    at <unknown> (Error: (./src/app/page.tsx:8:144)"}}</script>"#;
    let failure = read(&node(), "text/html", refused, " ⚠ a warning\n GET / 500 in 13ms");
    assert_eq!(place(&failure), ("BUILD_FAILED", Some("src/app/page.tsx"), Some(8)));
    assert_eq!((failure.stage, failure.message.as_str()), (FailureStage::Build, "Error: Expected '</', got '{'"));

    let turbopack = " ⨯ ReferenceError: nope is not defined\n    at Page (app/page.tsx:3:10)\n  1 | export default\n> 3 |   \
                     nope\n {\n  digest: '1'\n}\n GET / 500 in 30ms";
    let failure = explained(&node(), "text/html", "", turbopack);
    assert_eq!(place(&failure), ("EXCEPTION", Some("app/page.tsx"), Some(3)));
    // What it says of itself, when the error has met it at something else, is not the cause.
    let itself = " ⨯ Error: Invariant: did not expect that\n    at ignore-listed frames";
    let failure = explained(&node(), "text/html", "", &format!("{turbopack}\n{itself}\n{itself}"));
    assert_eq!(place(&failure), ("EXCEPTION", Some("app/page.tsx"), Some(3)));
    assert_eq!(place(&explained(&node(), "text/html", "", itself)), ("EXCEPTION", None, None));
    let webpack = " ⨯ ReferenceError: nope is not defined\n    at Page (webpack-internal:///(rsc)/./app/page.tsx:3:10)\n    at \
                   x (/app/.next/server/chunks/1.js:4:5)";
    let failure = explained(&node(), "text/html", "", webpack);
    assert_eq!(place(&failure), ("EXCEPTION", Some("app/page.tsx"), Some(3)));
    let svelte = "\n[500] GET /\nReferenceError: nope is not defined\n    at load (/app/src/routes/+page.server.js:2:9)\n    at \
                  y (/app/node_modules/@sveltejs/kit/src/z.js:3:3)";
    let failure = explained(&react(), "text/html", "", svelte);
    assert_eq!(place(&failure), ("EXCEPTION", Some("src/routes/+page.server.js"), Some(2)));
}

#[test]
fn a_page_that_says_nothing_is_a_failure_all_the_same() {
    let failure = explained(&node(), "text/html", "<h1>Something went wrong</h1>", "listening\n");
    assert_eq!(place(&failure), ("PAGE_ERROR", None, None));
    assert_eq!(failure.message, "/ answers 500: Something went wrong");
    assert_eq!(explained(&node(), "", "", "").message, "/ answers 500");
}

#[test]
fn hostile_pages_are_bounded() {
    for body in ["<".repeat(200_000), "<script>{\"".repeat(30_000), "<pre>".repeat(50_000), "{\"a\":".repeat(50_000)] {
        for kind in ["text/html", "application/json", ""] {
            let failure = explained(&node(), kind, &body, "");
            assert!(failure.message.len() < 2000 && failure.log_excerpt.len() <= MAX_EXCERPT_LINES);
        }
    }
}
