"""An engine for tests of several functions, with times chosen by hand."""

from __future__ import annotations

import contextvars
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from inngest_nb.client import link_in_use
from inngest_nb.durations import Duration, to_milliseconds
from inngest_nb.engine.records import ENDED
from inngest_nb.event import Event
from inngest_nb.function import Function
from inngest_nb.jsontext import loads
from inngest_nb.links import Link
from inngest_nb.run import Run
from inngest_nb.testing.clock import TestClock
from inngest_nb.testing.link import TestLink, UnderTest
from inngest_nb.testing.result import Result, result_of
from inngest_nb.testing.stubs import as_calls

SETTLE_S = 30.0
#: An event of a script: sent when a run waits for one of its name, or at a time after the start.
Scripted = Event | tuple[Duration, Event]


class TestEngine:
    """An engine in memory with a clock that stands still. Use it in a `with`: inside, every client of this code uses it.

    Args:
        functions: registered at once, with what they trigger and limit; functions defined inside the `with` register
            themselves.
        clock: default, one that starts now.
        step_stubs: by step id, for all the functions given: a value, an Event, `Timeout`, an exception to raise, or a
            callable that is called for each attempt.
    """

    __test__ = False

    def __init__(
        self, *functions: Function[Any], clock: TestClock | None = None, step_stubs: Mapping[str, Any] | None = None
    ) -> None:
        self.clock = clock or TestClock()
        self._functions, self._stubs = functions, step_stubs
        self._token: contextvars.Token[Link | None] | None = None

    def __enter__(self) -> Self:
        self._link = TestLink(self.clock)
        self._token = link_in_use.set(self._link)
        self.add(*self._functions, step_stubs=self._stubs)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            link_in_use.reset(self._token)
        self._link.close()

    def add(self, *functions: Function[Any], step_stubs: Mapping[str, Any] | None = None) -> None:
        """Register functions and their failure handlers."""
        for function in functions:
            self.add_as(function, step_stubs, {})

    def add_as(self, function: Function[Any], step_stubs: Mapping[str, Any] | None, instead: dict[str, Any]) -> None:
        """Register a function with some fields of its registration replaced."""
        failure, stubs = function.failure_function(), as_calls(step_stubs)
        self._link.worker.register(function.id, UnderTest(function, self._link, stubs, instead))
        if failure is not None:
            self._link.worker.register(failure.id, UnderTest(failure, self._link, stubs, {}))

    # -- events and runs -----------------------------------------------------------------------

    def send(self, *events: Event) -> list[str]:
        """Send events; returns their ids."""
        params = {"events": [event.to_wire() for event in events], "key": uuid.uuid4().hex}
        ids: list[str] = self._link.call("send", params)
        return ids

    def start(self, function: Function[Any], event: Event) -> Run:
        """Start this function alone with an event of any name."""
        params = {"fn_id": function.id, "event": event.to_wire(), "key": uuid.uuid4().hex}
        return Run(self._link, self._link.call("start", params))

    def runs(self, function: Function[Any] | None = None) -> list[Run]:
        """Runs, newest first."""
        filters = {"function": function.id if function else None, "status": None, "event_id": None, "limit": 1000}
        return [Run(self._link, state) for state in self._link.call("runs", filters)]

    # -- time ----------------------------------------------------------------------------------

    def settle(self, timeout_s: float = SETTLE_S) -> None:
        """Let everything happen that can happen now.

        Raises:
            TimeoutError: a step or code between steps does not end.
        """
        self._link.settle(timeout_s)

    def advance(self, duration: Duration) -> None:
        """Let time pass: what comes due on the way happens at its time, before the clock goes on."""
        until = self.clock.now() + to_milliseconds(duration) * 1000
        self.settle()
        while (due := self._next_due()) is not None and due <= until:
            self._move(due)
            self.settle()
        self._move(until)
        self.settle()

    def finish(self, run: Run, *, script: Sequence[Scripted] = (), timeout_s: float = SETTLE_S) -> Result:
        """Take a run to its end, moving the clock to what is due next whenever there is nothing else to do.

        Raises:
            TimeoutError: a step or code between steps does not end.
            RuntimeError: the run waits for something that will never come.
        """
        timed, ready = self._script(script)
        while True:
            self.settle(timeout_s)
            if run.status in ENDED:
                for handled in self._failures_of(run):
                    self.finish(handled, timeout_s=timeout_s)
                return self.result(run)
            answer = next((event for event in ready if event.name in self._awaited()), None)
            if answer is not None:
                ready.remove(answer)
                self.send(answer)
            elif timed and timed[0][0] <= (self._next_due() or timed[0][0]):
                at, event = timed.pop(0)
                self._move(at)
                self.send(event)
            elif (due := self._next_due()) is not None:
                self._move(due)
            else:
                raise RuntimeError(f"{run!r} is {run.status} and nothing is due: it would never end")

    def result(self, run: Run) -> Result:
        """How a run ended, with its failure handler's run."""
        failures = self._failures_of(run)
        on_failure = self.result(failures[0]) if failures else None

        async def read() -> Result:
            engine = self._link.engine
            return result_of(engine.run(run.id), engine.core.journal.steps(run.id), on_failure)

        return self._link.on_engine(read)

    def _failures_of(self, run: Run) -> list[Run]:
        handled = [other for other in self.runs() if other.function_id == f"{run.function_id}-failure"]
        return [other for other in handled if other.event.data["run_id"] == run.id]

    def _script(self, script: Sequence[Scripted]) -> tuple[list[tuple[int, Event]], list[Event]]:
        now = self.clock.now()
        timed = [(now + to_milliseconds(item[0]) * 1000, item[1]) for item in script if isinstance(item, tuple)]
        return sorted(timed, key=lambda item: item[0]), [item for item in script if isinstance(item, Event)]

    def _awaited(self) -> set[str]:
        """The names of the events that runs wait for."""
        names: set[str] = set()
        for run in self.runs():
            if run.status not in ENDED:
                steps = loads(self._link.call("view", {"run_id": run.id}))["steps"]
                names |= {step["wait"]["event"] for step in steps if step["status"] == "waiting" and "wait" in step}
        return names

    def _next_due(self) -> int | None:
        due: int | None = self._on_timers(lambda timers: timers.next_at)
        return due

    def _move(self, at: int) -> None:
        self.clock.move_to(at)
        self._on_timers(lambda timers: timers.poke())

    def _on_timers(self, call: Callable[[Any], Any]) -> Any:
        async def on_loop() -> Any:
            return call(self._link.engine.core.timers)

        return self._link.on_engine(on_loop)
