"""A real Jupyter server with the extension, in a process of its own, with folders of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import matplotlib

BASE_URL = "/user/alice/"
TOKEN = "of-these-tests"
MODULES = {"lab": "jupyterlab", "notebook": "notebook", "server": "jupyter_server"}
CLASSES = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}
START_S = 60.0
STOP_S = 20.0
REPOSITORY = Path(__file__).parents[2]


class JupyterServer:
    """JupyterLab, Notebook or the bare server under a base URL and with a token; a context manager.

    `stop()` and `start()` restart it with the same address and files. `home` holds everything that Jupyter keeps of a
    user; `root` is where the notebooks are.
    """

    def __init__(
        self,
        folder: Path,
        *,
        app: str = "lab",
        base_url: str = BASE_URL,
        environment: dict[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.root, self.home, self.log = folder / "root", folder / "home", folder / "server.log"
        self.root.mkdir(parents=True)
        self.home.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{base_url}"
        self._base_url = base_url
        self._app, self._arguments = app, arguments
        self._environment = _environment(self.home) | (environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """Where the extension keeps its files."""
        return self.root / ".inngest_nb"

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [
            sys.executable, "-m", MODULES[self._app], "--no-browser", "--allow-root",
            f"--port={self.port}", "--ServerApp.port_retries=0", f"--ServerApp.base_url={self._base_url}",
            f"--ServerApp.root_dir={self.root}", f"--IdentityProvider.token={TOKEN}",
            *self._arguments,
        ]  # fmt: skip
        if self._app in CLASSES:
            command.append(f"--{CLASSES[self._app]}.expose_app_in_browser=True")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.root, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the Jupyter server did not start; its log:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        """End it as a terminal would, with its kernels."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def request(
        self, path: str, body: Any = None, *, method: str | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The JSON that a path under the base URL answers with."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        with urllib.request.urlopen(request, timeout=20) as response:
            text = response.read()
        return json.loads(text) if text else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            self.request("api")
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.05)
            return False
        return True


def _environment(home: Path) -> dict[str, str]:
    """A user without settings, history or other servers; of ours only what tests set."""
    ours = ("JPY_", "JUPYTER", "INNGEST_NB_", "OPENAI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    folders = {"HOME": home, "JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_DATA_DIR": home / "data"}
    folders |= {"JUPYTER_RUNTIME_DIR": home / "runtime", "IPYTHONDIR": home / "ipython"}
    # Looking through the fonts of the machine takes matplotlib several seconds; it may do that once.
    fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}
    path = f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'server_extension'}"
    return kept | {name: str(path) for name, path in folders.items()} | fonts | {"PYTHONPATH": path}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
