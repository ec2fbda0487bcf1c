"""What views are told of a run."""

from __future__ import annotations

from typing import Any

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
    told = [message["data"].get("child") for message in log if message["kind"] == "step"]
    assert step["child"] in told
