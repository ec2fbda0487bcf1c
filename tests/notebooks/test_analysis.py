"""The notebook of analysis runs, asks a history that is whole, and draws a picture for each question."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.pages import ROOT

ANALYSIS = ROOT / "notebooks" / "analysis.ipynb"
RUNS = 300

pytestmark = [pytest.mark.kernel, pytest.mark.slow]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook after Run All in an empty folder, with fewer runs, and a last cell that tells what it found."""
    notebook = nbformat.read(ANALYSIS, as_version=4)  # type: ignore[no-untyped-call]
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    source = notebook.cells[1].source
    notebook.cells[1].source = source.replace("RUNS = 2000", f"RUNS = {RUNS}")
    assert notebook.cells[1].source != source
    told = "import json; print(json.dumps([spent[list(COLORS)].to_dict(), lost.to_dict(), cost.to_dict(), len(speed)]))"
    notebook.cells.append(nbformat.v4.new_code_cell(told))  # type: ignore[no-untyped-call]
    folder = tmp_path_factory.mktemp("analysis")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JPY_PARENT_PID", "INNGEST_NB_URL", "INNGEST_NB_ENGINE"):
            patch.delenv(name, raising=False)
        NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def test_each_question_has_its_picture(executed: Any) -> None:
    pictures = [
        output
        for cell in executed.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 5
    questions = [cell.source for cell in executed.cells if cell.cell_type == "markdown" and "?\n" in f"{cell.source}\n"]
    assert len(questions) >= 5


def test_the_answers_are_those_of_the_script(executed: Any) -> None:
    spent, lost, cost, answers = _told(executed)
    assert spent["executing"]["generate"] > spent["executing"]["search"] > 0
    assert spent["waiting for a person"]["review"] > 0 == spent["waiting for a person"]["generate"]
    assert spent["waiting to try again"]["search"] > 0
    assert spent["in the queue"]["(start)"] > 0
    assert 0.03 < lost["share of attempts"]["search"] < 0.25
    assert lost["money lost"]["generate"] == pytest.approx(sum(cost["thrown away"].values()))
    assert set(cost["answers"]) == {"small", "large"}
    assert answers == RUNS, "every run has one answer that stands"


def test_it_says_nothing_besides(executed: Any) -> None:
    errors = [
        o for cell in executed.cells if cell.cell_type == "code" for o in cell.outputs if o.output_type == "error"
    ]
    streams = [o.text for cell in executed.cells[:-1] if cell.cell_type == "code" for o in cell.outputs if "text" in o]
    assert (errors, streams) == ([], []), "no errors, no warnings"


def _told(notebook: Any) -> Any:
    return json.loads(notebook.cells[-1].outputs[0].text)
