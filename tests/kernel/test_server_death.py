"""kill -9 of the Jupyter server: it comes back on the same files, those who lived on reconnect, and nothing is lost."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.survivor import EVENTS, RUNS, STEPS
from tests.support.crash import noted, repeated_after_seen
from tests.support.kernels import KernelServer, until

pytestmark = pytest.mark.kernel


class Survivor:
    """The process and what it has noted."""

    def __init__(self, server: KernelServer, log: Path) -> None:
        self._log = log
        environment = (
            os.environ | server.leads_here | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        )
        command = [sys.executable, "-m", "tests.kernel.survivor", str(log)]
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)

    def notes(self, kind: str) -> list[list[Any]]:
        assert self._process.poll() is None, "the survivor has ended"
        return [words for first, *words in noted(self._log) if first == kind]

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KernelServer]:
    with KernelServer(tmp_path / "jupyter") as server:
        yield server


@pytest.fixture
def survivor(server: KernelServer, tmp_path: Path) -> Iterator[Survivor]:
    survivor = Survivor(server, tmp_path / "notes")
    yield survivor
    survivor.end()


def test_the_server_dies_three_times_and_nothing_is_lost_or_done_twice(
    server: KernelServer, survivor: Survivor, tmp_path: Path
) -> None:
    for sent in (5, 15, 30):
        until(lambda sent=sent: len(survivor.notes("sent")) >= sent, f"event {sent}")  # type: ignore[misc]
        server.kill()
        server.start()
    until(lambda: survivor.notes("ready"), "the last event")
    (started,) = survivor.notes("started")

    def waiting() -> bool:
        runs = server.request("inngest/api/runs?function=survivor-outlive")["runs"]
        return [run["status"] for run in runs] == ["waiting"] * RUNS

    until(waiting, "all runs waiting")
    server.kill()
    server.start()
    server.request("inngest/api/events", {"name": "survivor/open"})
    until(lambda: len(survivor.notes("ended")) == RUNS, "the end of all runs")

    wrong, _ = repeated_after_seen(noted(tmp_path / "notes"))
    assert not wrong
    seen = {(run, step): value for run, step, value in survivor.notes("saw")}
    for run, output in survivor.notes("ended"):
        assert output == [*(seen[run, f"s{i}"] for i in range(STEPS)), True]
    assert {run for run, _ in survivor.notes("ended")} == set(started)
    _events_are_there_once(server.data_dir, survivor)
    _messages_are_in_order(survivor)


def _events_are_there_once(data_dir: Path, survivor: Survivor) -> None:
    with sqlite3.connect(f"file:{data_dir / 'journal.db'}?mode=ro", uri=True) as journal:
        rows = journal.execute("SELECT id, data FROM events WHERE name = 'survivor/tick'").fetchall()
        (starts,) = journal.execute("SELECT count(*) FROM runs").fetchone()
    assert sorted(json.loads(data)["n"] for _, data in rows) == list(range(EVENTS)), "a repeated request counts once"
    assert {event for _, event in survivor.notes("sent")} == {event for event, _ in rows}
    assert starts == RUNS


def _messages_are_in_order(survivor: Survivor) -> None:
    until(lambda: len(survivor.notes("message")) >= EVENTS, "the last message")
    messages = survivor.notes("message")
    assert [offset for _, offset, _ in messages] == list(range(len(messages))), "a gap, or one twice"
    assert sorted({data for _, _, data in messages}) == list(range(EVENTS)), "an acknowledged message is missing"
    assert len(messages) == EVENTS, "a repeated publish is there twice"


def test_a_request_made_while_the_server_is_away_is_answered_when_it_is_back(
    server: KernelServer, tmp_path: Path
) -> None:
    kernel = subprocess.Popen(
        [sys.executable, "-c", _ASKING],
        env=os.environ | server.leads_here | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert kernel.stdin is not None
    assert kernel.stdout is not None
    try:
        assert kernel.stdout.readline() == "connected\n"
        server.kill()
        kernel.stdin.write("go\n")
        kernel.stdin.flush()
        assert "not connected, trying again" in kernel.stdout.readline()
        server.start()
        assert kernel.stdout.readline() == "42\n"
    finally:
        kernel.kill()
        kernel.wait()
        kernel.stdin.close()
        kernel.stdout.close()


_ASKING = """
import inngest_nb as inngest
client = inngest.Inngest(app_id="asking", engine="server")

@client.create_function(fn_id="answer", trigger=inngest.TriggerEvent(event="asking/go"))
async def answer(ctx):
    return await ctx.step.run("one", lambda: 42)

link = client._link()
print("connected", flush=True)
input()
while link.connected:
    pass
print(link.describe(), flush=True)
print(answer.start({}).result(timeout=50), flush=True)
"""
