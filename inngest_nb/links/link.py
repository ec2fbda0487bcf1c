"""What every way to an engine has in common: messages out in order, requests answered, subscriptions resumed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import uuid
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inngest_nb import errors
from inngest_nb.links.following import Following
from inngest_nb.protocol import Message
from inngest_nb.realtime.backoff import Backoff
from inngest_nb.realtime.following import Followed, Listener, Place

if TYPE_CHECKING:
    from inngest_nb.worker.worker import Worker

#: Of a request: for any thread, or for a coroutine.
Answer = Future[Any] | asyncio.Future[Any]
MEMORY = ":memory:"  # the data directory of what is not to be kept


class Link(ABC):
    """A connection to an engine, and the worker of this process. Methods may be called from any thread."""

    kind: str
    data_dir: Path
    url: str | None = None  # of the server, where there is one
    worker: Worker

    def __init__(self, label: str) -> None:
        from inngest_nb.worker.worker import Worker  # not with `import inngest_nb`: what runs bodies is a third of it

        self._out: deque[Message] = deque()
        self._scheduled = self._soon = False
        self._urgent = False  # among what waits to be sent is more than non-durable messages
        self._requests: dict[int, tuple[Answer, Message]] = {}
        self._following: dict[str, Following] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self.worker = Worker(self, worker_id=uuid.uuid4().hex, label=label)

    # -- out -----------------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent."""
        return len(self._out)

    def post(self, message: Message) -> None:
        """Send a message; those of one thread arrive in their order."""
        self._urgent = self._urgent or message["op"] != "publish"
        self._out.append(message)
        if not self._scheduled:
            self._scheduled = True
            self._schedule()

    def post_soon(self, message: Message) -> None:
        """As `post`, on the bodies' loop: what one pass of that loop says leaves together, not each in a small parcel."""
        self._urgent = True
        self._out.append(message)
        if not (self._scheduled or self._soon):
            self._soon = True
            self.worker.loop.call_soon(self._leave)

    def _leave(self) -> None:
        self._soon = False
        if self._out and not self._scheduled:
            self._scheduled = True
            self._schedule()

    def _drain(self) -> list[Message]:
        self._scheduled = self._urgent = False  # first: a message appended now schedules again
        batch: list[Message] = []
        with contextlib.suppress(IndexError):
            while True:
                batch.append(self._out.popleft())
        return batch

    @abstractmethod
    def _schedule(self) -> None:
        """Arrange for `_drain` on the connection's own thread."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back; runs go on elsewhere or later."""

    # -- requests ------------------------------------------------------------------------------

    def request(self, method: str, params: dict[str, Any]) -> Future[Any]:
        """Ask the engine; the future gets the result or the engine's error."""
        future: Future[Any] = Future()
        self._ask(future, method, params)
        return future

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Ask the engine from a coroutine: answers that come together wake its loop once."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._ask(future, method, params)
        return await future

    def _ask(self, future: Answer, method: str, params: dict[str, Any]) -> None:
        message: Message = {"op": "request", "id": next(self._ids), "method": method, "params": params}
        self._requests[message["id"]] = (future, message)
        self.post(message)

    def call(self, method: str, params: dict[str, Any], timeout: float | None = 30.0) -> Any:
        """Ask the engine and block."""
        future = self.request(method, params)
        try:
            return future.result(timeout)
        except TimeoutError:
            if future.done():
                raise
            raise errors.LinkError(
                f"the engine did not answer {method!r} within {timeout:g} s; {self.describe()}"
            ) from None

    def readable_dir(self) -> Path:
        """The data directory, for reading it in this process.

        Raises:
            LinkError: it is on another machine.
        """
        return self.data_dir

    @abstractmethod
    def describe(self) -> str:
        """Where the engine is and how the connection stands, for messages."""

    # -- subscriptions -------------------------------------------------------------------------

    def follow(
        self,
        channel: str,
        topics: list[str] | None,
        since: Place,
        listener: Listener,
        *,
        epoch: int | None = None,
        backoff: Backoff | None = None,
    ) -> Followed:
        """Follow a channel; the listener is called from the connection's thread."""
        following = Following(self, "", channel, topics, since, listener, epoch, backoff)
        self.begin(following)
        return following

    def begin(self, following: Following) -> None:
        """Ask for a subscription, under a new id: what is still under way for an older one is not for it."""
        following.id = f"f{next(self._ids)}"
        self._following[following.id] = following
        self.post(following.message())

    def unfollow(self, following: Following) -> None:
        """Ask for nothing more of a subscription."""
        if self._following.pop(following.id, None) is not None:
            self.post({"op": "unsubscribe", "id": following.id})

    def _end_followings(self) -> None:
        for following in list(self._following.values()):
            self._following.pop(following.id, None)
            following.listener.on_end(None)

    # -- in ------------------------------------------------------------------------------------

    def _incoming(self, messages: list[Message]) -> None:
        """Hand what the engine said to whom it is for."""
        for_worker: list[Message] = []
        answers: list[Message] = []
        for message in messages:
            op = message["op"]
            if op == "response":
                answers.append(message)
            elif op in ("messages", "gap", "subscribed", "error"):
                self._followed(message)
            elif op == "refused":
                self.refused(message["error"])
            else:
                for_worker.append(message)
        if for_worker:
            self.worker.receive(for_worker)
        if answers:
            self._answered(answers)

    def _answered(self, messages: list[Message]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Answer, Message]]] = {}
        for number, message in [(number, answer) for answer in messages for number in _numbers(answer)]:
            future, _ = self._requests.pop(number, (None, None))
            if isinstance(future, asyncio.Future):
                by_loop.setdefault(future.get_loop(), []).append((future, message))
            elif future is not None and future.set_running_or_notify_cancel():
                _settle(future, message)
        for loop, answers in by_loop.items():
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle_all, answers)

    def _followed(self, message: Message) -> None:
        following = self._following.get(message.get("id", ""))
        if following is not None:
            following.heard(message)

    def refused(self, error: dict[str, str]) -> None:
        """The engine does not take a function; say it where somebody may look."""
        import warnings

        warnings.warn(f"the engine refused a function: {error['message']}", stacklevel=2)


def _numbers(answer: Message) -> list[int]:
    """The requests that it is for."""
    return answer["ids"] if "ids" in answer else [answer["id"]]


def _settle_all(answers: list[tuple[Answer, Message]]) -> None:
    for future, message in answers:
        if not future.done():
            _settle(future, message)


def _settle(future: Answer, message: Message) -> None:
    error = message.get("error")
    if error is None:
        future.set_result(message.get("result"))
    else:
        kind = getattr(errors, error["type"], errors.InngestError)
        details = {"errors": error["errors"]} if "errors" in error else {}
        future.set_exception(kind(error["message"], **details))
