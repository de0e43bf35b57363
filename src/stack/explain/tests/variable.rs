//! Variables that are missing, as programs complain of them.

use super::*;

/// Where Node apps throw what they say.
const FRAME: &str = "    at Object.<anonymous> (/app/env.js:4:7)";

#[test]
fn a_variable_that_a_python_app_misses_is_named() {
    let cases = [
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
    for (log, name) in cases {
        let log = format!("Traceback (most recent call last):\n  File \"/app/main.py\", line 9, in <module>\n{log}");
        let (reason, file, line, message) = exited(&python(), FailureStage::Start, &log);
        assert_eq!((reason, file, line), found("MISSING_VARIABLE", "main.py", 9), "{log}\n{message}");
        assert!(message.contains(&format!(" {name} ")), "{message}");
    }
}

#[test]
fn a_variable_that_a_node_app_misses_is_named() {
    let cases = [
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
    for (log, name) in cases {
        let (reason, file, line, message) = exited(&node(), FailureStage::Start, &format!("{log}\n{FRAME}"));
        assert_eq!((reason, file, line), found("MISSING_VARIABLE", "env.js", 4), "{log}\n{message}");
        assert!(message.contains(&format!(" {name} ")), "{message}");
    }
}

#[test]
fn a_missing_variable_is_seen_where_no_frame_is_printed() {
    let prisma = "Error: Prisma schema validation - (get-config wasm)\nError code: P1012\nerror: Environment variable \
                  not found: DATABASE_URL.\n  -->  prisma/schema.prisma:10\n   | \n 9 |   provider = \"postgresql\"";
    let (reason, file, line, _) = exited(&node(), FailureStage::Start, prisma);
    assert_eq!((reason, file, line), found("MISSING_VARIABLE", "prisma/schema.prisma", 10));
    let envalid = "================================\n Missing environment variables:\n    PORT_X: undefined\n\
                   ================================\nExiting with error code 1";
    assert_eq!(exited(&node(), FailureStage::Start, envalid).0, "MISSING_VARIABLE");
    assert_eq!(exited(&node(), FailureStage::Start, "up\nDATABASE_URL is required").0, "MISSING_VARIABLE");
}

#[test]
fn names_in_the_code_and_warnings_are_no_missing_variables() {
    for log in [
        "ReferenceError: API_KEY is not defined",
        "Error: the table USERS is missing",
        "SENTRY_DSN is not set\nTypeError: bad",
        "ZodError: [\n  {\n    \"path\": [\n      \"name\"\n    ]\n  }\n]",
    ] {
        assert_eq!(exited(&node(), FailureStage::Start, &format!("{log}\n{FRAME}")).0, "EXCEPTION", "{log}");
    }
}
