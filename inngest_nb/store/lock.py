"""One engine per data directory: an OS lock, which a killed process gives back by dying."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import time
from pathlib import Path

from inngest_nb.errors import DataDirLocked, JournalUnavailable

_log = logging.getLogger(__name__)


class DataDirLock:
    """Holds `<data_dir>/engine.lock` while it is open; the file tells who holds it, and the id of the engine.

    Raises:
        DataDirLocked: another live process holds it; the message names it.
        JournalUnavailable: the directory cannot be written.
    """

    def __init__(self, data_dir: Path, holder: str, engine_id: str | None = None) -> None:
        self.path = data_dir / "engine.lock"
        self._fd = self._open()
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 4096, 0).decode(errors="replace")
            os.close(self._fd)
            raise DataDirLocked(_describe(data_dir, owner)) from None
        self._write(holder, engine_id)

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            message = (
                f"the data directory {self.path.parent} cannot be written ({exc.strerror}); "
                "choose another one with data_dir=… (or InngestApp.data_dir on the server)"
            )
            raise JournalUnavailable(message) from exc

    def _write(self, holder: str, engine_id: str | None) -> None:
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "holder": holder, "since": time.time()}
        text = json.dumps(owner | {"engine_id": engine_id})
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text.encode(), 0)
        except OSError as exc:  # a full disk: the lock itself holds without its text
            _log.warning("could not write %s: %s", self.path, exc.strerror)

    def release(self) -> None:
        """Give the directory back."""
        os.close(self._fd)


def held_by(data_dir: Path) -> str | None:
    """Return the id of the engine that has the directory or had it last; None if nobody says.

    Raises:
        FileNotFoundError: no engine has ever had it.
    """
    text = (data_dir / "engine.lock").read_text(errors="replace")
    try:
        engine_id: str | None = json.loads(text).get("engine_id")
    except (ValueError, AttributeError):
        return None
    return engine_id


def _describe(data_dir: Path, owner: str) -> str:
    try:
        told = json.loads(owner)
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["since"]))
        who = f"{told['holder']} (pid {told['pid']} on {told['host']}, since {since})"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return (
        f"the data directory {data_dir} is in use by {who}; one engine owns a data directory. "
        'Use that engine (engine="server" in its notebooks), stop it, or choose another data_dir'
    )
