"""A program whose disk fails in the middle: what it is told, what it does meanwhile, and what is there afterwards.

Run under diskfault as `python -m tests.promises.outage FOLDER FAULT END`; prints one JSON object. END is "recover", "die" (in
the middle of the outage) or "lie": an engine that takes no notice of the fault, which the tests must find out.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inngest_nb as inngest
from inngest_nb import realtime
from inngest_nb.errors import InngestError
from tests.support.crash import note, noted
from tests.support.diskfault import DiskFault

LIMIT_S = 20
#: operation, errno, ending of the file
FAULTS: dict[str, tuple[str, int, str]] = {
    "the disk is full": ("write", errno.ENOSPC, "journal.db-wal"),
    "the quota is used up": ("write", errno.EDQUOT, "journal.db-wal"),
    "writing fails": ("write", errno.EIO, "journal.db-wal"),
    "syncing fails": ("sync", errno.EIO, "journal.db-wal"),
    "the message log cannot be written": ("write", errno.ENOSPC, "messages.db-wal"),
}
FILE_SIZE = "no file may grow"  # the system's own limit, without diskfault
tokens = realtime.channel(name="tokens", topics={"token": int})


class Disk:
    """The fault, whatever makes it."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._shim = None if fault == FILE_SIZE else DiskFault.here()

    def breaks(self) -> None:
        """From now on."""
        if self._shim is None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        else:
            operation, error, ending = FAULTS[self._fault]
            self._shim.start(operation, error, ending=ending)

    def was_met(self) -> bool:
        """Whether a call has failed."""
        return self._shim is None or self._shim.hits > 0

    def heals(self) -> int:
        """From now on; how often it had failed."""
        if self._shim is None:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            return 1
        self._shim.stop()
        return self._shim.hits


class Story:
    """The program and what it finds out."""

    def __init__(self, root: Path) -> None:
        self.log = root / "notes"
        self.client = inngest.Inngest(app_id="outage", engine="embedded", data_dir=root / "data")
        self.go = threading.Event()
        self.in_step = threading.Event()
        self.told: dict[str, Any] = {}
        client = self.client

        @client.create_function(fn_id="work", trigger=inngest.TriggerEvent(event="outage/work"), retries=0)
        async def work(ctx: inngest.Context) -> Any:
            async def held() -> int:
                note(self.log, "ran", ctx.run_id, "held")
                for token in range(50):
                    await ctx.publish(tokens().token, token)
                self.in_step.set()
                await asyncio.to_thread(self.go.wait)
                return 1

            note(self.log, "saw", ctx.run_id, "held", await ctx.step.run("held", held))
            event = await ctx.step.wait_for_event("open", event="outage/open", timeout="5m")
            return event is not None

        self.work = work

    def send(self, n: int, name: str = "outage/tick") -> str | None:
        """Send an event; what was said when it was refused."""
        try:
            (event_id,) = self.client.send_sync(inngest.Event(name=name, data={"n": n}))
        except InngestError as exc:
            note(self.log, "refused", n)
            return f"{type(exc).__name__}: {exc}"
        note(self.log, "acknowledged", n, event_id)
        return None

    def outage(self) -> str | None:
        """What the engine says of its state."""
        engine = self.client._link().engine  # type: ignore[attr-defined]
        told: str | None = engine.outage
        return told


def until(condition: Callable[[], Any], what: str) -> Any:
    """Ask until it is true."""
    deadline = time.monotonic() + LIMIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return value


def take_no_notice() -> None:
    """The mutant: acknowledge whatever the disk says."""
    from inngest_nb.store.writer import Writer

    real = Writer._try_commit

    def lying(self: Writer, writes: Any) -> None:
        real(self, writes)

    Writer._try_commit = lying  # type: ignore[method-assign]


def main(root: Path, fault: str, end: str) -> None:
    """Before, during and after."""
    if end == "lie":
        take_no_notice()
    disk, story = Disk(fault), Story(root)
    for n in range(20):
        assert story.send(n) is None
    run = story.work.start({})
    assert story.in_step.wait(LIMIT_S)
    disk.breaks()
    story.go.set()  # the step ends while its result cannot be kept
    journal_fails = "message" not in fault
    if journal_fails:
        story.told["refusals"] = [story.send(100 + n) for n in range(5)]
        story.told["outage"] = until(story.outage, "the outage") if end != "lie" else None
    else:
        until(disk.was_met, "a write to the message log")
        assert story.send(100) is None
    story.told["seen during the outage"] = sum(line[0] == "saw" for line in noted(story.log))
    if end != "recover":
        story.told["hits"] = disk.heals()
        sys.stdout.write(json.dumps(story.told))
        sys.stdout.flush()
        os._exit(0)
    story.told["hits"] = disk.heals()
    until(lambda: story.send(200) is None, "the recovery")
    until(lambda: run.status == "waiting", "the wait")
    assert story.send(201, "outage/open") is None
    story.told["result"] = run.result(timeout=LIMIT_S)
    subscription = story.client.realtime.subscribe(channel=tokens(), since="start")
    received = [message for message, _ in zip(subscription, range(50), strict=False)]
    story.told["tokens"] = [message.data for message in received] == list(range(50))
    story.told["offsets"] = [message.offset for message in received] == list(range(50))
    sys.stdout.write(json.dumps(story.told))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
