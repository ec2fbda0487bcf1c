"""Drives one notebook in JupyterLab or Notebook 7.

Commands are started and never awaited in the page: a kernel that dies would hold the test for ever. What a command
leads to is waited for, with a limit.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import nbformat
from playwright.sync_api import ConsoleMessage, Locator, Page

from inngest_nb.history import History
from tests.support.jupyter import TOKEN, JupyterServer

T = TypeVar("T")
LIMIT_MS = 30_000
PANEL = "window.jupyterapp?.shell?.currentWidget"
QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
DEFINITIONS = (1, 3, 5)
START, SPARE = 7, 11

_START_CELL = f"""([index, source]) => {{
  const notebook = {PANEL}.content;
  notebook.deselectAll();
  notebook.activeCellIndex = index;
  const cell = notebook.widgets[index].model;
  if (source !== null) cell.sharedModel.setSource(source);
  cell.executionCount = null;
  void window.jupyterapp.commands.execute('notebook:run-cell');
}}"""
_CELL_ENDED = f"""index => {{
  const cell = {PANEL}.content.widgets[index].model;
  return cell.executionCount !== null && cell.executionState === 'idle';
}}"""
_OUTPUTS = f"index => {PANEL}.content.widgets[index].model.outputs.toJSON()"


class Notebook:
    """A notebook that is open on a page. Cells are counted from 0, Markdown cells too."""

    def __init__(self, page: Page, server: JupyterServer, name: str, *, app: str = "lab") -> None:
        self.page, self.server, self.name, self._app = page, server, name, app
        self.console: list[str] = []
        self.sockets: list[str] = []
        page.on("console", self._heard)
        page.on("websocket", lambda socket: self.sockets.append(socket.url))

    # -- opening ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the page and wait until the kernel is ready."""
        path = f"lab/tree/{self.name}?reset&" if self._app == "lab" else f"notebooks/{self.name}?"
        self.page.goto(f"{self.server.url}{path}token={TOKEN}")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        self.wait_for_kernel()

    def open_without_kernel(self) -> None:
        """Open a notebook for whose language there is no kernel."""
        self.page.goto(f"{self.server.url}lab/tree/{self.name}?reset&token={TOKEN}")
        self.page.locator(".jp-Dialog button", has_text="No Kernel").click()
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()

    def reload(self) -> None:
        """Load the page again, as F5 does; the kernel stays."""
        self.page.reload(wait_until="commit")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)

    def wait_for_kernel(self, status: str = "idle") -> None:
        """Wait until the kernel says that it is idle or busy."""
        self.until(f"status => {PANEL}?.sessionContext?.session?.kernel?.status === status", status)

    def shut_down(self) -> None:
        """End the kernel of this notebook, whatever it does."""
        for session in self.server.request("api/sessions"):
            if session["path"] == self.name:
                self.server.request(f"api/sessions/{session['id']}", method="DELETE")

    @property
    def kernel_id(self) -> str:
        """The kernel's id; it stays the same over restarts."""
        return str(self.page.evaluate(f"{PANEL}.sessionContext.session.kernel.id"))

    def dismiss_dialogs(self) -> None:
        """Close what the application tells of its own, whenever that is in the way."""
        dialog = self.page.locator(".jp-Dialog")
        self.page.add_locator_handler(dialog, dialog.locator("button").last.click)

    # -- cells -----------------------------------------------------------------------------------

    def start(self, index: int, source: str | None = None) -> Callable[[], None]:
        """Start a cell, with other source if it is given; returns the way to wait for its end."""
        self.page.evaluate(_START_CELL, [index, source])
        return lambda: self.wait_for_cell(index)

    def wait_for_cell(self, index: int) -> None:
        """Wait until a cell has run."""
        self.until(_CELL_ENDED, index)

    def run(self, *indices: int) -> None:
        """Run cells one after the other."""
        for index in indices:
            self.start(index)()
            errors = [output["evalue"] for output in self.outputs(index) if output["output_type"] == "error"]
            assert not errors, f"cell {index}: {errors}"

    def run_source(self, index: int, source: str) -> str:
        """Run source in a cell; what it prints."""
        self.start(index, source)()
        return self.printed(index)

    def run_all(self) -> None:
        """Start Run All."""
        self.command("notebook:run-all-cells")

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The outputs of a cell, as they would be saved."""
        found: list[dict[str, Any]] = self.page.evaluate(_OUTPUTS, index)
        return found

    def printed(self, index: int) -> str:
        """What a cell printed; a test wants no error."""
        outputs = self.outputs(index)
        errors = [output for output in outputs if output["output_type"] == "error"]
        assert not errors, "\n".join(errors[0]["traceback"])
        return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")

    def command(self, name: str, **arguments: Any) -> None:
        """Start a command of the application."""
        self.page.evaluate(
            "([name, arguments]) => void window.jupyterapp.commands.execute(name, arguments)", [name, arguments]
        )

    def save(self) -> Path:
        """Save; the file."""
        self.command("docmanager:save")
        self.until(f"() => !{PANEL}.context.model.dirty")
        return self.server.root / self.name

    # -- views -----------------------------------------------------------------------------------

    def ask(self) -> None:
        """Run the quickstart's cells up to the one that starts the run; the model begins to answer."""
        self.run(*DEFINITIONS, START)

    @property
    def run_id(self) -> str:
        """The run of the timeline."""
        label = self.view("timeline").locator(".inb-copyid").first.get_attribute("aria-label") or ""
        return label.removeprefix("Copy ")

    @property
    def channel(self) -> str:
        """The channel of the token stream."""
        label = self.view("stream").locator(".inb-copyid").first.get_attribute("aria-label") or ""
        return label.removeprefix("Copy ")

    def state(self) -> dict[str, Any]:
        """What the server knows of the run."""
        run: dict[str, Any] = self.server.request(f"inngest/api/runs/{self.run_id}")["run"]
        return run

    def history(self) -> History:
        """What the server keeps."""
        return History(self.server.data_dir)

    def view(self, name: str) -> Locator:
        """The live view: stream, timeline or approval."""
        return self.page.locator(f".inb-live.inb-{name}").last

    def button(self, name: str) -> Locator:
        """A button of the approval that takes clicks."""
        return self.view("approval").locator(f".inb-question .inb-b:has-text('{name}'):not([aria-disabled=true])")

    def wait_for_status(self, view: str, status: str) -> None:
        """Wait for what a view's header says."""
        self.page.locator(f".inb-live.inb-{view}[data-inb-status={status}]").last.wait_for(timeout=LIMIT_MS)

    def wait_for_connection(self, view: str, connection: str) -> None:
        """Wait for how a view says that it is connected."""
        self.page.locator(f".inb-live.inb-{view}[data-inb-connection={connection}]").last.wait_for(timeout=LIMIT_MS)

    def text(self) -> str:
        """What the token stream shows, words only: white space is the browser's."""
        return " ".join(self.view("stream").locator(".inb-text").inner_text().split())

    # -- waiting ---------------------------------------------------------------------------------

    def until(self, condition: str, argument: Any = None, limit_ms: float = LIMIT_MS) -> None:
        """Wait in the page until a condition holds."""
        self.page.wait_for_function(condition, arg=argument, timeout=limit_ms)

    def until_true(self, condition: Callable[[], T], limit_ms: float = LIMIT_MS) -> T:
        """Wait here until a condition is truthy, and return it; the page goes on meanwhile."""
        deadline = time.monotonic() + limit_ms / 1000
        while not (value := condition()):
            assert time.monotonic() < deadline, f"still {value!r}"
            time.sleep(0.03) if self.page.is_closed() else self.page.wait_for_timeout(30)
        return value

    def readers(self) -> dict[str, int]:
        """How many subscriptions the server has, by channel."""
        counts: dict[str, int] = self.server.request("inngest-tests/readers")
        return counts

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console.append(message.text)


def copy_quickstart(root: Path, name: str) -> None:
    """Put the quickstart into a server's folder under a name of its own."""
    shutil.copy(QUICKSTART, root / name)


def write_notebook(root: Path, name: str, sources: Sequence[str] = ()) -> None:
    """Write a notebook with these cells and a few empty ones."""
    cells = [nbformat.v4.new_code_cell(source) for source in (*sources, "", "", "", "")]  # type: ignore[no-untyped-call]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), root / name)  # type: ignore[no-untyped-call]


def quickstart_cells() -> list[str]:
    """The sources of the quickstart's cells."""
    notebook = nbformat.read(QUICKSTART, as_version=4)  # type: ignore[no-untyped-call]
    return [cell.source for cell in notebook.cells]
