"""Views as static HTML for saved notebooks: pure functions of what was known when they were saved.

JupyterLab cleans the HTML of notebooks it does not trust, so there are no scripts and no style sheets here, only inline
properties that its cleaner lets through, and colours that read on light and dark alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inngest_nb.widgets.snapshot.approval import approval_html
from inngest_nb.widgets.snapshot.feed import feed_html
from inngest_nb.widgets.snapshot.runs import runs_html
from inngest_nb.widgets.snapshot.stream import stream_html
from inngest_nb.widgets.snapshot.timeline import timeline_html

__all__ = ["is_final", "snapshot_html"]

_HTML = {
    "token-stream": stream_html,
    "run-timeline": timeline_html,
    "approval": approval_html,
    "run-table": runs_html,
    "message-feed": feed_html,
}
_ENDED = ("completed", "failed", "cancelled")


def snapshot_html(view: str, params: Mapping[str, Any], initial: Mapping[str, Any]) -> str:
    """Return the view's card in its "saved" state."""
    return _HTML[view](params, initial)


def is_final(params: Mapping[str, Any], initial: Mapping[str, Any]) -> bool:
    """Return whether nothing will change any more: a view of one run whose run has ended, and of no function."""
    run_id = params.get("run_id")
    known = initial.get("run") or (initial.get("runs") or {}).get(run_id) or {}
    return bool(run_id) and not params.get("function") and (known.get("run") or {}).get("status") in _ENDED
