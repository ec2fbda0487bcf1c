"""What the world is told about runs and steps: `$run` and `$step` messages, rollback and commit of publishes."""

from __future__ import annotations

from typing import Any

import orjson

from inngest_nb.clock import Clock
from inngest_nb.engine.functions import Function
from inngest_nb.engine.records import ENDED, Run, StepRow, dense, fragment
from inngest_nb.hub import Hub, Publish

RUN_TOPIC = "$run"
STEP_TOPIC = "$step"
RUNS_CHANNEL = "$runs"  # a feed of all runs, for lists of them
_LEFT_OUT = frozenset({"result", "error"})


def run_state(run: Run, function: Function | None) -> dict[str, Any]:
    """RunState: a run as clients and views see it; times in milliseconds."""
    return dense(
        {
            "run_id": run.id,
            "fn_id": run.fn_id,
            "name": function.name if function else run.fn_id,
            "app_id": function.app_id if function else None,
            "status": run.status_kept,
            "attempt": run.attempt,
            "max_attempts": function.max_attempts if function else None,
            "queued_at": ms(run.queued_at),
            "started_at": ms(run.started_at),
            "ended_at": None if run.ending_from else ms(run.ended_at),
            "wake_at": ms(run.wake_at),
            "event": {"id": run.event.event_id, "name": run.event.name},
            "result": fragment(run.output) if run.status_kept == "completed" else None,
            "error": fragment(run.error) if run.status_kept == "failed" else None,
            "reason": run.reason,
            "forked_from": run.forked_from,
        }
    )


def run_line(run: Run, function: Function | None) -> dict[str, Any]:
    """RunState as lists show it: without the result, and of the error only what it says."""
    line = {key: value for key, value in run_state(run, function).items() if key not in _LEFT_OUT}
    if run.status_kept == "failed" and run.error:
        error = orjson.loads(run.error)
        line["error"] = {"name": error.get("name"), "message": str(error.get("message", ""))[:200]}
    return line


def step_state(run_id: str, row: StepRow, max_attempts: int | None, **extra: Any) -> dict[str, Any]:
    """StepState: one attempt of a step, or a wait; times in milliseconds. Absent fields are left out."""
    state: dict[str, Any] = {
        "run_id": run_id,
        "hash": row.hash,
        "step_id": row.step_id,
        "index": row.index,
        "op": row.op,
        "status": row.status,
        "attempt": row.attempt,
        "started_at": row.started_at / 1000,
    }
    if max_attempts is not None:
        state["max_attempts"] = max_attempts
    if row.ended_at is not None:
        state["ended_at"] = row.ended_at / 1000
    if row.error is not None:
        state["error"] = orjson.Fragment(row.error)
    if row.retry_at is not None:
        if row.status == "retrying":
            state["retry_at"] = row.retry_at / 1000
        if row.op == "sleep":
            state["wake_at"] = row.retry_at / 1000
    if row.op == "invoke":
        extra["function"] = _invoked(row.opts)
    return state | dense(extra) if extra else state


def _invoked(opts: str | None) -> Any:
    """The id of the function that a step invoked; peers of other versions may not have said it."""
    try:
        about = orjson.loads(opts or "null")
    except ValueError:
        return None
    return about.get("function") if isinstance(about, dict) else None


def wait_extra(row: tuple[Any, ...]) -> dict[str, Any]:
    """What StepState says of a wait for an event, and of what answered it, from a row of `waits_of_run`."""
    _, event, expression, expires_at, _, event_id, user, ts, data = row
    extra: dict[str, Any] = {"wait": dense({"event": event, "if": expression, "expires_at": ms(expires_at)})}
    if event_id is not None:
        extra["answered"] = dense({"event_id": event_id, "user": fragment(user), "ts": ts, "data": fragment(data)})
    return extra


def ms(us: int | None) -> float | None:
    """Microseconds as milliseconds."""
    return None if us is None else us / 1000


