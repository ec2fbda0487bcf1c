"""Every code block that a page marks as runnable runs, and prints what the page says."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inngest_nb.approvals import HEADLESS
from tests.docs.pages import ROOT, blocks, name_of, pages
from tests.docs.runner import RUN
from tests.support.llm import ScriptedModel

RUNNABLE = [page for page in pages() if any(block.info == RUN for block in blocks(page))]


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_page_runs(page: Path, scripted_llm: ScriptedModel, tmp_path: Path) -> None:
    environment = {**os.environ, "INNGEST_NB_ENGINE": "embedded", HEADLESS: "approve", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "tests.docs.runner", str(page)]
    done = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_entry_pages_have_code_that_runs() -> None:
    assert {"README.md", "docs/tutorials/first-ten-minutes.md"} <= {name_of(page) for page in RUNNABLE}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_other_python_is_python(page: Path) -> None:
    for block in blocks(page):
        if block.info.startswith("python"):
            compile(block.text, f"{page}:{block.line}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
