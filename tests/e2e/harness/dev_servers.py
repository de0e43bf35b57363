"""Projects of frameworks with a development server, as their guides make them; each shows `version N`."""

from __future__ import annotations

import json

from harness.projects import Files, Project

from previewd import Stack


def astro(version: int) -> Files:
    """Returns a page with a component."""
    return {
        "package.json": '{"private":true,"type":"module","scripts":{"dev":"astro dev"},"dependencies":{"astro":"^5"}}\n',
        "src/pages/index.astro": (
            '---\nimport Heading from "../components/Heading.astro";\n---\n'
            '<html lang="en"><body><Heading /></body></html>\n'
        ),
        "src/components/Heading.astro": f"---\nconst text = 'version {version:03d}';\n---\n<h1>{{text}}</h1>\n",
    }


def react_router(version: int) -> Files:
    """Returns an app in the framework mode, with one route."""
    return {
        "package.json": (
            '{"private":true,"type":"module","scripts":{"dev":"react-router dev"},\n'
            '"dependencies":{"@react-router/node":"^7","isbot":"^5","react":"^19","react-dom":"^19","react-router":"^7"},\n'
            '"devDependencies":{"@react-router/dev":"^7","typescript":"^5","vite":"^6"}}\n'
        ),
        "vite.config.ts": (
            'import { reactRouter } from "@react-router/dev/vite";\nimport { defineConfig } from "vite";\n\n'
            "export default defineConfig({ plugins: [reactRouter()] });\n"
        ),
        "app/root.tsx": (
            'import { Outlet, Scripts } from "react-router";\n\nexport default function Root() {\n'
            '  return <html lang="en"><body><Outlet /><Scripts /></body></html>;\n}\n'
        ),
        "app/routes.ts": react_router_routes("index"),
        "app/routes/index.tsx": (
            'import Heading from "../heading";\n\nexport default function Home() {\n  return <Heading />;\n}\n'
        ),
        "app/heading.tsx": (
            f"export default function Heading() {{\n  return <h1>{{'version {version:03d}'}}</h1>;\n}}\n"
        ),
    }


def react_router_routes(*names: str) -> str:
    """Returns the configuration of routes: the first is at the root, the others at their names."""
    others = "".join(f', route("{name}", "routes/{name}.tsx")' for name in names[1:])
    return (
        'import { type RouteConfig, index, route } from "@react-router/dev/routes";\n\n'
        f'export default [index("routes/{names[0]}.tsx"){others}] satisfies RouteConfig;\n'
    )


def webpack(version: int) -> Files:
    """Returns a page that webpack's own development server serves, by a configuration of the project's own."""
    return {
        "package.json": (
            '{"private":true,"scripts":{"dev":"webpack serve --mode development"},\n'
            '"devDependencies":{"webpack":"^5","webpack-cli":"^6","webpack-dev-server":"^5"}}\n'
        ),
        "webpack.config.js": "module.exports = { devServer: { static: 'public' } };\n",
        "public/index.html": '<div id="text"></div><script src="main.js"></script>\n',
        "src/index.js": "import { text } from './text.js';\n\ndocument.getElementById('text').textContent = text;\n",
        "src/text.js": f"// What the page says.\nexport const text = 'version {version:03d}';\n",
    }


def eleventy(version: int) -> Files:
    """Returns a page with a layout."""
    return {
        "package.json": (
            '{"private":true,"scripts":{"start":"eleventy --serve"},"devDependencies":{"@11ty/eleventy":"^3"}}\n'
        ),
        "_includes/base.njk": "<!doctype html>\n<main>{{ content | safe }}</main>\n",
        "index.md": f"---\nlayout: base.njk\n---\nversion {version:03d}\n",
    }


def nest(version: int) -> Files:
    """Returns an app with a controller that says what a service says."""
    return {
        "package.json": (
            '{"private":true,"scripts":{"start":"nest start"},\n"dependencies":{"@nestjs/common":"^11","@nestjs/core":"^11",'
            '"@nestjs/platform-express":"^11","reflect-metadata":"^0.2","rxjs":"^7"},\n'
            '"devDependencies":{"@nestjs/cli":"^11","@types/node":"^22","typescript":"^5"}}\n'
        ),
        "nest-cli.json": '{"collection":"@nestjs/schematics","sourceRoot":"src","compilerOptions":{"deleteOutDir":true}}\n',
        "tsconfig.json": (
            '{"compilerOptions":{"module":"commonjs","target":"es2022","outDir":"dist","experimentalDecorators":true,\n'
            '"emitDecoratorMetadata":true,"sourceMap":true,"strict":true,"skipLibCheck":true},"include":["src"]}\n'
        ),
        "src/main.ts": (
            "import { NestFactory } from '@nestjs/core';\nimport { AppModule } from './app.module';\n\n"
            "void NestFactory.create(AppModule).then((app) => app.listen(process.env.PORT ?? 3000));\n"
        ),
        "src/app.module.ts": (
            "import { Controller, Get, Module } from '@nestjs/common';\nimport { text } from './text';\n\n"
            "@Controller()\nexport class AppController {\n  @Get()\n  get(): string {\n    return text;\n  }\n}\n\n"
            "@Module({ controllers: [AppController] })\nexport class AppModule {}\n"
        ),
        "src/text.ts": f"// What is said.\nexport const text: string = 'version {version:03d}';\n",
    }


