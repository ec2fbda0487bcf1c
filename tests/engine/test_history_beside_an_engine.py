"""The history of an engine that is at work: from its own process, from another one, and from copies of its files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import inngest_nb
from inngest_nb import links, realtime
from inngest_nb.history import open as open_history
from tests.engine.embedded import GO, LIMIT_S
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
RUNS, STEPS = 150, 4
notes = realtime.channel("notes", topics={"said": str})
OTHER = """
import json, sys, time
from inngest_nb.history import open
history, counts = open(sys.argv[1]), []
while not counts or counts[-1] < int(sys.argv[2]):
    counts.append(len(history.runs(status="completed")))
print(json.dumps([counts, len(history.steps()), len(history.messages(channel="notes", kind="data"))]))
"""


def _start(client: inngest_nb.Inngest, count: int) -> list[inngest_nb.Run]:
    @client.create_function(fn_id="busy", trigger=GO)
    async def busy(ctx: inngest_nb.Context) -> int:
        async def step(number: int) -> int:
            await ctx.publish(notes.said, f"{ctx.run_id} {number}")
            return number

        return sum([await ctx.step.run(f"s{number}", step, number) for number in range(STEPS)])

    return [busy.start({"n": number}) for number in range(count)]


def test_frames_of_an_engine_under_load_only_grow(client: inngest_nb.Inngest) -> None:
    runs = _start(client, RUNS)
    history = client.history
    seen = [(0, 0, 0)]
    while seen[-1][0] < RUNS:
        done, steps, said = (
            history.runs(status="completed"),
            history.steps(),
            history.messages(channel="notes", kind="data"),
        )
        assert set(done.run_id) <= {run.id for run in runs}
        assert steps.groupby("run_id").size().max() <= STEPS
        assert said.offset.is_monotonic_increasing
        seen.append((len(done), len(steps), len(said)))
    assert seen == sorted(seen)
    assert [run.result(LIMIT_S) for run in runs] == [sum(range(STEPS))] * RUNS
    assert len(history.steps()) == len(history.runs().merge(history.steps())) == RUNS * STEPS


def test_another_process_reads_beside_the_engine(client: inngest_nb.Inngest, tmp_path: Path) -> None:
    runs = _start(client, RUNS)
    ran = subprocess.run(
        [sys.executable, "-c", OTHER, str(tmp_path / "data"), str(RUNS)],
        check=True, capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    counts, steps, said = json.loads(ran.stdout)
    assert counts == sorted(counts)
    assert (counts[-1], steps) == (RUNS, RUNS * STEPS)
    assert 0 < said <= RUNS * STEPS
    assert all(run.result(LIMIT_S) == sum(range(STEPS)) for run in runs)
    until(lambda: len(client.history.messages(channel="notes", kind="data")) == RUNS * STEPS)


def test_copies_made_while_the_engine_is_open_are_read(client: inngest_nb.Inngest, tmp_path: Path) -> None:
    for run in _start(client, 3):
        run.result(LIMIT_S)
    both, alone = tmp_path / "both", tmp_path / "alone"
    both.mkdir()
    alone.mkdir()
    for file in (tmp_path / "data").glob("*.db*"):
        shutil.copy(file, both)
    assert open_history(both).runs().status.tolist() == ["completed"] * 3
    assert len(open_history(both).steps()) == 3 * STEPS
    links.close_links()  # an engine that has ended leaves nothing in the logs beside its stores
    for name in ("journal.db", "messages.db"):
        shutil.copy(tmp_path / "data" / name, alone)
    assert open_history(alone).runs().status.tolist() == ["completed"] * 3
