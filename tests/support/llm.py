"""A language model that follows a script: an OpenAI-compatible endpoint over real HTTP, the same words every time.

As a fixture (`scripted_llm`) its replies are set by the test; as a program it serves one reply until its input ends:

    python -m tests.support.llm --port 0 --tokens "Hello , world" --rate 50 --log requests.jsonl

Every request appends a line to the log when it starts and one when it ends, so that what a killed kernel had called can
be counted afterwards.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

NAME = "scripted"
TOKENS = ("Durable", " functions", " remember", " what", " they", " did", ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one request gets.

    `rate` is tokens per second (None: as fast as they can be sent). `stall_after` and `cut_after` count tokens: a stalled
    reply goes on at `ScriptedModel.release()`, a cut one ends with its connection, as when the server is killed. A
    `status` other than 200 is answered as OpenAI answers errors, with `retry_after` seconds in the header.
    """

    tokens: tuple[str, ...] = TOKENS
    rate: float | None = None
    status: int = 200
    retry_after: float | None = None
    stall_after: int | None = None
    cut_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that was made: `outcome` is None while it runs, or if nobody lived to note its end."""

    number: int
    body: dict[str, Any]
    outcome: str | None = None  # "done", "error", "cut", "gone" (the client left)
    tokens_sent: int = 0


class ScriptedModel:
    """The endpoint; a context manager that serves from threads of its own."""

    def __init__(self, log: Path, *replies: Reply, port: int = 0) -> None:
        self.log = log
        self._replies = list(replies) or [Reply()]
        self._lock = threading.Lock()
        self._keys = (f"{prefix}.{number}" for prefix in [secrets.token_hex(4)] for number in itertools.count())
        self._go_on = threading.Event()
        self._server = _Server(("127.0.0.1", port), self)

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send an OpenAI client here."""
        return {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": "scripted", "OPENAI_MODEL": NAME}

    def script(self, *replies: Reply) -> None:
        """Set the replies to the coming requests; the last one repeats. They stall until the next release."""
        with self._lock:
            self._replies = list(replies)
            self._go_on.clear()

    def release(self) -> None:
        """Let stalled replies go on, present ones and later ones of this script."""
        self._go_on.set()

    def requests(self) -> list[Request]:
        """Return every request that the log knows, also of earlier servers on the same log."""
        return read_log(self.log)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="scripted-llm", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.closing.set()
        self._go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def start_request(self, body: dict[str, Any]) -> tuple[str, Reply]:
        """Note a request and take the next reply of the script."""
        with self._lock:
            key = next(self._keys)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        self._note({"key": key, "body": body})
        return key, reply

    def end_request(self, key: str, outcome: str, tokens_sent: int) -> None:
        """Note how a request ended."""
        self._note({"key": key, "outcome": outcome, "tokens_sent": tokens_sent})

    def wait_to_go_on(self) -> None:
        """Hold a stalled reply."""
        self._go_on.wait()

    def _note(self, line: dict[str, Any]) -> None:
        # One write on a descriptor opened for appending is never mixed with another's, and survives any kill.
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)


def read_log(log: Path) -> list[Request]:
    """Read the requests of a log, oldest first."""
    requests: dict[str, Request] = {}
    for text in log.read_text().splitlines() if log.exists() else ():
        line = json.loads(text)
        key = line.pop("key")
        requests[key] = replace(requests[key], **line) if key in requests else Request(number=len(requests), **line)
    return list(requests.values())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a held reply must not hold the end of a test

    def __init__(self, address: tuple[str, int], model: ScriptedModel) -> None:
        super().__init__(address, _Handler)
        self.model = model
        self.closing = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that left; they are in the log."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._send_json(200, {"object": "list", "data": [{"id": NAME, "object": "model"}]})
        else:
            self._send_error(404, f"Unknown request URL: GET {self.path}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path != "/v1/chat/completions":
            self._send_error(404, f"Unknown request URL: POST {self.path}")
            return
        model = self.server.model
        self.key, reply = model.start_request(body)
        self.sent = 0
        self.outcome: str | None = None
        try:
            self._answer(reply, streamed=bool(body.get("stream")))
        finally:
            if self.outcome is None:
                self._note("gone")

    def log_message(self, *arguments: object) -> None:
        """Keep the log of the tests free of access lines."""

    def _answer(self, reply: Reply, *, streamed: bool) -> None:
        if reply.status != 200:
            self._note("error")
            self._send_error(reply.status, f"Scripted error {reply.status}", reply.retry_after)
        elif streamed:
            self._stream(reply)
        else:
            text = "".join(self._paced(reply))
            self._note("done")
            message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self._send_json(200, {**_envelope("chat.completion"), "choices": [message]})

    def _stream(self, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for token in self._paced(reply):
            self._send_event(_chunk({"role": "assistant", "content": token}))
            self.sent += 1
        if reply.cut_after is not None:
            self._note("cut")
            self.close_connection = True  # in the middle of a chunked body: that is the cut
            return
        self._note("done")
        self._send_event(_chunk({}, finish_reason="stop"))
        self._send_chunk(b"data: [DONE]\n\n")
        self._send_chunk(b"")

    def _note(self, outcome: str) -> None:
        # Before the last bytes, so that a client that has seen the end finds it in the log.
        self.outcome = outcome
        self.server.model.end_request(self.key, outcome, self.sent)

    def _paced(self, reply: Reply) -> Iterator[str]:
        """Yield the tokens when their time comes, up to a cut, and hold where the script stalls."""
        started = time.monotonic()
        for position, token in enumerate(reply.tokens[: reply.cut_after]):
            if position == reply.stall_after:
                self.server.model.wait_to_go_on()
                started = time.monotonic() - (position / reply.rate if reply.rate else 0)
            if reply.rate:
                self.server.closing.wait(max(0, started + position / reply.rate - time.monotonic()))
            if self.server.closing.is_set():
                raise ConnectionAbortedError("The scripted model is closing.")
            yield token

    def _send_event(self, data: dict[str, Any]) -> None:
        self._send_chunk(b"data: " + json.dumps(data).encode() + b"\n\n")

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _send_error(self, status: int, message: str, retry_after: float | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._send_json(status, {"error": {"message": message, "type": "scripted", "code": None}}, headers)

    def _send_json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _envelope(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 0, "model": NAME}


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {**_envelope("chat.completion.chunk"), "choices": [choice]}


@pytest.fixture
def scripted_llm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedModel]:
    """Serve a scripted model to this process and to every process that it starts."""
    with ScriptedModel(tmp_path / "llm-requests.jsonl") as model:
        for name, value in model.environment.items():
            monkeypatch.setenv(name, value)
        yield model


def main() -> None:
    """Serve one reply to every request until standard input ends."""
    parser = argparse.ArgumentParser(description="A language model that follows a script.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", default="".join(TOKENS), help="the text; every space begins a token")
    parser.add_argument("--rate", type=float, help="tokens per second")
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--stall-after", type=int)
    parser.add_argument("--cut-after", type=int)
    parser.add_argument("--log", type=Path, default=Path("llm-requests.jsonl"))
    options = vars(parser.parse_args())
    port, log, text = (options.pop(name) for name in ("port", "log", "tokens"))
    with ScriptedModel(log, Reply(tokens=_split(text), **options), port=port) as model:
        print(model.base_url, flush=True)  # noqa: T201 - what the caller waits for
        sys.stdin.read()


def _split(text: str) -> tuple[str, ...]:
    first, *others = text.split(" ")
    return (first, *(f" {word}" for word in others))


if __name__ == "__main__":
    main()
