"""Messages as subscribers of Inngest's own API get them: one JSON object each, fields in its order.

What Inngest does not have comes after its fields; its clients ignore fields and kinds that they do not know.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from inngest_nb.clock import to_iso
from inngest_nb.hub.log import Entry
from inngest_nb.realtime.tokens import ENV_ID

# As Go writes JSON: these may stand in texts only, so that the whole frame can be searched.
_ESCAPED = [(b"<", rb"\u003c"), (b">", rb"\u003e"), (b"&", rb"\u0026"), ("\u2028".encode(), rb"\u2028"), ("\u2029".encode(), rb"\u2029")]  # fmt: skip
_MARKS = ("datastream-start", "datastream-end")


def encoder(epoch: int, *, streams: bool = False) -> Callable[[Entry], bytes | None]:
    """The frames of a log; with `streams` also where streams begin and end, at which Inngest's own JavaScript client fails."""

    def frame(entry: Entry) -> bytes | None:
        kind, stream_id = entry.publish.kind, entry.publish.stream_id
        if kind == "raw":
            return str(orjson.loads(entry.publish.data)).encode()
        if kind in _MARKS and not streams:
            return None
        return _frame(entry, epoch, "chunk" if streams and kind == "data" and stream_id is not None else kind)

    return frame


def _frame(entry: Entry, epoch: int, kind: str) -> bytes:
    publish = entry.publish
    message: dict[str, object] = {"kind": kind}
    if kind == "chunk":
        message["stream_id"] = publish.stream_id
    message["data"] = orjson.Fragment(publish.data)
    if publish.metadata is not None:
        message["metadata"] = orjson.Fragment(publish.metadata)
    message["created_at"] = to_iso(publish.created_at)
    if publish.channel:
        message["channel"] = publish.channel
    message |= {"env_id": ENV_ID, "topic": publish.topic}
    for name in ("fn_id", "run_id", "step_id", "attempt"):
        if (value := getattr(publish, name)) is not None:
            message[name] = value
    message |= {"offset": entry.offset, "epoch": epoch}
    return escape(orjson.dumps(message))


def notice(kind: str, data: object, *, channel: str, created_at: int) -> bytes:
    """A frame of ours about a channel or a request, not a message."""
    about = {
        "kind": kind,
        "data": data,
        "created_at": to_iso(created_at),
        "channel": channel,
        "env_id": ENV_ID,
        "topic": "",
    }
    return escape(orjson.dumps({name: value for name, value in about.items() if name != "channel" or channel}))


def escape(frame: bytes) -> bytes:
    """JSON in Go's spelling."""
    for plain, escaped in _ESCAPED:
        if plain in frame:
            frame = frame.replace(plain, escaped)
    return frame
