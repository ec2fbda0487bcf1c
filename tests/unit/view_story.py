"""Runs told as messages and states, in the shapes that views get."""

from __future__ import annotations

import datetime as dt
from typing import Any

RUN = "01KAJ8Q4V7N2M5X9ZT3VBED1WR"
CHANNEL = f"ai:{RUN}"
T0 = dt.datetime(2026, 11, 21, 14, 2, 21, tzinfo=dt.UTC).timestamp() * 1000

TEXT = """## Durable execution in three points

1. **Every step is saved.** When `step.run("generate", …)` returns, its result is in the journal before your next line runs.
2. **A crash is only a pause.** Restart the kernel, run the defining cells, and the run goes on from its last saved step.

```python
answer = await ctx.step.run("generate", call_model)
```

Start with one function; see [the guide](https://example.org/guide).
"""


class Story:
    """One run on one channel; times are milliseconds since its start."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []
        self.run_state: dict[str, Any] = {
            "run_id": RUN, "fn_id": "ai-lab-generate-response", "name": "generate-response", "status": "running",
            "attempt": 0, "max_attempts": 5, "queued_at": T0, "started_at": T0, "event": {"id": "E", "name": "app/go"},
        }  # fmt: skip

    def say(self, topic: str, data: Any, at: float, *, kind: str = "data", **fields: Any) -> Story:
        created_at = dt.datetime.fromtimestamp((T0 + at) / 1000, dt.UTC).isoformat().replace("+00:00", "Z")
        self.messages.append(
            {
                "channel": CHANNEL,
                "topic": topic,
                "kind": kind,
                "data": data,
                "created_at": created_at,
                "offset": len(self.messages),
                "run_id": RUN,
                **fields,
            }
        )
        return self

    def tokens(self, text: str, begin: float, end: float, attempt: int = 0) -> Story:
        pieces = [text[i : i + 6] for i in range(0, len(text), 6)]
        for i, piece in enumerate(pieces):
            at = begin + (end - begin) * i / max(1, len(pieces) - 1)
            self.say("tokens", {"token": piece}, at, step_id="generate", attempt=attempt)
        return self

    def settle(self, kind: str, at: float, attempt: int = 0, reason: str | None = None) -> Story:
        about = {"run_id": RUN, "step_id": "generate", "hash": "h-generate", "attempt": attempt}
        return self.say("$step", about | ({"reason": reason} if reason else {}), at, kind=kind, step_id="generate")

    def step(self, name: str, status: str, begin: float, end: float | None, **fields: Any) -> Story:
        state = {
            "run_id": RUN,
            "hash": f"h-{name}",
            "step_id": name,
            "index": len(self.steps),
            "op": "run",
            "attempt": 0,
        }
        self.steps.append(
            {
                **state,
                "status": status,
                "started_at": T0 + begin,
                **({} if end is None else {"ended_at": T0 + end}),
                **fields,
            }
        )
        return self

    def wait(self, name: str, status: str, begin: float, end: float | None, **fields: Any) -> Story:
        wait = {
            "event": "app/confirmation",
            "if": f"async.data.id == 'id-of-{name}'",
            "expires_at": T0 + begin + 900_000,
        }
        return self.step(name, status, begin, end, op="wait_for_event", wait=wait, **fields)

    def ask(self, name: str, text: str, at: float, topic: str = "approvals") -> Story:
        return self.say(topic, {"message": text, "confirmation_id": f"id-of-{name}"}, at)

    def run(self, status: str, end: float | None = None, **fields: Any) -> Story:
        self.run_state |= {"status": status, **({} if end is None else {"ended_at": T0 + end}), **fields}
        return self

    def initial(self, saved: float) -> dict[str, Any]:
        state = {"run": self.run_state, "steps": self.steps}
        return {"saved_at": T0 + saved, "messages": self.messages, "run": state, "runs": {RUN: state}}


def answer(name: str, at: float, *, approved: bool) -> dict[str, Any]:
    """What a wait's `answered` holds."""
    return {"answered": {"event_id": "E2", "user": {"name": name}, "ts": T0 + at, "data": {"approved": approved}}}


def written() -> Story:
    """A text that was complete after a rolled back attempt."""
    story = Story().step("fetch-context", "completed", 3, 843)
    story.step(
        "generate", "retrying", 860, 3060, retry_at=T0 + 4060, error={"name": "APIConnectionError", "message": "x"}
    )
    story.tokens("Durable execution is a way of writing programs so that they survive.", 1270, 3050)
    story.settle("rollback", 3062, 0, "APIConnectionError")
    story.step("generate", "completed", 4061, 9300, hash="h-generate", attempt=1, index=1)
    return story.tokens(TEXT, 4300, 9290, 1).settle("commit", 9300, 1).step("check-policy", "completed", 9310, 9316)


def asked() -> Story:
    """The same, waiting for a person."""
    story = written().wait("confirm", "waiting", 9330, None).run("waiting")
    return story.ask("confirm", "Publish **this** answer?", 9332)


def finished() -> Story:
    """The same, answered and done."""
    story = written().ask("confirm", "Publish **this** answer?", 9332)
    story.wait("confirm", "completed", 9330, 201_400, **answer("ada", 201_400, approved=True))
    return story.step("send-result", "completed", 201_420, 202_600).run("completed", 202_640)


def answers() -> Story:
    """Questions of every outcome."""
    story = written().run("waiting")
    story.ask("confirm", "Publish this answer?", 9332)
    story.wait("confirm", "completed", 9330, 201_400, **answer("ada", 201_400, approved=True))
    story.ask("drop", "Delete 3 stale indexes?", 9400)
    story.wait("drop", "completed", 9400, 31_400, **answer("grace", 31_400, approved=False))
    story.ask("late", "Confirm to proceed?", 9500).wait("late", "timed_out", 9500, 909_500)
    story.ask("gone", "Send it?", 9600).wait("gone", "cancelled", 9600, 60_000)
    return story.ask("open", "Anything else?", 9700).wait("open", "waiting", 9700, None)


def failed() -> Story:
    """A run whose step used up its attempts."""
    story = Story().step("fetch-context", "completed", 3, 843)
    for attempt, begin in enumerate((860, 2400, 5100)):
        error = {"name": "APIStatusError", "message": "503 model is loading"}
        last = attempt == 2
        retry = {} if last else {"retry_at": T0 + begin + 900}
        status = "failed" if last else "retrying"
        story.step(
            "generate", status, begin, begin + 760, hash="h-generate", index=1, attempt=attempt, error=error, **retry
        )
    return story.run("failed", 5900, error={"name": "APIStatusError", "message": "503 <model> is loading"})


def sleeping() -> Story:
    """A run that sleeps between two steps."""
    story = Story().step("plan", "completed", 0, 1000).step("cool-down", "completed", 1010, 4010, op="sleep")
    return story.step("search", "running", 4020, None)
