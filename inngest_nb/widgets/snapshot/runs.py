"""The card of a table of runs: the newest ones with status, duration and trigger."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from inngest_nb.widgets.snapshot import format as fmt
from inngest_nb.widgets.snapshot.card import MUTED, Status, banner, body, card, footer, header
from inngest_nb.widgets.snapshot.state import NOT_RUN, run_status, run_view

__all__ = ["runs_html"]

_MOST_ROWS = 25
_TRIGGERS = {"inngest/function.invoked": "invoke", "inngest/scheduled.timer": "cron"}
_CELL = "padding:5px 8px;border:none;background:transparent;text-align:left;white-space:nowrap"
_EMPTY = f'<p style="text-align:center;{MUTED}">No runs yet</p>'


def runs_html(params: Mapping[str, Any], initial: Mapping[str, Any]) -> str:
    """Return the card."""
    page, saved_at = initial.get("page") or {}, initial["saved_at"]
    views = [view for row in page.get("rows", ())[:_MOST_ROWS] if (view := run_view(row))]
    place = params.get("function") or ""
    if not views:
        return card([header(NOT_RUN, "Runs", place, [], saved_at), banner(), body(_EMPTY)])
    counts = page.get("counts") or {}
    figures = [f"{counts.get('recent', 0):,} last hour", f"{counts.get('failed', 0):,} failed"]
    rows = "".join(_row(view.run, run_status(view), saved_at) for view in views)
    table = f'<table style="width:100%;border-collapse:collapse;font-size:13px;margin:4px 0"><tbody>{_HEAD}{rows}</tbody></table>'
    shown = [f"{len(views)} of {page.get('total', len(views)):,} runs"]
    return card([header(_summary(counts), "Runs", place, figures, saved_at), banner(), table, footer(shown)])


def _summary(counts: Mapping[str, Any]) -> Status:
    running = counts.get("running", 0)
    return Status("running", f"{running:,} running", "◐", "run") if running else Status("idle", "Idle", "✓", "idle")


def _row(run: Mapping[str, Any], status: Status, saved_at: float) -> str:
    started = run.get("started_at") or run.get("queued_at")
    end = run.get("ended_at")
    took = fmt.duration((end or saved_at) - run["started_at"]) if run.get("started_at") else "—"
    trigger = (run.get("event") or {}).get("name", "")
    cells = [
        status.html,
        f"<b>{escape(run.get('name') or run.get('fn_id', ''))}</b>",
        f'<span style="font-family:monospace;font-size:12px;{MUTED}">{escape(fmt.short_id(run["run_id"]))}</span>',
        f'<span title="{fmt.exact(started)}">{fmt.clock(started, saved_at)}</span>',
        took if end or not run.get("started_at") else f"≥{fmt.NBSP}{took}",
        f'<span style="font-family:monospace;font-size:12px;{MUTED}">{escape(_TRIGGERS.get(trigger) or trigger)}</span>',
    ]
    return f'<tr style="background:transparent">{"".join(f"<td style={chr(34)}{_CELL}{chr(34)}>{cell}</td>" for cell in cells)}</tr>'


def _heading(word: str) -> str:
    return f'<td style="{_CELL};font-size:12px;{MUTED}">{word}</td>'


_HEAD = (
    f"<tr>{''.join(_heading(word) for word in ('Status', 'Function', 'Run', 'Started', 'Duration', 'Trigger'))}</tr>"
)
