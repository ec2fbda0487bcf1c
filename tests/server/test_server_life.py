"""Start and stop of the extension, and what the routes say when the engine cannot start."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inngest_nb_server.app import InngestApp
from inngest_nb_server.host import EngineHost
from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

from inngest_nb.store import DataDirLock
from tests.engine.peer import function, until
from tests.server.clients import Client, worker

GO = {"name": "app/go", "data": {}}
THREADS = "inngest-nb"
OF_THE_PROCESS = {"inngest-nb hooks", "inngest-nb subscriptions"}


def our_threads() -> list[str]:
    """Names of the threads of this package that run; but those of subscribers, which live as long as the process."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(THREADS) and name not in OF_THE_PROCESS]


def open_files(folder: Path) -> list[str]:
    """Files of a folder that this process has open."""
    targets = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    return [target for target in targets if target.startswith(f"{folder}/")]


async def test_stopping_closes_files_and_threads(client: Client, extension: InngestApp, data_dir: Path) -> None:
    socket, page = await worker(client, function()), await client.open("realtime")
    await page.say({"op": "subscribe", "id": "s", "channel": "chat", "topics": None, "since": "start"})
    await page.hear(op="subscribed")
    await client.send(GO)
    await socket.hear(op="run.start")
    assert our_threads()
    assert open_files(data_dir)
    await extension.stop_extension()
    await until(lambda: not our_threads(), "the end of our threads")
    assert open_files(data_dir) == []
    answer = await client.request("GET", "runs")
    assert (answer.status, "not running" in answer.body["error"]) == (503, True)
    await socket.say([{"op": "request", "id": 1, "method": "runs", "params": {}}])  # harms nobody


async def test_stopping_twice_and_before_starting_is_harmless(data_dir: Path) -> None:
    host = EngineHost(data_dir, label="the test", log=None)
    await host.stop()
    assert our_threads() == []


async def test_a_restart_takes_up_queued_and_waiting_runs(client: Client, extension: InngestApp) -> None:
    socket = await worker(client, function(), function("app-queued", "app/queued"))
    await client.send(GO)
    run = await socket.hear(op="run.start")
    wait = {"hash": "h1", "step_id": "ask", "index": 0, "kind": "wait_for_event", "started_at": 1, "executing": 0}
    at = extension.host.engine.core.clock.now() + 3_600_000_000
    await socket.report(run, "step.wait", **wait, event="app/answer", wake_at=at)
    await socket.report(run, "run.idle")
    await until(lambda: extension.host.engine.runs(status="waiting"), "the waiting run")
    socket.close()
    (queued_event,) = await client.send({"name": "app/queued"})
    await extension.stop_extension()
    await extension._start_jupyter_server_extension(extension.serverapp)
    socket = await worker(client, function(), function("app-queued", "app/queued"), worker_id="w2")
    queued = await socket.hear(op="run.start", fn_id="app-queued")
    assert (await client.get(f"runs?event_id={queued_event}"))["runs"][0]["run_id"] == queued["run_id"]
    await client.send({"name": "app/answer", "data": {"yes": True}})
    again = await socket.hear(op="run.start", fn_id="app-fn")
    assert again["run_id"] == run["run_id"]
    if "h1" not in again["memos"]:  # it was given out before the answer came
        assert again["waiting"] == ["h1"]
        await socket.hear(op="step.memo", hash="h1")


def test_files_are_for_their_owner_alone(extension: InngestApp, data_dir: Path) -> None:
    assert data_dir.stat().st_mode & 0o077 == 0


# -- an engine that cannot start -----------------------------------------------------------------


def _locked(data_dir: Path) -> Callable[[], None]:
    data_dir.mkdir(parents=True)
    return DataDirLock(data_dir, "another server").release


def _corrupt_journal(data_dir: Path) -> Callable[[], None]:
    data_dir.mkdir()
    (data_dir / "journal.db").write_bytes(b"this is no database" * 1000)
    return lambda: None


def _corrupt_messages(data_dir: Path) -> Callable[[], None]:
    data_dir.mkdir()
    (data_dir / "messages.db").write_bytes(b"this is no database" * 1000)
    return lambda: None


def _newer(data_dir: Path) -> Callable[[], None]:
    data_dir.mkdir()
    with sqlite3.connect(data_dir / "journal.db") as connection:
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.execute("INSERT INTO meta VALUES ('schema_version', '999')")
    connection.close()
    return lambda: None


