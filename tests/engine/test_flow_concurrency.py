"""Concurrency: at most so many runs of a key execute at once; the others go on by priority, then by age."""

from __future__ import annotations

from typing import Any

import pytest

from inngest_nb.engine.engine import Engine
from tests.engine.flow import Rig, go, limited
from tests.engine.peer import ScriptedPeer, until


async def test_no_more_runs_execute_than_the_limit_says(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 2}]))
    await rig.send(*[go(n=n) for n in range(5)])
    assert rig.started_data() == [{"n": 0}, {"n": 1}]
    waiting = rig.runs()[2]
    assert waiting.status == "queued"
    assert waiting.reason == "2 runs ahead under its concurrency limit"
    await rig.finish(rig.running[0])
    assert rig.started_data() == [{"n": 1}, {"n": 2}]
    for _ in range(4):
        assert len(rig.running) <= 2
        await rig.finish(rig.running[0])
    assert [run.status for run in rig.runs()] == ["completed"] * 5


async def test_the_limit_holds_after_a_restart_whether_the_runs_are_given_out_again_or_were_kept(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 2}]))
    await rig.send(*[go(n=n) for n in range(4)])
    kept = {run_id: start["lease"] for run_id, start in rig.starts.items()}
    await rig.restart()
    assert rig.started_data() == [{"n": 0}, {"n": 1}]
    rig.peer.close()
    await rig.engine.stop()
    rig.engine = Engine(rig.engine.data_dir, clock=rig.clock)
    await rig.engine.start()
    rig.peer = ScriptedPeer(rig.engine, limited(concurrency=[{"limit": 2}]), live=kept)
    await rig.settle()
    assert rig.starts.keys() == kept.keys()  # no third one: those of the peer count


async def test_each_key_has_its_own_limit_and_missing_ones_share_one(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1, "key": "event.data.user"}]))
    await rig.send(go(user="a", n=1), go(user="a", n=2), go(user="b", n=3), go(n=4), go(n=5), go(user=None, n=6))
    assert [data["n"] for data in rig.started_data()] == [1, 3, 4, 6]


async def test_a_run_needs_room_under_all_of_its_limits(rig: Rig) -> None:
    limits = [{"limit": 2}, {"limit": 1, "key": "event.data.user"}]
    await rig.start(limited(concurrency=limits))
    await rig.send(go(user="a", n=1), go(user="a", n=2), go(user="b", n=3), go(user="c", n=4))
    assert [data["n"] for data in rig.started_data()] == [1, 3]
    by_n = {start_data["n"]: run_id for run_id, start_data in zip(rig.starts, rig.started_data(), strict=True)}
    await rig.finish(by_n[3])  # the second of "a" still waits for the first, so "c" has the room
    assert [data["n"] for data in rig.started_data()] == [1, 4]
    await rig.finish(by_n[1])
    assert [data["n"] for data in rig.started_data()] == [4, 2]


@pytest.mark.parametrize("scope", ["env", "account"])
async def test_functions_share_a_limit_of_a_wider_scope_by_the_text_of_its_key(rig: Rig, scope: str) -> None:
    shared = [{"limit": 1, "key": '"openai"', "scope": scope}]
    other = [{"limit": 1, "key": '"other"', "scope": scope}]
    await rig.start(
        limited("app-a", "app/a", concurrency=shared),
        limited("app-b", "app/b", concurrency=shared),
        limited("app-c", "app/c", concurrency=other),
    )
    await rig.send(go("app/a"), go("app/b"), go("app/c"))
    assert [start["fn_id"] for start in rig.starts.values()] == ["app-a", "app-c"]
    await rig.finish(rig.running[0])
    assert [start["fn_id"] for start in rig.starts.values()] == ["app-c", "app-b"]


