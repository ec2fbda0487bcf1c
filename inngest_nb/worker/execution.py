"""One run in one worker: what is remembered of it, and the conversation about what is new.

The rule of durability is in `Execution.step`: report, wait for the answer, and only then let the body go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from inngest_nb.errors import StepError
from inngest_nb.jsontext import loads
from inngest_nb.middleware import Output
from inngest_nb.protocol import Message, RunStart
from inngest_nb.realtime.refs import TopicRef, as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.realtime.streams import at_once, is_stream, send_stream
from inngest_nb.stephash import step_hash
from inngest_nb.worker.barrier import current_barrier, current_branch
from inngest_nb.worker.collisions import collides, earlier_memo
from inngest_nb.worker.context import CurrentStep, current_execution, current_step
from inngest_nb.worker.outcome import as_output, body_failure, failure, is_unwanted, outcome, step_error
from inngest_nb.worker.stillness import Stillness
from inngest_nb.worker.turns import OneByOne, Turns
from inngest_nb.worker.usage import check_call, duplicated, nested

if TYPE_CHECKING:
    from inngest_nb.middleware import StepMemos
    from inngest_nb.worker.hooks import Hooks
    from inngest_nb.worker.worker import Handler, Worker

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
        self._inflight: dict[str, str] = {}  # hash → id
        self._mail: dict[str, asyncio.Future[Message]] = {}
        self._early: dict[str, Message] = {}
        self._turns, self.ends = Turns(start["order"]), OneByOne(self.deliver, lambda: self._waits)
        self._memos = set(start["memos"]) | set(start["errors"])  # not used yet
        self._ahead = self._memos | set(start["waiting"])
        self.hooks: Hooks | None = None
        self.hydrated: StepMemos | None = None  # what middleware made of the memos
        self.stubs: Mapping[str, Call] = {}  # by step id, in tests
        self.unacknowledged: dict[str, Message] = {}
        self._waits = 0  # of the steps in flight, those that only wait
        self._turn: asyncio.Task[Message] | None = None
        self._told_idle: bool | None = False  # what the engine believes; None: what it was told may be out of date
        self.children: set[asyncio.Task[Any]] = set()  # steps that a sync body waits for
        self.still = Stillness(self)
        self.stopped = False
        self.task: asyncio.Task[None] | None = None

    @property
    def replaying(self) -> bool:
        """Whether the body still passes through code that had run before."""
        return bool(self._ahead)

    @property
    def is_idle(self) -> bool:
        """Whether nothing happens before the engine says something."""
        if self.task is not None and self.task.done():
            return True
        return self._only_waits() and not self.ends and not any(future.done() for future in self._mail.values())

    def _only_waits(self) -> bool:
        return 0 < self._waits == len(self._inflight)

    # -- the body ------------------------------------------------------------------------------

    def enter(self) -> None:
        """Start the body, in a context of its own: the one of now may be that of another run's step."""
        self.task = self.worker.loop.create_task(self._drive(), context=contextvars.Context())

    async def _drive(self) -> None:
        current_execution.set(self)
        try:
            output = as_output(await self.handler.call(self), f"function {self.fn_id!r}")
            self._report("run.done", {"output": output})
        except asyncio.CancelledError:
            if not self.stopped and asyncio.current_task() is self.task:  # neither given up nor entered anew
                error = RuntimeError("the body was cancelled from inside (asyncio.CancelledError)")
                self._report("run.error", body_failure(error, self.attempt))
        except BaseException as exc:  # noqa: BLE001  # whatever user code raises is an outcome, SystemExit too
            self._report("run.error", body_failure(exc, self.attempt))

    def _report(self, op: str, body: Message) -> None:
        if self.stopped:
            return  # nobody asks any more
        message = self.unacknowledged["run"] = {"op": op, "run_id": self.run_id, "lease": self.lease, **body}
        self.worker.post_soon(message)

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
        for waiting in (*self._mail.values(), *self.children):
            waiting.cancel()
        if self.hooks is not None:
            self.worker.loop.create_task(self._give_up(self.hooks))

    async def _give_up(self, hooks: Hooks) -> None:
        try:
            await hooks.give_up()
        except Exception:
            logging.getLogger("inngest_nb").exception("middleware failed when run %s was given up", self.run_id)

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
        self._inflight[step] = step_id
        barrier = None
        try:
            if step in self._memos:
                return await self._recall(step)
            call = self.stubs.get(step_id, call)
            if (barrier := current_barrier.get()) is not None:
                barrier.begin()
            attempt = await self._first_attempt(step) if step in self.start["retrying"] else 0
            head = {"op": "step.done", "run_id": self.run_id, "lease": self.lease, "hash": step, "step_id": step_id}
            about = {**head, "index": index, "kind": kind, **(about or {})}
            while True:
                message = await self._attempt(call, about, attempt)
                if publish is not None and "output" in message:
                    message["publish"] = publish
                ask = self._ask if "output" in message else self._ask_patiently
                reply = await ask(step, message)
                if reply["op"] == "step.saved":
                    return await self._new(step, message["output"], foreign=False)
                if reply["op"] == "step.failed":
                    raise self._failed(step, reply["error"])
                attempt = reply["attempt"]
        finally:
            self._inflight.pop(step, None)
            self._look_idle()
            if barrier is not None:
                await barrier.end()

    async def wait(self, step_id: str, kind: str, body: Message) -> Any:
        """Register a wait and return its memo when it is over. `body["wake_at"]` is absolute."""
        if step_id in self.stubs:
            return await self.step(step_id, kind, self.stubs[step_id])
        step, index = self._identify(step_id)
        self._inflight[step] = step_id
        try:
            if step in self._memos:
                return await self._recall(step)
            remembered = step in self.start["waiting"]
            self._ahead.discard(step)
            message = {
                "op": "step.wait", "run_id": self.run_id, "lease": self.lease, "hash": step, "step_id": step_id, "index": index,
                "kind": kind, "started_at": self.worker.clock.now(), **body,
            }  # fmt: skip
            if remembered:  # the engine knows the wait: it answers if it is over already, and lets it stand if not
                message["again"] = True
            self.still.met()
            with self._patiently():
                reply = await self._ask_until_dropped(step, message)
            self.attempt = 0
            if reply["op"] == "step.failed":
                raise self._failed(step, reply["error"])
            return await self._new(step, reply["memo"], foreign=kind != "sleep")
        finally:
            self._inflight.pop(step, None)
            self._look_idle()

    async def _ask_until_dropped(self, step: str, message: Message) -> Message:
        try:
            return await self._ask(step, message)
        except asyncio.CancelledError:
            if not self.stopped and self.unacknowledged.pop(step, None) is not None:
                self.worker.post_soon({**message, "op": "step.drop"})  # it shall not take an event any more
            raise

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
        if not self.stopped and self._only_waits() and self._told_idle is not True:
            self._told_idle = True
            only = {"waits": 1} if self._waits == 1 and self.still.is_perfect() else {}
            self.worker.post_soon({"op": "run.idle", "run_id": self.run_id, "lease": self.lease, **only})
            if self.handler.is_handler_async:  # a thread that waits cannot be let go
                self.worker.loop.call_later(self.worker.park_after_s, self._offer_park, self._waits)

    def _offer_park(self, waits: int) -> None:
        """The body has only waited for a while: offer to forget it, as its memos can bring it back."""
        if self._told_idle is True and self._waits == waits and not self.stopped:
            self.worker.post_soon({"op": "run.park", "run_id": self.run_id, "lease": self.lease, "waits": waits})

    async def _be_busy(self) -> None:
        """Say that the body executes again; where concurrency is limited, wait for the run's turn."""
        if self._told_idle is not False:
            self._told_idle = False
            message = {"op": "run.busy", "run_id": self.run_id, "lease": self.lease}
            if not self.start["limited"]:
                self.worker.post_soon(message)
            elif self._turn is None or self._turn.done():
                self._turn = self.worker.loop.create_task(self._ask(_TURN, {**message, "hash": _TURN}))
        if self._turn is not None:
            await asyncio.shield(self._turn)

    def _identify(self, step_id: str) -> tuple[str, int]:
        if self.stopped:
            raise asyncio.CancelledError  # a branch has outlived its body
        check_call(step_id, self.fn_id, self.worker.loop)
        outer = current_step.get()
        if outer is not None:
            raise nested(step_id, outer.step_id, self.fn_id)
        branch = current_branch.get()
        if branch is not None:
            branch.meets_step()
        first = branch is not None and branch.steps == 1  # branches are entered in order, now and after a restart
        if not first and self._counts.get(step_id) and step_id in self._inflight.values():
            raise duplicated(step_id, self.fn_id)
        repeat = self._counts.get(step_id, 0)
        self._order += 1
        step = step_hash(step_id, repeat)
        if collides(self._counts, step_id, repeat):
            self._memos.add(step)
        self._counts[step_id] = repeat + 1
        return step, self._order - 1

    async def _recall(self, step: str) -> Any:
        """Use a memo."""
        await self._turns.mine(step)
        self._ahead.discard(step)
        self._memos.discard(step)
        if self.hooks is not None and not self._memos:
            await self.hooks.before_execution()
        output = self.hydrated.pop(step) if self.hydrated is not None else None
        if isinstance(output, Output):
            if output.error is not None:
                raise StepError(output.error.message, output.error.name, output.error.stack)
            return output.data
        if (error := self.start["errors"].get(step)) is not None:
            raise step_error(cast("dict[str, Any]", error))
        memo = self.start["memos"].get(step)
        return loads(await earlier_memo(self.worker, self.run_id, step) if memo is None else memo)

    async def _new(self, step: str, memo: str, *, foreign: bool) -> Any:
        """A memo that has just been kept."""
        self.attempt = 0
        value = loads(memo)
        return value if self.hooks is None else await self.hooks.remembered(step, value, foreign=foreign)

    def _failed(self, step: str, error: dict[str, Any]) -> StepError:
        """What the body gets for a step that has used up its attempts."""
        return step_error(error)

    async def _first_attempt(self, step: str) -> int:
        with self._patiently():
            return int((await self._receive(step))["attempt"])

    async def _attempt(self, call: Call, about: Message, attempt: int) -> Message:
        """Execute once and say how it went."""
        if self._told_idle is not False or self._turn is not None:
            await self._be_busy()
        message: Message = {**about, "attempt": attempt, "started_at": self.worker.clock.now()}
        self.worker.announcer.began(message)
        token = current_step.set(CurrentStep(about["hash"], about["step_id"], attempt))
        try:
            executed = self.hooks.around_step(message, lambda: outcome(call)) if self.hooks else outcome(call)
            message["output"] = as_output(await executed, repr(about["step_id"]))
        except asyncio.CancelledError:
            if self.stopped:
                raise
            if is_unwanted():  # no outcome: after a restart it is executed again, as one that a crash has cut off
                self.worker.post_soon({**message, "op": "step.drop"})
                raise
            message |= failure(RuntimeError("the step was cancelled from inside (asyncio.CancelledError)"))
        except (Exception, SystemExit, KeyboardInterrupt) as exc:  # noqa: BLE001  # whatever user code raises is an outcome
            message |= failure(exc)
        finally:
            current_step.reset(token)
            self.worker.announcer.ended(message)
        message["ended_at"] = self.worker.clock.now()
        return message

    # -- the conversation ----------------------------------------------------------------------

    async def _ask(self, step: str, message: Message) -> Message:
        self.unacknowledged[step] = message
        self.worker.post_soon(message)
        reply = await self._receive(step)
        while reply["op"] == "step.again" and reply["attempt"] <= message["attempt"]:
            self._told_idle = None  # a repeated offer, taken already: the engine takes it for a reason to go on
            self._look_idle()
            reply = await self._receive(step)
        self.unacknowledged.pop(step, None)
        return reply

    async def _ask_patiently(self, step: str, message: Message) -> Message:
        with self._patiently():
            return await self._ask(step, message)

    async def _receive(self, step: str) -> Message:
        early = self._early.pop(step, None)
        if early is not None:
            return early
        if self.stopped:
            raise asyncio.CancelledError  # nobody will answer
        future: asyncio.Future[Message] = self.worker.loop.create_future()
        self._mail[step] = future
        try:
            reply = await future
        finally:
            self._mail.pop(step, None)
        self._ahead.clear()  # the body has met something new; memos that are left belong to steps that are gone
        return reply

    def deliver(self, message: Message) -> None:
        """The engine answered."""
        future = self._mail.get(message["hash"])
        if future is None or future.done():
            self._early[message["hash"]] = message
            self._told_idle = None  # the engine takes it for a reason to go on
            self._look_idle()
        else:
            future.set_result(message)

    # -- publishing ----------------------------------------------------------------------------

    async def publish(self, ref: Any, data: Any) -> Any:
        """Validate and send, with a turn for other tasks: a tight loop of publishes must not hold the worker."""
        publication = as_publication(ref, data)
        if is_stream(publication.data):
            return await send_stream(lambda text, about: self._say(publication.ref, text, about), *publication)
        return await self._say(publication.ref, validate(*publication))

    async def _say(self, ref: TopicRef[Any], text: str, about: dict[str, str] | None = None) -> Any:
        value = self._post(ref, text, about)
        await self.worker.breathe()
        return value

    def publish_now(self, ref: Any, data: Any) -> Any:
        """Validate and send from any thread."""
        publication = at_once(as_publication(ref, data))
        return self._post(publication.ref, validate(*publication))

    def _post(self, ref: TopicRef[Any], text: str, about: dict[str, str] | None = None) -> Any:
        step = current_step.get()
        if step is None and self.replaying:
            return loads(text)
        message: Message = {
            "op": "publish", "channel": ref.channel, "topic": ref.topic, "data": text, **(about or {}),
            "run_id": self.run_id, "fn_id": self.fn_id, "created_at": self.worker.clock.now(),
        }  # fmt: skip
        if step is not None:
            message |= {"step_id": step.step_id, "attempt": step.attempt, "hash": step.hash}
        self.worker.post(message)
        return loads(text)
