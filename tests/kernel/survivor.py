"""A process beside the Jupyter server: it runs functions, sends events and follows a channel while the server dies."""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Any

import inngest_nb as inngest
from inngest_nb import realtime
from tests.support.crash import note

RUNS, STEPS, EVENTS = 8, 12, 40
log = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("survivor.log")
news = realtime.channel(name="news", topics={"count": int})


def define(client: inngest.Inngest) -> inngest.Function[Any]:
    """The function whose runs outlive the server."""

    @client.create_function(fn_id="outlive", trigger=inngest.TriggerEvent(event="survivor/go"), backoff=0.05)
    async def outlive(ctx: inngest.Context) -> Any:
        values = []
        for i in range(STEPS):

            async def work(name: str = f"s{i}") -> str:
                note(log, "ran", ctx.run_id, name)
                await asyncio.sleep(0.03)
                return secrets.token_hex(4)

            values.append(await ctx.step.run(f"s{i}", work))
            note(log, "saw", ctx.run_id, f"s{i}", values[-1])
            if i == STEPS // 2:
                await ctx.step.sleep("nap", "100ms")
        event = await ctx.step.wait_for_event("open", event="survivor/open", timeout="5m")
        return [*values, event is not None]

    return outlive


async def main() -> None:
    """Say every fact once it is acknowledged; end when all runs have ended and somebody closes standard input."""
    client = inngest.Inngest(app_id="survivor", engine="server")
    outlive = define(client)
    client.realtime.subscribe(
        channel=news(), since="start", on_message=lambda m: note(log, "message", m.kind, m.offset, m.data)
    )
    runs = [outlive.start({"n": n}) for n in range(RUNS)]
    note(log, "started", *(run.id for run in runs))
    for n in range(EVENTS):
        (event_id,) = await client.send(inngest.Event(name="survivor/tick", data={"n": n}))
        note(log, "sent", n, event_id)
        await client.realtime.publish(news().count, n)
        await asyncio.sleep(0.05)
    note(log, "ready")
    for run in runs:
        note(log, "ended", run.id, await run)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
