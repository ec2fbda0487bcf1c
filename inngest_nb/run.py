"""A run as its user holds it."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inngest_nb.durations import to_milliseconds
from inngest_nb.errors import FunctionNotFoundError, InngestError, RunCancelled, RunFailed
from inngest_nb.event import Event, event_from_text
from inngest_nb.jsontext import dumps, loads

if TYPE_CHECKING:
    from inngest_nb.links.link import Link
    from inngest_nb.lint import Finding

_SHOWN_WITHIN_S = 2.0
ENDED = ("completed", "failed", "cancelled")


class Run:
    """One execution of a function. Reading a property asks the engine, until the run has ended.

    `await run` and `run.result()` give the output; both work in a notebook cell.
    """

    def __init__(self, link: Link, state: str) -> None:
        self._link = link
        self._state: dict[str, Any] = loads(state)
        self.id: str = self._state["run_id"]

    def _now(self) -> dict[str, Any]:
        if self._state["status"] not in ENDED:
            self._state = loads(self._link.call("run", {"run_id": self.id}))
        return self._state

    @property
    def status(self) -> str:
        """One of "queued", "running", "waiting", "completed", "failed", "cancelled"."""
        return str(self._now()["status"])

    @property
    def function_id(self) -> str:
        """The full id of the function."""
        return str(self._state["fn_id"])

    @property
    def output(self) -> Any:
        """What the function returned (JSON); of a failed run its error; None before the end."""
        state = self._now()
        return state.get("error") if state["status"] == "failed" else state.get("result")

    @property
    def error(self) -> dict[str, Any] | None:
        """{"code", "name", "message", "stack"} of a failed run."""
        error: dict[str, Any] | None = self._now().get("error")
        return error

    @property
    def event(self) -> Event:
        """The event that started it."""
        return self.events[0]

    @property
    def events(self) -> list[Event]:
        """All events that started it: several for a batch."""
        return [event_from_text(event) for event in self._state["events"]]

    # -- waiting for it --------------------------------------------------------------------------

    def result(self, timeout: float | datetime.timedelta | str | None = None, *, progress: bool = False) -> Any:
        """Block until the run has ended and return its output.

        `timeout` is in seconds, or a timedelta or text such as "5m". With `progress`, one line on stderr says meanwhile which step runs, in which attempt, and for how long; only if
        stderr is a terminal.

        Raises:
            RunFailed, RunCancelled: it did not complete; the original error is inside.
            TimeoutError: it has not ended after `timeout`; it goes on.
        """
        self._check_thread()
        timeout_s = _seconds(timeout)
        future = self._link.request("result", {"run_id": self.id})
        try:
            if progress:
                from inngest_nb.progress import ProgressLine

                with ProgressLine(self):
                    return self._settle(future.result(timeout_s))
            return self._settle(future.result(timeout_s))
        except TimeoutError:
            future.cancel()
            raise TimeoutError(
                f"run {self.id} of {self.function_id} is still {self.status} after {timeout_s:g} s; it goes on"
            ) from None

    def _check_thread(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if loop is self._link.worker.loop:
            raise InngestError(
                f"result() of run {self.id} would stop the thread that functions run in, so that neither this function nor "
                "the run could go on; write await run"
            )

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        return self._settle(await self._link.ask("result", {"run_id": self.id}))

    def _settle(self, state: str) -> Any:
        self._state = loads(state)
        status = self._state["status"]
        if status == "failed":
            raise RunFailed(self.id, self._state["error"])
        if status == "cancelled":
            raise RunCancelled(self.id, self._state.get("reason"))
        return self._state.get("result")

    # -- acting on it ----------------------------------------------------------------------------

    def cancel(self, reason: str | None = None) -> None:
        """Cancel the run, if it has not ended; returns once that is durable."""
        self._state = loads(self._link.call("cancel", {"run_id": self.id, "reason": reason}))

    def retry_now(self, step: str | None = None) -> int:
        """Make attempts that wait for the end of their backoff now: of one step, or of the whole run.

        Returns how many were brought forward, once that is durable; 0 if nothing waits for its retry. An attempt that is
        made now counts as it would have later.
        """
        return int(self._link.call("retry_now", {"run_id": self.id, "step": step}))

    def rerun(self, *, from_step: str | None = None, steps: Mapping[str, Any] | None = None) -> Run:
        """Start a new run from the same events.

        With `from_step`, steps that had completed before it are reused and it runs again, as all that follow. `steps`
        gives new outputs to completed steps; alone, everything after the last of them runs again.

        Raises:
            ForkError: there is no such step.
        """
        return self._fork(from_step, steps, resume=False)

    def resume(self) -> Run:
        """Start a new run that keeps every memo of this one that is good: what failed runs again, with the code of now."""
        return self._fork(None, None, resume=True)

    def preview(
        self, *, from_step: str | None = None, steps: Mapping[str, Any] | None = None, resume: bool = False
    ) -> Any:
        """What `rerun` or `resume` would do, as a DataFrame: step_id, action, and whether the step's code has changed."""
        import pandas as pd

        params = {"run_id": self.id, "from_step": from_step, "steps": dict(steps or {}), "resume": resume}
        plan = self._link.call("preview", params)
        return pd.DataFrame(plan, columns=["step_id", "action", "code_changed", "index", "hash"])

    def _fork(self, from_step: str | None, steps: Mapping[str, Any] | None, *, resume: bool) -> Run:
        params = {"run_id": self.id, "from_step": from_step, "steps": dict(steps or {}), "resume": resume}
        return Run(self._link, self._link.call("rerun", {**params, "key": uuid.uuid4().hex}))

    def lint(self) -> list[Finding]:
        """Enter the function once more from this run's memos, executing no step, and report what would differ.

        Found are steps that moved, are new or gone, and side effects outside steps. The function must be defined in this
        process.
        """
        from inngest_nb.lint import lint

        handler = self._handler()
        view = loads(self._link.call("view", {"run_id": self.id}))
        outputs = loads(self._link.call("memos", {"run_id": self.id}))
        return lint(handler, view, outputs, [dumps(event) for event in self._state["events"]])

    def _handler(self) -> Any:
        handler = self._link.worker.handlers.get(self.function_id)
        if handler is None:
            raise FunctionNotFoundError(
                f"function {self.function_id!r} is not defined in this process; run its cell first"
            )
        return handler

    def to_test(self, path: str | Path | None = None, *, import_from: str | None = None) -> str:
        """Write this run as a pytest case: its steps' outputs become stubs, its own output or error the assertion.

        A function of a module is imported, one of a notebook is written down with what it refers to. `path` is a file or a
        directory; `import_from` names the module that has the function, where that is another one.

        Raises:
            InngestError: the run has not ended, or the function uses something of the notebook that cannot be written down.
            FunctionNotFoundError: the function is not defined in this process.
        """
        from inngest_nb.testing.cases import case_of, save, steps_of

        function = self._handler()
        text = case_of(self, function, steps_of(self._link, self.id), import_from)
        if path is not None:
            save(text, path, function)
        return text

    # -- looking at it ---------------------------------------------------------------------------

    def steps(self) -> Any:
        """Its steps as a DataFrame, one row per attempt."""
        return self._history().steps(run_id=self.id)

    def messages(self) -> Any:
        """What it published, as a DataFrame."""
        return self._history().messages(run_id=self.id)

    def _history(self) -> Any:
        from inngest_nb.history import History

        return History(self._link.readable_dir())

    def timeline(self) -> Any:
        """A live view of its steps."""
        from inngest_nb.widgets import RunTimeline

        return RunTimeline(self)

    def _repr_html_(self) -> str:
        from inngest_nb.cards import card

        try:
            if self._state["status"] not in ENDED:
                self._state = loads(self._link.call("run", {"run_id": self.id}, timeout=_SHOWN_WITHIN_S))
        except InngestError:
            pass  # shown as it was last known: a display must not fail, nor wait for an engine that is gone
        state = self._state
        output = dumps(state["result"]) if state["status"] == "completed" else None
        error = state.get("error") or {}
        failure = ": ".join(filter(None, (error.get("name"), error.get("message")))) or None
        rows = {"function": self.function_id, "status": state["status"], "output": output, "error": failure}
        return card(f"Run {self.id}", rows)

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.function_id!r}, {self._state['status']})"


def _seconds(timeout: float | datetime.timedelta | str | None) -> float | None:
    if timeout is None or (isinstance(timeout, (int, float)) and not isinstance(timeout, bool)):
        return timeout
    return to_milliseconds(timeout, field="timeout") / 1000
