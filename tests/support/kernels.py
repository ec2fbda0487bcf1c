"""Real kernels under a real Jupyter server, and a client that runs cells in them.

    with KernelServer(tmp_path) as server:
        kernel = server.start_kernel()
        cell = kernel.run("1 + 1")                            # waits for the reply and for idle
        assert (cell.text, cell.error) == ("2", None)
        kernel.kill()                                         # -9; it is back with the same id and another pid

`server.kill()` and `server.start()` are a server that died and came back with the same address and files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
import urllib.error
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.support.jupyter import BASE_URL, REPOSITORY, TOKEN, JupyterServer

T = TypeVar("T")
LIMIT_S = 60.0
# A dead kernel is found after 0.2 s instead of 3 s, and started again however often it dies.
_QUICK_RESTART = tuple(
    f"--{restarter}.{option}"
    for restarter in ("KernelRestarter", "AsyncIOLoopKernelRestarter")
    for option in ("time_to_dead=0.2", "restart_limit=1000")
)


def until(condition: Callable[[], T], what: str, limit_s: float = LIMIT_S) -> T:
    """Ask until the answer is true; return it."""
    deadline = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {limit_s:g} s"
        time.sleep(0.02)
    return value


class KernelServer(JupyterServer):
    """A bare Jupyter server whose kernels the tests talk to; a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        base_url: str = BASE_URL,
    ) -> None:
        imports = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "server_extension")])
        environment = {"PYTHONPATH": imports} | (environment or {})
        super().__init__(
            folder, app="server", arguments=(*_QUICK_RESTART, *arguments), environment=environment, base_url=base_url
        )
        self._kernels: list[Kernel] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kernel client", daemon=True)
        self._thread.start()

    @property
    def leads_here(self) -> dict[str, str]:
        """The variables that lead a process outside of the server to it."""
        return {"INNGEST_NB_URL": self.url, "INNGEST_NB_TOKEN": TOKEN}

    def start_kernel(self) -> Kernel:
        """A kernel, connected."""
        kernel = Kernel(self, self.request("api/kernels", {"name": "python3"})["id"])
        self._kernels.append(kernel)
        kernel.connect()
        return kernel

    def kill(self) -> None:
        """End the server like kill -9; its kernels find that out themselves."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(LIMIT_S)
        self.process = None

    def __exit__(self, *about: Any) -> None:
        for kernel in self._kernels:
            kernel.disconnect()
        super().__exit__(*about)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)
        self._loop.close()

    def block(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the client's own loop; callers may have none, or one of their own."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(LIMIT_S * 2)


@dataclass(slots=True)
class Cell:
    """A cell that was sent: what it has printed so far, and how it ended."""

    msg_id: str
    text: str = ""
    error: str | None = None
    replied: bool = False
    idle: bool = False
    traceback: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether both the reply and idle have come."""
        return self.replied and self.idle


class Kernel:
    """One kernel, seen through the server."""

    def __init__(self, server: KernelServer, kernel_id: str) -> None:
        self._server, self.id = server, kernel_id
        self._cells: dict[str, Cell] = {}
        self._socket: WebSocketClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    def connect(self) -> None:
        """Open a new socket to it."""
        self._server.block(self._connect())

    async def _connect(self) -> None:
        url = f"{self._server.url.replace('http', 'ws', 1)}api/kernels/{self.id}/channels?token={TOKEN}"
        await self._close()
        self._socket = await websocket_connect(url)
        self._reader = asyncio.get_running_loop().create_task(self._read(self._socket))

    def disconnect(self) -> None:
        """Close the socket."""
        self._server.block(self._close())

    async def _close(self) -> None:
        if self._socket is not None and self._reader is not None:
            self._socket.close()
            await self._reader
        self._socket = None

    async def _read(self, connection: WebSocketClientConnection) -> None:
        while (frame := await connection.read_message()) is not None:
            message = json.loads(frame)
            cell = self._cells.get(message["parent_header"].get("msg_id", ""))
            if cell is not None:
                _take(cell, message["msg_type"], message["content"])

    # -- cells -----------------------------------------------------------------------------------

    def send(self, code: str) -> Cell:
        """Send a cell and return at once."""
        cell = Cell(uuid.uuid4().hex)
        self._cells[cell.msg_id] = cell
        header = {
            "msg_id": cell.msg_id,
            "msg_type": "execute_request",
            "username": "",
            "session": "tests",
            "date": "",
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = {
            "channel": "shell",
            "buffers": [],
            "parent_header": {},
            "metadata": {},
            "header": header,
            "content": content,
        }
        self._server.block(self._write(json.dumps(message)))
        return cell

    async def _write(self, frame: str) -> None:
        assert self._socket is not None
        await self._socket.write_message(frame)

    def wait(self, cell: Cell, limit_s: float = LIMIT_S) -> Cell:
        """Wait for the reply and for idle."""
        until(lambda: cell.done, f"the end of a cell (which printed {cell.text[-300:]!r})", limit_s)
        return cell

    def run(self, code: str, limit_s: float = LIMIT_S) -> Cell:
        """Execute a cell; an error is in the result."""
        return self.wait(self.send(code), limit_s)

    def value(self, code: str, limit_s: float = LIMIT_S) -> str:
        """Execute a cell that must not fail; what it printed and returned."""
        cell = self.run(code, limit_s)
        assert cell.error is None, "\n".join(cell.traceback)
        return cell.text.strip()

    # -- life ------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Of the kernel's process now."""
        return int(self.value("import os; print(os.getpid())"))

    def kill(self) -> None:
        """End it like kill -9 and wait until the server has started it again."""
        old = self.pid
        os.kill(old, signal.SIGKILL)
        until(lambda: self._new_pid() not in (None, old), "the restart of the killed kernel")

    def restart(self) -> None:
        """Restart it as the button in JupyterLab does."""
        old = self.pid
        self._server.request(f"api/kernels/{self.id}/restart", method="POST")
        until(lambda: self._new_pid() not in (None, old), "the restart of the kernel")

    def _new_pid(self) -> int | None:
        """A restarted kernel keeps its id: only the pid shows that it is another one. Ask on a fresh socket."""
        with contextlib.suppress(OSError, HTTPClientError, urllib.error.HTTPError, AssertionError):
            self.connect()
            return int(self.value("import os; print(os.getpid())", limit_s=2))
        return None

    def shutdown(self) -> None:
        """End it."""
        self.disconnect()
        self._server.request(f"api/kernels/{self.id}", method="DELETE")


def _take(cell: Cell, kind: str, content: dict[str, Any]) -> None:
    if kind == "stream":
        cell.text += content["text"]
    elif kind in ("execute_result", "display_data"):
        cell.text += content["data"].get("text/plain", "")
    elif kind == "error":
        cell.error, cell.traceback = f"{content['ename']}: {content['evalue']}", content["traceback"]
    elif kind == "execute_reply":
        cell.replied = True
    elif kind == "status" and content["execution_state"] == "idle":
        cell.idle = True
