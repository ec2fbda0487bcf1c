"""The functions that a hook was given: whatever they raise, the hook goes on."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

from inngest_nb.realtime.callbacks import check_callbacks
from inngest_nb.realtime.messages import Message

__all__ = ["Callbacks"]

_log = logging.getLogger("inngest_nb")


class Callbacks:
    """Called on the loop of the hook; each may be async.

    Raises:
        ChannelError: one of them is no function.
    """

    def __init__(
        self, on_message: Callable[[Message], Any] | None, on_error: Callable[[Exception], Any] | None
    ) -> None:
        check_callbacks(on_message, on_error)
        self._on_message, self._on_error = on_message, on_error
        self._telling: set[asyncio.Future[Any]] = set()

    async def heard(self, message: Message) -> None:
        """Call `on_message`, and wait until it is done."""
        if self._on_message is None:
            return
        try:
            result = self._on_message(message)
            if inspect.isawaitable(result):
                await result
        except Exception as exc:  # noqa: BLE001  # a callback that fails is told of, and called again
            self.failed(exc)

    def failed(self, error: Exception) -> None:
        """Call `on_error`; without one it is logged."""
        if self._on_error is None:
            _log.warning("use_realtime: %s", error)
            return
        try:
            told = self._on_error(error)
        except Exception:  # noqa: BLE001  # a callback of the user's may raise anything
            _log.exception("on_error of use_realtime failed")
            return
        if inspect.isawaitable(told):
            telling = asyncio.ensure_future(told)
            self._telling.add(telling)  # a loop holds its tasks weakly
            telling.add_done_callback(self._telling.discard)
