"""The card of a token stream: the text that stands, what was rolled back, and the figures."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from inngest_nb.realtime.messages import text_piece
from inngest_nb.widgets.snapshot import format as fmt
from inngest_nb.widgets.snapshot.card import COLORS, MUTED, banner, body, card, footer, header, muted
from inngest_nb.widgets.snapshot.markdown import markdown_html
from inngest_nb.widgets.snapshot.state import LISTENING, RunView, run_status, run_view

__all__ = ["stream_html"]

#: Longer texts are cut at their beginning, so that a saved notebook stays small.
_MOST_TEXT = 100_000
_STRUCK_TEXT = 240


@dataclasses.dataclass(slots=True)
class _Segment:
    """The text of one step on one topic, with the times of its pieces in milliseconds."""

    topic: str
    attempt: int
    text: str = ""
    times: list[float] = dataclasses.field(default_factory=list)
    committed: bool = False
    struck: list[tuple[int, int, str, str]] = dataclasses.field(default_factory=list)


def stream_html(params: Mapping[str, Any], initial: Mapping[str, Any]) -> str:
    """Return the card."""
    segments, runs = _fold(params, initial.get("messages") or [])
    view = _run_of(params, initial, runs)
    status = run_status(view) if view else LISTENING
    topics = ", ".join(dict.fromkeys(segment.topic for segment in segments)) or ", ".join(params.get("topics") or [])
    place = f"{fmt.channel_label(params['channel'])}{fmt.WITHIN + topics if topics else ''}"
    name = (view.run.get("name") if view else None) or params.get("fn_name") or "Tokens"
    return card(
        [
            header(status, name, place, _figures(segments, view), initial["saved_at"]),
            "" if view and view.ended else banner(),
            body("".join(_segment_html(segment) for segment in segments) + _failure(view) or _empty()),
            footer(_details(segments)) if view and view.ended else "",
        ]
    )


def _fold(params: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> tuple[list[_Segment], list[str]]:
    """Return the segments and the runs in the order of their first appearance."""
    segments: dict[tuple[str | None, str | None, str], _Segment] = {}
    runs: dict[str, None] = {}
    wanted = params.get("run_id")
    for message in messages:
        run_id, step_id = message.get("run_id"), message.get("step_id")
        if wanted and run_id != wanted:
            continue
        if run_id:
            runs[run_id] = None
        if message["kind"] == "data" and (params.get("topics") is None or message["topic"] in params["topics"]):
            _add_piece(segments, message, params.get("field"))
        elif message["kind"] in ("rollback", "commit"):
            about = message.get("data") or {}
            settled = (about.get("run_id", run_id), about.get("step_id", step_id))
            for key, segment in segments.items():
                if key[:2] == settled:
                    _settle(segment, message["kind"], about)
    return [segment for segment in segments.values() if segment.text or segment.struck], list(runs)


def _add_piece(segments: dict[Any, _Segment], message: Mapping[str, Any], field: str | None) -> None:
    piece = text_piece(message.get("data"), field)
    if piece is None:
        return
    key = (message.get("run_id"), message.get("step_id"), message["topic"])
    segment = segments.setdefault(key, _Segment(message["topic"], message.get("attempt") or 0))
    segment.text += piece
    segment.attempt = message.get("attempt") or 0
    segment.times.append(dt.datetime.fromisoformat(message["created_at"]).timestamp() * 1000)
    segment.committed = False


def _settle(segment: _Segment, kind: str, about: Mapping[str, Any]) -> None:
    if kind == "commit":
        segment.committed = True
    elif segment.text and not segment.committed:
        segment.struck.append(
            (about.get("attempt", segment.attempt), len(segment.times), about.get("reason", ""), segment.text)
        )
        segment.text, segment.times = "", []


def _run_of(params: Mapping[str, Any], initial: Mapping[str, Any], runs: list[str]) -> RunView | None:
    """Return the run that the header speaks about: the one asked for, or the newest on the channel."""
    known = {**(initial.get("runs") or {})}
    one = run_view(initial.get("run"))
    if one:
        known.setdefault(one.run["run_id"], initial["run"])
    wanted = params.get("run_id") or next((run for run in reversed(runs) if run in known), None)
    return run_view(known.get(wanted)) if wanted else one


def _segment_html(segment: _Segment) -> str:
    struck = "".join(_struck_html(*attempt) for attempt in segment.struck)
    cut = len(segment.text) - _MOST_TEXT
    note = f"<p>{muted(f'{cut:,} characters before this are not shown')}</p>" if cut > 0 else ""
    return struck + note + markdown_html(segment.text[max(0, cut) :])


def _struck_html(attempt: int, tokens: int, reason: str, text: str) -> str:
    said = text if len(text) <= _STRUCK_TEXT else text[: _STRUCK_TEXT - 1] + "…"
    after = f" after {fmt.count(tokens, 'token')}{f' · {reason}' if reason else ''}"
    return (
        f'<div style="border-left:2px solid {COLORS["bad"]};padding:0 10px;margin:0 0 8px 0;font-size:12px">'
        f"<b>Attempt {attempt + 1} rolled back</b>{escape(after)}"
        f'<div style="text-decoration:line-through;{MUTED}">{escape(said)}</div></div>'
    )


def _figures(segments: list[_Segment], view: RunView | None) -> list[str]:
    times = [segment.times for segment in segments if len(segment.times) > 1]
    spent = sum(t[-1] - t[0] for t in times)
    rate = f"{sum(len(t) - 1 for t in times) / spent * 1000:.1f} tok/s" if spent > 0 else ""
    started = view.run.get("started_at") if view else None
    ended = view.run.get("ended_at") if view else None
    attempts = max((len(steps) for steps in view.steps), default=1) if view else 1
    return [
        rate if view and view.ended else "",
        fmt.count(sum(len(segment.times) for segment in segments), "token"),
        f"attempt {attempts}" if attempts > 1 else "",
        fmt.duration(ended - started) if started is not None and ended is not None else "",
    ]


def _details(segments: list[_Segment]) -> list[str]:
    gaps = [b - a for segment in segments for a, b in zip(segment.times, segment.times[1:], strict=False)]
    return [f"longest gap {fmt.duration(max(gaps))}"] if gaps else []


def _failure(view: RunView | None) -> str:
    error = (view.run.get("error") if view and view.run.get("status") == "failed" else None) or {}
    said = f"{error.get('name', 'Error')}: {error.get('message', '')}"
    return (
        f'<p style="margin:0 0 8px 0;color:{COLORS["bad"]};font-family:monospace;font-size:12px">{escape(said)}</p>'
        if error
        else ""
    )


def _empty() -> str:
    return f'<p style="text-align:center;{MUTED}">No tokens on this channel yet</p>'
