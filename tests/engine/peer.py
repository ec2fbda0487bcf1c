"""A peer of the engine that a test plays by hand, and what tests of the engine share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import orjson

from inngest_nb.clock import Clock
from inngest_nb.engine.engine import Engine
from inngest_nb.engine.session import Session
from inngest_nb.hub import hub as hub_module
from inngest_nb.hub.rows import entries
from inngest_nb.protocol import FunctionConfig, Message
from inngest_nb.stephash import step_hash

LIMIT_S = 10.0


class MovableClock(Clock):
    """The time of day, put forward at will."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0

    def now(self) -> int:
        """Microseconds since the epoch."""
        return super().now() + self._ahead

    def advance(self, engine: Engine, seconds: float) -> None:
        """Let time pass for `engine`; what is due fires at once."""
        self._ahead += int(seconds * 1e6)
        engine.core.timers.poke()


class Engines:
    """Engines of one directory, one after the other."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._data_dir, self._clock = data_dir, clock
        self._running: list[Engine] = []

    async def start(self) -> Engine:
        """A new engine on the directory."""
        engine = Engine(self._data_dir, holder="the test", clock=self._clock, seed=1)
        await engine.start()
        self._running.append(engine)
        return engine

    async def stop(self, engine: Engine) -> None:
        """Stop one."""
        self._running.remove(engine)
        await engine.stop()

    async def restart(self, engine: Engine) -> Engine:
        """Stop it and start another one on what it left."""
        await self.stop(engine)
        return await self.start()

    async def stop_all(self) -> None:
        """Stop what still runs."""
        for engine in list(self._running):
            await self.stop(engine)


def function(fn_id: str = "app-fn", event: str = "app/go", **fields: Any) -> FunctionConfig:
    """A function as a worker announces it; without backoff unless the test says otherwise."""
    config: dict[str, Any] = {
        "id": fn_id, "app_id": "app", "name": fn_id, "triggers": [{"event": event}], "retries": 4, "backoff": 0.0,
        "options": {}, "on_failure": False, "code_hash": None, **fields,
    }  # fmt: skip
    return cast("FunctionConfig", config)


async def until(condition: Callable[[], Any], what: str) -> Any:
    """Give the loop turns until the condition holds; its value."""
    deadline = time.monotonic() + LIMIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {LIMIT_S:g} s"
        await asyncio.sleep(0.001)
    return value


class ScriptedPeer:
    """One connection to an engine: says what the test says, keeps what it is told."""

    def __init__(
        self,
        engine: Engine,
        *functions: FunctionConfig,
        worker_id: str = "peer-1",
        acknowledge: Any = None,
        **hello: Any,
    ) -> None:
        self.engine = engine
        self.heard: list[Message] = []
        self.session = Session(engine, self.heard.append, acknowledge=acknowledge)
        self.say({"op": "hello", "worker_id": worker_id, "functions": list(functions), "live": {}, **hello})

    def say(self, *messages: Message) -> None:
        """Send messages to the engine in one frame."""
        self.session.receive(list(messages))

    def close(self) -> None:
        """Drop the connection."""
        self.session.close()

    async def hear(self, op: str, **fields: Any) -> Message:
        """Take the next message of this kind out of what was heard, waiting for it."""

        def take() -> Message | None:
            for message in self.heard:
                if message["op"] == op and all(message.get(name) == value for name, value in fields.items()):
                    self.heard.remove(message)
                    return message
            return None

        heard: Message = await until(take, f"{op} {fields or ''} (heard {self.heard})")
        return heard

    def has_heard(self, op: str, **fields: Any) -> bool:
        """Whether a message of this kind is there and was not taken."""
        return any(m["op"] == op and all(m.get(k) == v for k, v in fields.items()) for m in self.heard)

    async def settled(self) -> None:
        """Wait until everything said so far has been answered or ignored: a request comes back after it."""
        await self.request("publish", {"channel": "settled", "topic": "t", "data": "null"})
        await self.engine.core.journal.commit([])

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Ask the engine; the result, or the error as {"error": …}."""
        number = id(params)
        self.say({"op": "request", "id": number, "method": method, "params": params})
        response = await self.hear("response", id=number)
        return response if "error" in response else response["result"]

    async def started(self, fn_id: str = "app-fn") -> Message:
        """The next run that the engine gives to this peer."""
        return await self.hear("run.start", fn_id=fn_id)

    # -- reports about a run -------------------------------------------------------------------

    def report(self, run: Message, op: str, **fields: Any) -> None:
        """A report under the run's lease."""
        self.say({"op": op, "run_id": run["run_id"], "lease": run["lease"], **fields})

    def step_done(self, run: Message, step_id: str, *, attempt: int = 0, index: int = 0, **outcome: Any) -> str:
        """Report an attempt that ended with `output` (JSON text) or `error`; returns the step's hash."""
        about = self._about(step_id, index) | {"kind": "run", "attempt": attempt, **outcome}
        self.report(run, "step.done", ended_at=self.engine.core.clock.now(), **about)
        return step_hash(step_id, 0)

    def step_failed(self, run: Message, step_id: str, *, attempt: int = 0, **more: Any) -> str:
        """Report an attempt that raised."""
        return self.step_done(run, step_id, attempt=attempt, error=error(), **more)

    def step_wait(
        self,
        run: Message,
        step_id: str,
        *,
        seconds: float = 3600,
        index: int = 0,
        waits: int | None = None,
        **more: Any,
    ) -> str:
        """Report a sleep, or with `event` (and `if_exp`) a wait; with `waits`, that nothing goes on before one of so many."""
        wake_at = self.engine.core.clock.now() + int(seconds * 1e6)
        kind = more.pop("kind", "wait_for_event" if "event" in more else "sleep")
        self.report(run, "step.wait", **self._about(step_id, index), kind=kind, wake_at=wake_at, **more)
        self.report(run, "run.idle", **({"waits": waits} if waits else {}))
        return step_hash(step_id, 0)

    def _about(self, step_id: str, index: int) -> dict[str, Any]:
        now = self.engine.core.clock.now()
        return {"hash": step_hash(step_id, 0), "step_id": step_id, "index": index, "started_at": now}

    def done(self, run: Message, output: Any = None) -> None:
        """Report that the body returned."""
        self.report(run, "run.done", output=orjson.dumps(output).decode())

    def failed(self, run: Message, **more: Any) -> None:
        """Report that the body raised."""
        self.report(run, "run.error", attempt=run["attempt"], error={"code": "unknown", **error()}, **more)

    async def finish(self, run: Message, output: Any = None) -> None:
        """Report that the body returned and wait until that is kept."""
        self.done(run, output)
        await self.hear("run.stop", run_id=run["run_id"])


def error(name: str = "ValueError", message: str = "boom") -> dict[str, Any]:
    """An error as a worker describes it."""
    return {"name": name, "message": message, "stack": None}


def log_of(engine: Engine, channel: str) -> list[dict[str, Any]]:
    """The messages of a channel that are on disk."""
    hub = engine.core.hub
    rows = hub._reader.execute(hub_module._SQL.read, (hub.log(channel).id, 0, 100_000)).fetchall()
    found = entries(channel, rows)
    names = ("topic", "kind", "run_id", "fn_id", "step_id", "attempt", "created_at")
    return [
        {"offset": entry.offset, "data": orjson.loads(entry.publish.data)}
        | {name: getattr(entry.publish, name) for name in names}
        for entry in found
    ]
