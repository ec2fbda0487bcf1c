"""The card of a run's timeline: a table of steps with bars made of boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from inngest_nb.widgets.snapshot import format as fmt
from inngest_nb.widgets.snapshot.card import COLORS, LINE, MUTED, banner, body, card, header, muted
from inngest_nb.widgets.snapshot.state import NOT_RUN, RunView, Step, run_status, run_view, step_status

__all__ = ["timeline_html"]

#: A wait longer than this many times everything else is drawn as a narrow band, so that steps stay visible.
_FOLD_ABOVE = 4
_FOLDED_SHARE = 0.12
_LEAST_WIDTH = 0.4
_MOST_ROWS = 200


_EMPTY = f'<p style="text-align:center;{MUTED}">Nothing was known of this run</p>'


@dataclasses.dataclass(frozen=True, slots=True)
class _Bar:
    start: float
    end: float
    style: str


def timeline_html(params: Mapping[str, Any], initial: Mapping[str, Any]) -> str:
    """Return the card."""
    view, saved_at = run_view(initial.get("run")), initial["saved_at"]
    if view is None:
        place = fmt.short_id(params.get("run_id") or "")
        return card([header(NOT_RUN, params.get("fn_name") or "Run", place, [], saved_at), body(_EMPTY)])
    begin, end = _extent(view, saved_at)
    took = fmt.duration(end - begin) if view.ended else f"≥{fmt.NBSP}{fmt.duration(end - begin)}"
    figures = [fmt.count(len(view.steps), "step"), took]
    name = view.run.get("name") or view.run.get("fn_id") or "Run"
    place = f"run {fmt.short_id(view.run['run_id'])}"
    return card(
        [
            header(run_status(view), name, place, figures, saved_at),
            "" if view.ended else banner(),
            _table(view, name, begin, end),
        ]
    )


def _table(view: RunView, name: str, begin: float, end: float) -> str:
    place = _axis(view, begin, end)
    total = f'<div style="float:right">{fmt.duration(end - begin)}</div>0'
    head = _row("", "", f'<div style="font-size:11px;{MUTED}">{total}</div>')
    root = _row(
        f"{run_status(view).html[: -len(escape(run_status(view).word))]}<b>{escape(name)}</b>",
        fmt.duration(end - begin),
        _bars([_Bar(begin, end, f"background-color:{_root_color(view)};height:5px;margin-top:4px")], place),
    )
    shown = view.steps[:_MOST_ROWS]
    rows = "".join(_step_row(attempts, end, place) for attempts in shown)
    more = len(view.steps) - len(shown)
    rest = f'<div style="padding:4px 12px">{muted(f"and {more:,} more steps")}</div>' if more else ""
    style = "width:100%;border-collapse:collapse;table-layout:fixed;font-size:13px;margin:6px 0"
    return f'<table style="{style}"><tbody>{head}{root}{rows}</tbody></table>{rest}'


def _step_row(attempts: Sequence[Step], end: float, place: Callable[[float], float]) -> str:
    last, status = attempts[-1], step_status(attempts[-1])
    note = f" {len(attempts)} attempts" if len(attempts) > 1 else ""
    error = (last.get("error") or {}).get("name", "") if last["status"] in ("failed", "retrying") else ""
    sign = f'<span style="color:{COLORS[status.role]};font-weight:bold" title="{escape(status.word)}">{status.glyph}</span>'
    label = f"&nbsp;&nbsp;{sign}&nbsp; {escape(last['step_id'])}{muted(note)}{muted(f' {error}') if error else ''}"
    took = (last.get("ended_at") or end) - attempts[0]["started_at"]
    open_ended = last.get("ended_at") is None and last["status"] != "retrying"
    shown = f"≥{fmt.NBSP}{fmt.duration(took)}" if open_ended else fmt.duration(took)
    return _row(label, shown, _bars(_step_bars(attempts, end), place))


def _step_bars(attempts: Sequence[Step], end: float) -> list[_Bar]:
    bars: list[_Bar] = []
    for step, following in zip(attempts, [*attempts[1:], None], strict=True):
        stop = step.get("ended_at") or end
        bars.append(_Bar(step["started_at"], stop, _look(step)))
        if step["status"] == "retrying":
            again = following["started_at"] if following else min(step.get("retry_at") or end, end)
            bars.append(_Bar(stop, again, f"border-top:2px dashed {COLORS['bad']};height:0;margin-top:5px"))
    return bars


def _look(step: Step) -> str:
    """Colour says the outcome, texture the kind of time."""
    status = step_status(step)
    if step.get("op") in ("sleep", "wait_for_event"):
        color = COLORS["ask"] if status.role == "ask" or step.get("answered") else COLORS["idle"]
        return f"border:2px dotted {color};height:8px"
    color = COLORS["bad"] if step["status"] in ("retrying", "failed") else COLORS[status.role]
    return f"background-color:{color};height:12px"


def _bars(bars: Sequence[_Bar], place: Callable[[float], float]) -> str:
    """Return boxes side by side; margins, because the cleaner lets no percentage into `left`."""
    html, at = [], 0.0
    for bar in sorted(bars, key=lambda bar: bar.start):
        left = max(place(bar.start), at)
        width = max(min(place(bar.end), 100.0) - left, _LEAST_WIDTH)
        style = f"float:left;box-sizing:border-box;border-radius:1px;margin-left:{left - at:.2f}%;width:{width:.2f}%;{bar.style}"
        html.append(f'<div style="{style}"></div>')
        at = left + width
    return f'<div style="overflow:hidden;height:14px">{"".join(html)}</div>'


def _row(label: str, took: str, bars: str) -> str:
    cell = "padding:4px 6px;border:none;vertical-align:middle;background:transparent"
    left = (
        f"{cell};width:34%;text-align:left;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;padding-left:12px"
    )
    middle = f"{cell};width:11%;text-align:right;white-space:nowrap;{MUTED}"
    right = f"{cell};width:55%;text-align:left;border-left:1px solid {LINE};padding-right:12px"
    return f'<tr style="background:transparent"><td style="{left}">{label}</td><td style="{middle}">{took}</td><td style="{right}">{bars}</td></tr>'


def _extent(view: RunView, saved_at: float) -> tuple[float, float]:
    times = [view.run.get("started_at"), view.run.get("queued_at"), *(a[0]["started_at"] for a in view.steps)]
    begin = next((time for time in times if time is not None), saved_at)
    return begin, max(view.run.get("ended_at") or saved_at, begin + 1)


def _axis(view: RunView, begin: float, end: float) -> Callable[[float], float]:
    """Return where a time stands on the axis, in percent; long stretches of nothing but waiting are folded."""
    busy = _busy(view, begin, end)
    spent = sum(stop - start for start, stop in busy) or 1.0
    idle = (end - begin) - spent
    folds = idle > _FOLD_ABOVE * spent
    per_busy, per_idle = (1, 1) if not folds else ((1 - _FOLDED_SHARE) / spent, _FOLDED_SHARE / idle)
    scale = 100 / (spent * per_busy + max(idle, 0) * per_idle)

    def place(time: float) -> float:
        worked = sum(max(0.0, min(time, stop) - start) for start, stop in busy)
        return min(100.0, max(0.0, (worked * per_busy + (max(begin, time) - begin - worked) * per_idle) * scale))

    return place


def _busy(view: RunView, begin: float, end: float) -> list[tuple[float, float]]:
    """Return the stretches in which a step ran, without overlaps."""
    spans = [
        (max(begin, step["started_at"]), min(end, step.get("ended_at") or end))
        for attempts in view.steps
        for step in attempts
        if step.get("op") not in ("sleep", "wait_for_event")
    ]
    merged: list[tuple[float, float]] = []
    for start, stop in sorted(span for span in spans if span[1] > span[0]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _root_color(view: RunView) -> str:
    return COLORS[{"completed": "ok", "failed": "bad", "cancelled": "idle"}.get(view.run["status"], "run")]
