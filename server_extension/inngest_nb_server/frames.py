"""Many small WebSocket frames with one write: a system call, a task and a future for each cost more than the messages."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol13

_TEXT = 0x81  # the only frame of a message, and text


async def write_texts(socket: WebSocketHandler, texts: Sequence[bytes]) -> None:
    """Send each text in a frame of its own; returns when the peer has taken them.

    Raises:
        WebSocketClosedError, StreamClosedError: the connection has ended.
    """
    connection = socket.ws_connection
    if connection is None or connection.is_closing():
        raise WebSocketClosedError
    if (
        len(texts) == 1
        or not isinstance(connection, WebSocketProtocol13)
        or socket.get_compression_options() is not None
    ):
        for text in texts:
            await socket.write_message(text)
        return
    await connection.stream.write(b"".join([part for text in texts for part in (_head(len(text)), text)]))


def _head(length: int) -> bytes:
    if length < 126:
        return bytes((_TEXT, length))
    if length <= 0xFFFF:
        return struct.pack("!BBH", _TEXT, 126, length)
    return struct.pack("!BBQ", _TEXT, 127, length)
