"""Frameworks with a development server of their own."""

from __future__ import annotations

from catalogue.families.vite import imported
from catalogue.made import npx, shape
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

ABOUT_TEXT = "All about it"
SAID = "clsx('a new', 'dependency')"
CLSX = "import { clsx } from 'clsx'"
NEXT = "create-next-app@16.4.3"
ABOUT_PAGE = "export default function About() {\n  return <p>All about it</p>;\n}\n"


def route(files: dict[str, str], path: str = "/about") -> Added:
    """Returns new files of which the framework makes a route by itself."""
    return Added(files, ABOUT_TEXT, path=path, route=True)


def in_jsx(leaf: str, old: str, new: str = "{clsx('a new', 'dependency')}") -> Dependency:
    """Returns a dependency that a module in JSX shows in place of a text."""
    return Dependency((imported(leaf, CLSX), Swap(leaf, old, new)), "a new dependency")


NEXT_POINTS = [
    Point(
        "create-next-app",
        npx(
            NEXT,
            "app",
            *"--ts --tailwind --eslint --app --src-dir --turbopack --skip-install --disable-git --yes".split(),
            "--import-alias",
            "@/*",
        ),
        "To get started, edit the",
        Edit("src/app/page.tsx", "To get started, edit the"),
        Break("src/app/page.tsx", "return ("),
        route({"src/app/about/page.tsx": ABOUT_PAGE}),
        in_jsx("src/app/page.tsx", "To get started, edit the"),
        hot=True,
    ),
    Point(
        "create-next-app-pages",
        npx(
            NEXT,
            "app",
            *"--js --no-tailwind --no-eslint --no-app --no-src-dir --webpack --skip-install --disable-git --yes".split(),
            "--import-alias",
            "@/*",
        ),
        "To get started, edit the",
        Edit("pages/index.js", "To get started, edit the"),
        Break("pages/index.js", "return ("),
        route({"pages/about.js": ABOUT_PAGE}),
        in_jsx("pages/index.js", "To get started, edit the"),
        hot=True,
    ),
    Point(
        "create-t3-app",
        npx(
            "create-t3-app@7.40.0",
            "app",
            *"--CI --noGit --noInstall --trpc --tailwind --appRouter true --dbProvider sqlite".split(),
        ),
        "First Steps",
        Edit("src/app/page.tsx", "First Steps"),
        Break("src/app/page.tsx", "void api.post"),
        route({"src/app/about/page.tsx": ABOUT_PAGE}),
        in_jsx("src/app/page.tsx", "First Steps"),
        hot=True,
    ),
]

