"""A time of day that can be set, for programs that are not ours to change: a library between them and the system, from clockshift.c.

shift = ClockShift.prepare(tmp_path)                      # None where there is no compiler
subprocess.Popen(command, env=os.environ | shift.environment)
shift.set(hours=-1)                                       # at once, for every program that was started so
"""

from __future__ import annotations

import datetime
import struct
from pathlib import Path
from typing import Self

from tests.support import preload

_SHIFT = struct.Struct("q")


class ClockShift:
    """The page through which the clock of running programs is set."""

    def __init__(self, page: Path, library: Path) -> None:
        self.environment = {"LD_PRELOAD": str(library), "CLOCKSHIFT_PAGE": str(page)}
        self._page = preload.opened(page, _SHIFT)

    @classmethod
    def prepare(cls, folder: Path) -> Self | None:
        """Build the library; None where there is no compiler."""
        built = preload.build_with_page(Path(__file__).with_suffix(".c"), folder, _SHIFT)
        return cls(*built) if built else None

    def set(self, **to: float) -> None:
        """Set the clock to what it would be, plus so many hours, minutes, …"""
        self._page[:] = _SHIFT.pack(datetime.timedelta(**to) // datetime.timedelta(microseconds=1))
