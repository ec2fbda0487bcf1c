"""Questions to people, and what answers them where there is nobody: a policy.

A question is a message on a channel; the wait it belongs to is the one of the same run whose condition holds a value of
the message (the id that was minted for it) or whose event the message names.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from inngest_nb.errors import ChannelError
from inngest_nb.realtime.following import Listener

if TYPE_CHECKING:
    from inngest_nb.links.link import Link

DECIDED_EVENT = "approval/decided"
#: What an answer repeats of its question, or says beside the data that was asked for.
OF_THE_QUESTION = frozenset(
    {"message", "question_id", "schema", "draft", "errors", "again", "expires_at", "approved", "reason"}
)
HEADLESS = "INNGEST_NB_HEADLESS"
DECISIONS = ("approve", "reject")
_log = logging.getLogger(__name__)
_LEAST_ID = 6  # shorter texts occur in conditions by accident


def headless_decision() -> str | None:
    """What `INNGEST_NB_HEADLESS` says to answer: "approve", "reject", or None when a person answers."""
    decision = os.environ.get(HEADLESS) or None
    if decision is not None and decision not in DECISIONS:
        raise ChannelError(f"{HEADLESS} must be one of {', '.join(DECISIONS)}, not {decision!r}")
    return decision


def answers(question: Mapping[str, Any], wait: Mapping[str, Any]) -> bool:
    """Whether an answer to `question` (a message's data) would end `wait` (of a StepState)."""
    if question.get("event"):
        return bool(question["event"] == wait["event"])
    condition = wait.get("if") or ""
    return any(isinstance(value, str) and len(value) >= _LEAST_ID and value in condition for value in question.values())


def answer_data(answer: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Any:
    """What was filled in: under `data`, or beside what an answer repeats of its question."""
    fields = (schema or {}).get("properties") or {}
    if schema is not None and "data" in answer and "data" not in fields:
        return answer["data"]
    return {name: value for name, value in answer.items() if name in fields or name not in OF_THE_QUESTION}


def prefilled(question: Mapping[str, Any]) -> Any:
    """What the form of a question holds before anybody has edited it: its draft, else the defaults of its schema."""
    if "draft" in question:
        return question["draft"]
    schema = question["schema"]
    fields = (schema.get("properties") or {}).items()
    return schema.get("default", {name: field["default"] for name, field in fields if "default" in field})


class Policy:
    """Answers every question of a channel with one decision, as the user "policy"."""

    def __init__(self, link: Link, channel: str, topic: str | None, event: str | None, decision: str) -> None:
        self._link, self._event, self._approved = link, event, decision == "approve"
        self._topics = None if topic is None else [topic]
        self._open: dict[str, list[dict[str, Any]]] = {}
        self._stops: list[Callable[[], None]] = []
        self._follow(channel, self._topics, self._asked)

    def close(self) -> None:
        """Answer nothing more."""
        for stop in self._stops:
            stop()

    def _follow(
        self, channel: str, topics: list[str] | None, on_messages: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        self._stops.append(self._link.follow(channel, topics, "start", Listener(on_messages=on_messages)).stop)

    def _asked(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            run_id, data = message.get("run_id"), message.get("data")
            if message["kind"] != "data" or run_id is None or not isinstance(data, dict):
                continue
            new = run_id not in self._open
            self._open.setdefault(run_id, []).append(data)
            if new:
                self._follow(run_id, ["$step"], self._waits)

    def _waits(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            step = message["data"]
            wait = step.get("wait")
            if message["kind"] != "step" or step["status"] != "waiting" or wait is None:
                continue
            for question in [q for q in self._open[message["run_id"]] if answers(q, wait)]:
                self._answer(message["run_id"], step["hash"], question, wait["event"])

    def _answer(self, run_id: str, step_hash: str, question: dict[str, Any], event: str) -> None:
        data = {**question, "approved": self._approved}
        if "schema" in question:
            data = {"question_id": question.get("question_id"), "approved": self._approved, "data": prefilled(question)}
        answer = {"name": self._event or event, "data": data, "user": {"name": "policy"}}
        sent = self._link.request("send", {"events": [answer], "key": f"policy:{run_id}:{step_hash}"})
        sent.add_done_callback(_say_if_refused)


def _say_if_refused(sent: Future[Any]) -> None:
    if not sent.cancelled() and (error := sent.exception()) is not None:
        _log.warning("%s did not answer a question: %s", HEADLESS, error)