def next_app(version: int) -> Files:
    """Returns an app with a button that counts."""
    return {
        "package.json": (
            '{"private":true,"scripts":{"dev":"next dev"},"dependencies":{"next":"^16","react":"^19","react-dom":"^19"}}\n'
        ),
        "app/layout.jsx": (
            "export default function Layout({ children }) {\n  return <html><body>{children}</body></html>;\n}\n"
        ),
        "app/page.jsx": (
            '"use client";\nimport { useState } from "react";\n\nexport default function Page() {\n'
            "  const [count, setCount] = useState(0);\n"
            f"  return <main><h1>{{'version {version:03d}'}}</h1><button onClick={{() => setCount(count + 1)}}>{{count}}"
            "</button></main>;\n}\n"
        ),
    }


def concurrently(version: int) -> Files:
    """Returns a page of Vite's and a server beside it, started by one script."""
    return {
        "package.json": (
            '{"private":true,"type":"module",\n'
            '"scripts":{"dev":"concurrently \\"npm:dev:*\\"","dev:web":"vite","dev:api":"node server/index.js"},\n'
            '"dependencies":{"express":"^4"},"devDependencies":{"vite":"^7","concurrently":"^9"}}\n'
        ),
        "vite.config.js": 'export default { server: { proxy: { "/api": "http://localhost:3001" } } };\n',
        "index.html": '<!doctype html>\n<h1></h1>\n<script type="module" src="/src/main.js"></script>\n',
        "src/main.js": f"document.querySelector('h1').textContent = 'version {version:03d}'\n",
        "server/index.js": (
            'import express from "express";\n\nimport { text } from "./text.js";\n\nconst app = express();\n'
            'app.get("/api/text", (request, response) => response.send(text));\napp.listen(3001);\n'
        ),
        "server/text.js": 'export const text = "text 0";\n',
    }


def slow_beside(server: str) -> Files:
    """Returns a page of Vite's and a server beside it that begins some seconds later."""
    package = json.loads(concurrently(0)["package.json"])
    package["scripts"] = {"dev": 'concurrently "vite" "sleep 4 && node server/index.js"'}
    return {**concurrently(0), "package.json": json.dumps(package), "server/text.js": server}


def slow_beside_webpack() -> Files:
    """Returns the same with webpack's development server."""
    package = json.loads(webpack(0)["package.json"])
    package["scripts"] = {"start": 'concurrently "webpack serve --mode development" "sleep 4 && node server/index.mjs"'}
    package["devDependencies"]["concurrently"] = "^9"
    config = "module.exports = { devServer: { static: 'public', proxy: [{ context: ['/api'], target: 'http://localhost:3001' }] } };\n"
    served = "import { createServer } from 'node:http';\n\ncreateServer((_, answer) => answer.end('text 0')).listen(3001);\n"
    return {
        **webpack(0),
        "package.json": json.dumps(package),
        "webpack.config.js": config,
        "server/index.mjs": served,
    }


GENERATOR = """\
import fs from "node:fs";

const generate = () =>
  fs.writeFileSync("src/generated.js", `export default ${JSON.stringify(fs.readdirSync("src/routes"))};\\n`);
const routes = {
  name: "routes",
  configureServer(server) {
    generate();
    server.watcher.on("add", generate).on("unlink", generate);
  },
};
// As Remix does: it looks again at its routes for a while after it has heard, and writes nothing.
let names = [];
const slow = {
  name: "slow",
  configureServer(server) {
    server.middlewares.use("/names", (request, response) => response.end(JSON.stringify(names)));
    server.watcher.on("all", async () => {
      await new Promise((done) => setTimeout(done, 700));
      names = fs.readdirSync("src/routes");
    });
  },
};
const script = {
  name: "script",
  resolveId: (id) => (id === "virtual:script" ? "\\0virtual:script" : id === "virtual:bare" ? id : undefined),
  load: (id) => (id.endsWith("virtual:script") || id === "virtual:bare" ? "window.virtual = true" : undefined),
  transformIndexHtml: () =>
    ["/@id/__x00__virtual:script", "/@id/virtual:bare"].map((src) => ({
      tag: "script",
      attrs: { type: "module", src },
      injectTo: "head",
    })),
};
export default { plugins: [routes, slow, script] };
"""


