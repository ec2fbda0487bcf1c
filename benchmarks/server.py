"""The same through a kernel's socket: a real Jupyter server, and this process as its kernel."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import report

_TOKEN = "bench"  # of a server that lives for this measurement
_READY_S = 30.0


@contextlib.contextmanager
def jupyter_server() -> Iterator[str]:
    """A Jupyter server with the extension; yields its URL."""
    with server_process("jupyter_server") as (url, _):
        yield url


@contextlib.contextmanager
def server_process(module: str) -> Iterator[tuple[str, int]]:
    """The same, started by a module; yields its URL and its process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="bench-server-") as home:
        dirs = {"HOME": home, "JUPYTER_RUNTIME_DIR": f"{home}/run", "JUPYTER_CONFIG_DIR": f"{home}/conf"}
        options = [f"--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root", f"--ServerApp.root_dir={home}"]
        command = [sys.executable, "-m", module, *options, f"--IdentityProvider.token={_TOKEN}"]
        with Path(home, "log").open("w") as log:
            process = subprocess.Popen(command, env={**os.environ, **dirs}, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}/"
            _await_ready(url)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(20)


def _await_ready(url: str) -> None:
    request = urllib.request.Request(f"{url}inngest/api/runs", headers={"Authorization": f"token {_TOKEN}"})
    end = time.monotonic() + _READY_S
    while True:
        try:
            urllib.request.urlopen(request, timeout=2).read()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def main() -> dict[str, Any]:
    """All figures through the socket."""
    with jupyter_server() as url:
        os.environ |= {"INNGEST_NB_URL": url, "INNGEST_NB_TOKEN": _TOKEN, "INNGEST_NB_ENGINE": "server"}
        import inngest_nb as nb
        from benchmarks import cases

        client = nb.Inngest(app_id="bench", engine="server")
        found = cases.run(client)
        nb.links.close_links()
        return found


if __name__ == "__main__":
    report(main())
