"""The catalogue: starting points as people make them, each taken through the life that a project has."""

import harness.paths  # noqa: F401  puts the client on the path
