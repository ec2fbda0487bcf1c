"""Callbacks of a subscription: one message after the other, never on the connection's thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inngest_nb.errors import ChannelError, InngestError

if TYPE_CHECKING:
    from inngest_nb.realtime.subscription import Subscription

__all__ = ["check_callbacks", "deliver"]

_tasks: set[asyncio.Task[None]] = set()


def check_callbacks(on_message: object, on_error: object) -> None:
    """Refuse what cannot be called.

    Raises:
        ChannelError: one of them is given, and is no function.
    """
    for name, callback in (("on_message", on_message), ("on_error", on_error)):
        if callback is not None and not callable(callback):
            raise ChannelError(f"{name} must be a function, not {type(callback).__name__} {callback!r:.80}")


def deliver(subscription: Subscription, on_message: Callable[..., Any]) -> None:
    """Call back until the subscription is closed.

    An async callback runs on the event loop of the caller, if there is one. Everything else has a thread of its own, so
    that it is called even while a cell keeps the notebook's thread busy.
    """
    coroutine = _deliver(subscription, on_message)
    loop = asyncio._get_running_loop()  # noqa: SLF001  # the one that returns None
    if loop is not None and inspect.iscoroutinefunction(on_message):
        task = loop.create_task(coroutine)
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
    else:
        threading.Thread(target=asyncio.run, args=(coroutine,), name="inngest-nb subscriber", daemon=True).start()


async def _deliver(subscription: Subscription, on_message: Callable[..., Any]) -> None:
    try:
        async for message in subscription:
            if subscription.is_closed:
                return
            try:
                await _outcome(on_message(message))
            except Exception as exc:  # noqa: BLE001  # a callback that fails is told of, and called again
                await _outcome(subscription.report(exc))
    except InngestError as exc:
        await _outcome(subscription.report(exc))


async def _outcome(value: Any) -> None:
    if inspect.isawaitable(value):
        await value
