"""What the tests of flow control share: an engine on a clock by hand, and a peer that counts what it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.records import Run
from inngest_nb.protocol import FunctionConfig, Message
from tests.engine.clock import TestClock, settle
from tests.engine.peer import ScriptedPeer, function


def limited(fn_id: str = "app-fn", event: str = "app/go", **options: Any) -> FunctionConfig:
    """A function with flow control, by the names of Inngest's wire."""
    about: dict[str, Any] = {name: options.pop(name) for name in ("triggers", "retries", "backoff") if name in options}
    return function(fn_id, event, options=options, **about)


def go(name: str = "app/go", **fields: Any) -> dict[str, Any]:
    """An event: `id` and `ts` are its own, the rest is its data."""
    own: dict[str, Any] = {key: fields.pop(key) for key in ("id", "ts") if key in fields}
    return {"name": name, "data": fields, **own}


class Rig:
    """One data directory, an engine on it, and a peer that has the functions."""

    def __init__(self, data_dir: Path, clock: TestClock) -> None:
        self.clock = clock
        self._data_dir = data_dir
        self._functions: tuple[FunctionConfig, ...] = ()
        self.engine: Engine
        self.peer: ScriptedPeer
        self.starts: dict[str, Message] = {}  # run id → what the peer was given, in order

    async def start(self, *functions: FunctionConfig) -> None:
        """An engine, and a peer with these functions."""
        self.engine = Engine(self._data_dir, holder="the test", clock=self.clock, seed=1)
        await self.engine.start()
        self.join(*functions)

    def join(self, *functions: FunctionConfig, worker_id: str = "peer-1") -> None:
        """A peer comes."""
        self._functions = functions
        self.peer = ScriptedPeer(self.engine, *functions, worker_id=worker_id)

    async def restart(self, *functions: FunctionConfig, away_s: float = 0.0) -> None:
        """Stop the engine, let time pass, and start another one on what it left."""
        await self.engine.stop()
        self.starts.clear()
        self.clock.set(self.clock.now() + int(away_s * 1e6))
        await self.start(*(functions or self._functions))
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that follows; note the runs that the peer was given."""
        await settle(self.engine)
        for message in [message for message in self.peer.heard if message["op"] == "run.start"]:
            self.peer.heard.remove(message)
            self.starts[message["run_id"]] = message

    async def send(self, *events: dict[str, Any]) -> list[str]:
        """Send events in one request and let follow what follows."""
        ids = await self.engine.send(list(events))
        await self.settle()
        return ids

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.advance(self.engine, seconds)
        await self.settle()

    async def finish(self, run_id: str, output: Any = None) -> None:
        """The body of a run returns."""
        self.peer.done(self.starts.pop(run_id), output)
        await self.settle()

    # -- what there is ---------------------------------------------------------------------------

    @property
    def running(self) -> list[str]:
        """Runs that the peer was given and that have not ended, in order."""
        return [run_id for run_id in self.starts if self.engine.run(run_id).status in ("running", "waiting")]

    @property
    def data(self) -> list[list[dict[str, Any]]]:
        """The data of the events of every run that the peer was given, in order."""
        return [[orjson.loads(event)["data"] for event in start["events"]] for start in self.starts.values()]

    def runs(self, fn_id: str | None = None) -> list[Run]:
        """All runs, oldest first."""
        return self.engine.runs(function=fn_id, limit=10_000)[::-1]

    def started_data(self) -> list[dict[str, Any]]:
        """The data of the first event of every run that the peer was given, in order."""
        return [events[0] for events in self.data]
