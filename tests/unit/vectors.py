"""The results recorded from Inngest's server that our rules are tested against."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent.parent / "data"


@functools.cache
def load(name: str) -> dict[str, Any]:
    """One file of vectors."""
    found: dict[str, Any] = json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))
    return found


def cases(name: str, kind: str | None = None) -> list[Any]:
    """The cases of a file, of one kind if named: what `pytest.mark.parametrize` takes."""
    return [case for case in load(name)["cases"] if kind in (None, case["input"].get("kind"))]


def label(case: dict[str, Any]) -> str:
    """The id of a test."""
    return str(case["name"])[:80]
