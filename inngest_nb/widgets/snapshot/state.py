"""What the states of runs and steps mean to a reader; the same words as in the live views."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inngest_nb.widgets.snapshot.card import Status

__all__ = ["ENDED", "RunView", "run_status", "run_view", "step_status"]

ENDED = ("completed", "failed", "cancelled")
Step = Mapping[str, Any]

_STATUS = {
    "queued": Status("queued", "Queued", "◌", "idle"),
    "running": Status("running", "Running", "◐", "run"),
    "retrying": Status("retrying", "Retrying", "↻", "bad"),
    "completed": Status("completed", "Completed", "✓", "ok"),
    "failed": Status("failed", "Failed", "✕", "bad"),
    "cancelled": Status("cancelled", "Cancelled", "⊘", "idle"),
    "timed_out": Status("timed_out", "Timed out", "◷", "idle"),
}
_SLEEPING = Status("waiting", "Sleeping", "☾", "idle")
_WAITING = Status("waiting", "Waiting for event", "‖", "idle")
_WAITING_FUNCTION = Status("waiting", "Waiting for function", "◐", "run")
WAITING_PERSON = Status("waiting", "Waiting for you", "●", "ask")
LISTENING = Status("listening", "Listening", "○", "idle")
NOT_RUN = Status("unknown", "No runs", "○", "idle")

#: Events that sound like a person's answer.
_PERSON = re.compile(r"approv|confirm|review|decision|decid|answer|human|consent|permission", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class RunView:
    """A run and its steps, attempts of one step together and in their order."""

    run: Mapping[str, Any]
    steps: Sequence[Sequence[Step]]

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.run.get("status") in ENDED


def run_view(state: Mapping[str, Any] | None) -> RunView | None:
    """Read {"run": RunState, "steps": [StepState]}; None if it holds no run."""
    if not state or not state.get("run"):
        return None
    by_hash: dict[str, dict[int, Step]] = {}
    for step in state.get("steps") or []:
        by_hash.setdefault(step["hash"], {})[step.get("attempt", 0)] = step
    steps = [[attempts[number] for number in sorted(attempts)] for attempts in by_hash.values()]
    return RunView(state["run"], sorted(steps, key=lambda attempts: attempts[0].get("index", 0)))


def asks_person(step: Step) -> bool:
    """Return whether a wait is for a person, as far as its event can tell."""
    wait = step.get("wait") or {}
    return step.get("op") == "wait_for_event" and bool(_PERSON.search(wait.get("event", "")))


def step_status(step: Step) -> Status:
    """Return the state of a step by its last attempt."""
    if step["status"] != "waiting":
        return _STATUS.get(step["status"], _STATUS["running"])
    if step.get("op") == "sleep":
        return _SLEEPING
    if step.get("op") == "invoke":
        return _WAITING_FUNCTION
    return WAITING_PERSON if asks_person(step) else _WAITING


def run_status(view: RunView) -> Status:
    """Return the state of a run, told apart by the steps that are open; in the past where it may have gone on."""
    status = view.run["status"]
    if status in ENDED:
        return _STATUS[status]
    return past(_open_status(status, [attempts[-1] for attempts in view.steps]))


def _open_status(status: str, steps: Iterable[Step]) -> Status:
    if status not in ("running", "waiting"):
        return _STATUS.get(status, _STATUS["queued"])
    found = {
        step_status(step).word: step_status(step)
        for step in steps
        if step["status"] in ("running", "waiting", "retrying")
    }
    for known in (_STATUS["running"], WAITING_PERSON, _STATUS["retrying"]):
        if known.word in found:
            return known
    return next(iter(found.values()), _STATUS["running"] if status == "running" else _WAITING)


def past(status: Status) -> Status:
    """Return a state that may have changed since: `Was running`."""
    word = re.split(r"[\s,]", status.word)[0].lower()
    return Status(status.value, f"Was {word}", status.glyph, "idle")
