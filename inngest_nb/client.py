"""The client: where functions are made, events sent, and runs, channels and history found."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inngest_nb.errors import FunctionConfigInvalidError, LinkError
from inngest_nb.event import Event
from inngest_nb.function import Backoff, Function, Trigger
from inngest_nb.links import ENGINES, Link, link_to
from inngest_nb.publishing import ClientRealtime
from inngest_nb.run import Run
from inngest_nb.triggers import TriggerCron, TriggerEvent

if TYPE_CHECKING:
    from inngest_nb.history import History

_DEFAULT_RETRIES = 4


class Inngest:
    """One app on one engine.

    Args:
        app_id: prefix of the function ids.
        engine: "server" (the kernel's own Jupyter server), "embedded" (this process), or "auto": the first that can be
            had. `INNGEST_NB_ENGINE` overrides "auto".
        data_dir: for the embedded engine; default `./.inngest_nb`; ":memory:" keeps nothing.
        logger: what `ctx.logger` writes to.
    """

    def __init__(
        self,
        app_id: str,
        *,
        engine: str = "auto",
        data_dir: str | Path | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        if not isinstance(app_id, str) or not app_id:
            raise FunctionConfigInvalidError(f"app_id must be a non-empty string, not {app_id!r}")
        self.app_id = app_id
        self.engine = _checked_engine(os.environ.get("INNGEST_NB_ENGINE", "auto") if engine == "auto" else engine)
        self._data_dir = data_dir
        self.logger = logger or logging.getLogger("inngest_nb")
        self.realtime = ClientRealtime(self)

    def _link(self) -> Link:
        return link_to(self.engine, self._data_dir)

    # -- functions -------------------------------------------------------------------------------

    def create_function(
        self,
        *,
        fn_id: str,
        trigger: Trigger | list[Trigger],
        name: str | None = None,
        retries: int | None = None,
        on_failure: Callable[..., Any] | None = None,
        backoff: Backoff = None,
    ) -> Callable[[Callable[..., Any]], Function]:
        """Make a durable function of the decorated handler, which takes one argument, `ctx`.

        Running the defining cell again replaces the function; runs under way go on with the new code.

        Args:
            fn_id: id within the app; the full id is "{app_id}-{fn_id}".
            trigger: what starts it, one or several.
            retries: attempts after the first, of each step and of the code between steps; 0 to 20, default 4.
            on_failure: handler for the `inngest/function.failed` event of a run that failed.
            backoff: None is 1 s doubling to 30 s; "inngest" the production table; a number that many seconds.

        Raises:
            FunctionConfigInvalidError: names the function and the field.
        """
        triggers = trigger if isinstance(trigger, list) else [trigger]
        if not triggers or not all(isinstance(item, (TriggerEvent, TriggerCron)) for item in triggers):
            raise FunctionConfigInvalidError(
                f"function {fn_id!r}: trigger must be a TriggerEvent, a TriggerCron or a list of them, not {trigger!r}"
            )

        def decorate(handler: Callable[..., Any]) -> Function:
            function = Function(
                self, handler, fn_id=fn_id, triggers=triggers, name=name,
                retries=_DEFAULT_RETRIES if retries is None else retries, backoff=backoff, on_failure=on_failure,
            )  # fmt: skip
            worker = self._link().worker
            for item in (function, function.failure_function()):
                if item is not None:
                    worker.register(item.id, item)
            return function

        return decorate

    # -- events ----------------------------------------------------------------------------------

    async def send(self, events: Event | list[Event]) -> list[str]:
        """Send events; returns their internal ids once they are durable.

        Raises:
            EventInvalidError: one is refused, none was sent.
            JournalUnavailable: they could not be made durable.
        """
        ids: list[str] = await asyncio.wrap_future(self._link().request("send", _send_params(events)))
        return ids

    def send_sync(self, events: Event | list[Event]) -> list[str]:
        """As `send`, blocking."""
        ids: list[str] = self._link().call("send", _send_params(events))
        return ids

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
        function: Function | str | None = None,
        status: str | None = None,
        event_id: str | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Runs, newest first; `function` is a Function, its local or its full id; `event_id` is an internal id."""
        link = self._link()
        fn_id = function.id if isinstance(function, Function) else function
        if fn_id is not None and not fn_id.startswith(f"{self.app_id}-"):
            fn_id = f"{self.app_id}-{fn_id}"
        states = link.call("runs", {"function": fn_id, "status": status, "event_id": event_id, "limit": limit})
        return [Run(link, state) for state in states]

    @property
    def history(self) -> History:
        """Everything that happened, as DataFrames."""
        from inngest_nb.history import History

        return History(self._link().data_dir)

    def __repr__(self) -> str:
        return f"Inngest({self.app_id!r}, engine={self.engine!r})"


def _checked_engine(engine: str) -> str:
    if engine not in ENGINES:
        raise LinkError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "inngest":
        raise LinkError(
            'engine="inngest" (a real Inngest server) is not available in this version; use "server", "embedded" or "auto"'
        )
    return engine


def _send_params(events: Event | list[Event]) -> dict[str, Any]:
    listed = events if isinstance(events, list) else [events]
    for event in listed:
        if not isinstance(event, Event):
            raise TypeError(f"send takes Event objects, not {event!r}; write Event(name=…, data=…)")
    return {"events": [event.to_wire() for event in listed], "key": uuid.uuid4().hex}
