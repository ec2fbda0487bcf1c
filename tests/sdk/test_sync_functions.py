"""Sync functions: one thread for the body and its steps, branches with threads of their own, and a way out."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from functools import partial
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.testing import TestEngine, trigger

GO = inngest.Event(name="app/go")
TRIGGER = inngest.TriggerEvent(event="app/go")


def test_what_belongs_to_a_thread_can_be_used_in_the_body_and_in_its_steps(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    def fn(ctx: inngest.ContextSync) -> Any:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE t (x)")
        ctx.step.run("insert", lambda: connection.execute("INSERT INTO t VALUES (7)").rowcount)
        value = ctx.step.run("select", lambda: connection.execute("SELECT x FROM t").fetchone()[0])
        connection.close()
        return value

    assert trigger(fn, GO).output == 7


@pytest.mark.parametrize("mode", list(inngest.ParallelMode))
def test_branches_run_at_the_same_time(client: inngest.Inngest, mode: inngest.ParallelMode) -> None:
    together = threading.Barrier(3, timeout=10)

    @client.create_function(fn_id="fn", trigger=TRIGGER)
    def fn(ctx: inngest.ContextSync) -> Any:
        def meet(i: int) -> int:
            together.wait()
            return i

        steps = tuple(partial(ctx.step.run, f"step {i}", meet, i) for i in range(3))
        return ctx.group.parallel(steps, parallel_mode=mode)

    assert trigger(fn, GO).output == [0, 1, 2]


@pytest.mark.parametrize(
    ("mode", "orders"),
    [
        (inngest.ParallelMode.WAIT, ["a1 b1", "b1 a1"]),
        (inngest.ParallelMode.RACE, ["a1 a2"]),
    ],
)
def test_the_mode_says_when_a_branch_goes_on(
    client: inngest.Inngest, mode: inngest.ParallelMode, orders: list[str]
) -> None:
    executed: list[str] = []
    a_is_done = threading.Event()

    def note(step: str) -> None:
        if step == "b1":
            a_is_done.wait(10 if mode is inngest.ParallelMode.RACE else 0.05)
        executed.append(step)
        if step == "a2":
            a_is_done.set()

    @client.create_function(fn_id="fn", trigger=TRIGGER)
    def fn(ctx: inngest.ContextSync) -> None:
        def branch(name: str) -> None:
            for number in (1, 2):
                ctx.step.run(f"{name}{number}", note, f"{name}{number}")

        ctx.group.parallel((lambda: branch("a"), lambda: branch("b")), mode)

    assert trigger(fn, GO).status == "completed"
    assert " ".join(executed[:2]) in orders


def test_steps_of_one_id_in_branches_are_told_apart_by_their_order(client: inngest.Inngest) -> None:
    failures = iter([RuntimeError("once")])
    executed: list[int] = []

    @client.create_function(fn_id="fn", trigger=TRIGGER, retries=1)
    def fn(ctx: inngest.ContextSync) -> Any:
        def fetch(i: int) -> int:
            executed.append(i)
            return i * i

        found = ctx.group.parallel(tuple(partial(ctx.step.run, "fetch", fetch, i) for i in range(5)))
        if failure := next(failures, None):
            raise failure
        return found

    assert trigger(fn, GO).output == [0, 1, 4, 9, 16]
    assert sorted(executed) == [0, 1, 2, 3, 4]  # not again in the second attempt


def test_the_first_failure_of_a_branch_is_raised_when_all_have_ended(client: inngest.Inngest) -> None:
    executed: list[str] = []

    @client.create_function(fn_id="fn", trigger=TRIGGER, retries=0)
    def fn(ctx: inngest.ContextSync) -> Any:
        def fail() -> None:
            raise ValueError("broken")

        try:
            ctx.group.parallel(
                (lambda: ctx.step.run("bad", fail), lambda: ctx.step.run("good", lambda: executed.append("good")))
            )
        except inngest.StepError as exc:
            return [exc.name, executed]
        return None

    assert trigger(fn, GO).output == ["ValueError", ["good"]]


async def test_a_cancelled_body_ends_even_if_it_catches_every_exception(
    client: inngest.Inngest, engine: TestEngine
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    went_on: list[str] = []

    @client.create_function(fn_id="fn", trigger=TRIGGER)
    def fn(ctx: inngest.ContextSync) -> None:
        try:
            ctx.step.sleep("long", "7d")
        except Exception as exc:  # noqa: BLE001  # as careless code does
            went_on.append(type(exc).__name__)
        else:
            went_on.append("woke")
        finally:
            loop.call_soon_threadsafe(ended.set)

    run = fn.start()
    engine.settle()
    run.cancel()
    await asyncio.wait_for(ended.wait(), 10)
    assert went_on == []


def test_a_body_that_exits_fails_its_run_and_nothing_else(client: inngest.Inngest) -> None:
    @client.create_function(fn_id="exits", trigger=TRIGGER, retries=0)
    def exits(ctx: inngest.ContextSync) -> None:
        ctx.step.run("exit", lambda: (_ for _ in ()).throw(SystemExit(3)))

    @client.create_function(fn_id="stops", trigger=TRIGGER, retries=0)
    def stops(ctx: inngest.ContextSync) -> None:
        next(iter(()))

    @client.create_function(fn_id="works", trigger=TRIGGER)
    def works(ctx: inngest.ContextSync) -> int:
        return ctx.step.run("one", lambda: 1)

    for function, name in ((exits, "SystemExit"), (stops, "RuntimeError")):
        error = trigger(function, GO).error
        assert error is not None
        assert error["name"] == name
    assert trigger(works, GO).output == 1


def test_many_bodies_may_wait_at_once(client: inngest.Inngest, engine: TestEngine) -> None:
    @client.create_function(fn_id="fn", trigger=TRIGGER)
    def fn(ctx: inngest.ContextSync) -> Any:
        ctx.step.sleep("day", "1d")
        return ctx.step.run("number", lambda: ctx.event.data["i"])

    engine.send(*[inngest.Event(name="app/go", data={"i": i}) for i in range(100)])
    engine.advance("1d")
    assert sorted(run.output for run in engine.runs(fn)) == list(range(100))
