"""Small HTML for objects at the end of a cell: a table of names and values, everything escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

__all__ = ["card"]

_LONGEST = 200


def card(title: str, rows: Mapping[str, Any]) -> str:
    """Return a table with a caption; values that are None are left out, long ones cut."""
    cells = "".join(
        f"<tr><th style='text-align: left'>{_escaped(name)}</th><td style='text-align: left'>{_escaped(value)}</td></tr>"
        for name, value in rows.items()
        if value is not None
    )
    return f"<table><caption style='text-align: left'><code>{_escaped(title)}</code></caption>{cells}</table>"


def _escaped(value: object) -> str:
    text = str(value)
    return html.escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
