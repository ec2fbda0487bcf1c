"""Runs that wait, in a process that is killed, and the process that comes after it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inngest_nb as inngest
from tests.support.crash import note, noted

AT_ONCE = 1000
LIMIT_S = 120.0
BUSY = ("with a step", "with a pause", "with a task")  # they wait too, and are not still


def define(client: inngest.Inngest, log: Path) -> None:
    """One function that waits, in both kinds, and those that do something beside."""

    async def answer(ctx: inngest.Context) -> Any:
        condition = f"async.data.n == {ctx.event.data['n']}"
        return await ctx.step.wait_for_event("answer", event="wait/answer", if_exp=condition, timeout="30d")

    async def still(ctx: inngest.Context) -> None:
        note(log, "entered", "still", ctx.event.data["n"])
        await answer(ctx)
        note(log, "answered", "still", ctx.event.data["n"])

    def still_sync(ctx: inngest.ContextSync) -> None:
        note(log, "entered", "still sync", ctx.event.data["n"])
        ctx.step.sleep("nap", "30d")

    async def busy(ctx: inngest.Context) -> None:
        kind = ctx.event.data["kind"]
        note(log, "entered", kind, ctx.event.data["n"])

        async def beside() -> None:
            if kind != "with a step":
                await asyncio.sleep(3600)  # outside of steps: nobody knows of it
            await ctx.step.run("slow", asyncio.sleep, 3600)

        task = asyncio.create_task(beside())
        await (asyncio.gather(task, answer(ctx)) if kind == "with a pause" else answer(ctx))

    for handler in (still, still_sync, busy):
        name = handler.__name__
        client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event=f"wait/{name}"))(handler)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for it."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def _client(root: Path) -> inngest.Inngest:
    client = inngest.Inngest(app_id="wait", engine="embedded", data_dir=root / "data")
    define(client, root / "log")
    return client


def _count(root: Path, sql: str) -> int:
    uri = f"file:{root / 'data' / 'journal.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as reader:
        return int(reader.execute(sql).fetchone()[0])


def begin(folder: str, runs: int) -> None:
    """Start so many runs of each still kind (a few in threads) and one of each busy one; die when all of them wait."""
    root = Path(folder)
    client = _client(root)
    for first in range(0, runs, AT_ONCE):
        client.send_sync([inngest.Event(name="wait/still", data={"n": n}) for n in range(first, first + AT_ONCE)])
    client.send_sync([inngest.Event(name="wait/still_sync", data={"n": n}) for n in range(5)])
    client.send_sync([inngest.Event(name="wait/busy", data={"n": -1 - n, "kind": kind}) for n, kind in enumerate(BUSY)])
    waiting, parked = runs + 5 + len(BUSY), runs + 5
    until(lambda: _count(root, "SELECT count(*) FROM steps WHERE status = 'waiting'") == waiting, "not all wait")
    until(lambda: _count(root, "SELECT count(*) FROM runs WHERE parked") == parked, "not all are still")
    os.kill(os.getpid(), signal.SIGKILL)


def resume(folder: str) -> None:
    """Live after it: note what is entered by itself, and what when one event has come."""
    root = Path(folder)
    note(root / "log", "killed")
    client = _client(root)
    engine = client._link().engine  # type: ignore[attr-defined]
    until(lambda: sum(line[0] == "entered" for line in after_death(root / "log")) >= len(BUSY), "the busy ones")
    note(root / "log", "memory", len(engine.core.runs))
    client.send_sync(inngest.Event(name="wait/answer", data={"n": 7}))
    until(lambda: ["answered", "still", 7] in noted(root / "log"), "the answered one")
    os._exit(0)


def after_death(log: Path) -> list[list[Any]]:
    """What was noted since the process died."""
    lines = noted(log)
    return lines[lines.index(["killed"]) + 1 :]
