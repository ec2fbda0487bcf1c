"""The limit of sockets: bare tornado sends one message per frame to everybody, nothing is kept. Prints its port, ends with its input."""

from __future__ import annotations

import asyncio
import sys

import orjson
from tornado.web import Application
from tornado.websocket import WebSocketHandler

_everybody: set[Everybody] = set()


class Everybody(WebSocketHandler):
    """Who says a number makes so many messages go to all."""

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        _everybody.add(self)

    async def on_message(self, message: str | bytes) -> None:
        for n in range(int(message)):
            text = orjson.dumps({
                "kind": "data", "channel": "feed", "topic": "n", "data": {"token": "hello", "n": n},
                "created_at": "2026-11-21T10:02:27.001243Z", "run_id": "01M7YRTEGW0GFZNEWKZD2R39TP",
            }).decode()  # fmt: skip
            for one in _everybody:
                one.write_message(text)
            if n % 20 == 0:
                await asyncio.sleep(0)


async def main() -> None:
    server = Application([("/ws", Everybody)]).listen(0, "127.0.0.1")
    print(next(iter(server._sockets.values())).getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
