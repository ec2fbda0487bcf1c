"""Promise 3: a real Jupyter server and its kernel die at the same instant, again and again, while runs go on.

Ten times with the same seed every time; more with other ones by `make chaos-together CYCLES=100`.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.promises.test_killing_a_kernel_loses_nothing import CELL, check, check_transcript, ended, steps_seen
from tests.support.kernels import Kernel, KernelServer, until

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

CYCLES = int(os.environ.get("CHAOS_CYCLES", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "6"))
RUNS, STEPS = 4, 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KernelServer]:
    with KernelServer(tmp_path / "jupyter") as server:
        yield server


def test_both_die_and_every_run_ends_as_if_neither_had(server: KernelServer, tmp_path: Path) -> None:
    rng, log = random.Random(SEED), tmp_path / "notes"
    cell = CELL.format(log=str(log), steps=STEPS)
    kernel = server.start_kernel()
    kernel.value(cell)
    ids = kernel.value(f"print(*[walk.start({{'n': n}}).id for n in range({RUNS})])").split()
    for cycle in range(CYCLES):
        pid = kernel.pid
        wanted = min(steps_seen(log) + rng.randrange(8), RUNS * STEPS * (cycle + 1) // (CYCLES + 1))
        until(lambda wanted=wanted: steps_seen(log) >= wanted, f"step {wanted}")  # type: ignore[misc]
        kernel = killed(server, kernel, pid, rng)
        kernel.value(cell)
    states = [until(lambda run=run: ended(server, run), f"the end of run {run}") for run in ids]  # type: ignore[misc]
    check(states, ids, log, CYCLES)
    for run in ids:
        check_transcript(server, run)
    kernel.shutdown()


def killed(server: KernelServer, kernel: Kernel, pid: int, rng: random.Random) -> Kernel:
    """Kill both, in the order of the seed's choice; a new server, and a new kernel in it."""
    kernel.disconnect()
    deaths = [lambda: os.kill(pid, signal.SIGKILL), server.kill]
    rng.shuffle(deaths)
    for death in deaths:
        death()
    server.start()
    return server.start_kernel()
