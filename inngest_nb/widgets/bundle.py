"""The built front end, and what stands in its place where it was not built."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["STATIC", "assets"]

STATIC = Path(__file__).parent / "static"
MISSING = (
    "The live views of inngest_nb are not built. From a checkout, run `make lab` (or `pip install -e .` with Node at "
    "hand) and restart the kernel; an installed package has them, so reinstall it."
)


def assets(folder: Path = STATIC) -> tuple[Path | str, Path | str]:
    """Return the module and the style sheet; a module that says what is missing where they are not there."""
    module, style = folder / "widget.js", folder / "widget.css"
    if module.is_file() and style.is_file():
        return module, style
    return f"export default {{ render({{ el }}) {{ el.textContent = {json.dumps(MISSING)}; }} }};", ""