def _not_ours(data_dir: Path) -> Callable[[], None]:
    data_dir.mkdir()
    with sqlite3.connect(data_dir / "journal.db") as connection:
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    connection.close()
    return lambda: None


def _below_a_file(data_dir: Path) -> Callable[[], None]:
    data_dir.parent.mkdir(exist_ok=True)
    data_dir.write_text("a file where the directory should be")
    return lambda: None


def _lock_is_a_directory(data_dir: Path) -> Callable[[], None]:
    (data_dir / "engine.lock").mkdir(parents=True)
    return lambda: None


BROKEN = {
    _locked: "in use by another server",
    _corrupt_journal: "journal.db is damaged",
    _corrupt_messages: "messages.db is damaged",
    _newer: "upgrade inngest-nb",
    _not_ours: "journal.db is not",
    _below_a_file: "cannot be made",
    _lock_is_a_directory: "cannot be written",
}


class TestBroken:
    """A directory that the engine cannot have: Jupyter serves, our routes say why they do not."""

    @pytest.fixture(params=BROKEN, ids=lambda breaker: breaker.__name__.strip("_"))
    def said(self, request: pytest.FixtureRequest) -> str:
        """Part of the sentence that is expected."""
        return BROKEN[request.param]

    @pytest.fixture
    def jp_server_config(
        self, request: pytest.FixtureRequest, jp_server_config: Config, said: str, data_dir: Path
    ) -> Config:
        """Break the directory before the server starts."""
        breaker = next(breaker for breaker, sentence in BROKEN.items() if sentence == said)
        request.addfinalizer(breaker(data_dir))  # noqa: PT021  # yield would need a generator for one line
        return jp_server_config

    async def test_the_server_serves_and_the_routes_say_why(self, client: Client, said: str) -> None:
        assert (await client.request("GET", "/api/status")).status == 200
        for method, path in (("GET", "runs"), ("POST", "events"), ("GET", "runs/x"), ("GET", "channels/c/messages")):
            answer = await client.request(method, path, b'{"name":"app/go"}' if method == "POST" else None)
            assert answer.status == 503, answer
            assert said in answer.body["error"]
            assert "Traceback" not in answer.body["error"]
        for path in ("realtime", "worker"):
            assert await client.refused(path) == 503
        assert our_threads() == []

    async def test_without_a_credential_nobody_learns_why(self, client: Client, said: str) -> None:
        answer = await client.request("GET", "runs", headers={})
        assert answer.status == 403
        assert said not in answer.body["error"]


async def test_the_reason_is_gone_when_the_engine_could_start_after_all(
    jp_serverapp: ServerApp, data_dir: Path
) -> None:
    lock = _locked(data_dir / "own")
    host = EngineHost(data_dir / "own", label="the test", log=jp_serverapp.log)
    await host.start([])
    with pytest.raises(Exception, match="in use by another server"):
        _ = host.engine
    lock()
    await host.start([])
    assert host.engine.runs() == []
    await host.stop()


# -- functions that the server runs itself -------------------------------------------------------


class TestHosted:
    """Functions of modules that the server's configuration names."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
        """A module with a function, one that is broken, and one that is missing."""
        (tmp_path / "hosted_sample.py").write_text(HOSTED)
        (tmp_path / "hosted_broken.py").write_text("1 / 0")
        monkeypatch.syspath_prepend(tmp_path)
        jp_server_config.InngestApp.functions = ["hosted_missing", "hosted_broken", "hosted_sample"]
        return jp_server_config

    async def test_they_run_in_the_server(self, client: Client, extension: InngestApp) -> None:
        (event_id,) = await client.send({"name": "app/hosted", "data": {"n": 20}})

        def ended() -> list[Any]:
            return [run for run in extension.host.engine.runs(event_id=event_id) if run.status == "completed"]

        (run,) = await until(ended, "the end of the run")
        assert run.output == "42"
        await asyncio.wait_for(extension.stop_extension(), 10)
        await until(lambda: not our_threads(), "the end of our threads")


HOSTED = """
import inngest_nb

client = inngest_nb.Inngest(app_id="hosted")


@client.create_function(fn_id="double", trigger=inngest_nb.TriggerEvent(event="app/hosted"))
async def double(ctx):
    return await ctx.step.run("double", lambda: ctx.event.data["n"] * 2 + 2)
"""
