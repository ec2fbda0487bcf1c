"""The program that is killed between memo and message log: runs that publish durably, one after the other and side by side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections import defaultdict
from pathlib import Path

import inngest_nb as nb
from inngest_nb import realtime
from tests.support.crash import note, noted

RUNS = 3
IN_A_ROW, BESIDE = 6, 3
out = realtime.channel("out", topics={"n": int})


def live(folder: str) -> None:
    """One life, to its end: every run has ended, and the message log has what the journal owes it."""
    root = Path(folder)
    client = nb.Inngest(app_id="durable", engine="embedded", data_dir=root / "data")

    @client.create_function(fn_id="say", trigger=nb.TriggerEvent(event="durable/say"), backoff=0.005)
    async def say(ctx: nb.Context) -> None:
        for n in range(IN_A_ROW):
            await ctx.step.realtime.publish(f"row{n}", out.n, n)
        await asyncio.gather(*(ctx.step.realtime.publish(f"beside{n}", out.n, 100 + n) for n in range(BESIDE)))
        await ctx.step.realtime.publish("last", out.n, 1000)

    started = {n for _, n, _ in noted(root / "acks")}
    for n in range(RUNS):
        if n not in started:
            note(root / "acks", "started", n, say.start({}).id)
    for run in client.runs():
        run.result(timeout=40)
    with contextlib.closing(sqlite3.connect(f"file:{root / 'data' / 'journal.db'}?mode=ro", uri=True)) as journal:
        while journal.execute("SELECT 1 FROM outbox").fetchone():
            time.sleep(0.001)
    os._exit(0)


def look(root: Path) -> list[str]:
    """What is wrong with the log: each publish once, in the order of its run, without a hole."""
    with contextlib.closing(sqlite3.connect(root / "data" / "messages.db")) as log:
        rows = log.execute(
            'SELECT m."offset", run_id, step_id, data FROM messages m JOIN channels c ON c.id = channel_id '
            "WHERE name = 'out' AND kind = 'data' ORDER BY 1"
        ).fetchall()
        offsets = [row[0] for row in log.execute(
            'SELECT "offset" FROM messages m JOIN channels c ON c.id = channel_id WHERE name = \'out\' ORDER BY 1'
        )]  # fmt: skip
    wrong = [] if offsets == list(range(len(offsets))) else [f"offsets {offsets}"]
    by_run: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, run_id, step_id, data in rows:
        by_run[run_id].append((step_id, data))
    if len(by_run) < RUNS:
        wrong.append(f"only {len(by_run)} runs have published")
    expected = [(f"row{n}", str(n)) for n in range(IN_A_ROW)]
    beside = {(f"beside{n}", str(100 + n)) for n in range(BESIDE)}
    for run_id, said in by_run.items():
        in_order = [entry for entry in said if entry in expected]
        last = said.count(("last", "1000"))
        if (
            in_order != expected
            or sorted(beside) != sorted(set(said) & beside)
            or len(said) != len(expected) + BESIDE + 1
            or last != 1
        ):
            wrong.append(f"{run_id}: {said}")
    return wrong
