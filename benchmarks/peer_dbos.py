"""DBOS, the same ten steps on SQLite."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from dbos import DBOS, DBOSConfig

from benchmarks.measure import ROUNDS, quantiles, report, typical

logging.disable(logging.CRITICAL)
DBOS(config=DBOSConfig(name="bench", system_database_url="sqlite:///dbos.sqlite", log_level="CRITICAL"))


@DBOS.step()
async def step(i: int) -> dict[str, int]:
    return {"i": i}


@DBOS.workflow()
async def ten() -> str:
    for i in range(10):
        await step(i)
    return "ok"


async def main() -> dict[str, Any]:
    DBOS.launch()
    alone = []
    for _ in range(30):
        begun = time.perf_counter()
        handle = await DBOS.start_workflow_async(ten)
        await handle.get_result()
        alone.append(time.perf_counter() - begun)
    rates = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await asyncio.gather(*(ten() for _ in range(100)))
        rates.append(round(1000 / (time.perf_counter() - begun)))
    return {"ten_steps": quantiles(alone), "steps_per_s": {"100": typical(rates)}}


if __name__ == "__main__":
    report(asyncio.run(main()))
