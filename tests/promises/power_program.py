"""What runs when the power goes: events, runs with steps, and a subscriber, each noting what it was told.

Run as `python -m tests.promises.power_program FOLDER SYNCHRONOUS`; with "NORMAL" the journal is less careful than it must be.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
from pathlib import Path
from typing import Any

import inngest_nb as inngest
from inngest_nb import realtime
from inngest_nb.store import open_database
from inngest_nb.store import writer as writer_module
from tests.support.crash import note

RUNS, STEPS = 40, 3
talk = realtime.channel(name="talk", topics={"words": str})


def main(folder: Path, synchronous: str) -> None:
    """Live to the end, which the power does not."""
    _prepare(synchronous)
    acked = folder / "acked"
    client = inngest.Inngest(app_id="cut", engine="embedded", data_dir=folder / "data")

    @client.create_function(fn_id="walk", trigger=inngest.TriggerEvent(event="cut/walk"))
    async def walk(ctx: inngest.Context) -> None:
        for i in range(STEPS):
            value = await ctx.step.run(f"s{i}", lambda: secrets.token_hex(50))
            note(acked, "saw", ctx.run_id, f"s{i}", value)
            await ctx.publish(talk().words, value)

    hub = client._link().engine.core.hub  # type: ignore[attr-defined]

    def heard(message: Any) -> None:
        note(acked, "heard", hub.log("talk").epoch, message.offset, message.data)

    client.realtime.subscribe(channel=talk(), topics=["words"], on_message=heard)
    for n in range(RUNS):
        (event_id,) = client.send_sync(inngest.Event(name="cut/walk", data={"n": n, "fill": secrets.token_hex(n * 20)}))
        note(acked, "sent", event_id)
    for run in client.runs(limit=RUNS):
        run.result(timeout=60)
    os._exit(0)


def _prepare(synchronous: str) -> None:
    """Checkpoints that come soon, so that the power can go in the middle of one."""

    def opened(path: Path, package: str, **options: Any) -> sqlite3.Connection:
        if path.name == "journal.db":
            options["synchronous"] = synchronous
        connection = open_database(path, package, **options)
        connection.execute("PRAGMA wal_autocheckpoint = 20")
        return connection

    setattr(writer_module, "open_database", opened)  # noqa: B010  # it is not the module's own


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
