"""`ctx` of our functions over that of the official SDK: async and sync handlers have the same tools, awaited or not."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import inngest
from inngest.experimental import realtime

from inngest_nb.durations import Duration
from inngest_nb.errors import LinkError
from inngest_nb.event import Event
from inngest_nb.jsontext import loads
from inngest_nb.official.convert import asking_there, event_here, event_there, raising_there, span
from inngest_nb.realtime.refs import UNSET, TopicRef, as_publication
from inngest_nb.realtime.schemas import validate
from inngest_nb.realtime.streams import at_once, is_stream, send_stream
from inngest_nb.types import EmptySentinel
from inngest_nb.worker.barrier import ParallelMode
from inngest_nb.worker.context import Context, ContextSync
from inngest_nb.worker.streaming import stream_pieces

if TYPE_CHECKING:
    from inngest_nb.function import Function


def context_of(theirs: Any, client: inngest.Inngest, *, is_async: bool) -> Context | ContextSync:
    """What a handler of ours gets for one call of the SDK."""
    tools = OfficialStep(theirs.step, client, is_async=is_async)
    common: dict[str, Any] = {
        "attempt": theirs.attempt,
        "event": event_here(theirs.event),
        "events": [event_here(event) for event in theirs.events],
        "group": OfficialGroup(theirs.group),
        "job_id": theirs.job_id,
        "logger": theirs.logger,
        "request_id": theirs.request_id,
        "run_id": theirs.run_id,
        "step": tools,
    }
    return OfficialContext(**common) if is_async else OfficialContextSync(**common)


class OfficialContext(Context):
    """`ctx` of an async handler. What stands between steps runs once for each of them, publishing included."""

    async def publish(self, ref: Any, data: Any = UNSET) -> Any:
        """Publish at once; of an async iterator each piece."""
        publication = as_publication(ref, data)
        if is_stream(publication.data):
            return await send_stream(lambda text, about: self._piece(publication.ref, text, about), *publication)
        return await _tools(self).publish(publication)

    async def _piece(self, ref: TopicRef[Any], text: str, about: dict[str, str]) -> None:
        if "kind" not in about:  # where a stream begins and ends is not told there
            await _tools(self).publish(ref, loads(text))

    async def stream(self, ref: Any, chunks: AsyncIterable[Any], *, to: Callable[[Any], Any] | None = None) -> str:
        """Publish each piece and join their text."""
        return await stream_pieces(self.publish, ref, chunks, to)


class OfficialContextSync(ContextSync):
    """`ctx` of a sync handler."""

    def publish(self, ref: Any, data: Any = UNSET) -> Any:
        """Publish at once."""
        return _tools(self).publish(ref, data)


def _tools(ctx: Context | ContextSync) -> OfficialStep:
    tools = ctx.step
    assert isinstance(tools, OfficialStep)
    return tools


class OfficialGroup:
    """`ctx.group`."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs

    def parallel(self, callables: Sequence[Callable[[], Any]], parallel_mode: ParallelMode = ParallelMode.WAIT) -> Any:
        """Run branches in parallel."""
        mode = inngest.ParallelMode(parallel_mode.value)
        return asking_there(lambda: self._theirs.parallel(tuple(callables), parallel_mode=mode))


