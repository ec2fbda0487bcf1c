"""Stores with known content, made with the engine's own schemas."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from inngest_nb.store import open_database

#: 2026-11-21T10:00:00Z in microseconds.
T0 = 1_795_255_200_000_000
S = 1_000_000
FN = "ai-lab-generate-response"


def at(seconds: float) -> pd.Timestamp:
    """A time after the begin of the stories."""
    return pd.Timestamp(T0, unit="us", tz="UTC") + pd.Timedelta(seconds=seconds)


def insert(connection: sqlite3.Connection, table: str, **row: Any) -> None:
    """Insert one row; dicts and lists become JSON."""
    values = [json.dumps(value) if isinstance(value, (dict, list)) else value for value in row.values()]
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", values)


def journal(path: Path) -> sqlite3.Connection:
    """An empty journal."""
    return open_database(path / "journal.db", "inngest_nb.engine.journal", synchronous="OFF")


def messages(path: Path) -> sqlite3.Connection:
    """An empty message log."""
    return open_database(path / "messages.db", "inngest_nb.hub", synchronous="OFF")


def step(run_id: str, name: str, index: int, **row: Any) -> dict[str, Any]:
    """A row of the steps table."""
    base = {"run_id": run_id, "hash": f"h-{name}", "attempt": 0, "step_id": name, "idx": index, "op": "run"}
    return {**base, "status": "completed", "started_at": T0 + S, **row}


def fill_journal(db: sqlite3.Connection) -> None:
    """Three runs: one completed after a retry and an answer, a fork of it that failed, one that waits."""
    insert(db, "functions", id=FN, app_id="ai-lab", name="Generate response", config={}, registered_at=T0)
    insert(db, "functions", id="other-generate-response", app_id="other", name="x", config={}, registered_at=T0)
    event: Mapping[str, Any] = {"name": "app/prompt.submitted", "ts": T0 // 1000, "received_at": T0}
    insert(db, "events", id="E1", event_id="mine", data={"prompt": "hi"}, **event)
    insert(
        db,
        "events",
        id="E2",
        event_id="E2",
        data={"approved": True},
        user={"name": "ada"},
        **{**event, "name": "app/confirm", "received_at": T0 + 60 * S},
    )
    insert(db, "events", id="E3", event_id="E3", data={}, **{**event, "received_at": T0 + 90 * S})
    run = {"fn_id": FN, "event_id": "E1", "event_name": "app/prompt.submitted", "code_hash": "c1"}
    insert(
        db,
        "runs",
        id="R1",
        status="completed",
        queued_at=T0,
        started_at=T0 + S,
        ended_at=T0 + 5 * S,
        attempt=0,
        output={"text": "ok"},
        **run,
    )
    insert(
        db,
        "runs",
        id="R2",
        status="failed",
        queued_at=T0 + 10 * S,
        started_at=T0 + 11 * S,
        ended_at=T0 + 12 * S,
        attempt=1,
        forked_from="R1",
        forked_at_step="confirm",
        error={"name": "ValueError", "message": "no"},
        **run,
    )
    insert(db, "runs", id="R3", status="waiting", queued_at=T0 + 20 * S, **{**run, "fn_id": "other-generate-response"})
    insert(db, "run_events", run_id="R3", position=1, event_id="E3")
    fill_steps(db)


def fill_steps(db: sqlite3.Connection) -> None:
    """A retried step, waits of every outcome, and a step that a fork took over."""
    retry = {
        "status": "retrying",
        "retry_at": T0 + 3 * S,
        "error": {"name": "APIError", "message": "503"},
        "ended_at": T0 + 2 * S,
    }
    insert(db, "steps", **step("R1", "generate", 0, opts={"input": [1, "a"]}, **retry))
    insert(
        db,
        "steps",
        **step("R1", "generate", 0, attempt=1, started_at=T0 + 3 * S + 500_000, ended_at=T0 + 4 * S, output='"text"'),
    )
    insert(db, "steps", **step("R2", "generate", 0, started_at=T0 + S, ended_at=T0 + 2 * S, output="null"))
    wait = {
        "event_name": "app/confirm",
        "expression": "async.data.id == 'x'",
        "created_at": T0 + 4 * S,
        "expires_at": T0 + 904 * S,
    }
    outcomes: list[tuple[str, str, str, dict[str, Any]]] = [
        ("R1", "confirm", "completed", {"resolved_at": T0 + 60 * S, "matched_event_id": "E2"}),
        ("R2", "late", "timed_out", {"resolved_at": T0 + 904 * S}),
        ("R2", "gone", "cancelled", {"resolved_at": T0 + 12 * S}),
        ("R3", "confirm", "waiting", {}),
    ]
    for run, name, status, ended in outcomes:
        insert(db, "steps", **step(run, name, 1, op="wait_for_event", status=status))
        insert(db, "waits", run_id=run, hash=f"h-{name}", **wait, **ended)


def fill_messages(db: sqlite3.Connection) -> None:
    """Two channels, interleaved in time; the first attempt of the step was rolled back."""
    for number, name in enumerate(("ai:1", "ai:2", "R1", "cost"), start=1):
        insert(db, "channels", id=number, name=name, epoch=1, first_offset=0, next_offset=0)
    step_of = {"run_id": "R1", "fn_id": FN, "step_id": "generate"}
    about = {"run_id": "R1", "step_id": "generate", "hash": "h-generate", "attempt": 0}
    data: list[tuple[str, str, Any, int, dict[str, Any]]] = [
        ("status", "data", {"message": "Thinking"}, 1_000, {"run_id": "R1", "fn_id": FN}),
        ("tokens", "data", {"token": "Lost "}, 1_500, {**step_of, "attempt": 0}),
        ("$step", "rollback", about, 2_000, {**step_of, "attempt": 0}),
        ("tokens", "data", {"token": "Hel"}, 3_600, {**step_of, "attempt": 1}),
        ("tokens", "data", {"token": "lo"}, 3_700, {**step_of, "attempt": 1}),
        ("tokens", "data", {"token": "!"}, 3_900, {**step_of, "attempt": 1}),
        ("$step", "commit", about, 4_000, {**step_of, "attempt": 1}),
        ("result", "data", "text\nwith \x1e", 4_100, {**step_of, "step_id": "send", "key": "R1:h"}),
    ]
    for offset, (topic, kind, value, ms, fields) in enumerate(data):
        insert(
            db,
            "messages",
            channel_id=1,
            offset=offset,
            topic=topic,
            kind=kind,
            data=json.dumps(value),
            created_at=T0 + ms * 1000,
            **fields,
        )
    insert(
        db, "messages", channel_id=2, offset=0, topic="tokens", kind="data", data='"plain"', created_at=T0 + 3_650_000
    )
    insert(
        db,
        "messages",
        channel_id=3,
        offset=0,
        topic="$run",
        kind="run",
        data="{}",
        created_at=T0,
        run_id="R1",
        fn_id=FN,
    )
    fill_usage(db, step_of, about)


def fill_usage(db: sqlite3.Connection, step_of: dict[str, Any], about: dict[str, Any]) -> None:
    """What both attempts of the step were charged, of which the first was rolled back."""
    spent = {"model": "m-1", "usage": {"prompt_tokens": 1000, "completion_tokens": 10}}
    rows: list[tuple[str, str, Any, int, int]] = [
        ("usage", "data", spent, 1_900, 0),
        ("$step", "rollback", about, 2_000, 0),
        ("usage", "data", {**spent, "prompt_tokens_details": {"cached_tokens": 600}}, 3_950, 1),
    ]
    for offset, (topic, kind, value, ms, attempt) in enumerate(rows):
        insert(
            db, "messages", channel_id=4, offset=offset, topic=topic, kind=kind, data=json.dumps(value),
            created_at=T0 + ms * 1000, **{**step_of, "attempt": attempt},
        )  # fmt: skip