def generated() -> Files:
    """Returns a page that shows what a plugin writes when files come and go, and into which another puts scripts."""
    return {
        "package.json": '{"private":true,"type":"module","scripts":{"dev":"vite"},"devDependencies":{"vite":"^7"}}\n',
        "vite.config.js": GENERATOR,
        "index.html": '<!doctype html>\n<h1></h1>\n<script type="module" src="/src/main.js"></script>\n',
        "src/main.js": 'import names from "./generated.js";\n\ndocument.querySelector("h1").textContent = names.join(" ");\n',
        "src/generated.js": "export default [];\n",
        "src/routes/a.js": "export default 1;\n",
    }


RENDERER = """\
import { createServerModuleRunner } from "vite";

// Nobody tells it of changes, as where it is a program beside the server: it asks of each module that it has.
const renderer = {
  name: "renderer",
  configureServer(server) {
    const { ssr } = server.environments;
    const runner = createServerModuleRunner(ssr, { hmr: false });
    server.middlewares.use("/page", async (request, response) => response.end((await runner.import("/src/page.js")).default));
    server.middlewares.use("/styles", async (request, response) => response.end((await ssr.transformRequest("/src/text.js")).code));
  },
};
export default { plugins: [renderer] };
"""


def rendered(version: int) -> Files:
    """Returns a page that is rendered on the server, of whose modules something else is made on the server as well."""
    return {
        "package.json": '{"private":true,"type":"module","scripts":{"dev":"vite"},"devDependencies":{"vite":"^7"}}\n',
        "vite.config.js": RENDERER,
        "index.html": "<!doctype html>\n",
        "src/page.js": 'import { text } from "./text.js";\n\nexport default `<h1>${text}</h1>`;\n',
        "src/text.js": f'export const text = "version {version:03d}";\n',
    }


FORGETS = """\
// Tells pages of a component, as Angular does, and has forgotten it when they come for it.
const forgets = {
  name: "forgets",
  configureServer(server) {
    server.ws.on("here", (data, page) => page.send("seen"));
    server.middlewares.use("/tell", (request, response) => {
      server.ws.send("angular:component-update", { id: "x", timestamp: 2 });
      response.end();
    });
    server.middlewares.use("/@ng/component", (request, response) => response.end(""));
  },
};
export default { plugins: [forgets] };
"""


def forgetful() -> Files:
    """Returns a page that says when it is connected, and a server that tells it of what nobody gets."""
    return {
        "package.json": '{"private":true,"type":"module","scripts":{"dev":"vite"},"devDependencies":{"vite":"^7"}}\n',
        "vite.config.js": FORGETS,
        "index.html": '<!doctype html>\n<h1></h1>\n<script type="module" src="/src/main.js"></script>\n',
        "src/main.js": (
            'import.meta.hot.on("seen", () => (document.querySelector("h1").textContent = "connected"));\n'
            'import.meta.hot.send("here");\n'
        ),
    }


def tailwind_3() -> Files:
    """Returns what Tailwind's guide for Vite has: the page itself is among what it scans."""
    return {
        "package.json": (
            '{"private":true,"type":"module","scripts":{"dev":"vite"},"devDependencies":'
            '{"vite":"^5.4.19","tailwindcss":"^3.4.17","postcss":"^8.5.6","autoprefixer":"^10.4.21"}}\n'
        ),
        "postcss.config.js": "export default { plugins: { tailwindcss: {}, autoprefixer: {} } };\n",
        "tailwind.config.js": (
            'export default { content: ["./index.html", "./notes.md", "./src/**/*.js"], theme: { extend: {} } };\n'
        ),
        "index.html": (
            '<!doctype html>\n<p id="app" class="underline">x</p>\n<script type="module" src="/src/main.js"></script>\n'
        ),
        "notes.md": "# no module\n",
        "src/main.js": 'import "./index.css";\n\ndocument.querySelector("#app").className = "font-bold";\n',
        "src/index.css": "@tailwind base;\n@tailwind components;\n@tailwind utilities;\n",
    }


ASTRO = Project("Astro", Stack.STACK_NODE, astro, "src/components/Heading.astro")
REACT_ROUTER = Project("React Router", Stack.STACK_REACT, react_router, "app/heading.tsx")
WEBPACK = Project("webpack", Stack.STACK_NODE, webpack, "src/text.js", path="/main.js")
ELEVENTY = Project("Eleventy", Stack.STACK_NODE, eleventy, "index.md")
NEST = Project("NestJS", Stack.STACK_NODE, nest, "src/text.ts", create_seconds=240)
NEXT = Project("Next.js", Stack.STACK_NODE, next_app, "app/page.jsx", create_seconds=240, reload_seconds=60)
CONCURRENTLY = Project("Vite beside a server", Stack.STACK_REACT, concurrently, "src/main.js", path="/src/main.js")
