"""Steps in a run are known as Inngest knows them, also where two ids name one step."""

from __future__ import annotations

from typing import Any, Literal

import pytest

import inngest_nb
from inngest_nb.jsontext import loads
from tests.engine.embedded import GO, LIMIT_S, failure_of
from tests.unit.vectors import cases, label


@pytest.mark.parametrize("replay", ["on_resume", "always"])
@pytest.mark.parametrize("case", cases("step_hash"), ids=label)
def test_the_steps_of_a_run_have_the_recorded_hashes(
    client: inngest_nb.Inngest, case: dict[str, Any], replay: Literal["on_resume", "always"]
) -> None:
    ids, hashes = case["input"]["step_ids"], [step["hash"] for step in case["expected"]["steps"]]

    @client.create_function(fn_id="fn", trigger=GO, retries=0, replay=replay)
    async def fn(ctx: inngest_nb.Context) -> list[int]:
        return [await ctx.step.run(step_id, lambda place=place: place) for place, step_id in enumerate(ids)]

    run = fn.start()
    assert run.result(LIMIT_S) == [hashes.index(known) for known in hashes], (
        "what has a hash already is not executed again"
    )
    view = loads(run._link.call("view", {"run_id": run.id}))
    assert sorted(step["hash"] for step in view["steps"]) == sorted(set(hashes))


def test_a_wait_gets_the_memo_of_what_has_its_hash(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> Any:
        await ctx.step.sleep("a:1", 1)
        return [await ctx.step.run("a", lambda: 0), await ctx.step.run("a", lambda: 1)]

    assert fn.start().result(LIMIT_S) == [0, None]


def test_what_has_the_hash_of_a_failed_step_is_refused(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO, retries=0)
    async def fn(ctx: inngest_nb.Context) -> Any:
        try:
            await ctx.step.run("a:1", lambda: 1 / 0)
        except inngest_nb.StepError:
            return [await ctx.step.run("a", lambda: 0), await ctx.step.run("a", lambda: 1)]

    error = failure_of(fn.start())
    assert error["code"] == "step_duplicate"
    assert "an id that ends in a colon and a number is also what a repeated id is known by" in error["message"]
