"""The quickstart runs headless, by nbclient and by nbval, and what is saved shows what happened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from inngest_nb.approvals import HEADLESS
from inngest_nb.history import History
from tests.docs.pages import ROOT
from tests.support.llm import TOKENS, ScriptedModel

QUICKSTART = ROOT / "notebooks" / "quickstart.ipynb"
TEXT = "".join(TOKENS)
VIEWS = ("TokenStream(", "RunTimeline(", "Approval(")

pytestmark = pytest.mark.kernel


@pytest.fixture
def headless(scripted_llm: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """Kernels of this test answer questions by policy, ask the scripted model, and know no Jupyter server."""
    monkeypatch.setenv(HEADLESS, "approve")
    for name in ("JPY_PARENT_PID", "INNGEST_NB_URL", "INNGEST_NB_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    return scripted_llm


@pytest.fixture
def executed(headless: ScriptedModel, tmp_path: Path) -> Any:
    """The notebook after Run All in an empty folder."""
    notebook = nbformat.read(QUICKSTART, as_version=4)  # type: ignore[no-untyped-call]
    return NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()


def outputs(notebook: Any) -> list[dict[str, Any]]:
    """The data of every displayed output, in order."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [dict(output["data"]) for cell in cells for output in cell.outputs if "data" in output]


def test_nbclient_runs_it_to_the_end(executed: Any, headless: ScriptedModel, tmp_path: Path) -> None:
    shown = outputs(executed)
    assert repr(TEXT) in [data.get("text/plain") for data in shown]
    assert any("image/png" in data for data in shown)
    history = History(tmp_path / ".inngest_nb")
    assert history.runs()["status"].tolist() == ["completed"]
    assert history.waits()[["outcome", "answered_by"]].values.tolist() == [["answered", "policy"]]
    assert history.transcript(topic="tokens")["text"].tolist() == [TEXT]
    assert [request.outcome for request in headless.requests()] == ["done"]


def test_the_saved_notebook_shows_the_last_state_of_each_view(executed: Any) -> None:
    snapshots = {
        view: data["text/html"]
        for view in VIEWS
        for data in outputs(executed)
        if data.get("text/plain", "").startswith(view) and data.get("text/html")
    }
    assert snapshots.keys() == set(VIEWS)
    assert TEXT in snapshots["TokenStream("]
    assert "publish-result" in snapshots["RunTimeline("]
    assert "Publish this answer?" in snapshots["Approval("]
    assert "policy" in snapshots["Approval("]


def test_nbval_passes(headless: ScriptedModel, tmp_path: Path) -> None:
    shutil.copy(QUICKSTART, tmp_path)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=120", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), QUICKSTART.name],
        check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert History(tmp_path / ".inngest_nb").runs()["status"].tolist() == ["completed"]
