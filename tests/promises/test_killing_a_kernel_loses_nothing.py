"""Promise 3: real kernels under a real server, killed again and again while their runs go on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.crash import noted, repeated_after_seen
from tests.support.kernels import KernelServer, until

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

KILLS, RUNS, STEPS = 12, 4, 40

CELL = """
import asyncio, json, os, secrets
import inngest_nb as inngest
from inngest_nb import realtime

client = inngest.Inngest(app_id="killed")
chat = realtime.channel(name=lambda run: f"killed:{{run}}", topics={{"tokens": str}})

def note(*words):
    descriptor = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, json.dumps(words).encode() + b"\\n")
    os.close(descriptor)

@client.create_function(fn_id="walk", trigger=inngest.TriggerEvent(event="killed/walk"), backoff=0.02)
async def walk(ctx):
    values = []
    for i in range({steps}):
        async def work():
            note("ran", ctx.run_id, f"s{{i}}")
            for token in "abc":
                await ctx.publish(chat(run=ctx.run_id).tokens, f"{{i}}{{token}} ")
                await asyncio.sleep(0.02)
            return secrets.token_hex(4)
        values.append(await ctx.step.run(f"s{{i}}", work))
        note("saw", ctx.run_id, f"s{{i}}", values[-1])
        if i % 10 == 9:
            await ctx.step.sleep(f"nap{{i}}", "200ms")
    return values

"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KernelServer]:
    with KernelServer(tmp_path / "jupyter") as server:
        yield server


def steps_seen(log: Path) -> int:
    return sum(line[0] == "saw" for line in noted(log))


def test_twelve_kernels_die_and_every_run_ends_as_if_none_had(server: KernelServer, tmp_path: Path) -> None:
    rng, log = random.Random(12), tmp_path / "notes"
    cell = CELL.format(log=str(log), steps=STEPS)
    kernel = server.start_kernel()
    kernel.value(cell)
    ids = kernel.value(f"print(*[walk.start({{'n': n}}).id for n in range({RUNS})])").split()
    kills = 0
    for _ in range(KILLS):
        wanted = min(steps_seen(log) + rng.randrange(1, 12), RUNS * STEPS - RUNS)
        until(lambda wanted=wanted: steps_seen(log) >= wanted, f"step {wanted}")  # type: ignore[misc]
        kernel.kill()
        kernel.value(cell)
        kills += 1
    states = [until(lambda run=run: ended(server, run), f"the end of run {run}") for run in ids]  # type: ignore[misc]
    assert kills == KILLS
    check(states, ids, log, KILLS)
    for run in ids:
        check_transcript(server, run)
    kernel.shutdown()


def ended(server: KernelServer, run_id: str) -> dict[str, Any] | None:
    state: dict[str, Any] = server.request(f"inngest/api/runs/{run_id}")["run"]
    return state if state["status"] in ("completed", "failed", "cancelled") else None


def check(states: list[Any], ids: list[str], log: Path, kills: int) -> None:
    notes = noted(log)
    wrong, repeats = repeated_after_seen(notes)
    assert not wrong
    assert repeats >= kills // 3, "hardly a kill met a step: they come at the wrong moments"
    seen = {(line[1], line[2]): line[3] for line in notes if line[0] == "saw"}
    for state, run in zip(states, ids, strict=True):
        assert state["status"] == "completed"
        assert state["result"] == [seen[run, f"s{i}"] for i in range(STEPS)]


def check_transcript(server: KernelServer, run: str) -> None:
    from inngest_nb.realtime.messages import Message, fold_rollbacks

    found = server.request(f"inngest/api/channels/killed%3A{run}/messages?since=0&limit=1000")["messages"]
    assert [message["offset"] for message in found] == list(range(len(found)))
    stands = fold_rollbacks([Message.from_wire(message) for message in found])
    text = "".join(m.data for m in stands if m.topic == "tokens")
    assert text == "".join(f"{i}{token} " for i in range(STEPS) for token in "abc")


def test_a_dead_kernel_is_noticed_at_once(server: KernelServer, tmp_path: Path) -> None:
    """The next kernel gets the runs when its cells have run, not after the time that a lost connection is waited for."""
    log = tmp_path / "notes"
    kernel = server.start_kernel()
    kernel.value(CELL.format(log=str(log), steps=3))
    run: str = kernel.value("print(walk.start({}).id)")
    until(lambda: steps_seen(log) >= 1, "the first step")
    kernel.kill()
    assert steps_seen(log) < 3
    kernel.value(CELL.format(log=str(log), steps=3))
    until(lambda: ended(server, run), "the end of the run", limit_s=2.5)
    kernel.shutdown()
