"""Many runs: 100,000 that wait (memory, one event among them), and 10,000 under way when their process was killed."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

import inngest_nb as nb
from benchmarks.measure import in_child, quantiles, report
from inngest_nb.worker.worker import Worker

WAITING = 100_000
Worker.park_after_s = 0.5


def main() -> dict[str, Any]:
    """Both figures, each on a directory of its own."""
    return {"waiting": _waiting(), "resumed": in_child("benchmarks.in_flight")}


def _waiting() -> dict[str, Any]:
    client = nb.Inngest(app_id="bench", engine="embedded", data_dir="waiting")

    @client.create_function(fn_id="wait", trigger=nb.TriggerEvent(event="bench/wait"))
    async def wait(ctx: nb.Context) -> int | None:
        condition = f"async.data.n == {ctx.event.data['n']}"
        event = await ctx.step.wait_for_event("w", event="bench/answer", timeout="30d", if_exp=condition)
        return None if event is None else int(event.data["n"])

    link = client._link()
    before = _memory_mb()
    begun = time.perf_counter()
    for first in range(0, WAITING, 1000):
        client.send_sync([nb.Event(name="bench/wait", data={"n": n}) for n in range(first, first + 1000)])
        _until(lambda first=first: _open_waits(link) >= first + 1000)
    took = time.perf_counter() - begun
    _until(lambda: not link.worker._executions)
    gc.collect()
    grown = _memory_mb() - before
    matched = []
    for n in range(0, WAITING, WAITING // 200):
        asked = time.perf_counter()
        client.send_sync(nb.Event(name="bench/answer", data={"n": n}))
        matched.append(time.perf_counter() - asked)
    nb.links.close_links()
    return {"runs": WAITING, "to_register_s": round(took, 1), "memory_mb": round(grown, 1), "event": quantiles(matched)}


def _open_waits(link: Any) -> int:
    return len(link.engine.core.waits)


def _memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def _until(condition: Any, within_s: float = 240.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("not within the limit")
        time.sleep(0.01)


if __name__ == "__main__":
    report(main())
