"""Timing helpers: quantiles, and a child process per contender so that none inherits another's state."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    ordered = sorted(seconds)
    return {
        "p50_ms": round(statistics.median(ordered) * 1e3, 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3, 3),
    }


ROUNDS = 5
LONG = "100 x 100"  # runs at once, and the steps of each: what starting and ending a run costs counts little


def typical(rates: Sequence[int]) -> int:
    """The median of what was measured in several rounds: all contenders are asked so."""
    return int(statistics.median(rates))


def in_child(module: str, *arguments: str, python: str = sys.executable, timeout: float = 300) -> dict[str, Any]:
    """Run `python -m module` in an empty directory; its last line is a JSON object."""
    here = str(Path(__file__).resolve().parents[1])
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        env = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here}/server_extension"}
        command = [python, "-m", module, *arguments]
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def report(result: dict[str, Any]) -> None:
    """Print a result as `in_child` reads it, and end at once: engines must not be waited for."""
    print(json.dumps(result), flush=True)
    os._exit(0)
