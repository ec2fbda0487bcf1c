"""The secret that signs tokens: 32 random bytes in a file of the data directory, readable by its owner only."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from inngest_nb.errors import JournalUnavailable

FILE_NAME = "token.key"
SECRET_BYTES = 32


class Secret:
    """Made when it is first needed. Deleting or replacing the file makes every token that it signed worthless at once."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME
        self._known: tuple[tuple[int, ...], bytes] | None = None

    def read(self) -> bytes:
        """The secret as the file has it now.

        Raises:
            JournalUnavailable: it can be neither read nor made, or is not 32 bytes.
        """
        try:
            return self._read()
        except FileNotFoundError:
            pass
        except OSError as exc:
            raise self._unusable(exc.strerror) from exc
        try:
            self._make()
            return self._read()
        except OSError as exc:
            raise self._unusable(exc.strerror) from exc

    def rotate(self) -> None:
        """Make a new secret in the place of the old one."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._make()

    def _read(self) -> bytes:
        about = self.path.stat()
        version = (about.st_ino, about.st_mtime_ns, about.st_ctime_ns, about.st_size)
        if self._known is None or self._known[0] != version:
            secret = self.path.read_bytes()
            if len(secret) < SECRET_BYTES:
                raise self._unusable(f"it has {len(secret)} bytes")
            self._known = version, secret
        return self._known[1]

    def _make(self) -> None:
        """Complete under another name first: a reader must never see half of it, and of two makers one wins."""
        draft = self.path.with_name(f".{FILE_NAME}-{secrets.token_hex(8)}")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, secrets.token_bytes(SECRET_BYTES))
            os.fsync(file)
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.path)
        finally:
            os.close(file)
            draft.unlink()

    def _unusable(self, reason: str | None) -> JournalUnavailable:
        return JournalUnavailable(
            f"{self.path}, which signs tokens for subscribers, cannot be used: {reason}. Repair or delete it; "
            "a new one is made, and tokens of the old one end"
        )