class OfficialStep:
    """`ctx.step`."""

    def __init__(self, theirs: Any, client: inngest.Inngest, *, is_async: bool) -> None:
        self._theirs, self._client, self._is_async = theirs, client, is_async
        self.ai = OfficialAI(self)
        self.realtime = OfficialRealtime(self)

    def run(
        self, step_id: str, handler: Callable[..., Any], *handler_args: Any, output_type: object = EmptySentinel
    ) -> Any:
        """Execute once."""
        typed = {} if output_type is EmptySentinel else {"output_type": output_type}
        called = raising_there(handler, is_async=inspect.iscoroutinefunction(handler))
        return asking_there(lambda: self._theirs.run(step_id, called, *handler_args, **typed))

    def sleep(self, step_id: str, duration: Duration) -> Any:
        """Wait for a time."""
        return asking_there(lambda: self._theirs.sleep(step_id, span(duration)))

    def sleep_until(self, step_id: str, until: datetime.datetime) -> Any:
        """Wait until a time."""
        return asking_there(lambda: self._theirs.sleep_until(step_id, until))

    def wait_for_event(
        self, step_id: str, *, event: str, timeout: Duration, if_exp: str | None = None, since: str | None = None
    ) -> Any:
        """Wait for an event; None after `timeout`."""
        if since is not None:
            raise _missing("since= of wait_for_event")
        return asking_there(
            lambda: self._theirs.wait_for_event(step_id, event=event, if_exp=if_exp, timeout=span(timeout)),
            lambda found: None if found is None else event_here(found),
        )

    def wait_for_any(self, *args: Any, **options: Any) -> Any:
        """Not on Inngest's servers."""
        raise _missing("wait_for_any")

    def request_approval(self, *args: Any, **options: Any) -> Any:
        """Not on Inngest's servers."""
        raise _missing("request_approval; publish the question and use wait_for_event, which does the same,")

    def invoke(
        self, step_id: str, *, function: Function[Any], data: Mapping[str, Any] | None = None,
        timeout: Duration | None = None, v: str | None = None,
    ) -> Any:  # fmt: skip
        """Run another function and return its output."""
        app_id = function.id.removesuffix(f"-{function.local_id}")
        return asking_there(
            lambda: self._invoke(step_id, app_id, function.local_id, data, timeout, v),
            lambda output: function.deserialize(output, function.output_type),
        )

    def invoke_by_id(
        self, step_id: str, *, function_id: str, app_id: str | None = None, data: Mapping[str, Any] | None = None,
        timeout: Duration | None = None, v: str | None = None,
    ) -> Any:  # fmt: skip
        """As `invoke`, by the function's id inside `app_id` (default: this app)."""
        return asking_there(lambda: self._invoke(step_id, app_id, function_id, data, timeout, v))

    def _invoke(
        self, step_id: str, app_id: str | None, function_id: str, data: Any, timeout: Duration | None, v: str | None
    ) -> Any:
        limit = None if timeout is None else span(timeout)
        return self._theirs.invoke_by_id(step_id, app_id=app_id, function_id=function_id, data=data, timeout=limit, v=v)

    def send_event(self, step_id: str, events: Event | list[Event]) -> Any:
        """Send events, once."""
        listed = [events] if isinstance(events, Event) else events
        sent = [event_there(event.to_wire()) for event in listed]
        return asking_there(lambda: self._theirs.send_event(step_id, sent))

    def publish(self, ref: Any, data: Any = UNSET) -> Any:
        """Publish at once; returns the data as subscribers see it."""
        publication = at_once(as_publication(ref, data))
        value = loads(validate(publication.ref, publication.data))
        call = realtime.publish if self._is_async else realtime.publish_sync
        channel, topic = publication.ref.channel, publication.ref.topic
        return asking_there(lambda: call(self._client, channel, topic, value), lambda _: value)


class OfficialRealtime:
    """`ctx.step.realtime`."""

    def __init__(self, step: OfficialStep) -> None:
        self._step = step

    def publish(self, step_id: str, ref: Any, data: Any = UNSET) -> Any:
        """Publish as a step of the run."""
        return self._step.run(step_id, lambda: self._step.publish(ref, data))


class OfficialAI:
    """`ctx.step.ai`."""

    def __init__(self, step: OfficialStep) -> None:
        self._step = step

    def infer(self, step_id: str, *, adapter: Any, body: dict[str, Any]) -> Any:
        """Let the server ask a provider."""
        return asking_there(lambda: self._step._theirs.ai.infer(step_id, adapter=adapter, body=body))  # noqa: SLF001  # its own pair

    def wrap(self, step_id: str, handler: Callable[..., Any], *handler_args: Any) -> Any:
        """As `OfficialStep.run`."""
        return self._step.run(step_id, handler, *handler_args)


def _missing(what: str) -> LinkError:
    return LinkError(f'{what} is not there with engine="inngest": the official SDK and its server do not have it')
