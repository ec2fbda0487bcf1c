"""Functions under test: an engine in memory, a clock that stands still until it is moved, stubs for steps.

    result = testing.trigger(reminder, inngest.Event(name="user/created", data={"id": 1}))
    assert result.output == "reminded"      # although it sleeps for a week

`trigger` starts at once and takes the run to its end in a thread of its own, so it works in a notebook's cell as well as in a
test: read its properties, which wait, or `await` it. Where nothing is left to do but wait, the clock moves to what is due
next: a sleep passes at once, a wait without an answer times out, a retry follows without delay.

For flows of several functions, and for times chosen by hand, there is `TestEngine`.
"""

from __future__ import annotations

from inngest_nb.testing.clock import TestClock
from inngest_nb.testing.engine import TestEngine
from inngest_nb.testing.result import Result, StepResult
from inngest_nb.testing.stubs import Timeout
from inngest_nb.testing.triggering import Triggered, trigger

__all__ = ["Result", "StepResult", "TestClock", "TestEngine", "Timeout", "Triggered", "trigger"]
