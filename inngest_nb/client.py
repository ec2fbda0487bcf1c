"""The client: where functions are made, events sent, and runs, channels and history found."""

from __future__ import annotations

import contextvars
import datetime
import logging
import os
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pydantic

from inngest_nb.errors import FunctionConfigInvalidError, LinkError, ListingError
from inngest_nb.event import Event, as_events
from inngest_nb.function import Backoff, Function, Handler, Replay, Trigger
from inngest_nb.links import ENGINES, Link, expect, link_to, official_link
from inngest_nb.middleware import UninitializedMiddleware, checked, instances
from inngest_nb.options import (
    Batch,
    Cancel,
    Concurrency,
    Debounce,
    Options,
    Priority,
    RateLimit,
    Singleton,
    Throttle,
    Timeouts,
)
from inngest_nb.publishing import ClientRealtime
from inngest_nb.retention import Retention
from inngest_nb.run import ENDED, Run
from inngest_nb.serializers import Serializer
from inngest_nb.settings import CloudSettings, HasCloudSettings
from inngest_nb.times import to_us
from inngest_nb.triggers import TriggerCron, TriggerEvent
from inngest_nb.types import EmptySentinel, Logger
from inngest_nb.worker.hooks import around_send, refuse_async

if TYPE_CHECKING:
    from inngest_nb.history import History
    from inngest_nb.official import OfficialApp

T = TypeVar("T")
_DEFAULT_RETRIES = 4
_OPEN = ("queued", "running", "waiting")

#: Where it is set, every client uses this link whatever its own engine is: in tests.
link_in_use: contextvars.ContextVar[Link | None] = contextvars.ContextVar("inngest_nb_link", default=None)


