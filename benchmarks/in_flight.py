"""Runs that were under way when their process was killed: how soon another process goes on with all of them.

`python -m benchmarks.in_flight step` is one of these processes: its runs are inside a step. With `parked` they wait on disk
for an event, which the second process gets. It says what it has done, a line of JSON each, and stays until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import inngest_nb as nb
from benchmarks.measure import report
from inngest_nb.worker.worker import Worker

RUNS = 10_000
AT_ONCE = 5000  # events in a request
WITHIN_S = 100.0
_there: set[str] = set()


def main() -> dict[str, Any]:
    """Seconds of the second process until all runs have gone on."""
    found: dict[str, Any] = {"runs": RUNS}
    for how in ("step", "parked"):
        with tempfile.TemporaryDirectory() as folder:
            with _life(how, folder) as said:
                json.loads(said.readline())
            with _life(how, folder) as said:
                found[how] = json.loads(said.readline())
    return found


@contextmanager
def _life(how: str, folder: str) -> Iterator[IO[str]]:
    command = [sys.executable, "-m", "benchmarks.in_flight", how, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


def live(how: str, folder: str) -> None:
    """One process."""
    opened, begun = time.perf_counter(), time.process_time()
    client = nb.Inngest(app_id="bench", engine="embedded", data_dir=folder)
    _define(client, how)
    known = len(client.runs(limit=1))
    if not known:
        for _ in range(RUNS // AT_ONCE):
            client.send_sync([nb.Event(name="bench/go") for _ in range(AT_ONCE)])
    ready = time.perf_counter()
    link = client._link()
    if known and how == "parked":
        client.send_sync(nb.Event(name="bench/on"))
    if known or how == "step":
        _until(lambda: len(_there) == RUNS)
    else:
        _until(lambda: len(link.engine.core.waits) == RUNS and not link.worker._executions)
    now = time.perf_counter()
    told = {"goes_on_s": round(now - opened, 2), "of_that_to_open_s": round(ready - opened, 2)}
    print(json.dumps({**told, "processor_s": round(time.process_time() - begun, 2)}), flush=True)
    time.sleep(WITHIN_S)


def _define(client: nb.Inngest, how: str) -> None:
    @client.create_function(fn_id="flight", trigger=nb.TriggerEvent(event="bench/go"))
    async def flight(ctx: nb.Context) -> None:
        async def first() -> int:
            return 1

        async def hold() -> None:
            _there.add(ctx.run_id)
            await asyncio.sleep(3600)

        await ctx.step.run("first", first)
        if how == "parked":
            await ctx.step.wait_for_event("on", event="bench/on", timeout="30d")
        await ctx.step.run("hold", hold)


def _until(condition: Any) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within the limit: {len(_there)} of {RUNS}")
        time.sleep(0.01)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Worker.park_after_s = 0.2
        live(*sys.argv[1:])
    else:
        report(main())
