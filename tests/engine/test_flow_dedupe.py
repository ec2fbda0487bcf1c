"""An event id starts a function once in 24 hours, however and wherever it comes again."""

from __future__ import annotations

import asyncio

from inngest_nb.stephash import step_hash
from tests.engine.flow import Rig, go, limited


async def test_two_events_of_one_id_in_one_request_start_a_function_once(rig: Rig) -> None:
    await rig.start(limited(), limited("app-other"))
    ids = await rig.send(go(id="x", n=1), go(id="x", n=2), go(id="y", n=3), go(n=4))
    assert len(set(ids)) == 4
    assert [data["n"] for data in rig.started_data() if data] == [1, 1, 3, 3, 4, 4]
    assert len(rig.runs("app-fn")) == len(rig.runs("app-other")) == 3


async def test_two_requests_at_the_same_time_start_it_once(rig: Rig) -> None:
    await rig.start(limited())
    await asyncio.gather(*(rig.engine.send([go(id="x")]) for _ in range(10)))
    await rig.settle()
    assert len(rig.runs()) == 1


async def test_the_id_counts_after_the_end_and_after_a_restart_for_a_day(rig: Rig) -> None:
    await rig.start(limited())
    await rig.send(go(id="x"))
    await rig.finish(rig.running[0])
    await rig.send(go(id="x"))
    await rig.restart(away_s=86_390)
    await rig.send(go(id="x"))
    assert len(rig.runs()) == 1
    await rig.advance(11)
    await rig.send(go(id="x"))
    assert len(rig.runs()) == 2


async def test_a_duplicate_still_ends_waits_and_cancels(rig: Rig) -> None:
    await rig.start(limited(), limited("app-c", "app/c", cancel=[{"event": "app/go"}]))
    await rig.send(go(id="x"), go("app/c"))
    waiting = next(start for start in rig.starts.values() if start["fn_id"] == "app-fn")
    rig.peer.step_wait(waiting, "again", event="app/go")
    await rig.settle()
    await rig.send(go(id="x"))
    assert rig.peer.has_heard("step.memo", hash=step_hash("again", 0))
    assert len(rig.runs("app-fn")) == 1
    assert rig.runs("app-c")[0].status == "cancelled"


async def test_an_id_that_started_nothing_is_free(rig: Rig) -> None:
    await rig.start(limited(triggers=[{"event": "app/go", "expression": "event.data.n > 1"}]))
    await rig.send(go(id="x", n=1), go(id="x", n=2), go(id="x", n=3))
    assert [data["n"] for data in rig.started_data()] == [2]


async def test_an_id_whose_commit_failed_is_free(rig: Rig) -> None:
    await rig.start(limited(singleton={"mode": "skip"}))
    refused = rig.engine.core.intake._plan(
        rig.engine.core.intake._store({"name": "app/go", "data": {}, "ts": rig.clock.ms, "id": "x"}, None), None, None
    )
    assert len(refused.runs) == 1
    rig.engine.core.intake.withdraw(refused)
    await rig.send(go(id="x"))
    assert [run.status for run in rig.runs()] == ["running"]
