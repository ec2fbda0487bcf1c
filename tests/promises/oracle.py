"""What must hold of a data directory after any number of violent deaths, looked at with SQLite alone."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inngest_nb.packs import is_pack, unpack
from inngest_nb.realtime.messages import Message, fold_rollbacks
from tests.promises.program import RUNS_OF_EACH, TEXT
from tests.support.crash import noted, repeated_after_seen

STEPS = {
    "chain": [f"s{i}" for i in range(6)],
    "sync": [f"s{i}" for i in range(4)],
    "speak": ["stream"],
    "ask": ["ok", *(f"beside{i}" for i in range(3)), "last"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a look at a directory found; `repeats` counts lawful repetitions of steps that nobody had seen."""

    wrong: list[str]
    repeats: int
    runs: int


def look(root: Path) -> Findings:
    """Compare the stores with the notes of the program and of its client."""
    effects = noted(root / "effects")
    twice, repeats = repeated_after_seen(effects)
    wrong = [f"executed again, or another value, after the code had seen it: {line}" for line in twice]
    with _open(root / "data" / "journal.db") as journal, _open(root / "data" / "messages.db") as messages:
        wrong += _structure(journal) + _structure(messages)
        wrong += _acknowledged(journal, noted(root / "acks"))
        runs = _runs(journal)
        wrong += _results(runs, effects)
        wrong += _channels(messages, runs)
        wrong += [f"left in the outbox: {row}" for row in journal.execute("SELECT key FROM outbox")]
    return Findings(wrong=wrong, repeats=repeats, runs=len(runs))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _structure(store: sqlite3.Connection) -> list[str]:
    (verdict,) = store.execute("PRAGMA integrity_check").fetchone()
    return [] if verdict == "ok" else [f"integrity_check: {verdict}"]


def _acknowledged(journal: sqlite3.Connection, acks: list[list[Any]]) -> list[str]:
    wrong = []
    for kind, *about in acks:
        table, key = ("runs", about[2]) if kind == "started" else ("events", about[1])
        if journal.execute(f"SELECT 1 FROM {table} WHERE id = ?", (key,)).fetchone() is None:
            wrong.append(f"acknowledged and lost: {kind} {about}")
    started = [about for kind, *about in acks if kind == "started"]
    if len(started) < RUNS_OF_EACH * len(STEPS):
        wrong.append(f"only {len(started)} starts were acknowledged")
    return wrong


def _runs(journal: sqlite3.Connection) -> list[tuple[str, str, str, dict[str, Any]]]:
    rows = journal.execute("SELECT id, fn_id, status, output FROM runs").fetchall()
    return [
        (run, fn.removeprefix("promise-"), status, json.loads(output or "null")) for run, fn, status, output in rows
    ]


def _results(runs: list[tuple[str, str, str, dict[str, Any]]], effects: list[list[Any]]) -> list[str]:
    """An undisturbed run returns, in order, the values that its code has seen; so must every other."""
    seen = {(line[1], line[2]): line[3] for line in effects if line[0] == "saw"}
    wrong = []
    for run, name, status, output in runs:
        values = [seen.get((run, step)) for step in STEPS[name]]
        expected = [value["value"] if isinstance(value, dict) else value for value in values]
        if status != "completed" or output["values"] != expected or None in expected:
            wrong.append(f"{name} {run} is {status} with {output}, and its steps returned {expected}")
        pairs = [value["pair"] for value in values if isinstance(value, dict) and "pair" in value]
        wrong += [f"{name} {run} saw {pair}, which is not JSON's [1, 2]" for pair in pairs if pair != [1, 2]]
    return wrong


def _single(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Messages about steps may be several in one row."""
    for name, offset, topic, kind, data, run_id, step_id, attempt in rows:
        if is_pack(attempt):
            yield from ((name, one.offset, topic, kind, one.data, run_id, one.step_id) for one in unpack(offset, data))
        else:
            yield name, offset, topic, kind, data, run_id, step_id


def _channels(messages: sqlite3.Connection, runs: list[tuple[str, str, str, dict[str, Any]]]) -> list[str]:
    query = """SELECT c.name, m."offset", m.topic, m.kind, m.data, m.run_id, m.step_id, m.attempt
               FROM messages m JOIN channels c ON c.id = m.channel_id ORDER BY c.id, m."offset" """
    channels: dict[str, list[Message]] = defaultdict(list)
    wrong = []
    for name, offset, topic, kind, data, run_id, step_id in _single(messages.execute(query)):
        if offset != len(channels[name]):
            wrong.append(f"channel {name} goes from offset {len(channels[name]) - 1} to {offset}")
        wire = {"channel": name, "offset": offset, "topic": topic, "kind": kind, "data": json.loads(data)}
        about = {"run_id": run_id, "step_id": step_id, "created_at": "2026-01-01T00:00:00Z"}
        channels[name].append(Message.from_wire(wire | about))
    for run, name, *_ in runs:
        for channel in (run, f"talk:{run}") if name == "speak" else (run,):
            ends = [m for m in channels[channel] if m.kind == "run" and m.data["status"] == "completed"]
            if len(ends) != 1:
                wrong.append(f"channel {channel} of {name} tells {len(ends)} times of the end")
        if name == "speak":
            wrong += _transcript(channels[f"talk:{run}"])
    return wrong


def _transcript(messages: list[Message]) -> list[str]:
    stands = fold_rollbacks(messages)
    text = "".join(message.data for message in stands if message.topic == "tokens")
    done = [message.data for message in stands if message.topic == "done"]
    story = [(m.kind, m.data if m.kind == "data" else "") for m in messages]
    wrong = []
    if text != TEXT:
        wrong.append(f"the transcript of {messages[0].channel} reads {text!r}: {story}")
    if done != [{"length": len(TEXT)}]:
        wrong.append(f"the durable publish of {messages[0].channel} is there {len(done)} times: {story}")
    return wrong
