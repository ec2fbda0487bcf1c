"""Reading stores beside their writer, copied, read-only and damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from inngest_nb.errors import JournalCorrupt, JournalUnavailable
from inngest_nb.history import History
from inngest_nb.history import open as open_history
from tests.unit import history_store as store
from tests.unit.history_store import T0


def test_many_messages_are_read_in_stretches(
    tmp_path: Path, writers: tuple[Any, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inngest_nb.history.stretches._ROWS", 7)
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


def test_a_copy_without_the_log_of_its_writer_holds_what_was_moved_into_it(
    history: Any, tmp_path: Path, writers: tuple[sqlite3.Connection, Any]
) -> None:
    (tmp_path / "copy").mkdir()
    writers[0].execute("PRAGMA wal_checkpoint(TRUNCATE)")
    writers[0].execute("DELETE FROM runs WHERE id = 'R3'")  # stands in journal.db-wal only
    shutil.copy(tmp_path / "journal.db", tmp_path / "copy" / "journal.db")
    assert len(history.runs()) == 2
    assert len(open_history(tmp_path / "copy").runs()) == 3
    shutil.copy(tmp_path / "journal.db-wal", tmp_path / "copy" / "journal.db-wal")
    assert len(open_history(tmp_path / "copy").runs()) == 2


def test_a_copy_that_is_empty_without_the_log_of_its_writer_says_so(history: Any, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "journal.db", tmp_path / "copy" / "journal.db")
    with pytest.raises(JournalUnavailable, match=r"A copy of a store in use needs journal\.db-wal beside it"):
        open_history(tmp_path / "copy").runs()


def test_a_path_where_nothing_is_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match=r"there is no store of inngest_nb at .*nowhere"):
        open_history(tmp_path / "nowhere")