async def test_the_limit_of_a_function_is_its_own(rig: Rig) -> None:
    own = [{"limit": 1, "key": '"same"'}]
    await rig.start(limited("app-a", "app/a", concurrency=own), limited("app-b", "app/b", concurrency=own))
    await rig.send(go("app/a"), go("app/b"))
    assert len(rig.running) == 2


async def test_one_whose_own_limit_is_lower_holds_up_nobody_else(rig: Rig) -> None:
    key = {"key": '"k"', "scope": "account"}
    await rig.start(
        limited("app-one", "app/one", concurrency=[{"limit": 1, **key}]),
        limited("app-two", "app/two", concurrency=[{"limit": 2, **key}]),
    )
    await rig.send(go("app/one"), go("app/two"), go("app/one"), go("app/two"))
    assert [start["fn_id"] for start in rig.starts.values()] == ["app-one", "app-two"]
    await rig.finish(rig.running[0])
    assert [start["fn_id"] for start in rig.starts.values()] == ["app-two", "app-two"]


async def test_a_limit_of_none_is_no_limit(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 0}]))
    await rig.send(*[go() for _ in range(20)])
    assert len(rig.running) == 20


async def test_a_run_that_sleeps_or_waits_leaves_its_place_and_asks_for_it_again(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    first = rig.starts[rig.running[0]]
    step = rig.peer.step_wait(first, "nap", seconds=60)
    await rig.settle()
    assert rig.started_data() == [{"n": 1}, {"n": 2}]
    await rig.advance(61)
    assert not rig.peer.has_heard("step.memo", hash=step)  # its sleep is over, the other one executes
    assert rig.engine.run(first["run_id"]).status == "queued"
    await rig.finish(rig.running[-1])
    assert rig.peer.has_heard("step.memo", hash=step)
    assert rig.engine.run(first["run_id"]).status == "running"


async def test_two_waits_that_end_while_there_is_no_room_are_both_told(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    first = rig.starts[rig.running[0]]
    one, two = rig.peer.step_wait(first, "one", seconds=60), rig.peer.step_wait(first, "two", seconds=61, index=1)
    await rig.settle()
    await rig.advance(62)
    assert not rig.peer.has_heard("step.memo")
    await rig.finish(rig.running[-1])
    assert rig.peer.has_heard("step.memo", hash=one)
    assert rig.peer.has_heard("step.memo", hash=two)


async def test_a_step_between_attempts_holds_no_place(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], backoff=60.0))
    await rig.send(go(n=1), go(n=2))
    first = rig.starts[rig.running[0]]
    step = rig.peer.step_failed(first, "fetch")
    rig.peer.report(first, "run.idle")
    await rig.settle()
    assert rig.started_data() == [{"n": 1}, {"n": 2}]
    await rig.advance(61)
    assert not rig.peer.has_heard("step.again", hash=step)
    await rig.finish(next(run_id for run_id in rig.starts if run_id != first["run_id"]))
    assert rig.peer.has_heard("step.again", hash=step)


async def test_a_step_beside_a_wait_asks_for_its_turn(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    first = rig.starts[rig.running[0]]
    assert first["limited"]
    rig.peer.step_wait(first, "nap", seconds=60)
    await rig.settle()
    rig.peer.report(first, "run.busy", hash="$turn")
    await rig.settle()
    assert not rig.peer.has_heard("run.go")
    await rig.finish(rig.running[-1])
    assert rig.peer.has_heard("run.go", hash="$turn")
    assert rig.engine.run(first["run_id"]).status == "running"


async def test_who_waits_goes_on_by_priority_then_by_age(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], priority={"run": "int(event.data.p)"}))
    await rig.send(go(n="running", p=0))
    for n, priority in (("old", 0), ("young", 0), ("urgent", 120), ("late", -120)):
        await rig.advance(1)
        await rig.send(go(n=n, p=priority))
    order = []
    while rig.running:
        order.append(rig.started_data()[0]["n"])
        await rig.finish(rig.running[0])
    assert order == ["running", "urgent", "old", "young", "late"]


