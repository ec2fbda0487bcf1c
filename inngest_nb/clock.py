"""Time and ids as the engine takes them, so that tests can replace both."""

from __future__ import annotations

import datetime
import os
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


class Clock:
    """Wall-clock time in microseconds and fresh ULIDs that sort by creation."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._random = 0

    def now(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000

    def ulid(self) -> str:
        """A new ULID, greater than every earlier one of this process."""
        now_ms = self.now() // 1000
        if now_ms > self._last_ms:
            self._last_ms, self._random = now_ms, int.from_bytes(os.urandom(10)) >> 1
        else:  # same millisecond, or the clock went back: count on
            self._random += 1
        return encode_ulid(self._last_ms, self._random)


def encode_ulid(ms: int, randomness: int) -> str:
    """The 26 letters of the ULID with this time (48 bits) and randomness (80 bits)."""
    value = (ms << 80) | randomness
    return (
        _ALPHABET[value >> 125]
        + "".join(_PAIRS[value >> shift & 1023] for shift in range(115, -1, -10))
        + _ALPHABET[value & 31]
    )


def to_iso(us: int) -> str:
    """Microseconds since the epoch as ISO 8601 in UTC, always with six digits."""
    return datetime.datetime.fromtimestamp(us / 1e6, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if us else ""
