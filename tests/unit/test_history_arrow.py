"""The history as Arrow tables, Polars frames and Parquet files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inngest_nb.history import History, read_parquet
from inngest_nb.history.tables import STORED, TABLES


def test_arrow_holds_the_same_rows(history: Any) -> None:
    for table in STORED:
        arrow, frame = getattr(history, table)(to="arrow"), getattr(history, table)()
        assert arrow.column_names == list(frame.columns)
        back = arrow.to_pandas()
        for name, dtype in frame.dtypes.items():
            if str(dtype) != "object":
                assert back[name].astype(dtype).equals(frame[name]), name
    assert arrow.schema.field("answer").metadata == {b"inngest_nb": b"json"}
    assert arrow.schema.field("asked_at").type == pa.timestamp("us", tz="UTC")
    assert history.messages(to="arrow", topic="result")["data"].to_pylist() == ['"text\\nwith \\u001e"']


def test_the_arrow_schema_does_not_depend_on_the_rows(history: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = History(tmp_path_factory.mktemp("none"))
    for table in STORED:
        assert getattr(empty, table)(to="arrow").schema.equals(
            getattr(history, table)(to="arrow").schema, check_metadata=True
        )


def test_export_writes_every_table(history: Any, tmp_path: Path) -> None:
    folder = history.export(tmp_path / "out")
    assert sorted(file.name for file in folder.iterdir()) == [
        "events.parquet", "messages.parquet", "runs.parquet", "steps.parquet", "waits.parquet",
    ]  # fmt: skip
    runs = pq.read_table(folder / "runs.parquet")
    assert runs["output"].to_pylist()[0] == '{"text": "ok"}'
    assert runs.schema.field("output").metadata[b"inngest_nb"] == b"json"


@pytest.mark.parametrize("table", STORED)
def test_a_parquet_file_comes_back_as_the_frame_that_it_was(
    history: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, table: str
) -> None:
    file = history.export(tmp_path / "out") / f"{table}.parquet"
    frame = getattr(history, table)()
    pd.testing.assert_frame_equal(read_parquet(file), frame, check_index_type=False)
    assert (read_parquet(file).table, read_parquet(file).ids) == (frame.table, frame.ids)
    empty = History(tmp_path_factory.mktemp("none")).export(tmp_path / "empty") / f"{table}.parquet"
    pd.testing.assert_series_equal(read_parquet(empty).dtypes, frame.dtypes)


def test_the_schema_of_a_parquet_file_says_what_each_column_holds(history: Any, tmp_path: Path) -> None:
    schema = pq.read_schema(history.export(tmp_path) / "messages.parquet")
    assert schema.metadata[b"inngest_nb.table"] == b"messages"
    kinds = {field.name: field.metadata[b"inngest_nb"].decode() for field in schema}
    assert kinds == {column.name: column.kind for column in TABLES["messages"]}
    assert schema.field("kind").type == pa.dictionary(pa.int8(), pa.string())


def test_a_strange_parquet_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"was not written by History.export"):
        read_parquet(tmp_path / "x.parquet")


@pytest.mark.parametrize("table", [*STORED, "transcript", "latency", "usage"])
def test_polars_has_the_rows_types_and_categories(history: Any, table: str) -> None:
    frame, arrow = getattr(history, table)(to="polars"), getattr(history, table)(to="arrow")
    assert frame.shape == (arrow.num_rows, arrow.num_columns)
    kinds = {column.name: column.kind for column in TABLES[table]}
    expected = {"time": pl.Datetime("us", "UTC"), "span": pl.Duration("us"), "json": pl.String(), "count": pl.Int64()}
    for name, dtype in frame.schema.items():
        assert dtype == expected.get(kinds[name], dtype), name
        assert dtype.base_type() in (pl.Categorical, pl.Enum) or kinds[name] != "enum", name
        assert frame[name].to_list() == arrow[name].to_pylist(), name


def test_what_is_not_installed_is_named(history: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match=r"pip install 'inngest-nb\[polars\]'"):
        history.runs(to="polars")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for method, arguments in (("runs", {"to": "arrow"}), ("messages", {"to": "arrow"}), ("export", {"path": tmp_path})):
        with pytest.raises(ImportError, match=r"pip install 'inngest-nb\[arrow\]'"):
            getattr(history, method)(**arguments)
