"""The first of several events: the losers are dropped, and every replay has the same winner."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb import links
from inngest_nb.stephash import step_hash
from inngest_nb.testing import TestEngine
from inngest_nb.worker.turns import Turns
from tests.engine.flow import Rig, go, limited


@pytest.fixture
def client(tmp_path: Path) -> Iterator[inngest.Inngest]:
    """A client of an embedded engine, whose links are closed at the end."""
    yield inngest.Inngest(app_id="any", engine="embedded", data_dir=tmp_path / "data")
    links.close_links()


def _first_of(client: inngest.Inngest, *names: str, then: str | None = None) -> Any:
    """A function that returns the name of the first event, and then waits for another one."""

    @client.create_function(fn_id="first", trigger=inngest.TriggerEvent(event="any/go"), retries=0)
    async def first(ctx: inngest.Context) -> Any:
        waits = {asyncio.create_task(ctx.step.wait_for_event(name, event=name, timeout="1h")): name for name in names}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        won = sorted(waits[task] for task in done)
        if then is not None:
            await ctx.step.wait_for_event("then", event=then, timeout="1h")
        return won

    return first


def _wait_for(client: inngest.Inngest, run: Any, *step_ids: str) -> None:
    """Block until exactly these steps of the run wait: a body is a thread away, and tells with a message."""
    log = client.realtime.subscribe(channel=run.id, since="start")
    waiting: set[str] = set()

    async def follow() -> None:
        async for message in log:
            if message.kind != "step":
                continue
            data = message.data
            (waiting.add if data["status"] == "waiting" else waiting.discard)(data["step_id"])
            if waiting == set(step_ids):
                return

    asyncio.run(asyncio.wait_for(follow(), 20))


def test_the_first_event_wins_and_the_others_are_waited_for_no_more(client: inngest.Inngest) -> None:
    first = _first_of(client, "any/a", "any/b", "any/c", then="any/then")
    run = first.start()
    _wait_for(client, run, "any/a", "any/b", "any/c")
    client.send_sync(inngest.Event(name="any/b"))
    _wait_for(client, run, "then")
    steps = {row.step_id: row.status for row in client.history.steps(run_id=run.id).itertuples()}
    assert steps == {"any/a": "cancelled", "any/b": "completed", "any/c": "cancelled", "then": "waiting"}
    client.send_sync([inngest.Event(name="any/a"), inngest.Event(name="any/then")])
    assert run.result(20) == ["any/b"]


def test_a_replay_has_the_same_winner_although_the_losers_events_came_too(client: inngest.Inngest) -> None:
    first = _first_of(client, "any/a", "any/b", then="any/then")
    run = first.start()
    _wait_for(client, run, "any/a", "any/b")
    client.send_sync(inngest.Event(name="any/b"))
    _wait_for(client, run, "then")
    client.send_sync(inngest.Event(name="any/a"))
    links.close_links()
    first = _first_of(client, "any/a", "any/b", then="any/then")
    client.send_sync(inngest.Event(name="any/then"))
    assert client.run(run.id).result(20) == ["any/b"]


def test_a_race_of_steps_has_the_same_winner_in_every_replay(client: inngest.Inngest) -> None:
    entered: list[list[str]] = []

    def define() -> Any:
        @client.create_function(fn_id="race", trigger=inngest.TriggerEvent(event="any/race"), retries=0)
        async def race(ctx: inngest.Context) -> Any:
            async def slow() -> str:
                await asyncio.sleep(0.05)
                return "slow"

            async def fast() -> str:
                return "fast"

            steps = [asyncio.create_task(ctx.step.run(step.__name__, step)) for step in (slow, fast)]
            done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
            entered.append([await task for task in done])
            await asyncio.gather(*steps)
            await ctx.step.wait_for_event("then", event="any/then", timeout="1h")
            return await ctx.step.run(f"after {entered[-1][0]}", lambda: entered[-1])

        return race

    run = define().start()
    _wait_for(client, run, "then")
    links.close_links()
    define()
    client.send_sync(inngest.Event(name="any/then"))
    assert client.run(run.id).result(20) == ["fast"]
    assert entered == [["fast"], ["fast"]]


async def test_turns_are_given_in_order_with_time_to_notice_and_cost_nothing_in_a_row() -> None:
    turns = Turns(["a", "b", "c"])
    noticed: list[set[str]] = []
    done: set[str] = set()

    async def branch(step: str) -> None:
        await turns.mine(step)
        done.add(step)

    tasks = [asyncio.create_task(branch(step)) for step in ("c", "b", "a")]
    pending: set[asyncio.Task[None]] = set(tasks)
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        noticed.append(set(done))
    assert noticed == [{"a"}, {"a", "b"}, {"a", "b", "c"}]

    straight = Turns(["a", "b", "c"])
    for step in ("a", "b", "c"):
        coroutine = straight.mine(step)
        with pytest.raises(StopIteration):
            coroutine.send(None)  # it never waits


# -- the engine's side ---------------------------------------------------------------------------


async def _waiting(rig: Rig, **wait: Any) -> dict[str, Any]:
    await rig.start(limited())
    await rig.send(go())
    start = rig.starts[rig.running[0]]
    rig.peer.step_wait(start, "w", event="app/x", **wait)
    await rig.settle()
    return start


async def test_a_dropped_wait_takes_no_event_and_begins_anew_if_the_body_waits_again(rig: Rig) -> None:
    start = await _waiting(rig)
    step = step_hash("w", 0)
    rig.peer.report(start, "step.drop", **rig.peer._about("w", 0), kind="wait_for_event")
    await rig.send(go("app/x", n=1))
    assert not rig.peer.has_heard("step.memo")
    await rig.restart()
    (start,) = rig.starts.values()
    assert (start["memos"], start["waiting"]) == ({}, [])
    rig.peer.step_wait(start, "w", event="app/x")
    await rig.send(go("app/x", n=2))
    assert rig.peer.has_heard("step.memo", hash=step)
    await rig.restart()
    (start,) = rig.starts.values()
    assert list(start["memos"]) == [step]


async def test_an_event_that_comes_with_the_drop_is_not_remembered(rig: Rig) -> None:
    start = await _waiting(rig)
    sending = asyncio.ensure_future(rig.engine.send([go("app/x")]))
    await asyncio.sleep(0)  # the event has taken the wait, its commit is under way
    rig.peer.report(start, "step.drop", **rig.peer._about("w", 0), kind="wait_for_event")
    await sending
    await rig.restart()
    (start,) = rig.starts.values()
    assert start["memos"] == {}


async def test_a_dropped_sleep_wakes_nobody(rig: Rig) -> None:
    await rig.start(limited())
    await rig.send(go())
    start = rig.starts[rig.running[0]]
    rig.peer.step_wait(start, "nap", seconds=10)
    await rig.settle()
    rig.peer.report(start, "step.drop", **rig.peer._about("nap", 0), kind="sleep")
    await rig.advance(20)
    assert not rig.peer.has_heard("step.memo")


# -- since="run" ---------------------------------------------------------------------------------


async def _started(rig: Rig) -> dict[str, Any]:
    await rig.start(limited())
    await rig.send(go("app/x", n="before"))
    await rig.send(go("app/x", n="same request"), go())
    return rig.starts[rig.running[0]]


def _look(rig: Rig, start: dict[str, Any], step_id: str, index: int = 0, **more: Any) -> str:
    return rig.peer.step_wait(start, step_id, index=index, event="app/x", since="run", **more)


async def test_a_wait_since_the_run_takes_the_oldest_event_that_came_after_it(rig: Rig) -> None:
    start = await _started(rig)
    await rig.send(go("app/x", n=1), go("app/x", n=2))
    step = _look(rig, start, "one", if_exp="async.data.n > 0")
    await rig.settle()
    assert '"n":1' in (await rig.peer.hear("step.memo", hash=step))["memo"]
    second = _look(rig, start, "two", 1)
    await rig.settle()
    assert '"n":2' in (await rig.peer.hear("step.memo", hash=second))["memo"]
    third = _look(rig, start, "three", 2)
    await rig.settle()
    assert not rig.peer.has_heard("step.memo", hash=third)  # each event ends one wait of the run
    await rig.send(go("app/x", n=3))
    assert rig.peer.has_heard("step.memo", hash=third)


async def test_an_event_on_its_way_to_the_disk_is_not_missed(rig: Rig) -> None:
    start = await _started(rig)
    sending = asyncio.ensure_future(rig.engine.send([go("app/x", n=1)]))
    await asyncio.sleep(0)
    step = _look(rig, start, "one")
    await sending
    await rig.settle()
    assert rig.peer.has_heard("step.memo", hash=step)


async def test_it_looks_back_after_a_restart_too(rig: Rig) -> None:
    start = await _started(rig)
    step = _look(rig, start, "one", if_exp="async.data.n == 5")
    await rig.send(go("app/x", n=1))
    await rig.restart()
    (start,) = rig.starts.values()
    assert start["waiting"] == [step]
    _look(rig, start, "one", if_exp="async.data.n == 1", again=True)
    await rig.settle()
    assert rig.peer.has_heard("step.memo", hash=step)


async def test_without_since_nothing_is_looked_back_for(rig: Rig) -> None:
    start = await _started(rig)
    await rig.send(go("app/x", n=1))
    rig.peer.step_wait(start, "one", event="app/x")
    await rig.settle()
    assert not rig.peer.has_heard("step.memo")


def test_since_is_run_or_nothing(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="wrong", trigger=inngest.TriggerEvent(event="any/wrong"), retries=0)
    async def wrong(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("w", event="any/x", timeout="1s", since="start")

    with pytest.raises(inngest.RunFailed, match="since='start'"):
        wrong.start().result(20)


def test_an_answer_that_came_while_the_body_was_busy_is_found(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="busy", trigger=inngest.TriggerEvent(event="any/busy"), retries=0)
    async def busy(ctx: inngest.Context) -> Any:
        await ctx.step.send_event("ask", inngest.Event(name="any/answer", data={"n": 1}))
        event = await ctx.step.wait_for_event("w", event="any/answer", timeout="1h", since="run")
        return event.data if event else None

    assert busy.start().result(20) == {"n": 1}


def test_two_waits_that_one_event_ends_come_one_after_the_other_now_as_in_a_replay(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="race", trigger=inngest.TriggerEvent(event="app/race"))
    async def race(ctx: inngest.Context) -> Any:
        waits = [asyncio.create_task(_named(ctx, name), name=name) for name in ("first", "second")]
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*waits)
        return sorted(task.get_name() for task in done)

    async def _named(ctx: inngest.Context, name: str) -> Any:
        return await ctx.step.wait_for_event(name, event="app/both", timeout="1h")

    with TestEngine(race) as engine:
        run = engine.start(race, inngest.Event(name="app/race"))
        assert engine.finish(run, script=[inngest.Event(name="app/both")]).output == ["first"]
