"""What tests of functions on the embedded engine share."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from pydantic import BaseModel

import inngest_nb
from inngest_nb import realtime
from inngest_nb.errors import RunFailed

LIMIT_S = 10.0
GO = inngest_nb.TriggerEvent(event="app/go")


class Token(BaseModel):
    """A piece of text."""

    token: str


chat = realtime.channel(name="chat", topics={"tokens": Token, "notes": str})()


def failure_of(run: inngest_nb.Run, *, within: float = LIMIT_S) -> dict[str, Any]:
    """The error of a run that must fail."""
    with pytest.raises(RunFailed) as caught:
        run.result(within)
    assert run.status == "failed"
    assert run.output == run.error == caught.value.error
    return caught.value.error


def statuses(run: inngest_nb.Run) -> list[tuple[str, int, str]]:
    """Step, attempt and status of everything in a run's history."""
    frame = run.steps().sort_values(["index", "attempt"])
    return list(zip(frame["step_id"], frame["attempt"], frame["status"], strict=True))


def deadline() -> Any:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=LIMIT_S)

    def check() -> None:
        assert datetime.datetime.now(datetime.UTC) < end, "it did not happen in time"

    return check
