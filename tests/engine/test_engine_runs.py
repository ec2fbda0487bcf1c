"""Events start runs, peers execute them step by step, and the engine remembers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from inngest_nb.engine.engine import Engine
from inngest_nb.errors import EventInvalidError, FunctionNotFoundError, RunNotFoundError
from inngest_nb.protocol import Message
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function, log_of, until

GO = {"name": "app/go", "data": {"n": 1}}


async def _started(engine: Engine, **config: Any) -> tuple[ScriptedPeer, Message]:
    peer = ScriptedPeer(engine, function(**config))
    await engine.send([GO])
    return peer, await peer.started()


# -- intake ------------------------------------------------------------------------------------


async def test_an_event_starts_every_function_that_it_triggers_once(engine: Engine) -> None:
    by_name = function("app-a")
    by_wildcard = function("app-b", "app/*")
    twice = function("app-c", triggers=[{"event": "app/go"}, {"event": "app/*"}])
    conditional = function("app-d", triggers=[{"event": "app/go", "expression": "event.data.n > 5"}])
    peer = ScriptedPeer(engine, by_name, by_wildcard, twice, conditional)
    (event_id,) = await engine.send([GO])
    runs = engine.runs(event_id=event_id)
    assert sorted(run.fn_id for run in runs) == ["app-a", "app-b", "app-c"]
    for fn_id in ("app-a", "app-b", "app-c"):
        start = await peer.started(fn_id)
        assert json.loads(start["event"]) | {"id": "", "ts": 0} == GO | {"id": "", "ts": 0}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"data": {}}, "no name"),
        ({"name": "", "data": {}}, "no name"),
        ({"name": "inngest/x"}, "reserved"),
        ({"name": "Inngest/x"}, "reserved"),
        ({"name": "app/go", "data": []}, "must be an object"),
        ({"name": "app/go", "data": {"x": float("nan")}}, "JSON"),
        ({"name": "app/go", "data": {"x": "y" * 3_200_000}}, "bytes"),
        ({"name": "app/go", "ts": "soon"}, "milliseconds"),
        ({"name": "app/go", "ts": 1_700_000_000}, "multiply by 1000"),
    ],
)
async def test_intake_refuses_what_is_no_event_and_says_why(engine: Engine, event: dict[str, Any], said: str) -> None:
    with pytest.raises(EventInvalidError, match=said):
        await engine.send([GO, event])
    assert engine.core.journal.rows("SELECT id FROM events") == []


async def test_deliveries_with_one_key_at_the_same_time_are_one_event(engine: Engine) -> None:
    ScriptedPeer(engine, function())
    answers = await asyncio.gather(*(engine.send([GO, GO], key="k1") for _ in range(20)))
    assert len({tuple(ids) for ids in answers}) == 1
    assert len(set(answers[0])) == 2
    assert len(engine.runs()) == 2


async def test_a_key_is_remembered_after_a_restart(engines: Engines, engine: Engine) -> None:
    ScriptedPeer(engine, function())
    first = await engine.send([GO], key="k1")
    engine = await engines.restart(engine)
    assert await engine.send([GO], key="k1") == first
    assert len(engine.runs()) == 1


async def test_starting_twice_with_one_key_is_one_run(engine: Engine) -> None:
    peer = ScriptedPeer(engine, function())
    both = await asyncio.gather(*(engine.start_function("app-fn", GO, key="k1") for _ in range(2)))
    again = await engine.start_function("app-fn", GO, key="k1")
    assert {run.id for run in (*both, again)} == {both[0].id}
    start = await peer.started()
    await peer.finish(start)
    assert (await engine.start_function("app-fn", GO, key="k1")).id == both[0].id
    assert not peer.has_heard("run.start")


async def test_a_started_function_is_the_only_one_that_sees_the_event(engine: Engine) -> None:
    peer = ScriptedPeer(engine, function("app-a"), function("app-b"))
    run = await engine.start_function("app-a", GO)
    start = await peer.started("app-a")
    assert start["run_id"] == run.id
    assert [other.fn_id for other in engine.runs()] == ["app-a"]


async def test_an_event_of_the_future_starts_its_run_then(engine: Engine, clock: MovableClock) -> None:
    peer = ScriptedPeer(engine, function())
    await engine.send([{**GO, "ts": clock.now() // 1000 + 3_600_000}])
    await peer.settled()
    (run,) = engine.runs()
    assert (run.status, peer.has_heard("run.start")) == ("queued", False)
    clock.advance(engine, 3601)
    assert (await peer.started())["run_id"] == run.id


async def test_a_delayed_start_survives_a_restart(engines: Engines, engine: Engine, clock: MovableClock) -> None:
    ScriptedPeer(engine, function())
    await engine.send([{**GO, "ts": clock.now() // 1000 + 3_600_000}])
    engine = await engines.restart(engine)
    peer = ScriptedPeer(engine, function())
    await peer.settled()
    assert not peer.has_heard("run.start")
    clock.advance(engine, 3601)
    await peer.finish(await peer.started())


async def test_unknown_functions_and_runs_are_named(engine: Engine) -> None:
    ScriptedPeer(engine, function("app-known"))
    with pytest.raises(FunctionNotFoundError, match=r"'app-other' is not registered.*app-known"):
        await engine.start_function("app-other", GO)
    with pytest.raises(RunNotFoundError, match="no-such-run"):
        engine.run("no-such-run")


# -- steps -------------------------------------------------------------------------------------


async def test_a_step_is_answered_after_it_is_in_the_journal_and_never_asked_for_again(engines: Engines) -> None:
    engine = await engines.start()
    peer, run = await _started(engine)
    step = peer.step_done(run, "fetch", output='{"a":1}')
    await peer.hear("step.saved", hash=step)
    engine = await engines.restart(engine)
    again = await ScriptedPeer(engine, function()).started()
    assert again["memos"] == {step: '{"a":1}'}


async def test_a_failed_attempt_is_tried_again_after_its_backoff(engine: Engine, clock: MovableClock) -> None:
    peer, run = await _started(engine, backoff=60.0)
    step = peer.step_failed(run, "fetch")
    await until(lambda: engine.core.journal.steps(run["run_id"]), "the attempt in the journal")
    await peer.settled()
    assert not peer.has_heard("step.again")
    clock.advance(engine, 61)
    again = await peer.hear("step.again", hash=step)
    assert again["attempt"] == 1
    peer.step_done(run, "fetch", attempt=1, output="1")
    await peer.hear("step.saved", hash=step)
    assert [row.status for row in engine.core.journal.steps(run["run_id"])] == ["retrying", "completed"]


async def test_an_error_that_asks_for_a_time_is_tried_again_then(engine: Engine, clock: MovableClock) -> None:
    peer, run = await _started(engine)
    step = peer.step_failed(run, "fetch", retry_after_ms=120_000.0)
    await until(lambda: engine.core.journal.steps(run["run_id"]), "the attempt in the journal")
    clock.advance(engine, 60)
    await peer.settled()
    assert not peer.has_heard("step.again")
    clock.advance(engine, 61)
    await peer.hear("step.again", hash=step, attempt=1)


async def test_a_step_that_used_up_its_attempts_gives_its_error_to_the_body(engine: Engine) -> None:
    peer, run = await _started(engine, retries=1)
    step = peer.step_failed(run, "fetch")
    await peer.hear("step.again", hash=step, attempt=1)
    peer.step_failed(run, "fetch", attempt=1)
    told = await peer.hear("step.failed", hash=step)
    assert told["error"]["message"] == "boom"
    await peer.finish(run, "caught")
    assert engine.run(run["run_id"]).status == "completed"


async def test_an_error_that_must_not_be_retried_fails_the_step_at_once(engine: Engine) -> None:
    peer, run = await _started(engine)
    step = peer.step_failed(run, "fetch", retriable=False)
    await peer.hear("step.failed", hash=step)


async def test_a_fatal_error_in_a_step_fails_the_run(engine: Engine) -> None:
    peer, run = await _started(engine)
    peer.step_failed(run, "fetch", fatal=True, retriable=False)
    await peer.hear("run.stop", run_id=run["run_id"])
    failed = engine.run(run["run_id"])
    assert failed.status == "failed"
    assert json.loads(failed.error or "")["message"] == "boom"


async def test_a_restart_in_a_backoff_makes_one_next_attempt(engines: Engines, clock: MovableClock) -> None:
    engine = await engines.start()
    peer, run = await _started(engine, backoff=60.0)
    step = peer.step_failed(run, "fetch")
    await until(lambda: engine.core.journal.steps(run["run_id"]), "the attempt in the journal")
    engine = await engines.restart(engine)
    peer = ScriptedPeer(engine, function(backoff=60.0))
    run = await peer.started()
    assert run["retrying"] == {step: 1}
    clock.advance(engine, 61)
    await peer.hear("step.again", hash=step, attempt=1)
    await peer.settled()
    assert not peer.has_heard("step.again")


# -- the body ----------------------------------------------------------------------------------


async def test_a_body_that_raises_is_entered_again_with_its_memos(engine: Engine, clock: MovableClock) -> None:
    peer, run = await _started(engine, backoff=60.0, retries=1)
    step = peer.step_done(run, "fetch", output="1")
    await peer.hear("step.saved", hash=step)
    peer.failed(run)
    await peer.settled()
    assert engine.run(run["run_id"]).status == "queued"
    clock.advance(engine, 61)
    run = await peer.started()
    assert (run["attempt"], run["memos"]) == (1, {step: "1"})
    peer.failed(run)
    await peer.hear("run.stop", run_id=run["run_id"])
    assert engine.run(run["run_id"]).status == "failed"


async def test_progress_gives_the_body_its_attempts_back(engine: Engine) -> None:
    peer, run = await _started(engine, retries=1)
    peer.failed(run)
    run = await peer.started()
    assert run["attempt"] == 1
    await peer.hear("step.saved", hash=peer.step_done(run, "fetch", output="1"))
    peer.failed({**run, "attempt": 0})
    assert (await peer.started())["attempt"] == 1


@pytest.mark.parametrize("size", [0, 2_000_000])
async def test_the_result_is_kept_and_told(engine: Engine, size: int) -> None:
    peer, run = await _started(engine)
    peer.done(run, {"text": "x" * size})
    ended = await asyncio.wait_for(engine.ended(run["run_id"]), 5)
    assert (ended.status, json.loads(ended.output or "")) == ("completed", {"text": "x" * size})
    await engine.core.hub.written()
    states = [m["data"] for m in log_of(engine, run["run_id"]) if m["kind"] == "run"]
    assert [state["status"] for state in states] == ["queued", "running", "completed"]
    assert states[-1]["result"] == {"text": "x" * size}


async def test_the_end_of_a_run_is_an_event_that_starts_functions(engine: Engine) -> None:
    trigger = {"event": "inngest/function.failed", "expression": "event.data.function_id == 'app-fn'"}
    peer = ScriptedPeer(engine, function(retries=0), function("app-fn-failure", triggers=[trigger]))
    await engine.send([GO])
    run = await peer.started()
    peer.failed(run)
    start = await peer.started("app-fn-failure")
    data = json.loads(start["event"])["data"]
    assert (data["run_id"], data["error"]["message"], data["event"]["data"]) == (run["run_id"], "boom", {"n": 1})


# -- cancelling --------------------------------------------------------------------------------


async def test_a_cancelled_run_is_stopped_in_its_peer_and_stays_cancelled(engine: Engine) -> None:
    peer, run = await _started(engine)
    cancelled = await engine.cancel(run["run_id"], "not needed")
    assert (cancelled.status, cancelled.reason) == ("cancelled", "not needed")
    await peer.hear("run.stop", run_id=run["run_id"], reason="cancelled")
    peer.done(run, "too late")
    await peer.hear("run.stop", reason="lost")
    assert (await engine.cancel(run["run_id"])).reason == "not needed"
    assert engine.run(run["run_id"]).output is None


async def test_runs_that_are_queued_or_wait_can_be_cancelled(engines: Engines, clock: MovableClock) -> None:
    engine = await engines.start()
    peer, waiting = await _started(engine)
    step = peer.step_wait(waiting, "ask", event="app/answer")
    await until(lambda: engine.core.journal.rows("SELECT * FROM waits"), "the wait in the journal")
    await engine.send([{**GO, "ts": clock.now() // 1000 + 3_600_000}])
    (queued,) = engine.runs(status="queued")
    for run_id in (waiting["run_id"], queued.id):
        assert (await engine.cancel(run_id)).status == "cancelled"
    await engine.send([{"name": "app/answer"}])
    clock.advance(engine, 7200)
    await peer.settled()
    assert not peer.has_heard("step.memo", hash=step)
    assert not peer.has_heard("run.start")
    engine = await engines.restart(engine)
    assert {run.status for run in engine.runs()} == {"cancelled"}


async def test_a_request_holds_so_many_events_and_no_more(engine: Engine) -> None:
    with pytest.raises(EventInvalidError, match="5000 events, this one holds 5001; none was accepted"):
        await engine.send([{"name": "app/many"}] * 5001)
    assert len(await engine.send([{"name": "app/many"}] * 5000)) == 5000
    assert engine.core.journal.rows("SELECT count(*) FROM events") == [(5000,)]
