"""The starting points, by family."""

from catalogue.families import frameworks, monorepos, node, python, static, tools, vite

POINTS = [
    *static.POINTS,
    *vite.POINTS,
    *frameworks.POINTS,
    *tools.POINTS,
    *monorepos.POINTS,
    *node.POINTS,
    *python.POINTS,
]
