"""The starting points, by family."""

from catalogue.families import frameworks, node, python, static, vite

POINTS = [*static.POINTS, *vite.POINTS, *frameworks.POINTS, *node.POINTS, *python.POINTS]
