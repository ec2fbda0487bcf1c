"""What talks to the server in these tests: requests, browser sockets, and a worker played by hand."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.websocket import WebSocketClientConnection, websocket_connect

from inngest_nb.protocol import SUBPROTOCOL, Message
from tests.engine.peer import until

LIMIT_S = 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: HTTPHeaders
    raw: bytes = b""


class Client:
    """Sends requests under the server's base_url, by default with its token."""

    def __init__(self, http: AsyncHTTPClient, address: str, base_url: str, token: str) -> None:
        self._http, self._address, self._base_url = http, address, base_url
        self.token = token
        self.credential = {"Authorization": f"token {token}"}
        self._sockets: list[Socket] = []

    def url(self, path: str) -> str:
        """The whole URL of one of our routes; of any other with a slash in front."""
        below = path[1:] if path.startswith("/") else f"inngest/api/{path}"
        return f"http://{self._address}{self._base_url}{below}"

    async def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; `headers` replace the credential. Error answers are answers."""
        sent = dict(self.credential if headers is None else headers)
        request = HTTPRequest(self.url(path), method, sent, body, follow_redirects=False, request_timeout=LIMIT_S)
        response = await self._http.fetch(request, raise_error=False)
        is_json = bool(response.body) and "json" in response.headers.get("Content-Type", "")
        body = orjson.loads(response.body) if is_json else response.body
        return Answer(status=response.code, body=body, headers=response.headers, raw=response.body)

    async def log_in(self) -> dict[str, str]:
        """The cookies of a browser that has opened the server with its token; the XSRF token is one of them."""
        form = await self.request("GET", "/login", headers={})
        page = await self.request("GET", "/api/me")
        cookies: dict[str, str] = {}
        for line in (*form.headers.get_list("Set-Cookie"), *page.headers.get_list("Set-Cookie")):
            name, _, value = line.partition(";")[0].partition("=")
            cookies[name] = value
        return cookies

    async def get(self, path: str) -> Any:
        """The body of a successful GET."""
        answer = await self.request("GET", path)
        assert answer.status == 200, answer
        return answer.body

    async def post(self, path: str, value: Any = None, **headers: str) -> Answer:
        """POST a JSON value."""
        return await self.request("POST", path, orjson.dumps(value), {**self.credential, **headers})

    async def send(self, *events: dict[str, Any], **headers: str) -> list[str]:
        """POST events; their ids."""
        answer = await self.post("events", list(events), **headers)
        assert answer.status == 200, answer
        ids: list[str] = answer.body["ids"]
        return ids

    async def open(
        self, path: str, headers: Mapping[str, str] | None = None, subprotocols: list[str] | None = None
    ) -> Socket:
        """A WebSocket; raises HTTPClientError when it is refused."""
        url = self.url(path).replace("http", "ws", 1)
        request = HTTPRequest(url, headers=dict(self.credential if headers is None else headers))
        socket = Socket(await websocket_connect(request, subprotocols=subprotocols, max_message_size=2**26))
        self._sockets.append(socket)
        return socket

    async def close(self) -> None:
        """Close every socket, and wait until it is closed: one that is collected later disturbs another test."""
        for socket in self._sockets:
            socket.close()
        await until(lambda: all(not s.stream or s.stream.closed() for s in self._sockets), "the end of the sockets")

    async def refused(self, path: str, headers: Mapping[str, str] | None = None) -> int:
        """The status with which a WebSocket is refused."""
        try:
            socket = await self.open(path, headers)
        except HTTPClientError as exc:
            return exc.code
        socket.close()
        return 101


class Socket:
    """A WebSocket of JSON objects, one or several per frame."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        assert connection.protocol is not None
        self.connection, self.stream = connection, connection.protocol.stream  # it outlives `connection.close()`
        self._heard: list[Message] = []

    async def say(self, message: Any) -> None:
        """Send JSON."""
        await self.connection.write_message(orjson.dumps(message))

    async def hear(self, **fields: Any) -> Message:
        """Take the next message with these fields out of what was heard, waiting for it."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                for message in self._heard:
                    if all(message.get(name) == value for name, value in fields.items()):
                        self._heard.remove(message)
                        return message
                frame = await self.connection.read_message()
                assert frame is not None, (
                    f"closed ({self.connection.close_reason}) before {fields}; heard {self._heard}"
                )
                said = orjson.loads(frame)
                self._heard += said if isinstance(said, list) else [said]

    async def hear_data(self, subscription: str, count: int) -> list[Any]:
        """The data of the next `count` messages of a subscription."""
        messages = await self.hear_messages(subscription, count)
        return [message["data"] for message in messages]

    async def hear_messages(self, subscription: str, count: int) -> list[Message]:
        """The next `count` messages of a subscription; not one more."""
        messages: list[Message] = []
        while len(messages) < count:
            messages += (await self.hear(op="messages", id=subscription))["messages"]
        assert len(messages) == count
        return messages

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait until the server closes; its code and reason."""
        async with asyncio.timeout(LIMIT_S):
            while await self.connection.read_message() is not None:
                pass
        return self.connection.close_code, self.connection.close_reason

    def close(self) -> None:
        """Close from this side."""
        self.connection.close()


class WorkerSocket(Socket):
    """A kernel's connection, said and heard by hand."""

    async def hello(self, *functions: Any, worker_id: str = "w1", **more: Any) -> Message:
        """Introduce this worker; the engine's `ready`."""
        about = {"worker_id": worker_id, "live": {}, "functions": list(functions), **more}
        await self.say([{"op": "hello", **about}])
        return await self.hear(op="ready")

    async def report(self, run: Message, op: str, **fields: Any) -> None:
        """A report under the run's lease."""
        await self.say([{"op": op, "run_id": run["run_id"], "lease": run["lease"], **fields}])


async def worker(client: Client, *functions: Any, **hello: Any) -> WorkerSocket:
    """A connected worker that has these functions."""
    opened = await client.open("worker", subprotocols=[SUBPROTOCOL])
    socket = WorkerSocket(opened.connection)
    await socket.hello(*functions, **hello)
    return socket


def browser(cookies: Mapping[str, str], *, xsrf: bool = True) -> dict[str, str]:
    """The headers of a page that is logged in, with or without the proof that the request is its own."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {"Cookie": cookie} | ({"X-XSRFToken": cookies["_xsrf"]} if xsrf else {})
