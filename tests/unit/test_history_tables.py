"""The rows and dtypes of the tables of the history."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from inngest_nb.history import History
from tests.unit import history_store as store
from tests.unit.history_store import at

TABLES = ["runs", "steps", "messages", "events", "waits", "transcript", "latency", "usage"]


def test_runs(history: Any) -> None:
    runs = history.runs()
    assert list(runs.columns) == [
        "run_id", "function_id", "status", "event_id", "event_name", "queued_at", "started_at", "ended_at", "duration",
        "attempt", "parent_run_id", "forked_from", "forked_at_step", "code_hash", "output", "error",
    ]  # fmt: skip
    assert runs.run_id.tolist() == ["R1", "R2", "R3"]
    first, second, third = (row for _, row in runs.iterrows())
    assert (first.status, first.output, first.error) == ("completed", {"text": "ok"}, None)
    assert (first.queued_at, first.duration) == (at(0), pd.Timedelta(seconds=4))
    assert (second.forked_from, second.forked_at_step, second.error["name"]) == ("R1", "confirm", "ValueError")
    assert third.started_at is pd.NaT
    assert third.duration is pd.NaT
    assert pd.isna(third.forked_from)


def test_steps_have_a_row_per_attempt_and_know_when_it_was_due(history: Any) -> None:
    steps = history.steps(run_id="R1")
    assert steps.step_id.tolist() == ["generate", "generate", "confirm"]
    assert steps.status.tolist() == ["retrying", "completed", "completed"]
    assert steps.queued_at.tolist()[:2] == [at(1), at(3)]
    assert steps.started_at[1] - steps.queued_at[1] == pd.Timedelta(milliseconds=500)
    assert steps.input.tolist() == [[1, "a"], None, None]
    assert steps.error[0] == {"name": "APIError", "message": "503"}
    assert steps.output[1] == "text"
    assert not steps.memoized.any()


def test_steps_that_a_fork_took_over_are_marked(history: Any) -> None:
    steps = history.steps(run_id="R2", step_id="generate")
    assert steps.memoized.tolist() == [True]


def test_events_name_the_runs_that_they_started(history: Any) -> None:
    events = history.events()
    assert events.event_id.tolist() == ["E1", "E2", "E3"]
    assert events.run_ids.tolist() == [["R1", "R2", "R3"], [], ["R3"]]
    assert events.user.tolist() == [None, {"name": "ada"}, None]
    assert events.ts[0] == at(0)
    assert history.events(run_id="R3").event_id.tolist() == ["E1", "E3"]
    assert history.events(name="app/confirm").event_id.tolist() == ["E2"]


def test_waits_tell_what_became_of_each_question(history: Any) -> None:
    waits = history.waits().set_index(["run_id", "step_id"])
    assert waits.outcome.to_dict() == {
        ("R1", "confirm"): "answered",
        ("R2", "late"): "timed_out",
        ("R2", "gone"): "withdrawn",
        ("R3", "confirm"): "open",
    }
    answered = waits.loc[("R1", "confirm")]
    assert (answered.answered_by, answered.answer) == ("ada", {"approved": True})
    assert (answered.answered_at, answered.duration) == (at(60), pd.Timedelta(seconds=56))
    assert waits.loc[("R2", "late")].answered_at is pd.NaT
    assert waits.loc[("R3", "confirm")].duration is pd.NaT
    assert history.waits(outcome=["open", "answered"]).run_id.tolist() == ["R1", "R3"]


def test_messages_of_all_channels_come_in_the_order_of_time(history: Any) -> None:
    messages = history.messages()
    assert messages.created_at.is_monotonic_increasing
    in_order = ["R1", "ai:1", "ai:1", "cost", "ai:1", "cost", "ai:1", "ai:2", "ai:1", "ai:1", "cost", "ai:1", "ai:1"]
    assert messages.channel.tolist() == in_order
    assert messages[messages.channel == "ai:1"].offset.tolist() == list(range(8))
    last = messages.iloc[-1]
    assert (last.topic, last.data, last.durable, last.step_id) == ("result", "text\nwith \x1e", True, "send")
    assert messages.attempt.tolist()[:4] == [pd.NA, pd.NA, 0, 0]


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_and_a_missing_store_have_the_same_columns_and_dtypes(
    history: Any, tmp_path_factory: pytest.TempPathFactory, table: str
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    full = getattr(history, table)()
    assert len(full) > 0
    missing = getattr(History(folder), table)()
    for connection in (store.journal(folder), store.messages(folder)):
        connection.close()
    empty = getattr(History(folder), table)()
    for frame in (missing, empty):
        assert len(frame) == 0
        pd.testing.assert_series_equal(frame.dtypes, full.dtypes)


def test_the_dtypes_are_the_documented_ones(history: Any) -> None:
    runs, messages = history.runs().dtypes, history.messages().dtypes
    assert str(runs["queued_at"]) == "datetime64[us, UTC]"
    assert str(runs["duration"]) == "timedelta64[us]"
    assert runs["run_id"] == pd.Series(["x"]).dtype
    assert list(runs["status"].categories) == ["queued", "running", "waiting", "completed", "failed", "cancelled"]
    streams = ["datastream-start", "datastream-end", "raw"]
    assert list(messages["kind"].categories) == ["data", "run", "step", "rollback", "commit", *streams]
    assert (str(messages["attempt"]), str(messages["offset"]), str(messages["durable"])) == ("Int64", "int64", "bool")
    assert str(messages["data"]) == "object"


def test_a_value_of_a_newer_version_is_kept(tmp_path: Path, writers: tuple[sqlite3.Connection, Any]) -> None:
    store.fill_journal(writers[0])
    writers[0].execute("UPDATE runs SET status = 'paused' WHERE id = 'R3'")
    assert History(tmp_path).runs().status.tolist() == ["completed", "failed", "paused"]


def test_the_repr_says_where(tmp_path: Path) -> None:
    assert repr(History(tmp_path)) == f"History('{tmp_path}')"


def test_importing_the_history_does_not_import_pandas() -> None:
    import subprocess

    code = "import sys, inngest_nb.history; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["False", "False"], "")
