"""Filters of the history, and the indexes behind them."""

from __future__ import annotations

import contextlib
import datetime as dt
import inspect
import re
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from inngest_nb import realtime
from inngest_nb.history import History
from inngest_nb.history.filters import Filters, make_filters
from inngest_nb.history.reading import SQL, where
from tests.unit.history_store import FN, at


@pytest.mark.parametrize(
    ("filters", "runs"),
    [
        ({"function": FN}, ["R1", "R2"]),
        ({"function": "generate-response"}, ["R1", "R2", "R3"]),
        ({"function": "nobody"}, []),
        ({"status": "failed"}, ["R2"]),
        ({"status": ["failed", "waiting"]}, ["R2", "R3"]),
        ({"run_id": ("R1", "R3")}, ["R1", "R3"]),
        ({"since": at(10)}, ["R2", "R3"]),
        ({"until": "2026-11-21T10:00:10+00:00"}, ["R1"]),
        ({"since": dt.datetime(2026, 11, 21, 10, 0, 15)}, ["R3"]),  # noqa: DTZ001  # UTC is meant
        ({"limit": 2}, ["R2", "R3"]),
        ({"limit": 0}, []),
        ({"status": "completed", "function": FN, "limit": 5}, ["R1"]),
        ({"since": "2026-11-21"}, ["R1", "R2", "R3"]),
        ({"since": dt.date(2026, 11, 22)}, []),
        ({"since": np.datetime64("2026-11-21T10:00:15")}, ["R3"]),
        ({"until": np.datetime64("2026-11-21T10:00:10", "ns")}, ["R1"]),
        ({"since": at(10).tz_convert("Asia/Tokyo")}, ["R2", "R3"]),
        ({"event_id": ["E1", "nothing"], "function": FN}, ["R1", "R2"]),
        ({"event_id": "E3"}, ["R3"]),
    ],
)
def test_filters_of_runs(history: Any, filters: dict[str, Any], runs: list[str]) -> None:
    assert history.runs(**filters).run_id.tolist() == runs


def test_a_timedelta_counts_back_from_now(history: Any) -> None:
    age = dt.datetime.now(dt.UTC) - at(15).to_pydatetime()
    for back in (age, np.timedelta64(age), f"{age // dt.timedelta(milliseconds=1)}ms"):
        assert history.runs(since=back).run_id.tolist() == ["R3"]


def test_a_function_or_run_stands_for_its_id(history: Any) -> None:
    class Handle:
        id = "R2"

    assert history.steps(run_id=Handle()).run_id.unique().tolist() == ["R2"]


@pytest.mark.parametrize("several", [list, tuple, set, iter, np.array, pd.Index, pd.Series])
def test_a_filter_takes_whatever_has_several_values(history: Any, several: Any) -> None:
    assert history.steps(run_id=several(["R1", "R2", "R2"])).run_id.unique().tolist() == ["R1", "R2"]
    assert set(history.transcript(several(["R1"])).run_id) == {"R1"}


def test_a_column_of_one_frame_is_a_filter_of_another(history: Any) -> None:
    failed = history.runs(status="failed")
    assert history.steps(run_id=failed["run_id"]).run_id.unique().tolist() == ["R2"]
    assert history.events(event_id=failed["event_id"]).event_id.tolist() == failed["event_id"].tolist()


def test_what_is_made_of_messages_is_limited_to_the_newest_too(history: Any) -> None:
    for method in (history.transcript, history.latency):
        whole = method()
        assert len(whole) > 1
        assert method(limit=1).equals(whole.iloc[-1:].reset_index(drop=True))
        assert method(limit=0).empty
    assert history.usage(limit=0).empty


def test_steps_of_a_tool(history: Any) -> None:
    assert set(history.steps(op="wait_for_event").op) == {"wait_for_event"}


@pytest.mark.parametrize(
    ("filters", "offsets"),
    [
        ({"channel": "ai:1", "kind": "rollback"}, [2]),
        ({"channel": realtime.channel("ai:1", {"tokens": dict}), "topic": "tokens"}, [1, 3, 4, 5]),
        ({"channel": ["ai:2", "nobody"]}, [0]),
        ({"channel": "ai:1", "topic": ["status", "result"]}, [0, 7]),
        ({"function": "generate-response", "topic": "status"}, [0]),
        ({"channel": "ai:1", "since": at(3.7), "until": at(4)}, [4, 5]),
        ({"limit": 3}, [2, 6, 7]),
        ({"limit": 0}, []),
        ({"limit": 2, "until": at(3.7), "channel": "ai:1"}, [2, 3]),
        ({"channel": "ai:1", "until": at(3.7)}, [0, 1, 2, 3]),
        ({"channel": "nobody", "limit": 2}, []),
    ],
)
def test_filters_of_messages(history: Any, filters: dict[str, Any], offsets: list[int]) -> None:
    assert history.messages(**filters).offset.tolist() == offsets


def test_a_filter_that_makes_no_sense_is_refused(history: Any) -> None:
    with pytest.raises(TypeError, match="since and until take"):
        history.runs(since=5)
    with pytest.raises(ValueError, match=r"ISO text, or how long back from now.*; not 'yesterday'"):
        history.runs(since="yesterday")
    for limit in (-1, 2.5, "2"):
        with pytest.raises(ValueError, match=f"a whole number from 0, not {limit!r}"):
            history.steps(limit=limit)


