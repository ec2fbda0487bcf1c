"""What the frames of the history can do besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from inngest_nb.history import History


def test_expand_spreads_objects_and_keeps_what_is_none(history: Any) -> None:
    expanded = history.messages(channel="ai:1", kind="data").expand("data")
    assert list(expanded.columns[-3:]) == ["data", "data.message", "data.token"]
    assert expanded["data.token"].dropna().tolist() == ["Lost ", "Hel", "lo", "!"]
    assert expanded["data"].tolist()[-1] == "text\nwith \x1e"
    tokens = history.messages(topic="tokens", channel="ai:1")
    assert list(tokens[tokens.offset > 3].expand("data").columns[-2:]) == ["durable", "data.token"]
    assert tokens.expand("data").index.equals(tokens.index)
    with pytest.raises(KeyError, match="no column 'dat'"):
        tokens.expand("dat")


def test_expand_of_an_empty_frame(tmp_path: Path) -> None:
    assert "data" not in History(tmp_path).messages().expand("data").columns


def test_runs_and_steps_merge_on_the_run(history: Any) -> None:
    both = history.runs().merge(history.steps())
    assert len(both) == len(history.steps())
    assert both.columns.is_unique
    assert {"run_id", "function_id", "step_id", "attempt", "attempt_run", "status_run", "status_step"} <= {
        *both.columns
    }
    retried = both[(both.step_id == "generate") & (both.attempt == 1)].iloc[0]
    assert (retried.run_id, retried.status_run, retried.status_step) == ("R1", "completed", "completed")
    kept = history.runs()[lambda runs: runs.status == "failed"].merge(history.steps(), how="left")
    assert kept.run_id.unique().tolist() == ["R2"]


def test_what_is_merged_merges_on(history: Any) -> None:
    everything = history.runs().merge(history.steps()).merge(history.waits())
    assert everything.set_index("run_id").outcome.to_dict()["R1"] == "answered"
    assert len(everything) == len(history.waits())
    spent = history.usage().merge(history.steps())
    assert spent[["attempt", "status", "rolled_back"]].to_numpy().tolist() == [
        [0, "retrying", True], [1, "completed", False],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "right", "rows", "on"),
    [
        ("events", "runs", 3, "event_id"),
        ("messages", "steps", 9, "attempt"),
        ("transcript", "latency", 1, "topic"),
        ("steps", "usage", 2, "step_id"),
    ],
)
def test_other_joins(history: Any, left: str, right: str, rows: int, on: str) -> None:
    merged = getattr(history, left)(**({} if left != "transcript" else {"run_id": "R1", "topic": "tokens"})).merge(
        getattr(history, right)()
    )
    assert len(merged) == rows
    assert on in merged.columns


def test_a_merge_as_pandas_does_it(history: Any) -> None:
    runs, names = history.runs(), pd.DataFrame({"run_id": ["R1"], "label": ["good"]})
    assert runs.merge(names).label.tolist() == ["good"]
    assert list(runs.merge(history.steps(), on="run_id").filter(like="attempt")) == ["attempt_x", "attempt_y"]
    assert runs.merge(history.steps(), left_on="run_id", right_on="run_id", suffixes=("", "_s")).status_s.notna().all()
    with pytest.raises(ValueError, match="no id that events and waits have in common"):
        history.events().merge(history.waits())


def test_an_expanded_frame_is_joined_as_before(history: Any) -> None:
    assert "status_step" in history.runs().expand("output").merge(history.steps()).columns


def test_the_marks_of_a_frame_are_kept_while_it_is_worked_on(history: Any) -> None:
    runs = history.runs()
    for frame in (runs[runs.attempt == 0], runs.copy(), runs.sort_values("queued_at"), runs.head(1), runs.assign(x=1)):
        assert (frame.table, frame.ids) == ("runs", ("run_id", "event_id"))
