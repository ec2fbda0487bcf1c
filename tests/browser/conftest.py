"""One JupyterLab, one browser and one scripted model for all tests of this folder; a notebook of its own for each test."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.notebook import Notebook, copy_quickstart, write_notebook
from tests.support import chromium
from tests.support.jupyter import JupyterServer
from tests.support.llm import Reply, ScriptedModel

ANSWER = """\
## Saving progress

A program that saves its progress can go on **where it stopped**. Three short points:

1. *Nothing is lost.* A crash in the middle costs one step and not the whole night of work.
2. *Nothing is paid twice.* What a model has said once is read from the journal and not asked again.
3. *People may take their time.* A run that waits for an answer costs nothing, for minutes or for days.

The whole idea in four lines:

```python
def save(step: str, result: dict) -> None:
    journal.append(step, result)
    journal.flush()
    print(f"{step} is done, for good")
```

A restart reads the journal, skips what was done and goes on with the first step that is missing.
"""
RATE = 60


def tokens(text: str) -> tuple[str, ...]:
    """Split as models do: words with the space before them, and marks."""
    return (*re.findall(r"\s*\w+|\s*[^\w\s]", text), "\n")


STREAM = Reply(tokens=tokens(ANSWER), rate=RATE)
#: So many tokens come before the model falls silent.
HALF = 80
# Where an installed package has it, a checkout does not: Jupyter is told of the folder.
LABEXTENSION = {"JUPYTER_PATH": str(Path(__file__).parents[2] / "server_extension")}
SETTINGS = {"notification": {"fetchNews": "false", "checkForUpdates": False}}
ARGUMENTS = (
    "--ServerApp.jpserver_extensions={'inngest_nb_server': True, 'tests.browser.readers': True}",
    "--JupyterNotebookApp.expose_app_in_browser=True",  # Notebook 7 is served beside JupyterLab
)


def make_server(folder: Path, model: ScriptedModel) -> JupyterServer:
    """A server of JupyterLab and Notebook 7 whose kernels ask the scripted model."""
    server = JupyterServer(folder, environment=model.environment | LABEXTENSION, arguments=ARGUMENTS)
    settings = server.home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    for name, values in SETTINGS.items():
        (settings / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
    return server


@pytest.fixture(scope="package")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedModel]:
    """The model that the quickstart asks: an answer with a list and code, 60 tokens a second."""
    with ScriptedModel(tmp_path_factory.mktemp("llm") / "requests.jsonl", STREAM) as model:
        yield model


@pytest.fixture
def half_an_answer(llm: ScriptedModel) -> Iterator[ScriptedModel]:
    """The model falls silent in the middle of its answer, until it is released."""
    llm.script(dataclasses.replace(STREAM, stall_after=HALF))
    yield llm
    llm.release()
    llm.script(STREAM)


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory, llm: ScriptedModel) -> Iterator[JupyterServer]:
    """JupyterLab."""
    with make_server(tmp_path_factory.mktemp("lab"), llm) as server:
        yield server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile that has opened JupyterLab before: its files are cached."""
    context = browser.new_context(viewport={"width": 1250, "height": 1400})
    context.set_default_timeout(30_000)
    yield context
    context.close()


Open = Callable[..., Notebook]
FAILED = pytest.StashKey[bool]()
PICTURES = Path(__file__).parents[2] / "test-results"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember failures for the fixtures: a picture says more than a time-out."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def open_notebook(context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens notebooks: `open_notebook(server)` the quickstart, with `sources` others. Their kernels end with the test."""
    opened: list[Notebook] = []

    def open_(server: JupyterServer, *sources: str, app: str = "lab") -> Notebook:
        name = f"{request.node.name.removeprefix('test_')[:60]}-{len(opened)}.ipynb"
        if sources:
            write_notebook(server.root, name, sources)
        else:
            copy_quickstart(server.root, name)
        notebook = Notebook(context.new_page(), server, name, app=app)
        opened.append(notebook)
        notebook.open()
        return notebook

    yield open_
    for notebook in opened:
        if request.node.stash.get(FAILED, False) and not notebook.page.is_closed():
            PICTURES.mkdir(exist_ok=True)
            notebook.page.screenshot(path=PICTURES / f"{notebook.name}.png")
            print("\n".join([*notebook.console[-20:], notebook.server.log.read_text()[-4000:]]))  # noqa: T201 - pytest shows it
        notebook.page.close()
        notebook.shut_down()


@pytest.fixture
def quickstart(lab: JupyterServer, open_notebook: Open) -> Notebook:
    """The quickstart, open in JupyterLab, nothing run."""
    return open_notebook(lab)
