"""Servers in Node."""

from __future__ import annotations

from catalogue.made import npx
from catalogue.point import Added, Break, Dependency, Edit, Point, Swap

CLSX = "const { clsx } = require('clsx');"

POINTS = [
    Point(
        "express-generator",
        npx("express-generator@4.16.1", "--view=pug", "app"),
        "Welcome to Express",
        Edit("routes/index.js", "Express", "Edited {n}", "Welcome to Edited {n}"),
        Break("routes/index.js", "router.get('/'"),
        Added(
            {"views/about.pug": "extends layout\n\nblock content\n  p All about it\n"},
            "All about it",
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
            "All about it",
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
]
