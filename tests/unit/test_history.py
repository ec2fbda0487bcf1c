"""The tables of the history: rows, dtypes, filters, and reading beside a writer."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from inngest_nb import realtime
from inngest_nb.errors import JournalCorrupt, JournalUnavailable
from inngest_nb.history import History
from tests.unit import history_store as store
from tests.unit.history_store import FN, T0

TABLES = ["runs", "steps", "messages", "events", "waits", "transcript", "latency"]


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    journal, messages = store.journal(tmp_path), store.messages(tmp_path)
    yield journal, messages
    journal.close()
    messages.close()


@pytest.fixture
def history(tmp_path: Path, writers: tuple[sqlite3.Connection, sqlite3.Connection]) -> Any:
    store.fill_journal(writers[0])
    store.fill_messages(writers[1])
    return History(tmp_path)


def at(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(T0, unit="us", tz="UTC") + pd.Timedelta(seconds=seconds)


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
    assert messages.channel.tolist() == ["R1", "ai:1", "ai:1", "ai:1", "ai:1", "ai:2", "ai:1", "ai:1", "ai:1", "ai:1"]
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
    ],
)
def test_filters_of_runs(history: Any, filters: dict[str, Any], runs: list[str]) -> None:
    assert history.runs(**filters).run_id.tolist() == runs


def test_a_timedelta_counts_back_from_now(history: Any) -> None:
    age = dt.datetime.now(dt.UTC) - at(15).to_pydatetime()
    assert history.runs(since=age).run_id.tolist() == ["R3"]


def test_a_function_or_run_stands_for_its_id(history: Any) -> None:
    class Handle:
        id = "R2"

    assert history.steps(run_id=Handle()).run_id.unique().tolist() == ["R2"]


@pytest.mark.parametrize(
    ("filters", "offsets"),
    [
        ({"channel": "ai:1", "kind": "rollback"}, [2]),
        ({"channel": realtime.channel("ai:1", {"tokens": dict}), "topic": "tokens"}, [1, 3, 4, 5]),
        ({"channel": ["ai:2", "nobody"]}, [0]),
        ({"channel": "ai:1", "topic": ["status", "result"]}, [0, 7]),
        ({"function": "generate-response", "topic": "status"}, [0]),
        ({"channel": "ai:1", "since": at(3.7), "until": at(4)}, [4, 5]),
        ({"limit": 3}, [5, 6, 7]),
        ({"limit": 0}, []),
        ({"limit": 2, "until": at(3.7), "channel": "ai:1"}, [2, 3]),
        ({"channel": "nobody", "limit": 2}, []),
    ],
)
def test_filters_of_messages(history: Any, filters: dict[str, Any], offsets: list[int]) -> None:
    assert history.messages(**filters).offset.tolist() == offsets


def test_a_filter_that_makes_no_sense_is_refused(history: Any) -> None:
    with pytest.raises(TypeError, match="since and until take"):
        history.runs(since=5)


def test_many_messages_are_read_in_stretches(
    tmp_path: Path, writers: tuple[Any, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inngest_nb.history.messages._STRETCH", 7)
    for channel in (1, 2):
        store.insert(writers[1], "channels", id=channel, name=f"c{channel}", epoch=1, first_offset=0, next_offset=0)
        for offset in range(25):
            store.insert(
                writers[1], "messages", channel_id=channel, offset=offset, topic="t", kind="data", data=str(offset),
                created_at=T0 + offset,
            )  # fmt: skip
    for name in ("c1", "c2"):
        found = History(tmp_path).messages(channel=name)
        assert found.offset.tolist() == found.data.tolist() == list(range(25))
    assert len(History(tmp_path).messages()) == 50


def test_stretches_shrink_when_their_texts_are_too_large_for_sqlite(
    tmp_path: Path, writers: tuple[Any, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    from inngest_nb.history import reading

    plain = reading._connect

    def small(path: Path) -> sqlite3.Connection:
        connection = plain(path)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 50_000)
        return connection

    monkeypatch.setattr(reading, "_connect", small)
    store.insert(writers[1], "channels", id=1, name="c", epoch=1, first_offset=0, next_offset=0)
    text = '"' + "x" * 10_000 + '"'
    for offset in range(20):
        store.insert(
            writers[1],
            "messages",
            channel_id=1,
            offset=offset,
            topic="t",
            kind="data",
            data=text,
            created_at=T0 + offset,
        )
    assert History(tmp_path).messages().offset.tolist() == list(range(20))


def test_what_a_running_writer_commits_is_seen_and_what_it_has_open_is_not(
    tmp_path: Path, writers: tuple[sqlite3.Connection, Any]
) -> None:
    journal, history = writers[0], History(tmp_path)
    store.fill_journal(journal)
    assert len(history.runs()) == 3
    journal.execute("BEGIN IMMEDIATE")
    journal.execute("DELETE FROM runs WHERE id = 'R3'")
    assert len(history.runs()) == 3
    journal.execute("COMMIT")
    assert len(history.runs()) == 2


def test_a_copied_file_is_enough(history: Any, tmp_path: Path, writers: tuple[sqlite3.Connection, Any]) -> None:
    copy = tmp_path / "elsewhere 100%?#" / "yesterday.db"
    copy.parent.mkdir()
    writers[0].execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tmp_path / "journal.db", copy)
    pd.testing.assert_frame_equal(History(copy).runs(), history.runs())
    assert len(History(copy).messages()) == 0


def test_a_copied_message_log_is_enough(history: Any, tmp_path: Path, writers: tuple[Any, sqlite3.Connection]) -> None:
    (tmp_path / "copy").mkdir()
    writers[1].execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tmp_path / "messages.db", tmp_path / "copy" / "messages-2.db")
    pd.testing.assert_frame_equal(History(tmp_path / "copy" / "messages-2.db").messages(), history.messages())


@pytest.mark.parametrize("with_wal", [True, False])
def test_a_store_in_a_folder_that_cannot_be_written_is_read(with_wal: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        source, folder = Path(name) / "source", Path(name) / "folder"
        source.mkdir()
        folder.mkdir()
        writer = store.journal(source)
        store.fill_journal(writer)
        if not with_wal:
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for file in ("journal.db", "journal.db-wal")[: 1 + with_wal]:
            shutil.copy(source / file, folder / file)
            (folder / file).chmod(0o444)
        writer.close()
        Path(name).chmod(0o755)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        try:
            assert History(folder).runs().run_id.tolist() == ["R1", "R2", "R3"]
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


def test_the_history_never_writes(history: Any, tmp_path: Path) -> None:
    from inngest_nb.history.reading import connected

    def write() -> None:
        with connected(tmp_path / "journal.db") as connection:
            assert connection is not None
            connection.execute("DELETE FROM runs")

    with pytest.raises(JournalUnavailable, match="readonly"):
        write()


def test_a_damaged_file_and_a_strange_one_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        History(tmp_path).runs()
    strange = tmp_path / "strange.db"
    with sqlite3.connect(strange) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(JournalUnavailable, match=r"no such table: runs .* is it a store of inngest_nb"):
        History(strange).runs()


def test_a_value_of_a_newer_version_is_kept(tmp_path: Path, writers: tuple[sqlite3.Connection, Any]) -> None:
    store.fill_journal(writers[0])
    writers[0].execute("UPDATE runs SET status = 'paused' WHERE id = 'R3'")
    assert History(tmp_path).runs().status.tolist() == ["completed", "failed", "paused"]


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


def test_the_repr_says_where(tmp_path: Path) -> None:
    assert repr(History(tmp_path)) == f"History('{tmp_path}')"


def test_importing_the_history_does_not_import_pandas() -> None:
    import subprocess

    code = "import sys, inngest_nb.history; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["False", "False"], "")
