"""A worker: the functions of one process, the runs it holds, and a loop of its own on which bodies run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from inngest_nb.clock import Clock
from inngest_nb.loops import LoopThread
from inngest_nb.protocol import FunctionConfig, Message
from inngest_nb.worker.announcer import Announcer
from inngest_nb.worker.execution import Execution
from inngest_nb.worker.replaying import ReplayingExecution
from inngest_nb.worker.stillness import count_task

if TYPE_CHECKING:
    from concurrent.futures import Future

_STEP_THREADS = 32
_BACKLOG = 5_000


class Handler(Protocol):
    """A function as the worker needs it."""

    local_id: str
    is_handler_async: bool

    @property
    def replay(self) -> str:
        """When the body is entered from the top: "on_resume" or "always"."""
        ...

    def config(self) -> FunctionConfig:
        """How it is registered."""
        ...

    def call(self, execution: Execution) -> Awaitable[Any]:
        """Enter the body."""
        ...

    def serialize(self, value: object, typ: object) -> object:
        """The JSON form of a value whose type was declared."""
        ...

    def deserialize(self, value: object, typ: object) -> object:
        """The value of a declared type."""
        ...


class Connection(Protocol):
    """The way to the engine; all methods may be called from any thread."""

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent."""
        ...

    def post(self, message: Message) -> None:
        """Send a message."""
        ...

    def post_soon(self, message: Message) -> None:
        """Send a message at the end of this pass of the bodies' loop; only from there."""
        ...

    def request(self, method: str, params: dict[str, Any]) -> Future[Any]:
        """Ask the engine something."""
        ...


class Worker:
    """Executes runs that the engine leases to this process."""

    park_after_s = 60.0  # a body that has only waited for so long is forgotten and comes back by replay

    def __init__(self, connection: Connection, *, worker_id: str, label: str) -> None:
        self.id, self.label = worker_id, label
        self.clock = Clock()  # the engine's, where that has one of its own
        self._connection = connection
        self.post: Callable[[Message], None] = connection.post
        self.post_soon: Callable[[Message], None] = connection.post_soon
        self.handlers: dict[str, Handler] = {}
        self._executions: dict[str, Execution] = {}
        self.threads = ThreadPoolExecutor(_STEP_THREADS, thread_name_prefix="inngest-nb step")
        self._bodies = LoopThread("inngest-nb bodies")
        self.loop = self._bodies.loop
        self.loop.set_task_factory(count_task)
        self.announcer = Announcer(self.loop, self.post_soon)

    def close(self) -> None:
        """Stop the loop; bodies that are under way go on elsewhere, from their memos."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self._give_up)
        self._bodies.stop()
        self.threads.shutdown(wait=False, cancel_futures=True)

    def _give_up(self) -> None:
        for execution in self._executions.values():
            execution.stop()
        self._executions.clear()

    # -- functions -----------------------------------------------------------------------------

    def register(self, fn_id: str, handler: Handler) -> None:
        """Add or replace a function; the next dispatch uses it."""
        self.handlers[fn_id] = handler
        self.post({"op": "register", "functions": [handler.config()]})

    def hello(self) -> Message:
        """The first message of a connection. Call from any thread."""
        live = {run_id: execution.lease for run_id, execution in list(self._executions.items())}
        functions = [handler.config() for handler in list(self.handlers.values())]
        about = {"worker_id": self.id, "label": self.label, "pid": os.getpid(), "host": socket.gethostname()}
        return {"op": "hello", **about, "functions": functions, "live": live}

    # -- what the engine says ------------------------------------------------------------------

    def receive(self, messages: list[Message]) -> None:
        """Hand messages of the engine to the bodies' loop; from any thread."""
        with contextlib.suppress(RuntimeError):  # closed: there is nobody left to hear it
            self.loop.call_soon_threadsafe(self._receive, messages)

    def _receive(self, messages: list[Message]) -> None:
        for message in messages:
            op = message["op"]
            if op == "run.start":
                self._start(message)
            elif op == "run.stop":
                self._stop(message)
            elif op == "ready":
                self._resume(message["kept"])
            else:
                execution = self._executions.get(message["run_id"])
                if execution is not None:
                    execution.ends.put(message)

    def _start(self, message: Message) -> None:
        handler = self.handlers.get(message["fn_id"])
        if handler is None:
            return
        old = self._executions.pop(message["run_id"], None)
        if old is not None:
            old.stop()
        kind = ReplayingExecution if handler.replay == "always" and handler.is_handler_async else Execution
        execution = kind(self, handler, message)  # type: ignore[arg-type]
        self._executions[execution.run_id] = execution
        execution.enter()

    def _stop(self, message: Message) -> None:
        execution = self._executions.get(message["run_id"])
        if execution is not None and execution.lease == message["lease"]:
            del self._executions[execution.run_id]
            execution.stop()

    def _resume(self, kept: list[str]) -> None:
        """After a reconnect: say again what was not answered."""
        for run_id in kept:
            execution = self._executions.get(run_id)
            for message in execution.resume() if execution else ():
                self.post_soon(message)

    def is_idle(self) -> bool:
        """Whether every body waits for the engine, or has ended; on the bodies' loop."""
        return all(execution.is_idle for execution in self._executions.values())

    # -- for executions ------------------------------------------------------------------------

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Ask the engine from the bodies' loop."""
        return await asyncio.wrap_future(self._connection.request(method, params))

    async def breathe(self) -> None:
        """Let others run; wait while the connection is far behind."""
        await asyncio.sleep(0)
        while self._connection.backlog > _BACKLOG:  # noqa: ASYNC110  # another thread empties it
            await asyncio.sleep(0.001)