class Inngest(HasCloudSettings):
    """One app on one engine.

    Args:
        app_id: prefix of the function ids.
        engine: "server" (the kernel's own Jupyter server), "embedded" (this process), "inngest" (a real Inngest server,
            through the official SDK), or "auto": the first of the first two that can be had. `INNGEST_NB_ENGINE`
            overrides "auto".
        data_dir: for the embedded engine; default `./.inngest_nb`; ":memory:" keeps nothing.
        retention: how much of the message log the embedded engine keeps; the first client of a data_dir decides.
        logger: what `ctx.logger` writes to.
        middleware: classes or factories, called with the client and None for every call and every send.
        serializer: for values with an `output_type`.
        api_base_url, app_version, env, event_api_base_url, event_key, is_production, request_timeout, signing_key: how the
            official client reaches Inngest's servers, with engine="inngest". They are kept as attributes of the same names;
            the other engines do not need them.
    """

    middleware: list[UninitializedMiddleware]

    def __init__(
        self,
        *,
        app_id: str,
        api_base_url: str | None = None,
        app_version: str | None = None,
        env: str | None = None,
        event_api_base_url: str | None = None,
        event_key: str | None = None,
        is_production: bool | None = None,
        logger: Logger | None = None,
        middleware: list[UninitializedMiddleware] | None = None,
        request_timeout: int | datetime.timedelta | None = None,
        serializer: Serializer | None = None,
        signing_key: str | None = None,
        engine: str = "auto",
        data_dir: str | Path | None = None,
        retention: Retention | None = None,
    ) -> None:
        if not isinstance(app_id, str) or not app_id:
            raise FunctionConfigInvalidError(f"app_id must be a non-empty string, not {app_id!r}")
        self.app_id = app_id
        self.engine = _checked_engine(os.environ.get("INNGEST_NB_ENGINE", "auto") if engine == "auto" else engine)
        self._data_dir, self._retention = data_dir, retention
        self.logger: Logger = logger or logging.getLogger("inngest_nb")
        self.middleware = checked(middleware, f"client {app_id!r}")
        self.serializer = serializer
        self.realtime = ClientRealtime(self)
        expect(self._link)
        self._cloud = CloudSettings.of(
            api_base_url=api_base_url, app_version=app_version, env=env, event_api_base_url=event_api_base_url,
            event_key=event_key, is_production=is_production, request_timeout=request_timeout, signing_key=signing_key,
        )  # fmt: skip

    def _link(self) -> Link:
        if self.engine == "inngest" and link_in_use.get() is None:
            return official_link(self.app_id, self._cloud, self._data_dir, self.serializer)
        return link_in_use.get() or link_to(self.engine, self._data_dir, self._retention)

    @property
    def official(self) -> OfficialApp:
        """The official SDK's client and functions, with engine="inngest": to serve them from a web application of yours.

        Raises:
            LinkError: this client has another engine, or the official SDK is not installed.
        """
        link = self._link()
        app: OfficialApp | None = getattr(link, "app", None)
        if app is None:
            raise LinkError(f'a client of engine="inngest" has official functions; this one has {link.kind!r}')
        return app

    def add_middleware(self, middleware: UninitializedMiddleware, *more: UninitializedMiddleware) -> None:
        """Add middleware after that of the client so far; calls and sends from now on use it."""
        self.middleware = [*self.middleware, *checked([middleware, *more], f"client {self.app_id!r}")]

    def set_logger(self, logger: Logger) -> None:
        """Replace what `ctx.logger` writes to."""
        self.logger = logger

    # -- functions -------------------------------------------------------------------------------

    def create_function(
        self,
        *,
        fn_id: str,
        trigger: Trigger | list[Trigger],
        batch_events: Batch | None = None,
        cancel: list[Cancel] | None = None,
        concurrency: list[Concurrency] | None = None,
        debounce: Debounce | None = None,
        idempotency: str | None = None,
        middleware: list[UninitializedMiddleware] | None = None,
        name: str | None = None,
        on_failure: Handler[Any] | None = None,
        output_type: object = EmptySentinel,
        priority: Priority | None = None,
        rate_limit: RateLimit | None = None,
        retries: int | None = None,
        singleton: Singleton | None = None,
        throttle: Throttle | None = None,
        timeouts: Timeouts | None = None,
        backoff: Backoff = None,
        replay: Replay = "on_resume",
    ) -> Callable[[Handler[T]], Function[T]]:
        """Make a durable function of the decorated handler, which takes one argument, `ctx`.

        Running the defining cell again replaces the function; runs under way go on with the new code.

        Args:
            fn_id: id within the app; the full id is "{app_id}-{fn_id}".
            trigger: what starts it, one or several.
            batch_events: collect events into one run.
            cancel: events that cancel a run.
            concurrency: how many steps may execute at a time.
            debounce: wait until events stop coming.
            idempotency: an expression; one run a day for each of its values.
            middleware: applied inside the client's.
            name: how views call it; default `fn_id`.
            on_failure: handler for the `inngest/function.failed` event of a run that failed.
            output_type: type of the result, where it is not JSON and the client has a serializer.
            priority: who goes first among runs that wait to execute.
            rate_limit: drop events over a limit.
            retries: attempts after the first, of each step and of the code between steps; 0 to 20, default 4.
            singleton: at most one run at a time.
            throttle: delay runs over a limit.
            timeouts: cancel runs that take too long.
            backoff: None is 1 s doubling to 30 s; "inngest" the production table; a number that many seconds.
            replay: "always" enters the body from the top after every step, as production does: code outside steps then
                runs as often as it will run there.

        Raises:
            FunctionConfigInvalidError: names the function and the field.
        """
        triggers = trigger if isinstance(trigger, list) else [trigger]
        if not triggers or not all(isinstance(item, (TriggerEvent, TriggerCron)) for item in triggers):
            raise FunctionConfigInvalidError(
                f"function {fn_id!r}: trigger must be a TriggerEvent, a TriggerCron or a list of them, not {trigger!r}; "
                "write TriggerEvent(event='app/name')"
            )
        options = _options(
            fn_id, batch_events=batch_events, cancel=cancel, concurrency=concurrency, debounce=debounce,
            idempotency=idempotency, priority=priority, rate_limit=rate_limit, singleton=singleton, throttle=throttle,
            timeouts=timeouts,
        )  # fmt: skip

        def decorate(handler: Handler[T]) -> Function[T]:
            function = Function(
                self, handler, fn_id=fn_id, triggers=triggers, name=name, options=options, middleware=middleware,
                retries=_DEFAULT_RETRIES if retries is None else retries, backoff=backoff, on_failure=on_failure,
                output_type=output_type, replay=replay,
            )  # fmt: skip
            function.register(self._link())
            return function

        return decorate

    # -- events ----------------------------------------------------------------------------------

    async def send(self, events: Event | list[Event], *, skip_middleware: bool = False) -> list[str]:
        """Send events; returns their internal ids once they are durable.

        Raises:
            EventInvalidError: one is refused, none was sent.
            JournalUnavailable: they could not be made durable.
        """
        listed = as_events(events)
        middleware = [] if skip_middleware else instances(self, [])
        return await around_send(middleware, listed, self._send) if middleware else await self._send(listed)

    async def _send(self, events: list[Event]) -> list[str]:
        ids: list[str] = await self._link().ask("send", _send_params(events))
        return ids

    def send_sync(self, events: Event | list[Event], *, skip_middleware: bool = False) -> list[str]:
        """As `send`, blocking."""
        listed = as_events(events)
        middleware = [] if skip_middleware else instances(self, [])
        if not middleware:
            return self._send_now(listed)
        refuse_async(middleware, "send_sync is not async")
        return _without_loop(around_send(middleware, listed, self._send_without_loop))

    def _send_now(self, events: list[Event]) -> list[str]:
        ids: list[str] = self._link().call("send", _send_params(events))
        return ids

    async def _send_without_loop(self, events: list[Event]) -> list[str]:
        return self._send_now(events)

    # -- runs ------------------------------------------------------------------------------------

    def _start(self, fn_id: str, event: dict[str, Any]) -> Run:
        link = self._link()
        return Run(link, link.call("start", {"fn_id": fn_id, "event": event, "key": uuid.uuid4().hex}))

    def run(self, run_id: str) -> Run:
        """The run with this id.

        Raises:
            RunNotFoundError: the engine does not know it.
        """
        link = self._link()
        return Run(link, link.call("run", {"run_id": run_id}))

    def runs(
        self,
        *,
        function: Function[Any] | str | None = None,
        status: str | None = None,
        event_id: str | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Runs, newest first; `function` is a Function, its local or its full id; `event_id` is an internal id.

        Raises:
            ListingError: there is no such status, or `limit` is no whole number.
        """
        _check_status(status, _OPEN + ENDED)
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise ListingError(f"limit must be a whole number, not {limit!r}")
        link = self._link()
        params = {"function": self._fn_id(function), "status": status, "event_id": event_id, "limit": limit}
        return [Run(link, state) for state in link.call("runs", params)]

    def cancel_runs(
        self,
        *,
        function: Function[Any] | str | None = None,
        status: str | None = None,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        if_exp: str | None = None,
    ) -> int:
        """Cancel all runs of this app that have not ended and that fit; returns how many, once that is durable.

        Args:
            function: a Function, its local or its full id; None for all.
            status: "queued", "running" or "waiting"; None for all three.
            since: when they were queued at the earliest.
            until: when they were queued, this time excluded.
            if_exp: a condition on `event`, the event that started a run.

        Raises:
            ExpressionError: `if_exp` is not an expression.
            ListingError: `status` is none of the three, or a time is no datetime.
        """
        _check_status(status, _OPEN)
        params = self._which(function, status, since, until) | {"if_exp": if_exp}
        cancelled: int = self._link().call("cancel_runs", params, timeout=None)
        return cancelled

    def replay(
        self,
        *,
        function: Function[Any] | str,
        status: str | None = "failed",
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
    ) -> list[Run]:
        """Run again, from the beginning, what has ended with this status (None: any) and was queued in that time.

        Rate limits and idempotency do not count for the new runs; they are returned oldest first.

        Raises:
            ListingError: `status` is not that of a run that has ended, or a time is no datetime.
        """
        _check_status(status, ENDED)
        link = self._link()
        states = link.call("replay", self._which(function, status, since, until), timeout=None)
        return [Run(link, state) for state in states]

    def _which(
        self,
        function: Function[Any] | str | None,
        status: str | None,
        since: datetime.datetime | None,
        until: datetime.datetime | None,
    ) -> dict[str, Any]:
        times = {"since": to_us(since, field="since"), "until": to_us(until, field="until")}
        return {"app_id": self.app_id, "function": self._fn_id(function), "status": status, **times}

    def _fn_id(self, function: Function[Any] | str | None) -> str | None:
        fn_id = function.id if isinstance(function, Function) else function
        if fn_id is not None and not isinstance(fn_id, str):
            raise ListingError(f"function must be a Function or the id of one, not {fn_id!r}")
        return fn_id if fn_id is None or fn_id.startswith(f"{self.app_id}-") else f"{self.app_id}-{fn_id}"

    @property
    def page(self) -> str:
        """The address of the page about the whole engine, for a browser: runs, questions, functions, events, channels.

        Raises:
            LinkError: the engine is not in a Jupyter server.
        """
        link = self._link()
        url = getattr(link, "url", None)
        if url is None:
            raise LinkError(
                f"there is no page without a Jupyter server ({link.describe()}); RunTable(client) shows the runs here"
            )
        return f"{url}inngest"

    @property
    def history(self) -> History:
        """Everything that happened, as DataFrames. A LinkError if the engine's files are on another machine."""
        from inngest_nb.history import History

        return History(self._link().readable_dir())

    def __repr__(self) -> str:
        return f"Inngest({self.app_id!r}, engine={self.engine!r})"


def _check_status(status: str | None, known: tuple[str, ...]) -> None:
    if status is not None and status not in known:
        raise ListingError(f"status must be one of {', '.join(known)}, not {status!r}")


def _checked_engine(engine: str) -> str:
    if engine not in ENGINES:
        raise LinkError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    return engine


def _options(fn_id: str, **options: Any) -> Options:
    try:
        return Options(**options)
    except pydantic.ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
        raise FunctionConfigInvalidError(f"function {fn_id!r}: {faults}") from None


def _send_params(events: list[Event]) -> dict[str, Any]:
    return {"events": [event.to_wire() for event in events], "key": uuid.uuid4().hex}


def _without_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing: there may be a running loop in this thread already."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("sync middleware cannot wait")
