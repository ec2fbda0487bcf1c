"""The practical limit: asyncio runs of ten steps over a bare group-commit writer, nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from typing import Any

import orjson

from benchmarks.measure import LONG, ROUNDS, quantiles, report, typical

_TABLE = "CREATE TABLE steps (run TEXT, step TEXT, output BLOB, at REAL, PRIMARY KEY (run, step)) WITHOUT ROWID"


class BareWriter:
    """Commits whatever has gathered, with fsync, and resolves the futures of the group."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: list[tuple[tuple[Any, ...], asyncio.Future[None]]] = []
        self._wake = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, row: tuple[Any, ...]) -> asyncio.Future[None]:
        """A future for one row."""
        future = self._loop.create_future()
        with self._wake:
            self._queue.append((row, future))
            self._wake.notify()
        return future

    def _run(self) -> None:
        connection = sqlite3.connect("limit.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_TABLE)
        while True:
            with self._wake:
                while not self._queue:
                    self._wake.wait()
                batch, self._queue = self._queue, []
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO steps VALUES (?, ?, ?, ?)", [row for row, _ in batch])
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._resolve, [future for _, future in batch])

    def _resolve(self, futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            future.set_result(None)


async def _run(writer: BareWriter, name: str, steps: int = 10) -> None:
    async def step(i: int) -> dict[str, int]:
        return {"i": i}

    for i in range(steps):
        await writer.put((name, f"s{i}", orjson.dumps(await step(i)), time.time()))


async def main() -> dict[str, Any]:
    """Ten steps alone, and steps per second with many runs at once."""
    writer = BareWriter(asyncio.get_running_loop())
    alone = []
    for k in range(300):
        begun = time.perf_counter()
        await _run(writer, f"alone-{k}")
        alone.append(time.perf_counter() - begun)
    rates = {}
    for label, count, steps in (("100", 100, 10), ("1000", 1000, 10), (LONG, 100, 100)):
        found = []
        for turn in range(ROUNDS):
            begun = time.perf_counter()
            await asyncio.gather(*(_run(writer, f"many-{label}-{turn}-{k}", steps) for k in range(count)))
            found.append(round(count * steps / (time.perf_counter() - begun)))
        rates[label] = typical(found)
    return {"ten_steps": quantiles(alone), "steps_per_s": rates}


if __name__ == "__main__":
    report(asyncio.run(main()))
