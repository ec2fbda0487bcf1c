"""Promises 2, 1 and 5, when the power goes: accepted events and seen steps are there, and no offset names two messages.

A real engine's writes are traced, cut at seeded places as a disk may do it, and opened again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inngest_nb.engine.engine import Engine
from inngest_nb.hub import Publish
from inngest_nb.hub import hub as hub_module
from tests.support.powercut import Record, cut, environment, read_trace

pytestmark = pytest.mark.slow

CUTS, REOPENED = 300, 60


def traced(scratch: Path, synchronous: str) -> list[Record]:
    """One life of the program, as its disk saw it."""
    folder = scratch / "life"
    folder.mkdir(parents=True)
    variables = environment(folder, scratch)
    if variables is None:
        pytest.skip("no C compiler for the library that traces writes")
    command = [sys.executable, "-m", "tests.promises.power_program", str(folder), synchronous]
    subprocess.run(command, env=os.environ | variables, check=True, timeout=120)
    return read_trace(scratch)


def cuts(records: list[Record], count: int) -> Iterator[tuple[int, list[list[Any]], dict[str, bytes]]]:
    """(seed, what somebody was told before, the files that are left)."""
    for seed in range(count):
        rng = random.Random(seed)
        at = rng.randrange(len(records) + 1)
        told = b"".join(record.data for record in records[:at] if record.name == "acked" and record.kind == "W")
        left = {name: blob for name, blob in cut(records, at, rng).items() if ".db" in name and "-shm" not in name}
        yield seed, [json.loads(line) for line in told.splitlines()], left


def restore(left: dict[str, bytes], folder: Path) -> Path:
    """The files on a disk of their own."""
    folder.mkdir(parents=True)
    for name, blob in left.items():
        (folder / name).write_bytes(blob)
    return folder


def lost(told: list[list[Any]], folder: Path) -> list[str]:
    """What the journal does not have of what somebody was told."""
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as journal:
        try:
            (state,) = journal.execute("PRAGMA integrity_check").fetchone()
            if not journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
                return ["everything"] if told else []
            events = {row[0] for row in journal.execute("SELECT id FROM events")}
            done = "SELECT run_id, step_id, output FROM steps WHERE status = 'completed'"
            steps = {(run, step): json.loads(output) for run, step, output in journal.execute(done)}
        except sqlite3.DatabaseError as exc:
            return [str(exc)]
    wrong = [] if state == "ok" else [state]
    wrong += [f"event {line[1]}" for line in told if line[0] == "sent" and line[1] not in events]
    return wrong + [f"step {line}" for line in told if line[0] == "saw" and steps.get((line[1], line[2])) != line[3]]


def test_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    records = traced(tmp_path, "FULL")
    acknowledged = 0
    for seed, told, left in cuts(records, CUTS):
        acknowledged += sum(line[0] != "heard" for line in told)
        assert lost(told, restore(left, tmp_path / "cuts" / str(seed))) == [], f"seed {seed}"
    assert acknowledged > CUTS * 20


def test_a_journal_that_syncs_less_is_caught(tmp_path: Path) -> None:
    """The canary: without the syncs of every commit the same search finds what is lost."""
    records = traced(tmp_path, "NORMAL")
    caught = [
        seed for seed, told, left in cuts(records, CUTS) if lost(told, restore(left, tmp_path / "cuts" / str(seed)))
    ]
    assert len(caught) > CUTS / 10


async def test_an_offset_never_names_two_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "boot_id", lambda: "after the power came back")
    records = await asyncio.to_thread(traced, tmp_path, "FULL")
    tails = 0
    for seed, told, left in cuts(records, REOPENED):
        heard = {(line[1], line[2]): line[3] for line in told if line[0] == "heard"}
        engine = Engine(restore(left, tmp_path / "cuts" / str(seed)))
        await engine.start()
        try:
            names = await _say_and_read(engine, "a new message")
        finally:
            await engine.stop()
        assert {name: data for name, data in names.items() if heard.get(name, data) != data} == {}, f"seed {seed}"
        tails += len(heard.keys() - names.keys()) > 0
    assert tails > REOPENED / 10, "no message was ever lost: the cuts come at the wrong places"


async def _say_and_read(engine: Engine, word: str) -> dict[tuple[int, int], Any]:
    """Publish once; then every message of the channel by its name, that is its epoch and offset."""
    hub = engine.core.hub
    for _ in range(5):
        hub.publish(Publish("talk", "words", json.dumps(word)))
    await hub.written()
    log = hub.log("talk")
    return {(log.epoch, entry.offset): json.loads(entry.publish.data) for entry in await hub.read(log, 0, 10_000)}
