"""Sphinx builds these pages: `make docs`, into docs/_build/html.   The language reference is written on the way."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from docs.reference import write_reference  # noqa: E402  the path above

project = "compose"
author = "the compose authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "decisions"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "compose"
html_theme_options = {"sidebar_hide_name": False}
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # the language's own operators are no YAML

write_reference(HERE / "reference")
