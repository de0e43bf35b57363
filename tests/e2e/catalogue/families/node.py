"""Servers in Node."""

from __future__ import annotations

from catalogue.families.vite import imported
from catalogue.made import npx, shape
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

CLSX = "const { clsx } = require('clsx');"
IMPORT_CLSX = "import { clsx } from 'clsx';"
ABOUT_TEXT = "All about it"

POINTS = [
    Point(
        "express-generator",
        npx("express-generator@4.16.1", "--view=pug", "app"),
        "Welcome to Express",
        Edit("routes/index.js", "Express", "Edited {n}", "Welcome to Edited {n}"),
        Break("routes/index.js", "router.get('/'"),
        Added(
            {"views/about.pug": "extends layout\n\nblock content\n  p All about it\n"},
            ABOUT_TEXT,
            (Swap("routes/index.js", "/* GET", "router.get('/about', (req, res) => res.render('about'));\n/* GET"),),
            path="/about",
            route=True,
        ),
        Dependency(
            (
                Swap("routes/index.js", "var router", f"{CLSX}\nvar router"),
                Swap("routes/index.js", "'Express'", "clsx('a new', 'dependency')"),
            ),
            "Welcome to a new dependency",
        ),
        part=True,
    ),
    Point(
        "fastify-cli",
        npx("fastify-cli@8.0.2", "generate", "app"),
        "root",
        Edit("routes/root.js", "root: true", "root: 'Edited {n}'", "Edited {n}"),
        Break("routes/root.js", "fastify.get('/'"),
        Added(
            {
                "routes/added/index.js": "module.exports = async (fastify) => {\n"
                "  fastify.get('/', async () => 'All about it')\n}\n"
            },
            ABOUT_TEXT,
            path="/added",
            route=True,
        ),
        Dependency(
            (
                Swap("routes/root.js", "'use strict'", f"'use strict'\n{CLSX}"),
                Swap("routes/root.js", "root: true", "root: clsx('a new', 'dependency')"),
            ),
            "a new dependency",
        ),
    ),
    Point(
        "nest-cli",
        npx("@nestjs/cli@11.0.10", "new", "app", "--skip-install", "--skip-git", "--package-manager", "npm"),
        "Hello World!",
        Edit("src/app.service.ts", "Hello World!"),
        # No syntax error but a wrong type, which the compiler finds.
        Break("src/app.service.ts", "return '", "    const wrong: number = 'text';"),
        Added(
            {
                "src/about.controller.ts": "import { Controller, Get } from '@nestjs/common';\n\n@Controller('about')\n"
                "export class AboutController {\n  @Get()\n  about(): string {\n    return 'All about it';\n  }\n}\n"
            },
            ABOUT_TEXT,
            (
                imported("src/app.module.ts", "import { AboutController } from './about.controller';"),
                Swap("src/app.module.ts", "[AppController]", "[AppController, AboutController]"),
            ),
            path="/about",
            route=True,
        ),
        Dependency(
            (
                imported("src/app.service.ts", IMPORT_CLSX),
                Swap("src/app.service.ts", "'Hello World!'", "clsx('a new', 'dependency')"),
            ),
            "a new dependency",
        ),
    ),
    Point(
        "hono",
        shape("hono"),
        "Hello Hono!",
        Edit("src/index.ts", "Hello Hono!"),
        Break("src/index.ts", "app.get('/'"),
        Added(
            {
                "src/about.ts": "import { Hono } from 'hono'\n\n"
                "export const about = new Hono().get('/', (c) => c.text('All about it'))\n"
            },
            ABOUT_TEXT,
            (
                imported("src/index.ts", "import { about } from './about.js'"),
                Swap("src/index.ts", "app.get('/'", "app.route('/about', about)\napp.get('/'"),
            ),
            path="/about",
            route=True,
        ),
        Dependency(
            (
                imported("src/index.ts", IMPORT_CLSX),
                Swap("src/index.ts", "'Hello Hono!'", "clsx('a new', 'dependency')"),
            ),
            "a new dependency",
        ),
    ),
    Point(
        "koa",
        shape("koa"),
        "Hello Koa",
        Edit("greeting.js", "Hello Koa"),
        Break("greeting.js", "return '"),
        Added(
            {"about.js": "module.exports = (ctx) => {\n  ctx.body = 'All about it';\n};\n"},
            ABOUT_TEXT,
            (Swap("app.js", "router.get('/'", "router.get('/about', require('./about'));\nrouter.get('/'"),),
            path="/about",
            route=True,
        ),
        Dependency(
            (
                Swap("greeting.js", "module.exports", f"{CLSX}\n\nmodule.exports"),
                Swap("greeting.js", "'Hello Koa'", "clsx('a new', 'dependency')"),
            ),
            "a new dependency",
        ),
    ),
    Point(
        "trpc-express",
        shape("trpc-express"),
        "tRPC",
        Edit("server/router.ts", "Hello ${", "Edited {n} ${", "Edited {n} "),
        Break("server/router.ts", "export const appRouter"),
        Added(
            {"server/about.ts": "export const about = 'All about it';\n"},
            ABOUT_TEXT,
            (
                imported("server/index.ts", "import { about } from './about.js';"),
                Swap("server/index.ts", "app.get('/'", "app.get('/about', (_, it) => void it.send(about));\napp.get('/'"),
            ),
            path="/about",
            route=True,
        ),
        Dependency(
            (
                imported("server/router.ts", IMPORT_CLSX),
                Swap("server/router.ts", "`Hello ${input ?? 'tRPC'}`", "clsx('a new', 'dependency')"),
            ),
            "a new dependency",
        ),
        path="/trpc/greeting",
    ),
    Point(
        "express-typescript",
        shape("express-typescript"),
        "Hello from Express",
        Edit("src/greeting.ts", "Hello from", "Edited {n} from", "Edited {n} from Express"),
        Break("src/greeting.ts", "return `", "  const wrong: number = 'text';"),
        Added(
            {"src/about.ts": "export const about: string = 'All about it';\n"},
            ABOUT_TEXT,
            (
                imported("src/index.ts", "import { about } from './about';"),
                Swap("src/index.ts", "app.get('/'", "app.get('/about', (_req, res) => { res.send(about); });\napp.get('/'"),
            ),
            path="/about",
            route=True,
        ),
        Dependency(
            (
                Swap("src/greeting.ts", "export function", f"{IMPORT_CLSX}\n\nexport function"),
                Swap("src/greeting.ts", "`Hello from ${name}`", "clsx('a new', 'dependency', !name)"),
            ),
            "a new dependency",
        ),
    ),
]
