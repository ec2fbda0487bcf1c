"""A function that the server under test runs itself: it asks a person."""

from __future__ import annotations

import inngest_nb as nb
from inngest_nb import realtime

client = nb.Inngest(app_id="rights", engine="server")
desk = realtime.channel("desk", topics={"questions": dict})


@client.create_function(fn_id="ask", trigger=nb.TriggerEvent(event="rights/ask"), retries=0)
async def ask(ctx: nb.Context) -> bool:
    """Ask whether it may go on."""
    decision = await ctx.step.request_approval("confirm", desk.questions, message="May it go on?", timeout="1h")
    return decision is not None and decision.approved
