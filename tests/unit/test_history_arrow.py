"""The history as Arrow tables, Polars frames and Parquet files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from inngest_nb.history import History


def test_arrow_holds_the_same_rows(history: Any) -> None:
    import pyarrow as pa

    for table in ("runs", "steps", "messages", "events", "waits"):
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
    for table in ("runs", "steps", "messages", "events", "waits"):
        assert getattr(empty, table)(to="arrow").schema.equals(
            getattr(history, table)(to="arrow").schema, check_metadata=True
        )


def test_export_writes_every_table(history: Any, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder = history.export(tmp_path / "out")
    assert sorted(file.name for file in folder.iterdir()) == [
        "events.parquet", "messages.parquet", "runs.parquet", "steps.parquet", "waits.parquet",
    ]  # fmt: skip
    runs = pq.read_table(folder / "runs.parquet")
    assert runs["output"].to_pylist()[0] == '{"text": "ok"}'
    assert runs.schema.field("output").metadata[b"inngest_nb"] == b"json"


def test_what_is_not_installed_is_named(history: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("polars"):
        assert history.runs(to="polars")["run_id"].to_list() == ["R1", "R2", "R3"]
    else:
        with pytest.raises(ImportError, match="pip install polars"):
            history.runs(to="polars")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for method, arguments in (("runs", {"to": "arrow"}), ("messages", {"to": "arrow"}), ("export", {"path": tmp_path})):
        with pytest.raises(ImportError, match=r"pip install 'inngest-nb\[arrow\]'"):
            getattr(history, method)(**arguments)