@pytest.mark.parametrize(
    ("method", "given", "says"),
    [
        (
            "runs",
            {"status": "complete"},
            "there is no status 'complete'; did you mean 'completed'? It is one of queued, ",
        ),
        ("runs", {"status": ["failed", "retrying"]}, "there is no status 'retrying'"),
        ("steps", {"op": "wait"}, "there is no op 'wait'"),
        ("waits", {"outcome": "expired"}, "there is no outcome 'expired'. It is one of open, answered, "),
        ("messages", {"kind": "date"}, "there is no kind 'date'; did you mean 'data'?"),
    ],
)
def test_a_value_that_there_is_not_is_no_empty_answer(
    history: Any, method: str, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        getattr(history, method)(**given)


def test_a_filter_that_there_is_not_is_named_with_the_closest(history: History) -> None:
    with pytest.raises(
        TypeError, match=r"runs\(\) has no filter 'stauts'; did you mean 'status'\? It takes event_id, function, limit"
    ):
        history.runs(stauts="failed")  # type: ignore[call-overload]  # what a user might write
    with pytest.raises(ValueError, match="to= is 'pandas', 'arrow' or 'polars', not 'spark'"):
        history.runs(to="spark")  # type: ignore[call-overload]


def test_completion_and_help_see_the_filters(history: History) -> None:
    assert list(inspect.signature(history.runs).parameters) == [
        "since", "until", "limit", "run_id", "function", "status", "event_id", "to",
    ]  # fmt: skip
    assert "prices" in inspect.signature(history.usage).parameters


def test_a_status_of_open_runs_is_found_with_the_open_runs(history: History) -> None:
    assert history.runs(status="waiting").run_id.tolist() == ["R3"]
    assert history.runs(status=["waiting", "completed"]).run_id.tolist() == ["R1", "R3"]
    assert history.runs(status=[]).run_id.tolist() == []


PLANS = [
    ("journal", "runs", {"run_id": "x"}, "SEARCH r USING PRIMARY KEY (id=?)"),
    ("journal", "runs", {"function": "x"}, "SEARCH r USING INDEX runs_function (fn_id=?)"),
    ("journal", "runs", {"status": "waiting", "open": True}, "SCAN r USING INDEX runs_open"),
    ("journal", "runs", {"since": at(0)}, "SEARCH r USING PRIMARY KEY (id>?)"),
    ("journal", "runs", {"event_id": "x"}, "SEARCH r USING PRIMARY KEY (id=?)"),
    ("journal", "events", {"event_id": "x"}, "SEARCH e USING PRIMARY KEY (id=?)"),
    ("journal", "steps", {"run_id": "x"}, "SEARCH s USING PRIMARY KEY (run_id=?)"),
    ("journal", "steps", {"function": "x"}, "SEARCH r USING INDEX runs_function (fn_id=?)"),
    ("journal", "events", {"run_id": "x"}, "SEARCH e USING PRIMARY KEY (id=?)"),
    ("journal", "events", {"name": "x"}, "SEARCH e USING INDEX events_name (name=?)"),
    ("journal", "events", {"since": at(0)}, "SEARCH e USING PRIMARY KEY (id>?)"),
    ("journal", "waits", {"run_id": "x"}, "SEARCH w USING PRIMARY KEY (run_id=? AND hash=?)"),
    ("journal", "waits", {"function": "x"}, "SEARCH runs USING COVERING INDEX runs_function (fn_id=?)"),
    ("messages", "messages", {"channel": "x"}, "SEARCH m USING PRIMARY KEY (channel_id=?"),
    ("messages", "messages", {"run_id": "x"}, "SEARCH messages USING INDEX messages_run (run_id=?)"),
    (
        "messages",
        "messages",
        {"since": at(0), "until": at(1), "few": True},
        "SEARCH messages USING COVERING INDEX messages_created (created_at>? AND created_at<?)",
    ),
]


@pytest.mark.parametrize(("store", "table", "given", "expected"), PLANS)
def test_filters_are_looked_up_in_an_index(
    history: History, tmp_path: Path, store: str, table: str, given: dict[str, Any], expected: str
) -> None:
    plan = _plan(tmp_path / f"{store}.db", table, make_filters(given) | ({"within": 1} if store == "messages" else {}))
    assert any(line.startswith(expected) for line in plan), plan
    assert not [line for line in plan if line.startswith("SCAN") and "json_each" not in line and line != expected
                and "found" not in line and "subquery" not in line], plan  # fmt: skip


@pytest.mark.parametrize("table", ["runs", "steps", "events"])
def test_the_newest_rows_are_found_without_sorting_the_others(history: History, tmp_path: Path, table: str) -> None:
    plan = _plan(tmp_path / "journal.db", table, {})
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def _plan(path: Path, table: str, filters: Filters) -> list[str]:
    statement = where(table, getattr(SQL, table), filters).replace("/* data */", SQL.messages_joined)
    parameters = {**filters, "limit": 1, "after_channel": 0, "after_offset": 0, "upto_channel": 9, "upto_offset": 9}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
