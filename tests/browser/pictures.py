"""Takes the pictures of the documentation: `python -m tests.browser.pictures docs/images`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import STREAM, make_server
from tests.browser.looks import picture, set_theme, set_width, show_only_the_notebook
from tests.browser.notebook import Notebook, copy_quickstart
from tests.support import chromium
from tests.support.llm import ScriptedModel

WIDTH = 1000
MOST_BYTES = 200_000


def take(folder: Path) -> list[Path]:
    """Run the quickstart up to its question; a picture of its cards in each theme."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        ScriptedModel(Path(scratch) / "requests.jsonl", STREAM) as model,
        make_server(Path(scratch) / "lab", model) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        copy_quickstart(server.root, "quickstart.ipynb")
        notebook = Notebook(browser.new_page(viewport={"width": 1250, "height": 1400}), server, "quickstart.ipynb")
        notebook.open()
        notebook.ask()
        notebook.button("Approve").wait_for()
        files = [_write(notebook, theme, folder) for theme in ("light", "dark")]
        browser.close()
    return files


def _write(notebook: Notebook, theme: str, folder: Path) -> Path:
    set_theme(notebook, theme)
    show_only_the_notebook(notebook)
    set_width(notebook, WIDTH)
    show_only_the_notebook(notebook)
    png = picture(notebook)
    file = folder / f"quickstart-{theme}.png"
    if len(png) > MOST_BYTES:
        raise SystemExit(
            f"{file} would have {len(png):,} bytes; at most {MOST_BYTES:,} are wanted. Make WIDTH smaller."
        )
    file.write_bytes(png)
    return file


if __name__ == "__main__":
    for file in take(Path(sys.argv[1])):
        print(f"{file}  {file.stat().st_size / 1000:.0f} KB")  # noqa: T201 - what was done
