"""Broken commits of every kind, each on one of the starting points, with the place that its failure has to name."""

from __future__ import annotations

from catalogue.point import Break

#: By starting point: the kind, and the line that is put in.
WRONG: dict[str, list[tuple[str, Break]]] = {
    "flask": [
        ("syntax", Break("app.py", "@app.route", "def wrong(:")),
        ("missing module", Break("app.py", "from flask", "import nothing_of_that_name")),
        ("missing import", Break("app.py", "@app.route", "started = datetime.now()")),
        ("runtime error", Break("app.py", "return ", "    1 / 0")),
        ("missing variable", Break("app.py", "@app.route", 'KEY = __import__("os").environ["PAYMENT_KEY"]')),
    ],
    "fastapi-jinja": [
        ("template", Break("templates/index.html", "<h1>", "{% if %}")),
        ("template runtime", Break("templates/index.html", "<h1>", "{{ nothing.of.that }}")),
        ("wrong type", Break("main.py", "@app.get", 'width = "wide" + 1')),
        ("bad configuration", Break("main.py", "@app.get", 'app.mount("/more", StaticFiles(directory="nothing"))')),
        ("missing template", Break("main.py", "return templates", '    templates.get_template("nothing.html")')),
    ],
    "django": [
        ("syntax", Break("mysite/urls.py", "urlpatterns = [", "def wrong(:")),
        ("missing import", Break("mysite/urls.py", "urlpatterns = [", "handler404 = views.missing")),
        ("bad configuration", Break("mysite/settings.py", "ALLOWED_HOSTS = ", 'LIMIT = int("many")')),
    ],
    "express-generator": [
        ("syntax", Break("routes/index.js", "router.get('/'", "const = 1;")),
        ("missing module", Break("routes/index.js", "var router", "require('nothing-of-that-name');")),
        ("missing import", Break("app.js", "module.exports", "app.use(cors());")),
        ("template runtime", Break("views/index.pug", "p Welcome", "  p= nothing.of.that")),
        ("runtime error", Break("routes/index.js", "res.render", "  throw new Error('on the first page');")),
    ],
    "nest-cli": [
        ("wrong type", Break("src/app.service.ts", "return '", "    const wrong: number = 'text';")),
        ("missing module", Break("src/app.service.ts", "@Injectable()", "import './nothing';")),
        ("syntax", Break("src/app.controller.ts", "@Get()", "  const wrong = 1;")),
    ],
    "express-typescript": [
        ("wrong type", Break("src/greeting.ts", "return `", "  const wrong: number = 'text';")),
        ("missing import", Break("src/index.ts", "app.get('/'", "app.use(cors());")),
    ],
    "vite-react-ts": [
        ("syntax", Break("src/App.tsx", "const [count", "const = 1;")),
        ("missing import", Break("src/App.tsx", "import './App.css'", "import Nothing from './Nothing'")),
        ("missing module", Break("src/App.tsx", "import './App.css'", "import nothing from 'nothing-of-that-name'")),
        ("bad configuration", Break("vite.config.ts", "export default", "const = 1;")),
        ("missing asset", Break("src/App.tsx", "import './App.css'", "import picture from './assets/nothing.png'")),
    ],
    "vite-vue-ts": [
        ("syntax", Break("src/components/HelloWorld.vue", "const count", "const = 1;")),
        ("template", Break("src/components/HelloWorld.vue", "<h1>", "<span>")),
        ("missing import", Break("src/App.vue", "</script>", "import './nothing.ts'")),
    ],
    "sv-create": [
        ("template", Break("src/routes/+page.svelte", "<p>Visit", "<p>{#if}</p>")),
        ("runtime error", Break("src/routes/+page.svelte", "<p>Visit", "<p>{nothing.of.that}</p>")),
    ],
    "astro": [
        ("syntax", Break("src/components/Welcome.astro", "const place", "const = 1;")),
        ("missing import", Break("src/components/Welcome.astro", "const place", "import Nothing from './Nothing.astro'; void Nothing;")),
        ("runtime error", Break("src/components/Welcome.astro", "<h1>", "<p>{nothing.of.that}</p>")),
    ],
    "react-router": [
        ("syntax", Break("app/welcome/welcome.tsx", "const [count", "const = 1;")),
        ("runtime error", Break("app/routes/_index.tsx", "return { said", '  throw new Error("in the loader");')),
    ],
    "sass": [("style", Break("src/app.scss", "    color:", "    color: $nothing;"))],
    "tailwind-3": [("style", Break("src/index.css", "@tailwind utilities", "h1 { @apply nothing-of-that-name; }"))],
    "create-next-app": [
        ("syntax", Break("src/app/page.tsx", "return (", "const = 1;")),
        ("missing module", Break("src/app/page.tsx", "export default", 'import "nothing-of-that-name";')),
        ("runtime error", Break("src/app/page.tsx", "return (", '  throw new Error("on the first page");')),
    ],
}
