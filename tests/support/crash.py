"""Processes that die: lives of a program, forked from a warm parent and killed at an instant or at a failpoint.

The parent (this module run as a program) has imported everything but has no thread, loop or database when it forks, so a
life costs milliseconds. The product has no hooks: a failpoint is a patch that the child puts on its own copy of a class.

    with Nursery() as nursery:
        end = nursery.live("tests.promises.program:live", str(folder), death=Death(failpoint="journal.after-commit"))
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import importlib
import itertools
import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

KILLED, AT_FAILPOINT = -signal.SIGKILL, 137
HANGS_AFTER_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a life ends before its time: after so many seconds, or at the count-th pass of a failpoint."""

    after_s: float | None = None
    failpoint: str | None = None
    count: int = 1


# -- failpoints: run in the child ------------------------------------------------------------------------------------

STORES = ("journal", "messages")
FAILPOINTS = (
    *(f"{store}.{instant}" for store in STORES for instant in ("before-begin", "before-commit", "after-commit")),
    "before-lease",  # a run is about to be given to a worker
    "after-lease",
    "before-match",  # an event is about to be compared with the open waits
    "after-match",
    "before-apply",  # an accepted event is in the journal and about to start runs and end waits
    "before-end",  # the body returned or raised
    "before-answer",  # a worker is about to hear that its step is kept
    "after-answer",
)


def arm(name: str | None, count: int) -> None:
    """Make the count-th pass of the failpoint kill this process, like SIGKILL: no finally, no flush."""
    if name is None:
        return
    passes = itertools.count(1)

    def reached() -> None:
        if next(passes) == count:
            os._exit(AT_FAILPOINT)

    store, _, instant = name.partition(".")
    if instant:
        _patch_transactions(store, instant, reached)
    else:
        moment, _, where = name.partition("-")
        _patch_call(*_engine_calls()[where], before=moment == "before", reached=reached)


def _engine_calls() -> dict[str, tuple[type, str]]:
    from inngest_nb.engine.dispatch import Dispatch
    from inngest_nb.engine.intake import Intake
    from inngest_nb.engine.progress import Progress
    from inngest_nb.engine.waits import Waits
    from inngest_nb.worker.execution import Execution

    return {
        "lease": (Dispatch, "place"),
        "match": (Waits, "claim"),
        "apply": (Intake, "apply"),
        "end": (Progress, "end"),
        "answer": (Execution, "deliver"),
    }


def _patch_call(owner: type, name: str, *, before: bool, reached: Callable[[], None]) -> None:
    real = getattr(owner, name)

    @functools.wraps(real)
    def patched(*args: Any, **kwargs: Any) -> Any:
        if before:
            reached()
        result = real(*args, **kwargs)
        if not before:
            reached()
        return result

    setattr(owner, name, patched)


