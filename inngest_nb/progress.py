"""One line on a terminal that says what a run is doing, until it has ended."""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from inngest_nb.realtime.following import Listener

if TYPE_CHECKING:
    from inngest_nb.run import Run

__all__ = ["ProgressLine"]

_EVERY_S = 0.1
_CLEAR = "\r\x1b[K"
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class ProgressLine:
    """A context manager; it writes to stderr, and nothing at all if that is no terminal."""

    def __init__(self, run: Run, file: TextIO | None = None) -> None:
        self._run, self._file = run, file or sys.stderr
        self._steps: dict[str, dict[str, Any]] = {}  # the last word on each step, in order of their begin
        self._done = threading.Event()

    def __enter__(self) -> Self:
        if self._file.isatty():
            self._begun = time.monotonic()
            listener = Listener(on_messages=self._heard)
            self._following = self._run._link.follow(self._run.id, ["$step"], "start", listener)  # noqa: SLF001  # its own run
            self._thread = threading.Thread(target=self._draw, name="inngest-nb progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._file.isatty():
            self._following.stop()
            self._thread.join()
            self._write(_CLEAR)

    def _heard(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            if message["kind"] == "step":
                self._steps[message["data"]["hash"]] = message["data"]

    def _draw(self) -> None:
        count = 0
        while not self._done.wait(_EVERY_S if count else 0):
            elapsed = time.monotonic() - self._begun
            name = self._run.function_id
            text = f"{_FRAMES[count % len(_FRAMES)]} {name} · {describe(list(self._steps.values()))} · {elapsed:.1f} s"
            self._write(f"{_CLEAR}{text[: _width(self._file)]}")
            count += 1

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def describe(steps: list[dict[str, Any]]) -> str:
    """Say how many steps are done and what goes on.

    >>> describe([{"step_id": "fetch", "status": "running", "attempt": 1, "max_attempts": 5}])
    '0 steps done · fetch (attempt 2 of 5)'
    """
    done = sum(step["status"] == "completed" for step in steps)
    open_ = [_said(step) for step in steps if step["status"] in ("running", "retrying", "waiting")]
    return " · ".join([f"{done} {'step' if done == 1 else 'steps'} done", *([", ".join(open_)] if open_ else [])])


def _said(step: dict[str, Any]) -> str:
    name, status, attempt = str(step["step_id"]), step["status"], int(step.get("attempt") or 0)
    if status == "retrying":
        return f"{name} (attempt {attempt + 1} failed, trying again)"
    if status == "waiting":
        return f"{name} (waiting)"
    most = step.get("max_attempts")
    return f"{name} (attempt {attempt + 1}{f' of {most}' if most else ''})" if attempt else name


def _width(file: TextIO) -> int:
    try:
        columns = os.get_terminal_size(file.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return (columns or 80) - 1  # a terminal may not say
