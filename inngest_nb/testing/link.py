"""The link of an engine under test: in memory, with a clock, and able to say when nothing happens any more."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from inngest_nb.client import link_in_use
from inngest_nb.links.embedded import EmbeddedLink
from inngest_nb.links.link import MEMORY
from inngest_nb.protocol import FunctionConfig, Message
from inngest_nb.testing.clock import TestClock

if TYPE_CHECKING:
    from inngest_nb.function import Function
    from inngest_nb.worker.execution import Execution

T = TypeVar("T")
_LOOK_AGAIN_S = 0.05  # code that is done speaks; this is for what dies silently


class TestLink(EmbeddedLink):
    """Counts what is said, so that silence can be told from a pause."""

    __test__ = False

    def __init__(self, clock: TestClock) -> None:
        self._said = 0
        self._spoke = threading.Event()
        super().__init__(MEMORY, label="a test", clock=clock)

    def post(self, message: Message) -> None:
        """Send a message."""
        self._said += 1
        self._spoke.set()
        super().post(message)

    def post_soon(self, message: Message) -> None:
        """The same: nothing is said without being counted."""
        self.post(message)

    def _incoming(self, messages: list[Message]) -> None:
        self._said += 1
        super()._incoming(messages)

    # -- silence -------------------------------------------------------------------------------

    def settle(self, timeout_s: float) -> None:
        """Wait until nothing happens without the clock being moved.

        Raises:
            TimeoutError: something still executes.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self._spoke.clear()
            before = self._said
            if self.on_engine(self._is_engine_idle) and self._on_bodies(self._are_bodies_idle):
                if self._said == before and not self.backlog:
                    return
                continue
            if time.monotonic() > deadline:
                raise TimeoutError(f"steps or code between steps still executes after {timeout_s:g} s")
            self._spoke.wait(_LOOK_AGAIN_S)

    async def _is_engine_idle(self) -> bool:
        await self.engine.core.journal.persist([])  # behind everything that is queued
        await asyncio.sleep(0)
        return not self.engine.core.tasks

    async def _are_bodies_idle(self) -> bool:
        await asyncio.sleep(0)
        return self.worker.is_idle()

    def on_engine(self, call: Callable[[], Awaitable[T]]) -> T:
        """Have the engine's loop call something."""
        return asyncio.run_coroutine_threadsafe(_await(call), self._engine_loop).result()

    def _on_bodies(self, call: Callable[[], Awaitable[T]]) -> T:
        return asyncio.run_coroutine_threadsafe(_await(call), self.worker.loop).result()


async def _await(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


class UnderTest:
    """A function as an engine under test gets it: clients in its body use this engine, and its steps may be stubs."""

    def __init__(
        self, function: Function[Any], link: TestLink, stubs: Mapping[str, Callable[[], Any]], instead: dict[str, Any]
    ) -> None:
        self._function, self._link, self._stubs, self._instead = function, link, stubs, instead
        self.local_id, self.replay, self.is_handler_async = (
            function.local_id,
            function.replay,
            function.is_handler_async,
        )
        self.serialize, self.deserialize = function.serialize, function.deserialize

    def config(self) -> FunctionConfig:
        """How it is registered: as usual, but for what the test has instead."""
        return cast("FunctionConfig", {**self._function.config(), **self._instead})

    async def call(self, execution: Execution) -> Any:
        """Enter the body."""
        link_in_use.set(self._link)
        execution.stubs = self._stubs
        return await self._function.call(execution)