def _patch_transactions(store: str, instant: str, reached: Callable[[], None]) -> None:
    from inngest_nb.store import writer

    real = writer._transaction

    def patched(connection: sqlite3.Connection, writes: Any) -> None:
        (path,) = (row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main")
        real(_Watched(connection, instant, reached) if Path(path).stem == store else connection, writes)  # type: ignore[arg-type]

    writer._transaction = patched


class _Watched:
    """A connection that passes the failpoint at its place in a transaction."""

    def __init__(self, connection: sqlite3.Connection, instant: str, reached: Callable[[], None]) -> None:
        self._connection, self._instant, self._reached = connection, instant, reached
        self.executemany = connection.executemany

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        begins, commits = sql.startswith("BEGIN"), sql == "COMMIT"
        if (begins and self._instant == "before-begin") or (commits and self._instant == "before-commit"):
            self._reached()
        self._connection.execute(sql, values)
        if commits and self._instant == "after-commit":
            self._reached()


# -- the warm parent -------------------------------------------------------------------------------------------------


class Nursery:
    """A warm process that forks lives on demand; a context manager."""

    def __init__(self, *warm: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *warm], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.ends: Counter[int] = Counter()
        self.died_at: Counter[str] = Counter()

    def live(self, program: str, *args: Any, death: Death | None = None) -> int:
        """Live once and return the exit code: 0 when the program finished, else how it died."""
        death = death or Death()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"program": program, "args": args, "death": asdict(death)}) + "\n")
        answer = json.loads(self._process.stdout.readline() or '{"end": 1, "said": "the nursery itself has died"}')
        end = int(answer["end"])
        assert end in (0, KILLED, AT_FAILPOINT), f"a life ended with {end}: {answer['said']}"
        self.ends[end] += 1
        if end == AT_FAILPOINT:
            self.died_at[death.failpoint or ""] += 1
        return end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(HANGS_AFTER_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


def deaths(
    seed: int, *, longest_s: float, failpoints: tuple[str, ...] = FAILPOINTS, passes: int = 8
) -> Iterator[Death]:
    """Endless seeded deaths: half at random instants, half at failpoints."""
    rng = random.Random(seed)
    while True:
        if rng.random() < 0.5:
            yield Death(after_s=rng.random() * longest_s)
        else:
            yield Death(failpoint=rng.choice(failpoints), count=rng.randint(1, passes))


def main() -> None:
    """Serve lives until standard input ends."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        end, said = _one_life(asked["program"], asked["args"], Death(**asked["death"]))
        sys.stdout.write(json.dumps({"end": end, "said": said}) + "\n")
        sys.stdout.flush()


def _one_life(program: str, args: list[Any], death: Death) -> tuple[int, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.dup2(writing, 2)
            _live(program, args, death)
            os._exit(0)
        finally:
            os._exit(1)  # never on with the parent's code
    os.close(writing)
    said = b""
    kill_at = None if death.after_s is None else time.monotonic() + death.after_s
    with contextlib.closing(os.fdopen(reading, "rb", buffering=0)) as pipe:
        while True:
            patience = None if kill_at is None else max(0.0, kill_at - time.monotonic())
            if not select.select([pipe], [], [], patience)[0]:
                os.kill(child, signal.SIGKILL)
                kill_at = None
            elif not (piece := pipe.read(65536)):  # every copy of the other end is closed: the child is gone
                break
            else:
                said += piece
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode(errors="replace")[-4000:]


def _live(program: str, args: list[Any], death: Death) -> None:
    faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True, file=2)
    module, _, name = program.partition(":")
    try:
        arm(death.failpoint, death.count)
        getattr(importlib.import_module(module), name)(*args)
    except BaseException:  # noqa: BLE001  # also what pytest raises: the child must say why it fails
        traceback.print_exc()
        os._exit(1)


# -- the record of what happened -------------------------------------------------------------------------------------


def note(log: Path, *words: object) -> None:
    """Append one line; one write to a file opened for appending is atomic and survives kill -9."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, json.dumps(words).encode() + b"\n")
    finally:
        os.close(descriptor)


def noted(log: Path) -> list[list[Any]]:
    """Every line, oldest first."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def repeated_after_seen(effects: list[list[Any]]) -> tuple[list[list[Any]], int]:
    """Executions of a step after the code had seen its result, and the number of lawful repeats before.

    Looks at lines ["ran", run, step, …] and ["saw", run, step, value]; a step that shows two values counts as repeated.
    """
    ran: Counter[tuple[str, str]] = Counter()
    seen: dict[tuple[str, str], Any] = {}
    wrong: list[list[Any]] = []
    for line in effects:
        if line[0] == "ran":
            if (line[1], line[2]) in seen:
                wrong.append(line)
            ran[line[1], line[2]] += 1
        elif line[0] == "saw" and seen.setdefault((line[1], line[2]), line[3]) != line[3]:
            wrong.append(line)
    return wrong, sum(ran.values()) - len(ran)


if __name__ == "__main__":
    main()
