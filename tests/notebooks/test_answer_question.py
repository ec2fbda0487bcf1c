"""The function of the quickstart as a plain program: the same code, the same result, and it survives kill -9."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from inngest_nb.history import History
from tests.docs.pages import ROOT
from tests.support.llm import TOKENS, ScriptedModel

NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"
SCRIPT = ROOT / "notebooks" / "answer_question.py"
TEXT = "".join(TOKENS)


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the program in a folder; the scripted model is in its environment already."""
    kept = {name: value for name, value in os.environ.items() if name != "INNGEST_NB_HEADLESS"}
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(SCRIPT), *arguments],
        cwd=folder, env={**kept, "PYTHONPATH": str(ROOT), **environment}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def killed(tmp_path: Path, scripted_llm: ScriptedModel) -> Path:
    """A folder in which the program was killed while it waited for an answer."""
    with start(tmp_path, "Why?") as process:
        _wait_for(process, "Publish this answer?")
        process.send_signal(signal.SIGKILL)
    return tmp_path


def _wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read what is printed until `text` is there: a prompt does not end with a line break."""
    assert process.stdout is not None
    assert process.stderr is not None
    printed = ""
    while text not in printed:
        data = os.read(process.stdout.fileno(), 65_536).decode()
        assert data, f"the program ended: {printed}\n{process.stderr.read()}"
        printed += data


def definitions(source: str) -> dict[str, str]:
    """The classes and functions that a source defines, without layout."""
    kinds = (ast.ClassDef, ast.AsyncFunctionDef)
    return {node.name: ast.unparse(node) for node in ast.parse(source).body if isinstance(node, kinds)}


def test_it_is_the_function_of_the_notebook() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells  # type: ignore[no-untyped-call]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert definitions(code) == definitions(SCRIPT.read_text())
    assert "answer_question" in definitions(code)


@pytest.mark.parametrize(("decision", "published"), [("approve", True), ("reject", False)])
def test_it_runs_headless(decision: str, published: bool, tmp_path: Path, scripted_llm: ScriptedModel) -> None:
    with start(tmp_path, "Why?", INNGEST_NB_HEADLESS=decision) as process:
        printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert TEXT in printed
    assert ("[published 6 words]" in printed, "[Not published]" in printed) == (published, not published)
    assert list(History(tmp_path / ".inngest_nb").runs()["output"]) == [TEXT if published else None]


def test_a_killed_program_goes_on_where_it_was(killed: Path, scripted_llm: ScriptedModel) -> None:
    with start(killed) as process:
        printed, errors = process.communicate("approve\n", timeout=60)
    assert process.returncode == 0, errors
    assert "[published 6 words]" in printed
    assert len(scripted_llm.requests()) == 1
    history = History(killed / ".inngest_nb")
    assert list(history.runs()["output"]) == [TEXT]
    assert history.waits()["outcome"].tolist() == ["answered"]
