"""Disk faults for real: a library between SQLite and the system, built from diskfault.c, that fails calls on demand.

disk = DiskFault.prepare(tmp_path)                        # None where there is no gcc
subprocess.run(command, env=os.environ | disk.environment)
# and in that program:
disk = DiskFault.here()
with disk.failing("write", errno.ENOSPC, ending=".db-wal"): ...      # the disk is full within this block
assert disk.hits > 0
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.support import preload

_LAYOUT = struct.Struct("iiii128s32s")
_OPERATIONS = {"write": 1, "sync": 2, "truncate": 4}
_PAGE, _LIBRARY = "DISKFAULT_PAGE", "LD_PRELOAD"
SPARE_NONE = 0


class DiskFault:
    """The page through which a running program's disk is made to fail."""

    def __init__(self, page: Path, library: Path) -> None:
        self._path, self._library = page, library
        self._page = preload.opened(page, _LAYOUT)

    @classmethod
    def prepare(cls, folder: Path) -> Self | None:
        """Build the library; None where there is no compiler."""
        built = preload.build_with_page(Path(__file__).with_suffix(".c"), folder, _LAYOUT)
        return cls(*built) if built else None

    @classmethod
    def here(cls) -> Self:
        """The page of this process, which runs under the library."""
        return cls(Path(os.environ[_PAGE]), Path(os.environ[_LIBRARY]))

    @property
    def environment(self) -> dict[str, str]:
        """What a program must be started with."""
        return {_LIBRARY: str(self._library), _PAGE: str(self._path)}

    def start(self, operation: str, error: int, *, part: str = "", ending: str = "", spared: int = SPARE_NONE) -> None:
        """From now on `operation` on files whose path has this part and ending fails with `error`."""
        about = (error, spared, 0, part.encode(), ending.encode())
        self._page[:] = _LAYOUT.pack(0, *about)
        self._page[:4] = struct.pack("i", _OPERATIONS[operation])  # last: the other side sees all of it or nothing

    def stop(self) -> None:
        """The disk works again."""
        self._page[:4] = bytes(4)

    @property
    def hits(self) -> int:
        """How many calls have failed since the last start."""
        hits: int = _LAYOUT.unpack(self._page[:])[3]
        return hits

    @contextlib.contextmanager
    def failing(self, operation: str, error: int, *, part: str = "", ending: str = "") -> Iterator[None]:
        """Fail within the block."""
        self.start(operation, error, part=part, ending=ending)
        try:
            yield
        finally:
            self.stop()
