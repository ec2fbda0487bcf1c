"""What views are told of a run."""

from __future__ import annotations

from typing import Any

import pytest

import inngest_nb
from inngest_nb.source import Source
from tests.engine.embedded import GO, LIMIT_S


def test_a_step_that_invokes_names_the_run_that_it_started(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="inner", trigger=inngest_nb.TriggerEvent(event="app/inner"))
    async def inner(ctx: inngest_nb.Context) -> str:
        return "done"

    @client.create_function(fn_id="outer", trigger=GO)
    async def outer(ctx: inngest_nb.Context) -> Any:
        return await ctx.step.invoke("call", function=inner)

    run = outer.start()
    assert run.result(LIMIT_S) == "done"
    source = Source(client._link())
    (step,) = source.view(run.id)["steps"]
    child = source.view(step["child"])["run"]
    assert (child["fn_id"], child["status"]) == ("app-inner", "completed")
    log = source.messages(run.id)
    told = [message["data"] for message in log if message["kind"] == "step"]
    assert step["child"] in [state.get("child") for state in told]
    assert {state["function"] for state in [step, *told]} == {"app-inner"}


def test_the_timeline_of_a_function_shows_its_newest_run(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        pass

    assert inngest_nb.RunTimeline(fn).params == {"run_id": "", "function": "app-fn", "fn_name": "fn"}
    runs = [fn.start(), fn.start()]
    view = inngest_nb.RunTimeline(fn)
    assert view.params["run_id"] == runs[-1].id
    assert repr(view) == "RunTimeline('app-fn')"


def test_a_timeline_takes_any_number_of_runs(client: inngest_nb.Inngest) -> None:
    @client.create_function(fn_id="fn", trigger=GO)
    async def fn(ctx: inngest_nb.Context) -> None:
        pass

    runs = [fn.start() for _ in range(5)]
    ids = [run.id for run in runs]
    for run in runs:
        run.result(LIMIT_S)
    assert inngest_nb.RunTimeline([]).params == {"run_id": ""}
    assert inngest_nb.RunTimeline(iter(runs[:1])).params == {"run_id": ids[0]}
    assert inngest_nb.RunTimeline(tuple(runs[:2])).params == {"run_id": ids[0], "other_id": ids[1]}
    several = inngest_nb.RunTimeline(client.history.runs()["run_id"], client=client)
    assert several.params == {"run_id": ids[0], "other_id": ids[1], "runs": ids}
    assert repr(several) == "RunTimeline(5 runs)"
    assert "Completed" in several.snapshot()
    with pytest.raises(TypeError, match="expected a run or its id, got NoneType"):
        inngest_nb.RunTimeline([runs[0], None])
