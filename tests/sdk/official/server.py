"""The HTTP side of an Inngest server, played by hand."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import inngest_nb as inngest
from inngest_nb.links.official import OfficialLink

RUN: dict[str, Any] = {
    "run_id": "01KA0000000000000000000000", "run_started_at": "2026-01-01T00:00:00Z", "function_id": "f", "function_version": 0,
    "environment_id": "e", "event_id": "01KA0000000000000000000001", "status": "Running", "ended_at": None, "output": None,
}  # fmt: skip


class InngestServer:
    """The HTTP side of a server: takes registrations, events and publishes, and knows the runs that a test gives it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.refusing: int | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def _serve(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(text) if text else None
                server.asked.append((self.command, self.path, body, {k.lower(): v for k, v in self.headers.items()}))
                status, answer = server.answer(self.command, self.path, body)
                said = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # http.server's names

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.refusing is not None:
            return self.refusing, {"error": "no", "status": self.refusing, "ids": []}
        if path.startswith("/e/"):
            return 200, {"ids": [f"01KA{n:022}" for n in range(len(body))], "status": 200}
        if path == "/fn/register":
            return 200, {"ok": True, "modified": True}
        if path == "/v1/realtime/token":
            return 201, {"jwt": "a.b.c"}
        if path.startswith("/v1/runs/"):
            run = self.runs.get(path.rpartition("/")[2])
            unknown = {"error": "Unable to load function run", "data": None, "status": 500}
            if run is not None and method == "DELETE":
                run |= {"status": "Cancelled", "output": {}}
            return (200, {"data": run, "metadata": {}} if run else unknown)
        if path.startswith("/v1/events/"):
            return 200, {"data": list(self.runs.values()), "metadata": {}}
        return 200, None

    def calls(self, path: str) -> list[Any]:
        """The bodies that came to a path."""
        return [body for _, asked, body, _ in self.asked if asked.partition("?")[0] == path]

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


def link_of(client: inngest.Inngest) -> OfficialLink:
    link = client._link()
    assert isinstance(link, OfficialLink)
    return link
