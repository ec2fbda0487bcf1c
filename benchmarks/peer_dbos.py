"""DBOS, the same ten steps on SQLite."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from dbos import DBOS, DBOSConfig

from benchmarks.measure import LONG, ROUNDS, quantiles, report, typical

logging.disable(logging.CRITICAL)
DBOS(config=DBOSConfig(name="bench", system_database_url="sqlite:///dbos.sqlite", log_level="CRITICAL"))


@DBOS.step()
async def step(i: int) -> dict[str, int]:
    return {"i": i}


@DBOS.workflow()
async def run(steps: int) -> str:
    for i in range(steps):
        await step(i)
    return "ok"


async def _rate(steps: int) -> int:
    begun = time.perf_counter()
    await asyncio.gather(*(run(steps) for _ in range(100)))
    return round(100 * steps / (time.perf_counter() - begun))


async def main() -> dict[str, Any]:
    DBOS.launch()
    alone = []
    for _ in range(30):
        begun = time.perf_counter()
        handle = await DBOS.start_workflow_async(run, 10)
        await handle.get_result()
        alone.append(time.perf_counter() - begun)
    rates = [await _rate(10) for _ in range(ROUNDS)]
    long = await _rate(100)  # one round: it takes as long as all others together
    return {"ten_steps": quantiles(alone), "steps_per_s": {"100": typical(rates), LONG: long}}


if __name__ == "__main__":
    report(asyncio.run(main()))