VITE_POINTS = [
    Point(
        "sv-create",
        npx("sv@0.17.1", "create", "app", *"--template minimal --types ts --no-add-ons --no-install".split()),
        "Welcome to SvelteKit",
        Edit("src/routes/+page.svelte", "Welcome to SvelteKit"),
        Break("src/routes/+page.svelte", "<p>Visit", "<p>{#if}</p>"),
        route({"src/routes/about/+page.svelte": "<p>All about it</p>\n"}),
        Dependency(
            (
                Swap(
                    "src/routes/+page.svelte",
                    "<h1>Welcome to SvelteKit</h1>",
                    f"<script>\n\t{CLSX};\n</script>\n<h1>{{clsx('a new', 'dependency')}}</h1>",
                ),
            ),
            "a new dependency",
        ),
        hot=True,
    ),
    Point(
        "create-vue",
        npx("create-vue@3.24.0", "app", "--ts", "--router", "--pinia"),
        "You did it!",
        Edit("src/App.vue", "You did it!"),
        Break("src/App.vue", "</script>"),
        Added(
            {"src/components/Added.vue": "<template>\n  <p>All about it</p>\n</template>\n"},
            ABOUT_TEXT,
            (
                imported("src/App.vue", "import Added from './components/Added.vue'"),
                Swap("src/App.vue", "<nav>", "<Added /><nav>"),
            ),
        ),
        Dependency(
            (
                imported("src/App.vue", CLSX),
                Swap("src/App.vue", 'msg="You did it!"', ":msg=\"clsx('a new', 'dependency')\""),
            ),
            "a new dependency",
        ),
        hot=True,
    ),
    Point(
        "create-qwik",
        npx("create-qwik@1.20.1", "empty", "app"),
        "Happy coding.",
        Edit("src/routes/index.tsx", "Happy coding."),
        Break("src/routes/index.tsx", "return ("),
        route(
            {
                "src/routes/about/index.tsx": 'import { component$ } from "@builder.io/qwik";\n\n'
                "export default component$(() => <p>All about it</p>);\n"
            },
            "/about/",
        ),
        in_jsx("src/routes/index.tsx", "Happy coding."),
        hot=True,
        exception="it asks for the newest undici, which needs Node 22; a base image with Node 20 does not run it",
    ),
    Point(
        "tanstack-start",
        npx("@tanstack/create-start@0.59.43", "app", "--no-install", "--no-git", "-y"),
        "Start simple, ship quickly.",
        Edit("src/routes/index.tsx", "Start simple, ship quickly."),
        Break("src/routes/index.tsx", "return ("),
        route(
            {
                "src/routes/added.tsx": "import { createFileRoute } from '@tanstack/react-router'\n\n"
                "export const Route = createFileRoute('/added')({ component: () => <p>All about it</p> })\n"
            },
            "/added",
        ),
        in_jsx("src/routes/index.tsx", "Start simple, ship quickly."),
        hot=True,
    ),
    Point(
        "tanstack-router",
        shape("tanstack-router"),
        "Welcome Home",
        Edit("src/routes/index.tsx", "Welcome Home"),
        Break("src/routes/index.tsx", "const place"),
        route(
            {
                "src/routes/added.tsx": "import { createFileRoute } from '@tanstack/react-router'\n\n"
                "export const Route = createFileRoute('/added')({ component: () => <p>All about it</p> })\n"
            },
            "/added",
        ),
        in_jsx("src/routes/index.tsx", "Welcome Home"),
        hot=True,
    ),
    Point(
        "react-router",
        shape("react-router"),
        "What is next",
        Edit("app/welcome/welcome.tsx", "What is next"),
        Break("app/welcome/welcome.tsx", "const [count"),
        route({"app/routes/about.tsx": ABOUT_PAGE}),
        in_jsx("app/welcome/welcome.tsx", "What is next"),
        hot=True,
    ),
    Point(
        "remix",
        shape("remix"),
        "Welcome to Remix",
        Edit("app/welcome.tsx", "Welcome to Remix"),
        Break("app/welcome.tsx", "const [count"),
        route({"app/routes/about.tsx": ABOUT_PAGE}),
        in_jsx("app/welcome.tsx", "Welcome to Remix"),
        hot=True,
    ),
    Point(
        "astro",
        shape("astro"),
        "To get started",
        Edit("src/components/Welcome.astro", "To get started"),
        Break("src/components/Welcome.astro", "const place"),
        route({"src/pages/about.astro": "<p>All about it</p>\n"}),
        Dependency(
            (
                Swap("src/components/Welcome.astro", "const place", f"{CLSX};\nconst place"),
                Swap("src/components/Welcome.astro", "To get started", "{clsx('a new', 'dependency')}"),
            ),
            "a new dependency",
        ),
        hot=True,
    ),
    Point(
        "nuxt",
        shape("nuxt"),
        "Welcome to Nuxt",
        Edit("app/components/AppGreeting.vue", "Hello from a component"),
        Break("app/pages/index.vue", "const title"),
        route({"app/pages/about.vue": "<template>\n  <p>All about it</p>\n</template>\n"}),
        Dependency(
            (
                Swap("app/pages/index.vue", "const title", f"{CLSX}\nconst title"),
                Swap("app/pages/index.vue", "'Welcome to Nuxt'", "clsx('a new', 'dependency')"),
            ),
            "a new dependency",
        ),
        hot=True,
    ),
    Point(
        "solid-start",
        shape("solid-start"),
        "Hello world!",
        Edit("src/routes/index.tsx", "Hello world!"),
        Break("src/routes/index.tsx", "return ("),
        route({"src/routes/about.tsx": ABOUT_PAGE}),
        in_jsx("src/routes/index.tsx", "Hello world!"),
        hot=True,
    ),
    Point(
        "vitepress",
        shape("vitepress"),
        "A VitePress Site",
        Edit("index.md", "My great project tagline"),
        Break("index.md", "Some words", "{{ wrong( }}"),
        route({"about.md": "# About\n\nAll about it\n"}),
        Dependency(
            (
                Swap("markdown-examples.md", "# Markdown", f"<script setup>\n{CLSX}\n</script>\n\n# Markdown"),
                Swap("markdown-examples.md", "Some of the", "{{ clsx('a new', 'dependency') }}"),
            ),
            "a new dependency",
            path="/markdown-examples",
        ),
        hot=True,
    ),
]