class Lifecycle:
    """Publishes the lifecycle of runs on their own channels and on those they touched."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub, self._clock = hub, clock
        self.first_id = ""  # ids from here on are of this engine
        self.retold: set[str] = set()  # runs of an earlier engine whose logs have been completed
        self._settled_again: set[tuple[str, str]] = set()  # steps of its runs whose publishes this engine has settled
        self.runs = hub.feed(RUNS_CHANNEL)

    def run_changed(self, run: Run, function: Function | None) -> None:
        """Tell the run's own channel; when it ended, every channel that it published to."""
        data = orjson.dumps(run_state(run, function)).decode()
        message = Publish(run.id, RUN_TOPIC, data, "run", run.id, run.fn_id, created_at=self._clock.now())
        for channel in self._to_tell(run):
            self._hub.publish(message._replace(channel=channel))
        self._list(run, function)

    def _list(self, run: Run, function: Function | None) -> None:
        """Tell lists of runs, if there are any."""
        if not self.runs.readers:
            self.runs.skip()
            return
        data = orjson.dumps(run_line(run, function)).decode()
        self.runs.put(
            run.id, Publish(RUNS_CHANNEL, RUN_TOPIC, data, "run", run.id, run.fn_id, created_at=self._clock.now())
        )

    def _to_tell(self, run: Run) -> set[str]:
        if run.status not in ENDED:
            return {run.id}
        if run.touched is not None:
            return {run.id} | run.touched
        return ({run.id} | self._hub.channels_of_run(run.id)) - self._hub.told_the_end_of(run.id)

    def step_changed(self, run: Run, row: StepRow, function: Function | None, **extra: Any) -> None:
        """Tell the run's own channel about an attempt or a wait."""
        state = step_state(run.id, row, function.max_attempts if function else None, **extra)
        if extra or row.error is not None:  # with words of users in it
            about = (run.id, run.fn_id, row.step_id, row.attempt, self._clock.now())
            self._hub.publish(Publish(run.id, STEP_TOPIC, orjson.dumps(state).decode(), "step", *about))
        else:
            self._hub.hold(run.id, run.fn_id, state)
        self._list(run, function)

    def settle(
        self, run: Run, step_id: str, *, kind: str, step_hash: str, attempt: int, reason: str | None = None
    ) -> bool:
        """Commit or roll back what a step has published since it began; returns whether there was anything."""
        channels = run.unsettled.pop(step_id, None)
        if not channels:
            return False
        body = dense({"run_id": run.id, "step_id": step_id, "hash": step_hash, "attempt": attempt, "reason": reason})
        self._say_settled(kind, body, run.fn_id, sorted(channels))
        return True

    def _say_settled(self, kind: str, body: dict[str, Any], fn_id: str, channels: list[str]) -> None:
        about = (body["run_id"], fn_id, body["step_id"], body["attempt"], self._clock.now())
        data = orjson.dumps(body).decode()
        for channel in (*channels, body["run_id"]):
            self._hub.publish(Publish(channel, STEP_TOPIC, data, kind, *about))

    def roll_back_lost(self, run: Run, reason: str) -> None:
        """A worker vanished in the middle of steps: what they published is void."""
        for step_id in list(run.unsettled):
            self.settle(run, step_id, kind="rollback", step_hash="", attempt=0, reason=reason)

    def settle_again(self, owed: dict[str, Any]) -> None:
        """At start: the engine before this one kept the end of an attempt; whether it told what becomes of its publishes, its log knows."""
        body = owed["settled"]
        if not self._hub.is_settled(body["run_id"], body["hash"], body["attempt"]):
            self._settled_again.add((body["run_id"], body["step_id"]))
            self._say_settled(owed["kind"], body, owed["fn_id"], owed["channels"])

    def recall_unsettled(self, run: Run) -> None:
        """After a restart: learn from the message log which publishes were left hanging by attempts that have not ended."""
        for channel, step_id in self._hub.unsettled_of_run(run.id):
            if (run.id, step_id) not in self._settled_again:
                run.unsettled.setdefault(step_id, set()).add(channel)
