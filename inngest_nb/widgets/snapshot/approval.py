"""The card of an approval: each question and what became of it, without buttons."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from inngest_nb.widgets.snapshot import format as fmt
from inngest_nb.widgets.snapshot.card import COLORS, LINE, MUTED, Status, banner, body, card, header, muted
from inngest_nb.widgets.snapshot.markdown import markdown_html
from inngest_nb.widgets.snapshot.state import ENDED, WAITING_PERSON, RunView, Step, past, run_view

__all__ = ["approval_html"]

#: Shorter strings are too common to tell which wait a question belongs to.
_SHORTEST_ID = 6
_ID_KEY = re.compile(r"(^|_)(id|uuid|ulid|token|key|nonce)$|Id$")
_ID_VALUE = re.compile(
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{16,64})",
    re.IGNORECASE,
)
#: Jupyter gives visitors of a server without a login a random name, which says nothing to anybody.
_ANONYMOUS = re.compile(r"[0-9a-f]{32}")
_NONE_OPEN = Status("none", "None open", "○", "idle")
_OPEN = Status("open", "Open", "●", "ask")
_OUTCOMES = {
    "approved": Status("approved", "Approved", "✓", "ok"),
    "rejected": Status("rejected", "Rejected", "✕", "bad"),
    "answered": Status("answered", "Answered", "✓", "ok"),
    "timed_out": Status("timed_out", "Timed out", "◷", "idle"),
    "withdrawn": Status("withdrawn", "Withdrawn", "⊘", "idle"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    text: str
    data: Mapping[str, Any]
    run_id: str
    asked_at: float
    run: RunView | None
    wait: Step | None

    @property
    def status(self) -> Status:
        """Open, or what became of it."""
        if self.wait is None:
            return _OUTCOMES["withdrawn"] if self.run and self.run.ended else _OPEN
        state = self.wait["status"]
        if state == "completed":
            answered = self.wait.get("answered")
            approved = (answered.get("data") or {}).get("approved") is not False if answered else None
            return _OUTCOMES["answered" if approved is None else "approved" if approved else "rejected"]
        ended = self.run is not None and self.run.run.get("status") in ENDED
        return _OUTCOMES["timed_out" if state == "timed_out" else "withdrawn"] if state != "waiting" or ended else _OPEN


def approval_html(params: Mapping[str, Any], initial: Mapping[str, Any]) -> str:
    """Return the card."""
    questions = _questions(params, initial)
    waiting = [question for question in questions if question.status is _OPEN]
    status = past(WAITING_PERSON) if waiting else _NONE_OPEN
    settled = len(questions) - len(waiting)
    figures = [fmt.count(len(waiting), "question") if waiting else "", f"{settled} settled" if settled else ""]
    rows = "".join(_question_html(question, initial["saved_at"]) for question in [*waiting, *_settled(questions)])
    return card(
        [
            header(status, "approvals", fmt.channel_label(params["channel"]), figures, initial["saved_at"]),
            banner() if waiting else "",
            rows or body(f'<p style="text-align:center;{MUTED}">Nobody was being asked anything</p>'),
        ]
    )


def _settled(questions: list[_Question]) -> list[_Question]:
    return [question for question in reversed(questions) if question.status is not _OPEN]


def _questions(params: Mapping[str, Any], initial: Mapping[str, Any]) -> list[_Question]:
    """Return the questions of the channel, matched with the waits of the runs that ask."""
    runs = {run_id: run_view(state) for run_id, state in (initial.get("runs") or {}).items()}
    if one := run_view(initial.get("run")):
        runs.setdefault(one.run["run_id"], one)
    asked = _asked(initial.get("messages") or [], params.get("topic"))
    found = [_match(message, runs.get(message["run_id"])) for message in asked]
    return [question for question in found if question.wait is not None or params.get("topic") is not None]


def _asked(messages: Iterable[Mapping[str, Any]], topic: str | None) -> list[Mapping[str, Any]]:
    """Return the messages that ask something; one that is published again replaces itself, a rolled back one goes."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for message in messages:
        data = message.get("data")
        if message["kind"] == "rollback" and isinstance(data, Mapping):
            settled = (data.get("run_id"), data.get("step_id"))
            found = {key: m for key, m in found.items() if (m["run_id"], m.get("step_id")) != settled}
        if (
            message["kind"] != "data"
            or not isinstance(data, Mapping)
            or not message.get("run_id")
            or _text(data) is None
        ):
            continue
        id_ = _id(data)
        if message["topic"] == topic or (topic is None and id_ is not None):
            found[message["run_id"], id_ or json.dumps(data)] = message
    return list(found.values())


def _match(message: Mapping[str, Any], run: RunView | None) -> _Question:
    data = message["data"]
    asked_at = dt.datetime.fromisoformat(message["created_at"]).timestamp() * 1000
    text = _text(data) or ""
    return _Question(text, data, message["run_id"], asked_at, run, _wait(data, text, run))


def _wait(data: Mapping[str, Any], text: str, run: RunView | None) -> Step | None:
    waits = [attempts[-1] for attempts in (run.steps if run else ()) if attempts[-1].get("wait")]
    values = [v for v in data.values() if isinstance(v, str) and len(v) >= _SHORTEST_ID and v != text]
    mentioned = [step for step in waits if any(value in (step["wait"].get("if") or "") for value in values)]
    named = [step for step in waits if step["wait"].get("event") == data.get("event")]
    return next(iter([*mentioned[::-1], *named[::-1]]), None)


def _text(data: Mapping[str, Any]) -> str | None:
    return next((data[name] for name in ("message", "question", "prompt") if isinstance(data.get(name), str)), None)


def _id(data: Mapping[str, Any]) -> str | None:
    """Return the value that tells one question from another."""
    strings = {name: value for name, value in data.items() if isinstance(value, str) and len(value) >= _SHORTEST_ID}
    by_value = (value for value in strings.values() if _ID_VALUE.fullmatch(value))
    by_name = (value for name, value in strings.items() if _ID_KEY.search(name))
    return next(by_value, None) or next(by_name, None)


def _question_html(question: _Question, now: float) -> str:
    name = question.run.run.get("name") if question.run else None
    step = question.wait["step_id"] if question.wait else ""
    who = fmt.WITHIN.join(filter(None, [f"{name or 'run'} {fmt.short_id(question.run_id)}", step]))
    color = COLORS[question.status.role]
    return (
        f'<div style="padding:10px 16px 6px 16px;border-bottom:1px solid {LINE};border-left:3px solid {color}">'
        f'<div style="font-size:15px;line-height:22px">{markdown_html(question.text)}</div>'
        f"<div>{question.status.html} {muted(_outcome(question, now))}</div><div>{muted(f'asked by {who}')}</div></div>"
    )


def _outcome(question: _Question, now: float) -> str:
    wait = question.wait
    if wait is None:
        return ""
    if question.status is _OPEN:
        expires = (wait.get("wait") or {}).get("expires_at")
        return f"until {fmt.clock(expires, now)}" if expires is not None else "without a deadline"
    if question.status.value == "timed_out":
        return f"nobody answered in {fmt.duration((wait.get('ended_at') or now) - question.asked_at)}; the step returned None"
    answered = wait.get("answered") or {}
    at = answered.get("ts") or wait.get("ended_at")
    name = str(user.get("name") or "") if isinstance(user := answered.get("user"), Mapping) else ""
    by = f"by {name} · " if name and not _ANONYMOUS.fullmatch(name) else ""
    took = f" · after {fmt.duration(at - question.asked_at)}" if at is not None and answered else ""
    return f"{by}{fmt.clock(at, now)}{took}"