OTHERS = [
    Point(
        "angular",
        npx("@angular/cli@20.3.3", "new", "app", "--defaults", "--skip-install", "--skip-git"),
        "Hello, app",
        Edit("src/app/app.html", "Hello, {{ title() }}"),
        Break("src/app/app.ts", "@Component({", "const = 1;"),
        Added(
            {
                "src/app/added.ts": "import { Component } from '@angular/core';\n\n"
                "@Component({ selector: 'app-added', template: '<p>All about it</p>' })\nexport class Added {}\n"
            },
            ABOUT_TEXT,
            (
                imported("src/app/app.ts", "import { Added } from './added';"),
                Swap("src/app/app.ts", "imports: [RouterOutlet]", "imports: [RouterOutlet, Added]"),
                Swap("src/app/app.html", "<router-outlet />", "<app-added /><router-outlet />"),
            ),
        ),
        Dependency(
            (
                imported("src/app/app.ts", CLSX),
                Swap("src/app/app.ts", "signal('app')", "signal(clsx('a new', 'dependency'))"),
            ),
            "Hello, a new dependency",
        ),
        hot=True,
        in_html=False,
    ),
    Point(
        "create-docusaurus",
        npx("create-docusaurus@3.10.2", "app", "classic", "--typescript", "--skip-install", "--package-manager", "npm"),
        "Easy to Use",
        Edit("src/components/HomepageFeatures/index.tsx", "Easy to Use"),
        Break("src/components/HomepageFeatures/index.tsx", "const FeatureList"),
        route({"src/pages/about.tsx": ABOUT_PAGE}),
        Dependency(
            (
                imported("src/pages/index.tsx", "import ms from 'ms'"),
                Swap("src/pages/index.tsx", "{siteConfig.tagline}", "{ms(120000)} is a new dependency"),
            ),
            "2m is a new dependency",
            name="ms",
            version="^2.1.3",
        ),
        hot=True,
    ),
    Point(
        "eleventy",
        shape("eleventy"),
        "Home",
        Edit("index.md", "A page made by Eleventy."),
        Break("_includes/base.njk", "{{ content", "{% if %}"),
        # By hand, too, a page stays in the folder that it was written to.
        Added({"_includes/about.njk": ABOUT_TEXT}, ABOUT_TEXT, (Swap("_includes/base.njk", "{{ content", "{% include 'about.njk' %}{{ content"),)),
        Dependency(
            (
                Swap("eleventy.config.js", "export default", f"{CLSX};\n\nexport default"),
                Swap("eleventy.config.js", "config.addPass", f"config.addGlobalData('said', {SAID});\n  config.addPass"),
                Swap("index.md", "A page made by Eleventy.", "{{ said }}"),
            ),
            "a new dependency",
        ),
        hot=True,
    ),
]

POINTS = [*NEXT_POINTS, *VITE_POINTS, *OTHERS]
