"""New runs from old ones: which memos they keep, and what a preview says of it beforehand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from inngest_nb.engine.records import Run
from inngest_nb.errors import ForkError
from inngest_nb.stephash import step_hash
from tests.engine.flow import Rig, go, limited


async def _steps(rig: Rig, *step_ids: str, fails: str | None = None) -> Run:
    """A run that has done these steps one after the other, each with its own name as output."""
    await rig.start(limited(retries=0))
    await rig.send(go(n=1))
    start = rig.starts[rig.running[0]]
    for index, step_id in enumerate(step_ids):
        if step_id == fails:
            rig.peer.step_failed(start, step_id, index=index)
            await rig.settle()
            rig.peer.failed(start, retriable=False)
            await rig.settle()
            return rig.runs()[0]
        await rig.advance(1)
        rig.peer.step_done(start, step_id, index=index, output=f'"{step_id}"', code_hash=f"code-{step_id}")
        await rig.settle()
    await rig.finish(start["run_id"], "done")
    return rig.runs()[0]


async def _fork(rig: Rig, run: Run, *, resume: bool = False, **how: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"from_step": None, "steps": {}, **how}
    planned = rig.engine.preview(run.id, resume=resume, **about)
    fork = await rig.engine.rerun(run.id, resume=resume, **about)
    await rig.settle()
    start = rig.starts[fork.id]
    reused = {entry["hash"] for entry in planned if entry["action"].startswith("reused")}
    assert start["memos"].keys() == reused  # what was announced is what happens
    return start


def _memos(*step_ids: str) -> dict[str, str]:
    return {step_hash(step_id, 0): f'"{step_id}"' for step_id in step_ids}


async def test_a_rerun_begins_anew_with_the_same_event(rig: Rig) -> None:
    run = await _steps(rig, "a", "b")
    start = await _fork(rig, run)
    assert (start["memos"], start["event"]) == ({}, run.event.as_text())
    fork = rig.engine.run(start["run_id"])
    assert (fork.forked_from, fork.forked_at_step) == (run.id, None)
    assert rig.engine.run(run.id).status == "completed"


async def test_a_rerun_from_a_step_keeps_what_was_done_before_it(rig: Rig) -> None:
    run = await _steps(rig, "a", "b", "c")
    start = await _fork(rig, run, from_step="b")
    assert start["memos"] == _memos("a")
    assert rig.engine.run(start["run_id"]).forked_at_step == "b"
    by_hash = await _fork(rig, run, from_step=step_hash("c", 0))
    assert by_hash["memos"] == _memos("a", "b")


async def test_an_edited_output_takes_the_place_of_the_memo(rig: Rig) -> None:
    run = await _steps(rig, "a", "b", "c")
    start = await _fork(rig, run, from_step="c", steps={"a": {"edited": [1]}})
    assert start["memos"] == {step_hash("a", 0): '{"edited":[1]}', **_memos("b")}
    alone = await _fork(rig, run, steps={"b": "B"})
    assert alone["memos"] == _memos("a") | {step_hash("b", 0): '"B"'}  # what follows an edit runs again


async def test_resume_keeps_what_is_good_and_drops_the_error(rig: Rig) -> None:
    run = await _steps(rig, "a", "b", "c", fails="c")
    assert run.status == "failed"
    start = await _fork(rig, run, resume=True)
    assert (start["memos"], start["errors"], start["retrying"]) == (_memos("a", "b"), {}, {})


async def test_the_preview_names_every_step_and_says_whose_code_has_changed(rig: Rig) -> None:
    run = await _steps(rig, "a", "b", "c", fails="c")
    rig.join(limited() | {"step_hashes": ["code-a", "code-of-now"]})
    planned = rig.engine.preview(run.id, from_step=None, steps={"a": 1}, resume=True)
    seen = [(entry["step_id"], entry["action"], entry["code_changed"]) for entry in planned]
    assert seen == [("a", "reused, output edited", False), ("b", "runs again", True), ("c", "runs again", False)]


async def test_a_step_that_is_not_there_or_not_one_is_refused(rig: Rig) -> None:
    run = await _steps(rig, "a", "b")
    for how, said in (
        ({"from_step": "z"}, "no step 'z'; its steps: 'a', 'b'"),
        ({"steps": {"z": 1}}, "no completed step 'z'; its completed steps: 'a', 'b'"),
        ({"from_step": "a", "steps": {"b": 1}}, "had not completed when 'a' began"),
        ({"steps": {"a": object()}}, "must be JSON"),
    ):
        about: dict[str, Any] = {"from_step": None, "steps": {}, **how}
        with pytest.raises(ForkError, match=said):
            await rig.engine.rerun(run.id, resume=False, **about)
    assert len(rig.runs()) == 1


async def test_a_run_that_goes_on_cannot_be_resumed_but_run_again(rig: Rig) -> None:
    await rig.start(limited())
    await rig.send(go())
    run = rig.runs()[0]
    with pytest.raises(ForkError, match="has not ended"):
        await rig.engine.rerun(run.id, from_step=None, steps={}, resume=True)
    await rig.engine.rerun(run.id, from_step=None, steps={}, resume=False)
    await rig.settle()
    assert len(rig.running) == 2


async def test_a_fork_keeps_its_memos_over_a_restart(rig: Rig) -> None:
    run = await _steps(rig, "a", "b", "c")
    start = await _fork(rig, run, from_step="c", steps={"a": "A"})
    await rig.restart()
    again = rig.starts[start["run_id"]]
    assert again["memos"] == {step_hash("a", 0): '"A"', **_memos("b")}
    await rig.finish(start["run_id"], 1)
    assert rig.engine.run(start["run_id"]).output == "1"


async def test_a_rerun_that_is_asked_for_again_is_the_same_one(rig: Rig) -> None:
    run = await _steps(rig, "a")
    about: dict[str, Any] = {"from_step": None, "steps": {}, "resume": False}
    twice = await asyncio.gather(*(rig.engine.rerun(run.id, key="k", **about) for _ in range(2)))
    await rig.restart()
    again = await rig.engine.rerun(run.id, key="k", **about)
    assert {fork.id for fork in (*twice, again)} == {twice[0].id}
    other = await rig.engine.rerun(run.id, key="other", **about)
    assert {run.id for run in rig.runs()} == {run.id, again.id, other.id}


async def test_a_rerun_ignores_rate_limit_idempotency_and_the_id_of_its_event(rig: Rig) -> None:
    await rig.start(limited(idempotency="event.data.n"))
    await rig.send(go(n=1, id="x"))
    for _ in range(3):
        await _fork(rig, rig.runs()[0])
    assert len(rig.running) == 4


async def test_a_rerun_takes_its_place_under_concurrency_priority_and_throttle(rig: Rig) -> None:
    await rig.start(limited(concurrency=[{"limit": 1}], priority={"run": "int(event.data.p)"}))
    await rig.send(go(p=60))
    await rig.send(go(p=0))
    await rig.engine.rerun(rig.runs()[0].id, from_step=None, steps={}, resume=False)
    await rig.settle()
    assert len(rig.running) == 1
    await rig.finish(rig.running[0])
    (run_id,) = rig.running
    assert rig.engine.run(run_id).forked_from == rig.runs()[0].id


async def test_a_rerun_of_a_batch_has_all_of_its_events(rig: Rig) -> None:
    await rig.start(limited(batchEvents={"maxSize": 2, "timeout": "10s"}))
    await rig.send(go(n=1), go(n=2))
    start = await _fork(rig, rig.runs()[0])
    assert len(start["events"]) == 2
    await rig.restart()
    assert len(rig.starts[start["run_id"]]["events"]) == 2


async def test_a_rerun_of_a_future_event_starts_now(rig: Rig) -> None:
    await rig.start(limited())
    await rig.send(go(ts=rig.clock.ms + 60_000))
    await rig.engine.cancel(rig.runs()[0].id)
    start = await _fork(rig, rig.runs()[0])
    assert rig.engine.run(start["run_id"]).status == "running"


async def test_waits_and_sleeps_that_are_over_are_kept_like_steps(rig: Rig) -> None:
    await rig.start(limited(retries=0))
    await rig.send(go())
    start = rig.starts[rig.running[0]]
    nap = rig.peer.step_wait(start, "nap", seconds=1)
    gone = rig.peer.step_wait(start, "gone", seconds=1, event="app/never", index=1)
    opened = rig.peer.step_wait(start, "open", seconds=60, event="app/never", index=2)
    await rig.advance(2)
    rig.peer.failed(start, retriable=False)
    await rig.settle()
    fork = await _fork(rig, rig.runs()[0], resume=True)
    assert (fork["memos"], fork["waiting"]) == ({nap: "null", gone: "null"}, [])
    assert opened not in fork["memos"]


async def test_steps_of_one_name_are_told_apart_by_their_hashes(rig: Rig) -> None:
    await rig.start(limited())
    await rig.send(go())
    start = rig.starts[rig.running[0]]
    hashes = [step_hash("s", repeat) for repeat in range(3)]
    for index, found in enumerate(hashes):
        rig.peer.step_done(start, "s", index=index, output=str(index), hash=found)
    await rig.finish(start["run_id"])
    run = rig.runs()[0]
    with pytest.raises(ForkError, match="has 3 steps called 's'; name one by its hash"):
        await rig.engine.rerun(run.id, from_step="s", steps={}, resume=False)
    with pytest.raises(ForkError, match="has 3 steps called 's'; name one by its hash"):
        await rig.engine.rerun(run.id, from_step=None, steps={"s": 1}, resume=False)
    fork = await _fork(rig, run, from_step=hashes[2], steps={hashes[0]: "new"})
    assert fork["memos"] == {hashes[0]: '"new"', hashes[1]: "1"}
