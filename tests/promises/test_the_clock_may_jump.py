"""Promise 3, under a clock that is set back and forward while a real server and a real kernel run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clockshift import ClockShift
from tests.support.crash import noted
from tests.support.kernels import Kernel, KernelServer, until

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

PROMPT_S = 15.0  # a set clock is noticed within five seconds; the rest is for a busy machine
CELL = """
import asyncio, json, os, time
import inngest_nb as inngest
client = inngest.Inngest(app_id="jumps")
def note(*words):
    descriptor = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, json.dumps([*words, time.monotonic()]).encode() + b"\\n")
    os.close(descriptor)

@client.create_function(fn_id="sleeper", trigger=inngest.TriggerEvent(event="jumps/sleeper"))
async def sleeper(ctx):
    note("begun", ctx.event.data["seconds"])
    await ctx.step.sleep("nap", 1000 * ctx.event.data["seconds"])
    note("woke", ctx.event.data["seconds"])

@client.create_function(fn_id="worker", trigger=inngest.TriggerEvent(event="jumps/worker"))
async def worker(ctx):
    async def work():
        note("working", 0)
        await asyncio.sleep(5)
    await ctx.step.run("work", work)
    note("worked", 0)
"""


@pytest.fixture
def clock(tmp_path: Path) -> ClockShift:
    shift = ClockShift.prepare(tmp_path)
    if shift is None:
        pytest.skip("no C compiler for the library that shifts the clock")
    return shift


@pytest.fixture
def server(tmp_path: Path, clock: ClockShift) -> Iterator[KernelServer]:
    with KernelServer(tmp_path / "jupyter", environment=clock.environment) as server:
        yield server


def test_nothing_is_early_late_or_done_twice(server: KernelServer, clock: ClockShift, tmp_path: Path) -> None:
    log, kernel = tmp_path / "notes", server.start_kernel()
    kernel.value(CELL.format(log=str(log)))
    ids = [send(kernel, "sleeper", 6), send(kernel, "sleeper", 1800), send(kernel, "worker", 0)]
    until(lambda: {("begun", 6), ("begun", 1800), ("working", 0)} <= said(log), "the beginning")

    clock.set(hours=-1)
    assert abs(float(kernel.value("print(time.time())")) - time.time() + 3600) < 60  # the clock is another one
    ids += [send(kernel, "sleeper", 2)]
    until(lambda: {("woke", 6), ("woke", 2), ("worked", 0)} <= said(log), "what was due", PROMPT_S + 6)
    assert 5.9 < took(log, 6) < 6 + PROMPT_S
    assert 1.9 < took(log, 2) < 2 + PROMPT_S
    assert ("woke", 1800) not in said(log)

    clock.set(hours=1)
    ids += [send(kernel, "sleeper", 3)]
    until(lambda: {("woke", 1800), ("woke", 3)} <= said(log), "what the clock says is due", PROMPT_S)
    assert took(log, 3) > 2.9
    assert [words[0] for words in noted(log)].count("working") == 1  # its lease was not lost

    ids += [send(kernel, "sleeper", 10)]
    until(lambda: ("begun", 10) in said(log), "a sleep over the restart")
    clock.set(days=-2)
    server.stop()
    server.start()
    kernel = server.start_kernel()
    kernel.value(CELL.format(log=str(log)))
    ids += [send(kernel, "sleeper", 1)]
    until(lambda: {("woke", 1), ("woke", 10)} <= said(log), "runs of the next server", 10 + PROMPT_S)
    assert took(log, 10) > 9.9
    assert ids == sorted(set(ids))
    kernel.shutdown()


def send(kernel: Kernel, name: str, seconds: int) -> str:
    """Send an event; its id."""
    cell = f"print(client.send_sync(inngest.Event(name='jumps/{name}', data={{'seconds': {seconds}}}))[0])"
    return kernel.value(cell)


def said(log: Path) -> set[tuple[str, int]]:
    """What was noted, without times."""
    return {(what, seconds) for what, seconds, _ in noted(log)}


def took(log: Path, seconds: int) -> float:
    """How long a sleep took, from the first entry of its body, by a clock that nobody sets."""
    times = {what: at for what, of, at in reversed(noted(log)) if of == seconds}
    return float(times["woke"] - times["begun"])
