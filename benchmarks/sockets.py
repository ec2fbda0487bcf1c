"""Subscribers that cost next to nothing: raw sockets that count messages without parsing them, so that the server is what is measured."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Sequence

_MARK = b'"kind":"'  # once in every message, of ours and of others


class Subscribers:
    """WebSocket clients of one path; `wait` returns when every one has had so many messages."""

    def __init__(self, port: int, path: str, count: int, *, headers: Sequence[str] = (), say: bytes = b"") -> None:
        self._selector = selectors.DefaultSelector()
        self.sockets = [self._open(port, path, headers, say) for _ in range(count)]
        self.received = 0

    def _open(self, port: int, path: str, headers: Sequence[str], say: bytes) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = [
            f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", *headers,
        ]  # fmt: skip
        one.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += one.recv(1)
        if b" 101 " not in answer:
            raise OSError(answer.decode(errors="replace"))
        if say:
            self.say(one, say)
        self._selector.register(one, selectors.EVENT_READ, bytearray())
        return one

    @staticmethod
    def say(one: socket.socket, text: bytes) -> None:
        """One masked text frame."""
        length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        one.sendall(b"\x81" + length + bytes(4) + text)

    def wait(self, messages: int, within_s: float = 120.0) -> float:
        """Read until all have `messages` more each; the seconds since the first call to `begin`, or this one."""
        wanted, end = messages * len(self.sockets), time.monotonic() + within_s
        while self.received < wanted:
            for key, _ in self._selector.select(1.0):
                data = os.read(key.fd, 1 << 20)
                carry: bytearray = key.data
                carry += data
                self.received += carry.count(_MARK)
                del carry[: max(0, len(carry) - len(_MARK) + 1)]
            if time.monotonic() > end:
                raise TimeoutError(f"{self.received} of {wanted} messages")
        self.received -= wanted
        return time.perf_counter()

    def close(self) -> None:
        """Hang up."""
        for one in self.sockets:
            one.close()
        self._selector.close()
