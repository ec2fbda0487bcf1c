"""What is measured of our engines, on any client."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import inngest_nb as nb
from benchmarks.measure import LONG, ROUNDS, quantiles, typical


async def _step(i: int) -> dict[str, int]:
    return {"i": i}


async def ten(ctx: nb.Context) -> float:
    """Ten steps, then the time."""
    return await _steps(ctx, 10)


async def hundred(ctx: nb.Context) -> float:
    """A hundred steps, then the time."""
    return await _steps(ctx, 100)


async def _steps(ctx: nb.Context, count: int) -> float:
    for i in range(count):
        await ctx.step.run(f"s{i}", _step, i)
    return time.perf_counter()


async def none(_: nb.Context) -> float:
    """The time at which the body begins."""
    return time.perf_counter()


def run(client: nb.Inngest) -> dict[str, Any]:
    """Ten steps alone, event to body, many runs at once, publish to subscriber."""
    ten_steps = client.create_function(fn_id="ten", trigger=nb.TriggerEvent(event="bench/ten"))(ten)
    client.create_function(fn_id="hundred", trigger=nb.TriggerEvent(event="bench/hundred"))(hundred)
    nothing = client.create_function(fn_id="none", trigger=nb.TriggerEvent(event="bench/none"))(none)
    alone(ten_steps, 20)
    return {
        "ten_steps": alone(ten_steps, 300),
        "event_to_body": alone(nothing, 300),
        "steps_per_s": {
            "100": typical([many(client, 100) for _ in range(ROUNDS)]),
            "1000": typical([many(client, 1000) for _ in range(ROUNDS)]),
            LONG: typical([many(client, 100, "hundred", 100) for _ in range(ROUNDS)]),
        },
        "publish_to_subscriber": asyncio.run(_publish_to_subscriber(client, 100)),
    }


def alone(function: nb.Function, count: int) -> dict[str, float]:
    """From `start()` to the last line of the body."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        taken.append(function.start().result(10) - begun)
    return quantiles(taken)


def many(client: nb.Inngest, count: int, function: str = "ten", steps: int = 10) -> int:
    """Steps per second of `count` runs that one send has started."""
    begun = time.perf_counter()
    client.send_sync([nb.Event(name=f"bench/{function}") for _ in range(count)])
    asyncio.run(_all(client.runs(function=function, limit=count)))
    return round(count * steps / (time.perf_counter() - begun))


async def _all(runs: list[nb.Run]) -> None:
    async with asyncio.timeout(60):
        await asyncio.gather(*runs)


async def _publish_to_subscriber(client: nb.Inngest, count: int) -> dict[str, float]:
    """From `publish` to the subscriber's loop, one at a time."""
    channel = nb.realtime.channel("bench", {"ticks": int})
    taken = []
    subscription = client.realtime.subscribe(channel=channel, since="start")
    messages = aiter(subscription)
    for i in range(count):
        begun = time.perf_counter()
        await client.realtime.publish(channel.ticks, i)
        await anext(messages)
        taken.append(time.perf_counter() - begun)
    subscription.close()
    return quantiles(taken)
