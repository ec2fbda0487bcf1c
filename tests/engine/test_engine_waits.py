"""Sleeps and waits for events: what ends them, once, across restarts and lost connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.views import run_view
from inngest_nb.protocol import Message
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function, log_of, until

GO = {"name": "app/go", "data": {"n": 1}}


def answer(**data: Any) -> dict[str, Any]:
    """An event that may end a wait."""
    return {"name": "app/answer", "data": data}


async def _started(engine: Engine, **hello: Any) -> tuple[ScriptedPeer, Message]:
    peer = ScriptedPeer(engine, function(), **hello)
    await engine.send([GO])
    return peer, await peer.started()


async def _waiting(engine: Engine, **wait: Any) -> tuple[ScriptedPeer, Message, str]:
    peer, run = await _started(engine)
    step = peer.step_wait(run, "ask", **{"event": "app/answer", **wait})
    await parked(engine, run)
    return peer, run, step


async def parked(engine: Engine, run: Message) -> None:
    """Wait until the journal says that the run waits."""
    sql = "SELECT 1 FROM runs WHERE id = ? AND status = 'waiting'"
    await until(lambda: engine.core.journal.rows(sql, run["run_id"]), "the waiting run")


async def test_the_first_event_that_fits_ends_a_wait(engine: Engine) -> None:
    peer, run, step = await _waiting(engine, if_exp="async.data.id == 'a' && event.data.n == 1")
    assert engine.run(run["run_id"]).status == "waiting"
    await engine.send([answer(id="b"), {"name": "app/other", "data": {"id": "a"}}])
    await peer.settled()
    assert not peer.has_heard("step.memo")
    await engine.send([answer(id="a", first=True), answer(id="a", first=False)])
    memo = await peer.hear("step.memo", hash=step)
    assert json.loads(memo["memo"])["data"] == {"id": "a", "first": True}
    await peer.settled()
    assert not peer.has_heard("step.memo")
    assert engine.run(run["run_id"]).status == "running"


async def test_an_event_from_before_the_wait_is_not_seen(engine: Engine) -> None:
    await engine.send([answer()])
    peer, _, _ = await _waiting(engine)
    await peer.settled()
    assert not peer.has_heard("step.memo")


async def test_one_event_ends_the_waits_of_all_runs(engine: Engine) -> None:
    peer = ScriptedPeer(engine, function())
    await engine.send([GO] * 50)
    runs = [await peer.started() for _ in range(50)]
    for run in runs:
        peer.step_wait(run, "ask", event="app/answer")
    for run in runs:
        await parked(engine, run)
    await engine.send([answer()])
    told = [await peer.hear("step.memo") for _ in runs]
    assert {memo["run_id"] for memo in told} == {run["run_id"] for run in runs}


async def test_a_wait_that_nobody_ends_times_out_with_nothing(engine: Engine, clock: MovableClock) -> None:
    peer, run, step = await _waiting(engine, seconds=60)
    clock.advance(engine, 61)
    assert (await peer.hear("step.memo", hash=step))["memo"] == "null"
    (row,) = engine.core.journal.steps(run["run_id"])
    assert row.status == "timed_out"
    await engine.send([answer()])
    await peer.settled()
    assert not peer.has_heard("step.memo")


async def test_a_sleep_ends_when_it_is_over(engine: Engine, clock: MovableClock) -> None:
    peer, run = await _started(engine)
    step = peer.step_wait(run, "nap", seconds=60)
    await parked(engine, run)
    clock.advance(engine, 59)
    await peer.settled()
    assert not peer.has_heard("step.memo")
    clock.advance(engine, 2)
    assert (await peer.hear("step.memo", hash=step))["memo"] == "null"


@pytest.mark.parametrize("size", [10, 1_000_000])
async def test_an_answer_is_told_to_views_whatever_its_size(engine: Engine, size: int) -> None:
    peer, run, step = await _waiting(engine)
    await engine.send([answer(text="x" * size)], user={"name": "ada"})
    await peer.hear("step.memo", hash=step)
    await engine.core.hub.written()
    states = [m["data"] for m in log_of(engine, run["run_id"]) if m["kind"] == "step"]
    assert [state["status"] for state in states] == ["waiting", "completed"]
    assert states[1]["answered"]["user"] == {"name": "ada"}
    assert states[1]["answered"]["data"] == {"text": "x" * size}


@pytest.mark.parametrize("if_exp", ["asnc.data.x == 1", "async.data.x ==", "async.data.x", "=="])
async def test_a_condition_that_cannot_be_understood_fails_the_run(engine: Engine, if_exp: str) -> None:
    peer, run = await _started(engine)
    peer.step_wait(run, "ask", event="app/answer", if_exp=if_exp)
    if if_exp == "async.data.x":  # understood: it is never exactly true for what is no boolean
        await parked(engine, run)
        return
    await peer.hear("run.stop", run_id=run["run_id"], reason="failed")
    error = json.loads(engine.run(run["run_id"]).error or "")
    assert error["name"] == "ExpressionError"
    for part in ("'ask'", "'app-fn'", if_exp):
        assert part in error["message"]


# -- across restarts -----------------------------------------------------------------------------


async def test_open_waits_are_taken_up_after_a_restart(engines: Engines, clock: MovableClock) -> None:
    engine = await engines.start()
    _, run, step = await _waiting(engine, if_exp="async.data.id == 'a'")
    engine = await engines.restart(engine)
    assert engine.run(run["run_id"]).status == "waiting"
    await engine.send([answer(id="a")])
    again = await ScriptedPeer(engine, function()).started()
    assert json.loads(again["memos"][step])["data"] == {"id": "a"}


@pytest.mark.parametrize("event", [{"event": "app/answer"}, {}])
async def test_what_was_due_while_the_engine_was_down_is_done_at_its_start(
    engines: Engines, clock: MovableClock, event: dict[str, Any]
) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    step = peer.step_wait(run, "ask", seconds=60, **event)
    await parked(engine, run)
    await engines.stop(engine)
    clock.advance(engine, 61)
    engine = await engines.start()
    again = await ScriptedPeer(engine, function()).started()
    if step not in again["memos"]:  # the timer had not fired when the peer came
        assert again["waiting"] == [step]


async def test_a_peer_that_takes_a_waiting_run_is_told_of_its_end_later(engines: Engines, clock: MovableClock) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    one, two = peer.step_wait(run, "one", event="app/one"), peer.step_wait(run, "two", event="app/two", index=1)
    sql = "SELECT 1 FROM waits WHERE (SELECT count(*) FROM waits) = 2"
    await until(lambda: engine.core.journal.rows(sql), "both waits")
    engine = await engines.restart(engine)
    await engine.send([{"name": "app/one"}])
    peer = ScriptedPeer(engine, function())
    again = await peer.started()
    assert (list(again["memos"]), again["waiting"]) == ([one], [two])
    await engine.send([{"name": "app/two"}])
    await peer.hear("step.memo", hash=two)


# -- across connections --------------------------------------------------------------------------


async def test_an_event_sent_by_a_connection_that_is_gone_still_counts(engine: Engine) -> None:
    peer, _, step = await _waiting(engine)
    sender = ScriptedPeer(engine, worker_id="sender")
    sender.say({"op": "request", "id": 1, "method": "send", "params": {"events": [answer(), GO]}})
    await asyncio.sleep(0)  # the request is under way, the commit is not
    sender.close()
    await peer.hear("step.memo", hash=step)
    await peer.started()


async def test_a_wait_that_ends_while_its_peer_is_away_is_told_when_it_is_back(engine: Engine) -> None:
    peer, run, step = await _waiting(engine)
    peer.close()
    await engine.send([answer(id="a")])
    await until(lambda: not engine.core.journal.rows("SELECT 1 FROM waits WHERE resolved_at IS NULL"), "the end")
    back = ScriptedPeer(engine, function(), live={run["run_id"]: run["lease"]})
    assert (await back.hear("ready"))["kept"] == [run["run_id"]]
    back.step_wait(run, "ask", event="app/answer", again=True)
    memo = await back.hear("step.memo", hash=step)
    assert json.loads(memo["memo"])["data"] == {"id": "a"}
    await back.settled()
    assert not engine.core.journal.rows("SELECT 1 FROM waits WHERE resolved_at IS NULL")


async def test_a_remembered_wait_that_ends_while_its_peer_is_away_is_told_too(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    one, two = peer.step_wait(run, "one", event="app/one"), peer.step_wait(run, "two", event="app/two", index=1)
    await until(
        lambda: engine.core.journal.rows("SELECT 1 FROM waits WHERE (SELECT count(*) FROM waits) = 2"), "both waits"
    )
    engine = await engines.restart(engine)
    await engine.send([{"name": "app/one"}])
    peer = ScriptedPeer(engine, function())
    again = await peer.started()
    assert (list(again["memos"]), again["waiting"]) == ([one], [two])
    peer.close()
    await engine.send([{"name": "app/two"}])
    sql = "SELECT 1 FROM waits WHERE resolved_at IS NULL"
    await until(lambda: not engine.core.journal.rows(sql), "the end of the wait")
    back = ScriptedPeer(engine, function(), live={again["run_id"]: again["lease"]})
    await back.hear("step.memo", hash=two)


async def test_a_wait_that_is_still_open_is_not_opened_twice(engine: Engine) -> None:
    peer, run, step = await _waiting(engine)
    peer.close()
    back = ScriptedPeer(engine, function(), live={run["run_id"]: run["lease"]})
    back.step_wait(run, "ask", event="app/answer", again=True)
    await back.settled()
    await engine.send([answer(id="a"), answer(id="b")])
    memo = await back.hear("step.memo", hash=step)
    assert json.loads(memo["memo"])["data"] == {"id": "a"}
    await back.settled()
    assert not back.has_heard("step.memo")


async def test_the_view_of_a_run_says_what_it_waits_for(engine: Engine) -> None:
    _, run, _ = await _waiting(engine, if_exp="async.data.id == 'a'")
    (step,) = run_view(engine, run["run_id"])["steps"]
    assert step["status"] == "waiting"
    assert step["wait"]["event"] == "app/answer"
    assert step["wait"]["if"] == "async.data.id == 'a'"
