"""Failures that are the engine's, not the code's: by what names functions, runs and internal events know them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

import inngest_nb as inngest
from inngest_nb.testing import TestEngine
from tests.unit.vectors import load

CASES = {case["id"]: case for case in load("engine_errors")["cases"]}
CAUGHT = [name for name, case in CASES.items() if "caught" in case]
ENDED = [name for name, case in CASES.items() if "ended" in case]
MEGABYTE = "x" * 1_000_000


@pytest.fixture
def engine() -> Iterator[TestEngine]:
    """An engine on a clock that stands still."""
    with TestEngine() as engine:
        yield engine


def _define(case: str) -> tuple[inngest.Function[Any], inngest.Function[Any]]:
    """A function in which it happens, and one that it invokes."""
    client = inngest.Inngest(app_id="app")

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="app/child"), retries=0)
    async def child(ctx: inngest.Context) -> None:
        if case == "invoke-failed":
            raise ValueError("boom")
        await ctx.step.sleep("long", "2h")

    async def happens(ctx: inngest.Context) -> None:
        if case == "invoke-missing":
            await ctx.step.invoke_by_id("call", function_id="nobody")
        elif case.startswith("invoke"):
            await ctx.step.invoke("call", function=child, timeout="1h")
        elif case == "wait-does-not-compile":
            await ctx.step.wait_for_event("w", event="app/x", timeout="1h", if_exp="async.data. ==")
        else:
            for n in range(1001 if case == "too-many-steps" else 34):
                await ctx.step.run(str(n), lambda: None if case == "too-many-steps" else MEGABYTE)

    @client.create_function(fn_id="fn", trigger=inngest.TriggerEvent(event="app/go"), retries=0)
    async def fn(ctx: inngest.Context) -> dict[str, str]:
        try:
            await happens(ctx)
        except inngest.StepError as exc:
            return {"name": exc.name, "message": exc.message}
        return {}

    return fn, child


def _play(engine: TestEngine, case: str) -> inngest.Run:
    fn, child = _define(case)
    run = engine.start(fn, inngest.Event(name="app/go"))
    engine.settle()
    if case == "invoke-cancelled":
        engine.runs(child)[0].cancel()
    engine.finish(run)
    return run


def _is(found: dict[str, Any] | None, told: dict[str, str]) -> bool:
    return found is not None and found["name"] == told["name"] and told["message"] in found["message"]


@pytest.mark.parametrize("case", CAUGHT)
def test_a_step_that_the_engine_failed_raises_what_inngest_raises(engine: TestEngine, case: str) -> None:
    caught = _play(engine, case).output
    assert _is(caught, CASES[case]["caught"]), caught


@pytest.mark.parametrize("case", ENDED)
def test_a_run_that_the_engine_failed_says_so_as_inngest_does(engine: TestEngine, case: str) -> None:
    run = _play(engine, case)
    assert run.status == "failed"
    assert _is(run.error, CASES[case]["ended"]), run.error

    async def read() -> list[Any]:
        query = "SELECT data FROM events WHERE name IN ('inngest/function.failed', 'inngest/function.finished')"
        return [orjson.loads(data) for (data,) in engine._link.engine.core.journal.rows(query)]

    for data in engine._link.on_engine(
        read
    ):  # no code's output is there: both hold what the engine says, named once more
        assert data["error"] == data["result"]["error"]
        assert data["error"]["error"] == data["error"]["message"] == (run.error or {})["message"]