async def test_priority_overtakes_only_what_is_younger_than_its_seconds(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], priority={"run": "int(event.data.p)"}))
    await rig.send(go(n="running", p=0), go(n="old", p=0))
    await rig.advance(200)
    await rig.send(go(n="urgent", p=120))
    await rig.finish(rig.running[0])
    assert rig.started_data() == [{"n": "old", "p": 0}]


@pytest.mark.parametrize("priority", ["event.data.p", "'high'", "event.data.missing", "1 +"])
async def test_a_priority_that_is_no_whole_number_counts_nothing(rig: Rig, priority: str) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], priority={"run": priority}))
    await rig.send(go(n="running"), go(n="old", p=0), go(n="plain", p=500))
    await rig.finish(rig.running[0])
    assert rig.started_data()[0]["n"] == "old"


async def test_priority_holds_after_a_restart(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], priority={"run": "int(event.data.p)"}))
    await rig.send(go(n="running", p=0), go(n="old", p=0), go(n="urgent", p=60))
    await rig.restart()
    order = []
    while rig.running:
        order.append(rig.started_data()[0]["n"])
        await rig.finish(rig.running[0])
    assert order.index("urgent") < order.index("old")


async def test_a_cancelled_run_leaves_the_queue(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2), go(n=3))
    await rig.engine.cancel(rig.runs()[1].id)
    await rig.finish(rig.running[0])
    assert rig.started_data() == [{"n": 3}]
    await rig.engine.cancel(rig.running[0])
    await rig.send(go(n=4))
    assert rig.started_data()[-1] == {"n": 4}  # a cancelled run gives its place back


@pytest.mark.parametrize("ends", ["failed", "function retry", "wait refused"])
async def test_a_run_gives_its_place_back_however_it_ends(rig: Rig, ends: str) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], backoff=60.0))
    await rig.send(go(n=1), go(n=2))
    first = rig.starts[rig.running[0]]
    report: dict[str, Any] = {
        "failed": lambda: rig.peer.failed(first, retriable=False),
        "function retry": lambda: rig.peer.failed(first),
        "wait refused": lambda: rig.peer.step_wait(first, "w", event="app/x", if_exp="1 +"),
    }
    report[ends]()
    await rig.settle()
    assert rig.started_data()[-1] == {"n": 2}


async def test_a_run_whose_worker_dies_gives_its_place_to_the_next_in_line(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inngest_nb.engine.dispatch.GRACE_S", 0.01)
    await rig.start(limited(concurrency=[{"limit": 1}], priority={"run": "int(event.data.p)"}))
    await rig.send(go(n="dies", p=0), go(n="urgent", p=60))
    dead, dies = rig.peer, rig.running[0]
    rig.peer = ScriptedPeer(rig.engine, limited(concurrency=[{"limit": 1}]), worker_id="heir")
    dead.close()
    urgent = await rig.peer.started()
    assert urgent["run_id"] != dies
    await rig.peer.finish(urgent)
    assert (await rig.peer.started())["run_id"] == dies


async def test_a_run_that_was_woken_and_waits_for_room_survives_its_worker(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inngest_nb.engine.dispatch.GRACE_S", 0.01)
    await rig.start(limited(concurrency=[{"limit": 1}]))
    await rig.send(go(n=1), go(n=2))
    first = rig.starts[rig.running[0]]
    rig.peer.step_wait(first, "nap", seconds=60)
    await rig.settle()
    await rig.advance(61)
    dead = rig.peer
    rig.peer = ScriptedPeer(rig.engine, limited(concurrency=[{"limit": 1}]), worker_id="heir")
    dead.close()
    given = await rig.peer.started()
    await rig.peer.finish(given)
    other = await rig.peer.started()
    await rig.peer.finish(other)
    assert {given["run_id"], other["run_id"]} == {run.id for run in rig.runs()}
    await until(lambda: all(run.status == "completed" for run in rig.runs()), "the end of both")
