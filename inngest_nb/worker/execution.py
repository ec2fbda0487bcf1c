"""One run in one worker: what is remembered of it, and the conversation about what is new.

The rule of durability is in `Execution.step`: report, wait for the answer, and only then let the body go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import AsyncIterable, Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from inngest_nb.errors import (
    NonRetriableError,
    OutputUnserializableError,
    StepDuplicateError,
    StepError,
    StepNestedError,
)
from inngest_nb.event import event_from_text
from inngest_nb.jsontext import dumps, loads
from inngest_nb.protocol import MAX_OUTPUT_BYTES, Message, RunStart
from inngest_nb.realtime.refs import as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.stephash import step_hash
from inngest_nb.worker.barrier import current_barrier
from inngest_nb.worker.context import CurrentStep, current_execution, current_step
from inngest_nb.worker.outcome import failure, now_us, retry_after_ms
from inngest_nb.worker.tracebacks import describe

if TYPE_CHECKING:
    from inngest_nb.worker.worker import Handler, Worker

BEGIN_AFTER_S = 0.010
_TURN = "$turn"  # what the engine's leave to execute is addressed to
Call = Callable[[], Any]


class Execution:
    """Enters a body once and keeps it alive while it waits. Lives on the worker's loop."""

    def __init__(self, worker: Worker, handler: Handler, start: RunStart) -> None:
        self.worker, self.handler, self.start = worker, handler, start
        self.run_id, self.lease, self.fn_id = start["run_id"], start["lease"], start["fn_id"]
        self.attempt = start["attempt"]
        self._counts: dict[str, int] = {}
        self._order = 0
        self._inflight: set[str] = set()
        self._mail: dict[str, asyncio.Future[Message]] = {}
        self._early: dict[str, Message] = {}
        self._ahead = set(start["memos"]) | set(start["errors"]) | set(start["waiting"])
        self.unacknowledged: dict[str, Message] = {}
        self._waits = 0  # of the steps in flight, those that only wait
        self._turn: asyncio.Task[Message] | None = None
        self._told_idle: bool | None = False  # what the engine believes; None: what it was told may be out of date
        self.stopped = False
        self.task: asyncio.Task[None] | None = None

    @property
    def replaying(self) -> bool:
        """Whether the body still passes through code that had run before."""
        return bool(self._ahead)

    # -- the body ------------------------------------------------------------------------------

    def enter(self) -> None:
        """Start the body, in a context of its own: the one of now may be that of another run's step."""
        self.task = self.worker.loop.create_task(self._drive(), context=contextvars.Context())

    async def _drive(self) -> None:
        current_execution.set(self)
        try:
            output = _as_output(await self.handler.call(self), f"function {self.fn_id!r}")
            self._report("run.done", {"output": output})
        except asyncio.CancelledError:
            if not self.stopped:
                self._report(
                    "run.error",
                    self._run_error(RuntimeError("the body was cancelled from inside (asyncio.CancelledError)")),
                )
        except Exception as exc:  # noqa: BLE001  # whatever user code raises is an outcome
            self._report("run.error", self._run_error(exc))
        except BaseException as exc:  # noqa: BLE001  # SystemExit in a body must not end the worker
            self._report("run.error", self._run_error(exc))

    def _run_error(self, exc: BaseException) -> Message:
        retriable = not isinstance(
            exc, (NonRetriableError, StepError, StepDuplicateError, StepNestedError, OutputUnserializableError)
        )
        code = getattr(exc, "code", "unknown")
        error = {"code": code, **describe(exc)}
        if isinstance(exc, StepError):
            error |= {"name": exc.name, "message": exc.message, "stack": exc.stack or error["stack"]}
        return {"attempt": self.attempt, "error": error, "retriable": retriable, "retry_after_ms": retry_after_ms(exc)}

    def _report(self, op: str, body: Message) -> None:
        message = {"op": op, "run_id": self.run_id, "lease": self.lease, **body}
        self.unacknowledged["run"] = message
        self.worker.post(message)

    def resume(self) -> list[Message]:
        """After a reconnect: what was not answered, to be said again."""
        self._told_idle = None
        self._look_idle()
        return [{**message, "again": True} for message in self.unacknowledged.values()]

    def stop(self) -> None:
        """The engine has no use for this execution any more."""
        self.stopped = True
        if self.task is not None:
            self.task.cancel()
        for future in self._mail.values():
            future.cancel()

    # -- steps ---------------------------------------------------------------------------------

    async def step(
        self,
        step_id: str,
        kind: str,
        call: Call,
        *,
        about: Message | None = None,
        publish: dict[str, str] | None = None,
    ) -> Any:
        """Return what the step returned, now or in an earlier execution. `about` is recorded with each attempt.

        Raises:
            StepError: it used up its attempts; the original's name, message and stack.
        """
        step, index = self._identify(step_id)
        self._inflight.add(step_id)
        barrier = None
        try:
            known, value = self._recall(step)
            if known:
                return value
            if (barrier := current_barrier.get()) is not None:
                barrier.begin()
            attempt = await self._first_attempt(step)
            about = {"hash": step, "step_id": step_id, "index": index, "kind": kind, **(about or {})}
            while True:
                message = await self._attempt(call, {**about, "attempt": attempt})
                if publish is not None and "output" in message:
                    message["publish"] = publish
                with contextlib.nullcontext() if "output" in message else self._patiently():
                    reply = await self._ask(step, message)
                if reply["op"] == "step.saved":
                    self.attempt = 0
                    return loads(message["output"])
                if reply["op"] == "step.failed":
                    raise _step_error(reply["error"])
                attempt = reply["attempt"]
        finally:
            self._inflight.discard(step_id)
            self._look_idle()
            if barrier is not None:
                await barrier.end()

    async def wait(self, step_id: str, kind: str, body: Message) -> Any:
        """Register a wait and return its memo when it is over. `body["wake_at"]` is absolute."""
        step, index = self._identify(step_id)
        self._inflight.add(step_id)
        try:
            known, value = self._recall(step)
            if known:
                return value
            remembered = step in self._ahead
            self._ahead.discard(step)
            message = {
                "op": "step.wait", "run_id": self.run_id, "lease": self.lease, "hash": step, "step_id": step_id, "index": index,
                "kind": kind, "started_at": now_us(), **body,
            }  # fmt: skip
            if remembered:  # the engine knows the wait: it answers if it is over already, and lets it stand if not
                message["again"] = True
            with self._patiently():
                reply = await self._ask(step, message)
            self.attempt = 0
            if reply["op"] == "step.failed":
                raise _step_error(reply["error"])
            return loads(reply["memo"])
        finally:
            self._inflight.discard(step_id)
            self._look_idle()

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """The step in flight only waits, for what it was registered for or for its next attempt."""
        self._waits += 1
        self._look_idle()
        try:
            yield
        finally:
            self._waits -= 1
            self._told_idle = None

    def _look_idle(self) -> None:
        """Soon, that is when branches that start at the same time have begun their steps too."""
        if self._waits:
            self.worker.loop.call_soon(self._tell_idle)

    def _tell_idle(self) -> None:
        """Tell the engine when the body does nothing but wait: then the run counts as waiting, not as running."""
        if not self.stopped and self._waits and len(self._inflight) == self._waits and self._told_idle is not True:
            self._told_idle = True
            self.worker.post({"op": "run.idle", "run_id": self.run_id, "lease": self.lease})

    async def _be_busy(self) -> None:
        """Say that the body executes again; where concurrency is limited, wait for the run's turn."""
        if self._told_idle is not False:
            self._told_idle = False
            message = {"op": "run.busy", "run_id": self.run_id, "lease": self.lease}
            if not self.start["limited"]:
                self.worker.post(message)
            elif self._turn is None or self._turn.done():
                self._turn = self.worker.loop.create_task(self._ask(_TURN, {**message, "hash": _TURN}))
        if self._turn is not None:
            await asyncio.shield(self._turn)

    def _identify(self, step_id: str) -> tuple[str, int]:
        if not isinstance(step_id, str) or not step_id:
            raise TypeError(f"a step id is a non-empty string, not {step_id!r} (function {self.fn_id!r})")
        outer = current_step.get()
        if outer is not None:
            message = f"step {step_id!r} was called inside step {outer.step_id!r} of function {self.fn_id!r}. Nested steps are not supported: call it after that step, at the top level of the function"
            raise StepNestedError(message)
        if step_id in self._inflight:
            message = (
                f"two steps of function {self.fn_id!r} run at the same time with the id {step_id!r}; "
                "which result belongs to which could not be told after a restart. Give each its own id, for example with its index"
            )
            raise StepDuplicateError(message)
        repeat = self._counts.get(step_id, 0)
        self._counts[step_id] = repeat + 1
        self._order += 1
        return step_hash(step_id, repeat), self._order - 1

    def _recall(self, step: str) -> tuple[bool, Any]:
        memo = self.start["memos"].get(step)
        if memo is not None:
            self._ahead.discard(step)
            return True, loads(memo)
        error = self.start["errors"].get(step)
        if error is not None:
            self._ahead.discard(step)
            raise _step_error(cast("dict[str, Any]", error))
        return False, None

    async def _first_attempt(self, step: str) -> int:
        if step not in self.start["retrying"]:
            return 0
        with self._patiently():
            return int((await self._receive(step))["attempt"])

    async def _attempt(self, call: Call, about: Message) -> Message:
        """Execute once and say how it went."""
        await self._be_busy()
        message = {"op": "step.done", "run_id": self.run_id, "lease": self.lease, **about, "started_at": now_us()}
        announce = self.worker.loop.call_later(BEGIN_AFTER_S, self.worker.post, {**message, "op": "step.begin"})
        token = current_step.set(CurrentStep(about["hash"], about["step_id"], about["attempt"]))
        try:
            message["output"] = _as_output(await _outcome(call), repr(about["step_id"]))
        except asyncio.CancelledError:
            if self.stopped:
                raise
            message |= failure(RuntimeError("the step was cancelled from inside (asyncio.CancelledError)"))
        except Exception as exc:  # noqa: BLE001  # whatever user code raises is an outcome
            message |= failure(exc)
        finally:
            current_step.reset(token)
            announce.cancel()
        message["ended_at"] = now_us()
        return message

    # -- the conversation ----------------------------------------------------------------------

    async def _ask(self, step: str, message: Message) -> Message:
        self.unacknowledged[step] = message
        self.worker.post(message)
        reply = await self._receive(step)
        self.unacknowledged.pop(step, None)
        return reply

    async def _receive(self, step: str) -> Message:
        early = self._early.pop(step, None)
        if early is not None:
            return early
        future: asyncio.Future[Message] = self.worker.loop.create_future()
        self._mail[step] = future
        try:
            return await future
        finally:
            self._mail.pop(step, None)

    def deliver(self, message: Message) -> None:
        """The engine answered."""
        future = self._mail.get(message["hash"])
        if future is None:
            self._early[message["hash"]] = message
        elif not future.done():
            future.set_result(message)

    # -- publishing ----------------------------------------------------------------------------

    async def publish(self, ref: Any, data: Any) -> Any:
        """Validate and send; gives other tasks a turn, so that a tight loop of publishes does not hold the worker."""
        value = self.publish_now(ref, data)
        await self.worker.breathe()
        return value

    def publish_now(self, ref: Any, data: Any) -> Any:
        """Validate and send from any thread."""
        publication = as_publication(ref, data)
        text = validate(publication.ref, publication.data)
        step = current_step.get()
        if step is None and self.replaying:
            return loads(text)
        message: Message = {
            "op": "publish", "channel": publication.ref.channel, "topic": publication.ref.topic, "data": text,
            "run_id": self.run_id, "fn_id": self.fn_id, "created_at": now_us(),
        }  # fmt: skip
        if step is not None:
            message |= {"step_id": step.step_id, "attempt": step.attempt}
        self.worker.post(message)
        return loads(text)

    async def stream(self, ref: Any, chunks: AsyncIterable[Any], to: Callable[[Any], Any] | None) -> str:
        """Publish each piece and join their text."""
        pieces: list[str] = []
        async for chunk in chunks:
            data = chunk if to is None else to(chunk)
            await self.publish(ref, data)
            pieces.append(chunk if isinstance(chunk, str) else _text_of(data))
        return "".join(pieces)

    def events(self) -> list[Any]:
        """The events of the run as the handler sees them."""
        return [event_from_text(loads(text)) for text in self.start["events"]]


async def _outcome(call: Call) -> Any:
    value = call()
    return await value if inspect.isawaitable(value) else value


def _as_output(value: Any, what: str) -> str:
    try:
        text = dumps(value)
    except TypeError as exc:
        raise OutputUnserializableError(
            f"{what} returned unserializable data: {exc}. Return plain JSON values"
        ) from None
    if len(text) > MAX_OUTPUT_BYTES // 4 and (size := len(text.encode())) > MAX_OUTPUT_BYTES:
        raise OutputUnserializableError(
            f"{what} returned {size:,} bytes of JSON; at most {MAX_OUTPUT_BYTES:,} are kept. Return a path or a key instead"
        )
    return text


def _text_of(data: Any) -> str:
    from inngest_nb.realtime.messages import text_piece

    plain = data if isinstance(data, (str, dict)) else getattr(data, "__dict__", {})
    return text_piece(plain) or ""


def _step_error(error: dict[str, Any]) -> StepError:
    return StepError(error.get("message", ""), error.get("name", "Error"), error.get("stack"))
