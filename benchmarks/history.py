"""A million messages to a DataFrame: ours and `pandas.read_sql` on one file, each in a fresh process, first cold then warm."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import in_child, report
from inngest_nb.store import open_database

MESSAGES = 1_000_000
CHANNELS = 200
PER_CHANNEL = MESSAGES // CHANNELS
PER_RUN = 500
BEGAN = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
BETWEEN = dt.timedelta(milliseconds=10)
RUN = "01KTCTWT8XDEGWDMVX3Q{:03d}{:03d}"
_SQL = 'SELECT m.*, c.name FROM messages m JOIN channels c ON c.id = m.channel_id ORDER BY m.channel_id, m."offset"'


def main() -> None:
    """Make the file, read it in a process for each contender, and compare."""
    folder = Path.cwd()
    _fill(folder)
    ours, pandas = (in_child("benchmarks.history", contender, str(folder)) for contender in ("ours", "read_sql"))
    ratios = {when: round(pandas[when] / ours[when], 2) for when in ("first_s", "again_s", "cpu_s")}
    report({"messages": MESSAGES, "ours": ours, "read_sql": pandas, "read_sql_to_ours": ratios})


def ours(folder: Path) -> dict[str, Any]:
    """Frames with times, categories and parsed JSON."""

    def read() -> int:
        from inngest_nb.history import History

        return len(History(folder).messages())

    return _timed(read, folder) | {"filters_ms": _filters(folder)}


def read_sql(folder: Path) -> dict[str, Any]:
    """What SQLite gives: JSON as text, times as numbers."""

    def read() -> int:
        import pandas as pd

        with sqlite3.connect(folder / "messages.db") as connection:
            return len(pd.read_sql(_SQL, connection))

    return _timed(read, folder)


def _timed(read: Callable[[], int], folder: Path) -> dict[str, float]:
    """The first read, with its imports and nothing of the file in memory; the best of three more, and its processor time."""
    file = os.open(folder / "messages.db", os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
    taken = []
    for _ in range(4):
        begun, used = time.perf_counter(), time.process_time()
        assert read() == MESSAGES
        taken.append((time.perf_counter() - begun, time.process_time() - used))
    return {
        "first_s": round(taken[0][0], 2),
        "again_s": round(min(wall for wall, _ in taken[1:]), 2),
        "cpu_s": round(min(cpu for _, cpu in taken[1:]), 2),
    }


def _filters(folder: Path) -> dict[str, float]:
    from inngest_nb.history import History

    history = History(folder)
    reads: dict[str, Callable[[], Any]] = {
        "one run of 500": lambda: history.messages(run_id=RUN.format(7, 3)),
        "one channel of 5000": lambda: history.messages(channel="chat:7"),
        "one topic of that channel": lambda: history.messages(channel="chat:7", topic="tokens"),
        "the newest 100": lambda: history.messages(limit=100),
        "the last 4000 by time": lambda: history.messages(since=_at(PER_CHANNEL - 20)),
        "a tenth of a second in the middle": lambda: history.messages(
            since=_at(PER_CHANNEL // 2), until=_at(PER_CHANNEL // 2 + 10)
        ),
        "latency of one run": lambda: history.latency(RUN.format(7, 3)),
    }
    return {name: round(statistics.median(_each(read, 15)) * 1e3, 1) for name, read in reads.items()}


def _each(read: Callable[[], Any], count: int) -> Iterator[float]:
    for _ in range(count):
        begun = time.perf_counter()
        assert len(read())
        yield time.perf_counter() - begun


def _fill(folder: Path) -> None:
    db = open_database(folder / "messages.db", "inngest_nb.hub", synchronous="OFF")
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO channels (id, name, epoch, first_offset, next_offset) VALUES (?, ?, 1, 0, ?)",
        ((number + 1, f"chat:{number}", PER_CHANNEL) for number in range(CHANNELS)),
    )
    db.executemany(
        'INSERT INTO messages (channel_id, "offset", topic, kind, data, run_id, fn_id, step_id, attempt, created_at) '
        "VALUES (?, ?, 'tokens', 'data', ?, ?, 'lab-write', 'generate', 0, ?)",
        (_row(channel, offset) for channel in range(CHANNELS) for offset in range(PER_CHANNEL)),
    )
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _row(channel: int, offset: int) -> tuple[Any, ...]:
    run = offset // PER_RUN
    data = json.dumps({"token": f"word{(channel + offset) % 997} ", "response_id": f"r{run}"})
    return channel + 1, offset, data, RUN.format(channel, run), int(_at(offset).timestamp() * 1e6) + channel * 37


def _at(offset: int) -> dt.datetime:
    return BEGAN + offset * BETWEEN


if __name__ == "__main__":
    if sys.argv[1:]:
        report({"ours": ours, "read_sql": read_sql}[sys.argv[1]](Path(sys.argv[2])))
    main()
