"""What ended first stays first, whatever the clock says: in replays, in forks and in the history."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.client import link_in_use
from inngest_nb.history import History
from inngest_nb.links.embedded import EmbeddedLink
from inngest_nb.stephash import step_hash
from tests.engine.flow import Rig, go, limited
from tests.engine.peer import LIMIT_S, MovableClock

BACK_S = 3600.0
OLD = Path(__file__).parents[1] / "data" / "schemas"


async def _steps(rig: Rig, *step_ids: str) -> dict[str, Any]:
    """A run that has done these steps, each an hour before the one that came first."""
    await rig.start(limited(retries=0))
    await rig.send(go(n=1))
    start = rig.starts[rig.running[0]]
    for index, step_id in enumerate(step_ids):
        rig.peer.step_done(start, step_id, index=index, output=f'"{step_id}"')
        await rig.settle()
        rig.clock.set(rig.clock.now() - int(BACK_S * 1e6))
    return start


def _hashes(*step_ids: str) -> list[str]:
    return [step_hash(step_id, 0) for step_id in step_ids]


async def test_a_replay_gets_memos_in_the_order_of_their_ends(rig: Rig) -> None:
    start = await _steps(rig, "a", "b", "c")
    await rig.restart()
    rig.peer.step_done(rig.starts[start["run_id"]], "d", index=3, output="4")
    await rig.restart()
    assert rig.starts[start["run_id"]]["order"] == _hashes("a", "b", "c", "d")


async def test_a_wait_ends_where_it_ends(rig: Rig) -> None:
    start = await _steps(rig, "a")
    waits = rig.peer.step_wait(start, "answer", index=1, event="app/answer")
    await rig.settle()
    rig.clock.set(rig.clock.now() - int(BACK_S * 1e6))
    await rig.send(go("app/answer"))
    rig.peer.step_done(start, "b", index=2, output="2")
    await rig.restart()
    assert rig.starts[start["run_id"]]["order"] == [*_hashes("a"), waits, *_hashes("b")]


async def test_a_rerun_from_a_step_keeps_what_ended_before_it(rig: Rig) -> None:
    start = await _steps(rig, "a", "b", "c")
    await rig.finish(start["run_id"], "done")
    fork = await rig.engine.rerun(start["run_id"], from_step="c", steps={"a": "A"}, resume=False)
    await rig.settle()
    assert list(rig.starts[fork.id]["memos"]) == rig.starts[fork.id]["order"] == _hashes("a", "b")
    again = await rig.engine.rerun(start["run_id"], from_step=None, steps={"b": "B"}, resume=False)
    await rig.settle()
    assert rig.starts[again.id]["order"] == _hashes("a", "b")


async def test_the_history_says_what_a_fork_has_taken_over(rig: Rig) -> None:
    start = await _steps(rig, "a", "b", "c")
    await rig.finish(start["run_id"], "done")
    fork = await rig.engine.rerun(start["run_id"], from_step="c", steps={}, resume=False)
    await rig.settle()
    rig.peer.step_done(rig.starts[fork.id], "c", index=2, output="3")
    rig.peer.step_wait(rig.starts[fork.id], "answer", index=3, event="app/answer")
    await rig.settle()
    steps = History(rig.engine.data_dir).steps(run_id=fork.id)
    assert list(zip(steps["step_id"], steps["memoized"], strict=True)) == [
        ("a", True),
        ("b", True),
        ("c", False),
        ("answer", False),
    ]


def _write_old(data_dir: Path, ended_at: dict[str, int]) -> None:
    """A store of the first version with a run that has done these steps."""
    data_dir.mkdir()
    with sqlite3.connect(data_dir / "journal.db") as old:
        old.executescript((OLD / "journal-1.sql").read_text())
        old.execute("INSERT INTO meta VALUES ('schema_version', '1')")
        old.execute("INSERT INTO events VALUES ('0E', 'e', 'app/go', '{}', NULL, 1, 1, NULL, NULL)")
        old.execute(
            "INSERT INTO runs (id, fn_id, status, event_id, event_name, queued_at) VALUES ('0R', 'app-fn', 'running', '0E', 'app/go', 1)"
        )
        for index, (step_id, ended) in enumerate(ended_at.items()):
            row = (
                "0R",
                step_hash(step_id, 0),
                0,
                step_id,
                index,
                "run",
                "completed",
                1,
                ended,
                None,
                "1",
                None,
                None,
                None,
            )
            old.execute(f"INSERT INTO steps VALUES ({', '.join('?' * len(row))})", row)
    old.close()


async def test_a_run_of_an_older_version_goes_on_after_its_own_steps(rig: Rig, data_dir: Path) -> None:
    ahead = rig.clock.now() + int(BACK_S * 1e6)
    _write_old(data_dir, {"late": ahead + 1, "early": ahead})
    await rig.start(limited())
    await rig.settle()
    assert rig.starts["0R"]["order"] == _hashes("early", "late")
    rig.peer.step_done(rig.starts["0R"], "new", index=2, output="2")
    await rig.restart()
    assert rig.starts["0R"]["order"] == _hashes("early", "late", "new")


@pytest.fixture
def clock() -> MovableClock:
    """A clock that the test sets."""
    return MovableClock()


@contextlib.contextmanager
def _life(data_dir: Path, clock: MovableClock) -> Iterator[inngest.Inngest]:
    """An engine and a worker with this clock, on what the last ones left."""
    link = EmbeddedLink(data_dir, label="the test", clock=clock)
    token = link_in_use.set(link)
    yield inngest.Inngest(app_id="app")
    link_in_use.reset(token)
    link.close()


def _race(client: inngest.Inngest, clock: MovableClock, winners: list[str], kept: threading.Event) -> Any:
    """Of two steps the second ends after the clock was set back; then the run waits."""

    @client.create_function(fn_id="race", trigger=inngest.TriggerEvent(event="app/race"), retries=0)
    async def race(ctx: inngest.Context) -> str:
        won = asyncio.Event()

        async def slow() -> None:
            await won.wait()
            clock._ahead = int(-BACK_S * 1e6)

        steps = {
            asyncio.create_task(ctx.step.run("slow", slow)): "slow",
            asyncio.create_task(ctx.step.run("fast", lambda: None)): "fast",
        }
        done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
        winners.append("".join(steps[task] for task in done))
        won.set()
        await asyncio.gather(*steps)
        await ctx.step.run("both", kept.set)
        await ctx.step.wait_for_event("then", event="app/then", timeout="1h", since="run")
        return winners[-1]

    return race


def test_a_race_has_the_same_winner_after_the_clock_was_set_back_in_it(tmp_path: Path, clock: MovableClock) -> None:
    winners: list[str] = []
    kept = threading.Event()
    with _life(tmp_path / "data", clock) as client:
        run = _race(client, clock, winners, kept).start()
        assert kept.wait(LIMIT_S)
    with _life(tmp_path / "data", clock) as client:
        _race(client, clock, winners, kept)
        client.send_sync(inngest.Event(name="app/then"))
        assert client.run(run.id).result(LIMIT_S) == "fast"
    assert winners == ["fast", "fast"]
