"""What a saved notebook shows without its kernel: in JupyterLab, trusted or not, and as an HTML page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, Page

from tests.browser.conftest import Open
from tests.browser.notebook import PANEL, START, Notebook
from tests.support.jupyter import JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

LAST_WORDS = "goes on with the first step that is missing"


@pytest.fixture
def answered(lab: JupyterServer, open_notebook: Open) -> Path:
    """The quickstart, saved after its question was answered, while its views were live."""
    notebook = open_notebook(lab)
    notebook.ask()
    notebook.button("Approve").click()
    notebook.wait_for_status("timeline", "completed")
    # The snapshots catch up within a few seconds; the file holds what the page then has.
    notebook.until_true(lambda: is_final(snapshots(notebook)))
    live = notebook.page.locator(".jp-Cell").nth(START)
    assert live.locator(".inb-live:visible").count() == 3
    assert live.locator(".inb-snapshot").count() == 3
    assert live.locator(".inb-snapshot:visible").count() == 0
    return notebook.save()


def snapshots(notebook: Notebook) -> list[str]:
    """The snapshots of the cell that starts the run."""
    outputs = [output["data"] for output in notebook.outputs(START)]
    return ["".join(data["text/html"]) for data in outputs if "inb-snapshot" in "".join(data["text/html"])]


def is_final(stream_timeline_approval: list[str]) -> bool:
    """Whether the snapshots show the end: none says that it is not the last state, and the question is settled."""
    stream, timeline, approval = stream_timeline_approval
    return not any("Last state saved" in html for html in (stream, timeline, approval)) and "Approved" in approval


def test_a_saved_notebook_shows_the_last_state_anywhere(
    answered: Path, lab: JupyterServer, context: BrowserContext, tmp_path: Path
) -> None:
    notebook = nbformat.read(answered, as_version=4)  # type: ignore[no-untyped-call]
    for page in pages(notebook, answered, lab, context, tmp_path):
        cell = page.locator(".jp-Cell").nth(START)
        shows_the_last_state(cell)


def pages(
    notebook: nbformat.NotebookNode, file: Path, lab: JupyterServer, context: BrowserContext, folder: Path
) -> Iterator[Page]:
    """The ways to look at it: with a new kernel, without any, untrusted and trusted, and as an HTML page."""
    fresh = Notebook(context.new_page(), lab, file.name)
    fresh.shut_down()
    fresh.open()
    assert is_trusted(fresh)
    fresh.page.locator(".jp-OutputArea-output", has_text="model not found").first.wait_for(state="attached")
    yield fresh.page
    fresh.page.close()

    # Written by another program for a language that has no kernel here: Jupyter does not trust it.
    notebook.metadata = {"kernelspec": {"name": "elsewhere", "display_name": "Elsewhere", "language": "cobol"}}
    nbformat.write(notebook, lab.root / "untrusted.ipynb")  # type: ignore[no-untyped-call]
    untrusted = Notebook(context.new_page(), lab, "untrusted.ipynb")
    untrusted.open_without_kernel()
    assert not is_trusted(untrusted)
    yield untrusted.page

    # The same after somebody has said that it may be trusted: now the widgets are tried, and never come.
    untrusted.command("notebook:trust")
    untrusted.page.locator(".jp-Dialog .jp-mod-accept").click()
    untrusted.until_true(lambda: is_trusted(untrusted))
    untrusted.page.locator(".jp-OutputArea-output", has_text="Loading widget").first.wait_for(state="attached")
    yield untrusted.page
    untrusted.page.close()

    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(folder), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    page = context.new_page()
    page.goto((folder / file.with_suffix(".html").name).as_uri())
    yield page
    page.close()


def is_trusted(notebook: Notebook) -> bool:
    """Whether Jupyter runs what the outputs of the cell bring along."""
    return bool(notebook.page.evaluate(f"{PANEL}.model.cells.get({START}).trusted"))


def shows_the_last_state(cell: Locator) -> None:
    """Three snapshots can be seen, complete, and nothing that did not work."""
    visible = cell.locator(".inb-snapshot:visible")
    visible.nth(2).wait_for()
    words = [" ".join(text.split()) for text in visible.all_inner_texts()]
    assert len(words) == 3
    assert LAST_WORDS in words[0]
    assert all(step in words[1] for step in ("ask-model", "wait-for-confirmation", "publish-result"))
    assert "Publish this answer?" in words[2]
    assert "Approved" in words[2]
    assert "Error displaying widget" not in cell.inner_text()
    assert "Loading widget" not in cell.inner_text()
