"""mypy and pyright know the types of channels: one run of each over the sample."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).with_name("channels_sample.py")


def check(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )


@pytest.mark.slow
def test_mypy_accepts_and_rejects_what_it_should() -> None:
    done = check("mypy", "--strict", "--warn-unused-ignores", str(SAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_pyright_accepts_and_rejects_what_it_should(tmp_path: Path) -> None:
    config = tmp_path / "pyrightconfig.json"
    config.write_text(
        json.dumps(
            {
                "include": ["."],
                "extraPaths": [str(ROOT)],
                "typeCheckingMode": "strict",
                "enableTypeIgnoreComments": False,  # else mypy's ignores would hide what pyright finds
                "reportUnnecessaryTypeIgnoreComment": "error",
            }
        )
    )
    (tmp_path / SAMPLE.name).write_bytes(SAMPLE.read_bytes())  # a project checks only what lies below it
    done = check("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(config))
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    found = [f"{item['range']['start']['line'] + 1}: {item['message']}" for item in report["generalDiagnostics"]]
    assert found == []


def test_the_sample_has_lines_that_must_be_rejected() -> None:
    ignored = [line for line in SAMPLE.read_text().splitlines() if "# type: ignore[" in line]
    assert len(ignored) >= 9
    assert all("# pyright: ignore[" in line for line in ignored)
