"""Disks that are full, files that are damaged, directories that are taken: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.lifecycle import run_state
from inngest_nb.errors import DataDirLocked, InngestError, JournalCorrupt, JournalUnavailable
from inngest_nb.store import writer as writer_module
from tests.engine.peer import Engines, MovableClock, ScriptedPeer, function, log_of, until

GO = {"name": "app/go", "data": {"n": 1}}
NOBODY = 65534


@contextmanager
def no_space(data_dir: Path) -> Iterator[None]:
    """No file of this process grows beyond what the journal's log has now: what a quota or a full disk does."""
    most = (data_dir / "journal.db-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def fill(engine: Engine) -> None:
    """Enough in the log of the journal that other files of this process stay below it."""
    await engine.send([{"name": "app/filler", "data": {"x": "y" * 1_000_000}}])


async def recovered(engine: Engine) -> None:
    """Wait until the journal can be written again."""
    await until(lambda: engine.outage is None, "the recovery")


# -- a disk that takes nothing -------------------------------------------------------------------


async def test_what_a_full_disk_refused_was_not_acknowledged_and_may_come_again(
    engine: Engine, engines: Engines, data_dir: Path
) -> None:
    ScriptedPeer(engine, function())
    kept = await engine.send([GO], key="before")
    await fill(engine)
    with no_space(data_dir):
        with pytest.raises(JournalUnavailable, match=r"journal\.db.*disk.*Nothing new is acknowledged"):
            await engine.send([GO], key="refused")
        assert engine.outage is not None
        with pytest.raises(JournalUnavailable):
            await engine.start_function("app-fn", GO)
        assert engine.run(engine.runs(event_id=kept[0])[0].id).status == "running"  # reading goes on
    await recovered(engine)
    first = await engine.send([GO], key="refused")
    assert await engine.send([GO], key="refused") == first
    assert await engine.send([GO], key="before") == kept
    engine = await engines.restart(engine)
    assert len(engine.runs(event_id=first[0])) == 1
    assert len(engine.runs()) == 2


async def test_results_wait_out_an_outage(engine: Engine, data_dir: Path) -> None:
    peer = ScriptedPeer(engine, function())
    await engine.send([GO, GO, GO])
    stepping, ending, parking = [await peer.started() for _ in range(3)]
    await fill(engine)
    with no_space(data_dir):
        step = peer.step_done(stepping, "fetch", output='"dear"')
        peer.done(ending, "dear too")
        wait = peer.step_wait(parking, "ask", event="app/answer")
        await until(lambda: engine.outage, "the outage")
        assert not peer.has_heard("step.saved")
        assert not peer.has_heard("run.stop")
        shown = run_state(engine.run(ending["run_id"]), None)
        assert (shown["status"], "result" in shown, "ended_at" in shown) == ("running", False, False)
    await peer.hear("step.saved", hash=step)
    await peer.hear("run.stop", run_id=ending["run_id"])
    assert run_state(engine.run(ending["run_id"]), None)["status"] == "completed"
    assert [row.output for row in engine.core.journal.steps(stepping["run_id"])] == ['"dear"']
    assert engine.run(ending["run_id"]).output == '"dear too"'
    await until(lambda: engine.core.journal.rows("SELECT 1 FROM waits"), "the wait in the journal")
    await engine.send([{"name": "app/answer"}])
    await peer.hear("step.memo", hash=wait)


async def test_an_answer_that_was_refused_leaves_its_wait_open(engine: Engine, data_dir: Path) -> None:
    peer = ScriptedPeer(engine, function())
    await engine.send([GO])
    run = await peer.started()
    wait = peer.step_wait(run, "ask", event="app/answer")
    await until(lambda: engine.core.journal.rows("SELECT 1 FROM waits"), "the wait in the journal")
    await fill(engine)
    with no_space(data_dir), pytest.raises(JournalUnavailable):
        await engine.send([{"name": "app/answer", "data": {"n": 1}}])
    await recovered(engine)
    assert not peer.has_heard("step.memo")
    await engine.send([{"name": "app/answer", "data": {"n": 2}}])
    assert json.loads((await peer.hear("step.memo", hash=wait))["memo"])["data"] == {"n": 2}


async def test_messages_wait_out_an_outage_in_order(engine: Engine, data_dir: Path) -> None:
    peer = ScriptedPeer(engine)
    await fill(engine)
    big = f'"{"x" * 400_000}"'
    with no_space(data_dir):
        for number in range(20):
            peer.say({"op": "publish", "channel": "chat", "topic": "t", "data": big if number < 10 else str(number)})
        await until(lambda: engine.core.hub._writer.outage, "the outage")
        assert log_of(engine, "chat") == []
    await engine.core.hub.written()
    log = log_of(engine, "chat")
    assert [message["offset"] for message in log] == list(range(20))
    assert [message["data"] for message in log[10:]] == list(range(10, 20))


async def test_a_commit_that_failed_after_it_was_made_has_the_consequences_of_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed commit is unknown, not "no": delivered again, the event is known, and its runs are there."""
    peer = ScriptedPeer(engine, function())
    await peer.settled()
    whole = writer_module._transaction

    def failing_after(connection: sqlite3.Connection, writes: list[writer_module.Write]) -> None:
        whole(connection, writes)
        monkeypatch.setattr(writer_module, "_transaction", whole)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(writer_module, "_transaction", failing_after)
    with pytest.raises(JournalUnavailable):
        await engine.send([GO], key="k1")
    await recovered(engine)
    (event_id,) = await engine.send([GO], key="k1")
    run = await peer.started()
    assert [found.id for found in engine.runs(event_id=event_id)] == [run["run_id"]]
    assert not peer.has_heard("run.start")


async def test_a_wait_whose_time_came_while_its_answer_was_in_doubt_times_out(
    engine: Engine, clock: MovableClock, data_dir: Path
) -> None:
    peer = ScriptedPeer(engine, function())
    await engine.send([GO])
    run = await peer.started()
    wait = peer.step_wait(run, "ask", event="app/answer", seconds=60)
    await until(lambda: engine.core.journal.rows("SELECT 1 FROM waits"), "the wait in the journal")
    await peer.settled()
    await fill(engine)
    with no_space(data_dir):
        with pytest.raises(JournalUnavailable):
            await engine.send([{"name": "app/answer"}], key="k1")
        with pytest.raises(JournalUnavailable, match="Nothing new is acknowledged"):
            await engine.send([{"name": "app/answer"}], key="k1")
        clock.advance(engine, 61)
    assert (await peer.hear("step.memo", hash=wait))["memo"] == "null"


async def test_a_value_that_no_database_holds_is_refused_to_its_sender_alone(engine: Engine) -> None:
    odd = engine.core.journal.commit([("INSERT INTO meta VALUES (?, ?)", ("odd", {"a": 1}))])
    huge = engine.core.journal.commit([("INSERT INTO meta VALUES (?, ?)", ("huge", 1 << 70))])
    good = engine.core.journal.commit([("INSERT INTO meta VALUES (?, ?)", ("good", "1"))])
    await good
    for refused in (odd, huge):
        with pytest.raises(InngestError, match="cannot hold"):
            await refused
    assert engine.outage is None


# -- directories and files that cannot be had ----------------------------------------------------


async def test_a_second_engine_is_told_who_has_the_directory(engine: Engine, data_dir: Path) -> None:
    with pytest.raises(DataDirLocked, match=rf"in use by the test \(pid {os.getpid()} on .*, since 20..-"):
        await Engine(data_dir).start()
    assert (await engine.send([GO])) != []


async def test_a_stopped_engine_gives_its_directory_back(engines: Engines, engine: Engine) -> None:
    await engines.stop(engine)
    await engines.start()


async def test_a_killed_engine_gives_its_directory_back(data_dir: Path, engines: Engines) -> None:
    code = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom inngest_nb.engine.engine import Engine\n"
        "async def main():\n"
        "    engine = Engine(Path(sys.argv[1]))\n    await engine.start()\n"
        "    await engine.send([{'name': 'app/go'}])\n    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, str(data_dir)], check=False)
    assert killed.returncode == -9
    engine = await engines.start()
    assert len(engine.core.journal.rows("SELECT id FROM events")) == 1


async def test_a_store_of_a_newer_version_is_left_alone(engines: Engines, engine: Engine, data_dir: Path) -> None:
    await engines.stop(engine)
    with closing(sqlite3.connect(data_dir / "journal.db")) as journal, journal:
        journal.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    with pytest.raises(JournalUnavailable, match=r"newer inngest_nb \(schema 999.*upgrade inngest-nb"):
        await engines.start()
    _nothing_is_left_running()


def _overwrite_head(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def _overwrite_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 3)


@pytest.mark.parametrize("name", ["journal.db", "messages.db"])
@pytest.mark.parametrize("damage", [_overwrite_head, _overwrite_middle])
async def test_a_damaged_file_is_said_to_be_damaged(
    engines: Engines, engine: Engine, data_dir: Path, damage: Callable[[Path], None], name: str
) -> None:
    peer = ScriptedPeer(engine, function())
    await engine.send([GO] * 50)
    await peer.settled()
    await engines.stop(engine)
    with closing(sqlite3.connect(data_dir / "journal.db")) as journal, journal:
        journal.execute("UPDATE meta SET value = '0' WHERE key = 'clean'")  # as after a crash
    damage(data_dir / name)
    with pytest.raises(JournalCorrupt, match=rf"{name} is damaged"):
        await engines.start()
    _nothing_is_left_running()
    _move_aside(data_dir, name)
    await engines.start()


def _move_aside(data_dir: Path, name: str) -> None:
    for file in list(data_dir.glob(f"{name}*")):
        file.rename(data_dir / f"damaged-{file.name}")


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnavailable, match=r"file/data cannot be made .*choose another one"):
        await Engine(tmp_path / "file" / "data").start()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write anywhere: be nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("existing", [False, True], ids=["empty", "with a journal"])
async def test_a_read_only_directory_is_said_to_be_read_only(*, existing: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:  # one that everybody may enter, unlike pytest's
        path = Path(folder)
        if existing:
            engine = Engine(path)
            await engine.start()
            await engine.stop()
        _protect(path, writable=False)
        with unprivileged(), pytest.raises(JournalUnavailable, match=r"cannot be written \(Permission denied\)"):
            await Engine(path).start()
        _protect(path, writable=True)
    _nothing_is_left_running()


def _protect(folder: Path, *, writable: bool) -> None:
    folder.chmod(0o755 if writable else 0o555)
    for file in folder.iterdir():
        file.chmod(0o644 if writable else 0o444)


def _nothing_is_left_running() -> None:
    ours = {thread.name for thread in threading.enumerate() if thread.name.startswith("inngest-nb")}
    assert not ours - {"inngest-nb subscriptions", "inngest-nb hooks"}, "these two are shared, and stay"
