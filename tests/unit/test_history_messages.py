"""Messages read by the stretch are those that stand in the log, whatever their names look like."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import history as benchmark
from inngest_nb.history import History
from tests.unit import history_store as store
from tests.unit.history_store import T0

COLUMNS = ("channel", "offset", "topic", "kind", "run_id", "fn_id", "step_id", "attempt", "durable", "data")
#: Of one width, of several, with what JSON and joined texts are made of.
NAMES = ["ab", "cd", 'a"', '",', '","', "a,", "a\\", "é", "\x1e", "\n", "x" * 30, "[]", "null", "1"]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rows", [1, 7, 50_000])
def test_messages_are_those_in_the_log(
    tmp_path: Path,
    writers: tuple[Any, sqlite3.Connection],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    rows: int,
) -> None:
    monkeypatch.setattr("inngest_nb.history.stretches._ROWS", rows)
    written = _write(writers[1], random.Random(seed))
    found = History(tmp_path).messages().astype(object)[list(COLUMNS)]
    read = [tuple(row) for row in found.where(found.notna(), None).itertuples(index=False)]
    assert sorted(read, key=lambda row: row[:2]) == written
    texts = History(tmp_path).messages(to="arrow")
    assert [json.loads(text) for text in texts["data"].to_pylist()] == found.data.tolist()
    assert texts["topic"].to_pylist() == found.topic.tolist()


def test_a_run_s_messages_come_in_the_order_of_their_offsets(
    tmp_path: Path, writers: tuple[Any, sqlite3.Connection]
) -> None:
    _write(writers[1], random.Random(1))
    places = ["channel", "offset"]
    every = History(tmp_path).messages(kind="data")
    expected = every[every.run_id.isin(["ab", "cd"]) & every.channel.isin(["c1", "c2"])]
    found = History(tmp_path).messages(run_id=["ab", "cd"], channel=["c2", "c1"], kind="data")
    assert found[places].to_numpy().tolist() == expected[places].to_numpy().tolist() != []


def test_a_log_costs_much_less_than_pandas_takes_for_its_bare_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processor time, which other programs do not change much; `python -m benchmarks history` has a million and the clock."""
    monkeypatch.setattr(benchmark, "CHANNELS", 20)
    benchmark._fill(tmp_path)

    def bare() -> int:
        with contextlib.closing(sqlite3.connect(tmp_path / "messages.db")) as connection:
            return len(pd.read_sql(benchmark._SQL, connection))

    def took(read: Callable[[], int]) -> float:
        began = time.process_time()
        assert read() == 20 * benchmark.PER_CHANNEL
        return time.process_time() - began

    ours, theirs = (min(took(read) for _ in range(3)) for read in (lambda: len(History(tmp_path).messages()), bare))
    print(f"{ours:.2f} s, pandas.read_sql {theirs:.2f} s")  # noqa: T201  # see with -rP
    assert ours * 1.5 < theirs


def _write(log: sqlite3.Connection, rng: random.Random) -> list[tuple[Any, ...]]:
    """Write messages in whose columns some values are repeated, some missing."""
    written = []
    for channel in (1, 2, 3):
        store.insert(log, "channels", id=channel, name=f"c{channel}", epoch=1, first_offset=0, next_offset=0)
        names, kept = rng.sample(NAMES, 3), rng.random()
        row: dict[str, Any] = {}
        for offset in range(60):
            if not row or rng.random() > kept:
                row = _heads(rng, names)
            key = f"{channel}:{offset}" if rng.random() < 0.1 else None
            data = rng.choice([None, 1.5, "a,b\x1e", {"token": "x,"}, [1, [2]], offset])
            time = T0 + (offset // 3) * 10 + channel
            store.insert(
                log,
                "messages",
                channel_id=channel,
                offset=offset,
                created_at=time,
                key=key,
                data=json.dumps(data),
                **row,
            )
            values = [row[name] for name in COLUMNS[2:8]]
            written.append((f"c{channel}", offset, *values, key is not None, data))
    return written


def _heads(rng: random.Random, names: list[str]) -> dict[str, Any]:
    return {
        "topic": rng.choice(names),
        "kind": rng.choice(["data", "step"]),
        "run_id": rng.choice([*names, "ab", "cd", None]),
        "fn_id": rng.choice(["fn", None]),
        "step_id": rng.choice([*names, None]),
        "attempt": rng.choice([0, 1, 12, None]),
    }
