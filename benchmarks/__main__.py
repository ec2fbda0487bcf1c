"""`python -m benchmarks [section …]`: measures, prints ratios, writes benchmarks/results/<section>.json; without a name, everything."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import engine
from benchmarks.measure import in_child

RESULTS = Path(__file__).parent / "results"


Tell = Callable[[dict[str, Any]], str]


def _figures(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1)


def _history(found: dict[str, Any]) -> str:
    ours, ratio = found["ours"], found["read_sql_to_ours"]
    return (
        f"a million messages in {ours['first_s']} s the first time and {ours['again_s']} s again; pandas.read_sql "
        f"takes {ratio['first_s']}x and {ratio['again_s']}x that, and {ratio['cpu_s']}x the processor time; filters up to "
        f"{max(ours['filters_ms'].values())} ms"
    )


def _in_child(module: str, tell: Tell = _figures) -> Callable[[], dict[str, Any]]:
    """A section that is a program of its own."""

    def measure() -> dict[str, Any]:
        found = in_child(module, timeout=1800)
        print(f"not measured: {found['error']}" if "error" in found else tell(found))
        return found

    return measure


SECTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "engine": engine.main,
    "scale": _in_child("benchmarks.scale"),
    "curve": _in_child("benchmarks.curve"),
    "loop_lag": _in_child("benchmarks.loop_lag"),
    "history": _in_child("benchmarks.history", _history),
    "realtime": _in_child("benchmarks.realtime"),
    "views": _in_child("benchmarks.views"),
    "browser": _in_child("benchmarks.browser"),
    "lists": _in_child("benchmarks.lists"),
}


def main(names: list[str]) -> int:
    """Measure the sections of these names, or all."""
    if unknown := set(names) - SECTIONS.keys():
        print(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
    for name in names or SECTIONS:
        print(f"\n== {name}", flush=True)
        figures = {"machine": machine, **SECTIONS[name]()}
        (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
