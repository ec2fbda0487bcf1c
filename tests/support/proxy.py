"""A TCP proxy on loopback that cuts connections: after so many bytes, with FIN or RST, in pieces as small as one byte."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

Pair = tuple[asyncio.StreamWriter, asyncio.StreamWriter]


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to one connection; without arguments nothing."""

    cut_after: int | None = None  # bytes, both directions together
    with_reset: bool = False
    piece: int = 65536


class Proxy:
    """Listens on `port` and forwards to `target`; an async context manager. `plan` gives each connection its fault."""

    def __init__(self, target: int, *, seed: int, plan: Callable[[random.Random], Fault]) -> None:
        self._target, self._plan, self._rng = target, plan, random.Random(seed)
        self._open: set[Pair] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.cuts = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for pair in list(self._open):
            for end in pair:
                end.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        fault = self._plan(self._rng)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, up_writer)
        self._open.add(pair)
        pumps = [
            asyncio.create_task(self._pump(reader, up_writer, fault, pair)),
            asyncio.create_task(self._pump(up_reader, writer, fault, pair)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._open.discard(pair)
        for end in pair:
            end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault, pair: Pair) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(fault.piece):
                if fault.cut_after is not None:
                    fault.cut_after -= len(data)
                    if fault.cut_after < 0:
                        self._cut(pair, with_reset=fault.with_reset)
                        return
                writer.write(data)
                await writer.drain()

    def _cut(self, pair: Pair, *, with_reset: bool) -> None:
        self.cuts += 1
        for writer in pair:
            if with_reset:
                linger = struct.pack("ii", 1, 0)
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            else:
                writer.close()
