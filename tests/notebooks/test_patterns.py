"""The notebooks of the patterns run headless from the first cell to the last, and what they promise happened."""

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

FOLDER = ROOT / "notebooks"
PATTERNS = ("stream_one_run", "stream_many_runs", "human_in_the_loop", "stream_ai_response")

pytestmark = pytest.mark.kernel


@pytest.fixture
def headless(scripted_llm: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """Kernels of this test answer questions by policy, ask the scripted model, and know no Jupyter server."""
    monkeypatch.setenv(HEADLESS, "approve")
    for name in ("JPY_PARENT_PID", "INNGEST_NB_URL", "INNGEST_NB_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    return scripted_llm


def executed(name: str, folder: Path) -> list[str]:
    """What each code cell of a notebook showed as text, after Run All in an empty folder."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    done = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    return [_text(cell) for cell in done.cells if cell.cell_type == "code"]


def _text(cell: Any) -> str:
    found = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(found)


def test_stream_one_run(headless: ScriptedModel, tmp_path: Path) -> None:
    shown = executed("stream_one_run", tmp_path)
    assert " ".join(shown[-2].split()).startswith("('completed', 'closed', {'preface': 700")
    assert shown[-1].splitlines() == ["1/5", "2/5", "3/5", "4/5", "5/5", "the run has completed"]


def test_stream_many_runs(headless: ScriptedModel, tmp_path: Path) -> None:
    shown = executed("stream_many_runs", tmp_path)
    assert "Missing post_id" in shown[-3]
    lines = shown[-2].splitlines()
    assert sorted(line for line in lines if "liking" in line) == [
        f"run {number} liking post {post}" for number, post in enumerate("abcab", 1)
    ]
    assert "run 6 a like without a post" in lines
    statuses = History(tmp_path / ".inngest_nb").runs()["status"].value_counts()
    assert (statuses["completed"], statuses["failed"]) == (5, 1)


def test_human_in_the_loop(headless: ScriptedModel, tmp_path: Path) -> None:
    shown = executed("human_in_the_loop", tmp_path)
    assert "done: delete 3 files" in shown[-3]
    assert shown[-2].splitlines()[-1] == "'left alone'"
    waits = History(tmp_path / ".inngest_nb").waits()
    assert sorted(waits["outcome"]) == ["answered", "answered"]
    assert "policy" in set(waits["answered_by"])


def test_stream_ai_response(headless: ScriptedModel, tmp_path: Path) -> None:
    shown = executed("stream_ai_response", tmp_path)
    text = "".join(TOKENS)
    assert "True" in shown[-3]
    assert "ConnectionError" in shown[-2]
    assert text in shown[-1]
    assert len(headless.requests()) == 2


@pytest.mark.parametrize("name", PATTERNS)
def test_they_are_kept_without_outputs(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", PATTERNS)
def test_nbval_passes(name: str, headless: ScriptedModel, tmp_path: Path) -> None:
    shutil.copy(FOLDER / f"{name}.ipynb", tmp_path)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=60", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), f"{name}.ipynb"],
        check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
