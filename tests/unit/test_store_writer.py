"""The writer: groups, order, failure of a whole group, and going on afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inngest_nb.errors import JournalCorrupt, JournalUnavailable, PayloadError
from inngest_nb.store import Write, Writer, connect_reader, load_queries, open_database
from inngest_nb.store import writer as writer_module
from inngest_nb.store.database import explain

PACKAGE = "inngest_nb.hub"  # any store will do
LIMIT_S = 10.0


def put(key: str, value: Any = "1") -> Write:
    """A row."""
    return ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store."""
    return tmp_path / "store.db"


@pytest_asyncio.fixture
async def writer(path: Path) -> AsyncIterator[Writer]:
    """A writer that runs."""
    writer = Writer(path, PACKAGE, synchronous="FULL", loop=asyncio.get_running_loop())
    writer.start()
    await writer.commit([])
    yield writer
    await writer.close()


def rows(path: Path) -> dict[str, str]:
    """What is in the store."""
    reader = connect_reader(path)
    try:
        return dict(reader.execute("SELECT key, value FROM meta").fetchall())
    finally:
        reader.close()


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, error: str = "database or disk is full") -> Iterator[list[list[Write]]]:
    """A disk that takes nothing; what it was asked to take."""
    asked: list[list[Write]] = []

    def refuse(connection: sqlite3.Connection, writes: list[Write]) -> None:
        asked.append(list(writes))
        raise sqlite3.OperationalError(error)

    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "_transaction", refuse)
        yield asked


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A writer that is busy: what is given to it now makes one group."""
    gate, whole = threading.Event(), writer_module._transaction

    def wait(connection: sqlite3.Connection, writes: list[Write]) -> None:
        gate.wait(LIMIT_S)
        whole(connection, writes)

    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "_transaction", wait)
        try:
            yield
        finally:
            gate.set()


async def test_what_is_committed_is_on_disk(writer: Writer, path: Path) -> None:
    await writer.commit([put("a"), put("b")])
    assert rows(path).keys() >= {"a", "b"}


async def test_what_comes_together_is_one_commit(writer: Writer, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    before = writer.commits
    with held(monkeypatch):
        first = writer.commit([put("first")])
        await asyncio.sleep(0)
        many = [writer.commit([put(f"k{number}", str(number))]) for number in range(500)]
    await asyncio.gather(first, *many)
    assert writer.commits - before <= 2
    assert len([key for key in rows(path) if key.startswith("k")]) == 500


ADD_LOG = "INSERT OR IGNORE INTO channels (id, name, epoch, first_offset, next_offset) VALUES (?, ?, ?, 0, 0)"
MOVE_LOG = "UPDATE channels SET next_offset = ? WHERE name = ?"


async def test_many_rows_of_a_statement_are_the_same_as_each_alone(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    for count in (1, 3, 4, 5, 21, 64, 85, 200):  # around what goes at once
        with held(monkeypatch):
            for i in range(count):
                writer.keep([put(f"{count}-{i}", str(i)), put(f"{count}-{i}", str(i + 1))])
            done = writer.commit([])
        await done
        assert {key: value for key, value in rows(path).items() if key.startswith(f"{count}-")} == {
            f"{count}-{i}": str(i + 1) for i in range(count)
        }


async def test_sortable_writes_of_a_group_go_statement_by_statement_and_the_others_stay_where_they_are(
    path: Path,
) -> None:
    writer = Writer(path, PACKAGE, synchronous="FULL", loop=asyncio.get_running_loop(), sortable=(ADD_LOG, MOVE_LOG))
    writer.start()
    await writer.commit(
        [write for i in range(50) for write in ((ADD_LOG, (i, f"log {i}", 1)), (MOVE_LOG, (i, f"log {i}")))]
    )
    # The second of one name is ignored, and what is not sortable comes between what it was given between.
    await writer.commit(
        [
            (MOVE_LOG, (7, "log 1")),
            put("between"),
            (ADD_LOG, (51, "log 1", 9)),
            (ADD_LOG, (52, "log 52", 1)),
            (MOVE_LOG, (9, "log 1")),
        ]
    )
    await writer.close()
    reader = connect_reader(path)
    found = dict(reader.execute("SELECT name, next_offset FROM channels").fetchall())
    reader.close()
    assert found == {f"log {i}": i for i in range(50)} | {"log 1": 9, "log 52": 0}
    assert rows(path)["between"] == "1"


async def test_answers_come_in_the_order_of_the_questions(writer: Writer, path: Path) -> None:
    order: list[int] = []
    for number in range(200):
        writer.submit([put("last", str(number))], lambda error, number=number: order.append(number))  # type: ignore[misc]
    await writer.commit([])
    assert order == list(range(200))
    assert rows(path)["last"] == "199"


async def test_a_failure_fails_the_whole_group_and_nothing_of_it_is_kept(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    with refusing(monkeypatch):
        futures = [writer.commit([put(f"k{number}")]) for number in range(10)]
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert [type(result) for result in results] == [JournalUnavailable] * 10
        assert "the disk is full" in str(results[0]) or "disk is full" in str(results[0])
        with pytest.raises(JournalUnavailable):
            await writer.commit([put("later")])
        assert writer.outage is not None
    await writer.persist([put("after")])
    assert writer.outage is None
    await writer.commit([put("k0")])
    assert rows(path).keys() & {"k0", "k1", "later", "after"} == {"k0", "after"}


async def test_the_patient_are_never_refused_and_keep_their_order(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    with refusing(monkeypatch):
        patient = [writer.persist([put("last", str(number))]) for number in range(5)]
        with pytest.raises(JournalUnavailable):
            await writer.commit([put("impatient")])
        assert not any(future.done() for future in patient)
    await asyncio.gather(*patient)
    assert rows(path)["last"] == "4"
    assert "impatient" not in rows(path)


async def test_a_caller_that_gave_up_changes_nothing_for_the_others(writer: Writer, path: Path) -> None:
    told: list[object] = []
    gone = writer.commit([put("gone")], told.append)
    gone.cancel()
    await writer.commit([put("here")])
    assert rows(path).keys() >= {"gone", "here"}
    assert told == [None]


async def test_an_error_in_one_callback_does_not_keep_the_others_from_hearing(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with held(monkeypatch):
        writer.submit([put("a")], lambda error: 1 / 0)  # type: ignore[arg-type]
        other = writer.commit([put("b")])
    await asyncio.wait_for(other, LIMIT_S)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("value", [{"a": 1}, 1 << 70, object()], ids=["dict", "huge", "object"])
async def test_what_no_database_holds_is_refused_to_its_sender_alone(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, path: Path, value: object
) -> None:
    with held(monkeypatch):
        futures = [writer.commit([put("a")]), writer.commit([put("odd", value)]), writer.commit([put("b")])]
    before, odd, after = await asyncio.gather(*futures, return_exceptions=True)
    assert (before, after) == (None, None)
    assert isinstance(odd, PayloadError)
    assert writer.outage is None
    assert rows(path).keys() & {"a", "odd", "b"} == {"a", "b"}


async def test_closing_writes_what_is_queued_and_ends_the_thread(path: Path) -> None:
    writer = Writer(path, PACKAGE, synchronous="NORMAL", loop=asyncio.get_running_loop())
    writer.start()
    futures = [writer.commit([put(f"k{number}")]) for number in range(100)]
    await writer.close()
    await asyncio.gather(*futures)
    writer._thread.join(LIMIT_S)
    assert not writer._thread.is_alive()
    assert len(rows(path)) >= 100
    assert not path.with_name("store.db-wal").exists() or path.with_name("store.db-wal").stat().st_size == 0


async def test_closing_in_an_outage_does_not_hang(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(path, PACKAGE, synchronous="NORMAL", loop=asyncio.get_running_loop())
    writer.start()
    with refusing(monkeypatch):
        with pytest.raises(JournalUnavailable):
            await writer.commit([put("a")])
        writer.keep([put("b")])
        await asyncio.wait_for(writer.close(), LIMIT_S)
    writer._thread.join(LIMIT_S)
    assert not writer._thread.is_alive()


# -- opening -------------------------------------------------------------------------------------


def test_a_schema_is_made_once(path: Path) -> None:
    open_database(path, PACKAGE, synchronous="FULL").close()
    before = rows(path)
    open_database(path, PACKAGE, synchronous="FULL").close()
    assert rows(path) == before
    assert before["schema_version"].isdecimal()


def test_a_reader_cannot_write(path: Path) -> None:
    open_database(path, PACKAGE, synchronous="FULL").close()
    reader = connect_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute(*put("a"))
    reader.close()


@pytest.mark.parametrize("name", ["100%", "a?mode=rw", "sp ace", "ha#sh", "ünï"])
def test_any_directory_name_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    open_database(folder / "store.db", PACKAGE, synchronous="FULL").close()
    reader = connect_reader(folder / "store.db")
    assert reader.execute("SELECT count(*) FROM meta").fetchone()[0] >= 1
    reader.close()


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("SQLITE_FULL", JournalUnavailable, "the disk is full"),
        ("SQLITE_READONLY_DIRECTORY", JournalUnavailable, "read-only"),
        ("SQLITE_CANTOPEN", JournalUnavailable, "cannot be opened"),
        ("SQLITE_IOERR_FSYNC", JournalUnavailable, "I/O error"),
        ("SQLITE_BUSY", JournalUnavailable, "another process"),
        ("SQLITE_CORRUPT_INDEX", JournalCorrupt, "recover"),
        ("SQLITE_NOTADB", JournalCorrupt, "Move the file aside"),
    ],
)
def test_each_failure_of_sqlite_says_what_it_means(code: str, kind: type[Exception], said: str) -> None:
    error = sqlite3.OperationalError("low-level words")
    error.sqlite_errorname = code
    explained = explain(error, "/data/journal.db")
    assert type(explained) is kind
    assert "/data/journal.db" in str(explained)
    assert said in str(explained)


def test_queries_are_named(tmp_path: Path) -> None:
    queries = load_queries("inngest_nb.engine.journal")
    assert queries.add_event.startswith("INSERT OR IGNORE INTO events")
    assert not queries.add_event.endswith(";")
