"""A function that the server under test runs itself: it publishes tokens and ends."""

from __future__ import annotations

from typing import Any

import inngest_nb as nb
from inngest_nb.experimental import realtime

client = nb.Inngest(app_id="js-clients", engine="server")


@client.create_function(fn_id="answer", trigger=nb.TriggerEvent(event="js/answer"), retries=0)
async def answer(ctx: nb.Context) -> dict[str, Any]:
    """Publish three words to the channel that the event names."""
    channel = str(ctx.event.data["channel"])

    async def speak() -> int:
        for word in ("The", " answer", " is"):
            await realtime.publish(client, channel, "tokens", {"text": word})
        return 42

    number = await ctx.step.run("speak", speak)
    if ctx.event.data.get("fail"):
        raise nb.NonRetriableError("no answer")
    return {"answer": number}
