"""The frames of the socket over a widget's comm, for pages that cannot reach the engine's server.

The page sends {"op": "subscribe" | "unsubscribe" | "request", "id", …}; it gets the frames of its subscriptions with
their id, and {"op": "response", "id", "status", "body"} for each request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from inngest_nb.widgets.source import Closer, ViewSource

__all__ = ["Relay"]

#: A page that was reloaded cannot unsubscribe, so the oldest subscriptions go when there are too many.
_MOST_SUBSCRIPTIONS = 64
_log = logging.getLogger(__name__)


class Relay:
    """Answers one widget's page; `send` takes a frame from any thread."""

    def __init__(self, source: ViewSource, send: Callable[[dict[str, Any]], None]) -> None:
        self._source, self._send = source, send
        self._closers: dict[str, Closer] = {}

    def receive(self, frame: Any) -> None:
        """Act on a frame of the page."""
        operation = frame.get("op") if isinstance(frame, dict) else None
        if operation == "subscribe":
            self._subscribe(frame)
        elif operation == "unsubscribe":
            self._unsubscribe(str(frame.get("id")))
        elif operation == "request":
            # The kernel's thread must stay free while the engine works on the answer.
            threading.Thread(target=self._request, args=(frame,), name="inngest-nb relay", daemon=True).start()

    def close(self) -> None:
        """Follow nothing more."""
        for id_ in list(self._closers):
            self._unsubscribe(id_)

    def _subscribe(self, frame: dict[str, Any]) -> None:
        id_ = str(frame.get("id"))
        self._unsubscribe(id_)
        while len(self._closers) >= _MOST_SUBSCRIPTIONS:
            self._unsubscribe(next(iter(self._closers)))
        try:
            self._send({"op": "subscribed", "id": id_, "channel": frame["channel"], **self._extent(frame["channel"])})
            self._closers[id_] = self._source.subscribe(
                frame["channel"],
                frame.get("topics"),
                frame.get("since", "now"),
                lambda messages: self._send(_messages(id_, messages)),
                lambda gap: self._send({**gap, "id": id_}),
            )
        except Exception as exc:  # noqa: BLE001  # whatever it is, the page must say so
            self._send({"op": "error", "id": id_, "error": _sentence(exc)})

    def _extent(self, channel: str) -> dict[str, int]:
        """Return which offsets there are; a page tells by it what was there before from what is new."""
        first, following = self._source.extent(channel)
        return {"first": first, "next": following}

    def _unsubscribe(self, id_: str) -> None:
        if close := self._closers.pop(id_, None):
            close()

    def _request(self, frame: dict[str, Any]) -> None:
        try:
            status, body = self._source.request(
                frame["method"], frame["path"], frame.get("body"), frame.get("headers") or {}
            )
        except Exception as exc:  # noqa: BLE001  # as above
            _log.debug("request of a view failed", exc_info=True)
            status, body = 503, {"error": _sentence(exc)}
        self._send({"op": "response", "id": frame.get("id"), "status": status, "body": body})


def _messages(id_: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"op": "messages", "id": id_, "messages": messages, "next": messages[-1]["offset"] + 1}


def _sentence(exc: Exception) -> str:
    return str(exc) or type(exc).__name__
