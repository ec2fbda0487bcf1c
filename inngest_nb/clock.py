"""Time and ids as the engine takes them, so that tests can replace both."""

from __future__ import annotations

import datetime
import os
import time
from functools import cache, lru_cache
from pathlib import Path

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOMNESS = (1 << 80) - 1
_POOL = 2_560
_SINCE_BOOT: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # counts while the machine is suspended too
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


class Clock:
    """Wall-clock time in microseconds and fresh ULIDs that sort by creation."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._random = 0
        self._pool = b""

    def now(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000

    def elapsed(self) -> int:
        """Microseconds that have passed since the machine was started, whoever sets the time of day meanwhile."""
        return time.clock_gettime_ns(_SINCE_BOOT) // 1000 if _SINCE_BOOT is not None else time.monotonic_ns() // 1000

    def _entropy(self, size: int) -> bytes:
        """From the system, some for later: each call of it may cost this thread its turn."""
        if len(self._pool) < size:
            self._pool = os.urandom(_POOL)
        taken, self._pool = self._pool[:size], self._pool[size:]
        return taken

    def after(self, ulid: str) -> None:
        """Let every new ULID be greater than this one, which an earlier process has made."""
        value = _decode(ulid)
        self._last_ms, self._random = max((self._last_ms, self._random), (value >> 80, value & _RANDOMNESS))

    def ulid(self) -> str:
        """A new ULID, greater than every earlier one of this process."""
        now_ms = self.now() // 1000
        if now_ms > self._last_ms:
            self._last_ms, self._random = now_ms, int.from_bytes(self._entropy(10)) >> 1
        else:  # same millisecond, or the clock went back: count on
            self._random += 1
        return encode_ulid(self._last_ms, self._random)


def _decode(ulid: str) -> int:
    value = 0
    for letter in ulid:
        value = value << 5 | _ALPHABET.index(letter)
    return value


def encode_ulid(ms: int, randomness: int) -> str:
    """The 26 letters of the ULID with this time (48 bits) and randomness (80 bits)."""
    value = (ms << 80) | randomness
    return (
        _ALPHABET[value >> 125]
        + "".join(_PAIRS[value >> shift & 1023] for shift in range(115, -1, -10))
        + _ALPHABET[value & 31]
    )


@cache
def boot_id() -> str | None:
    """Which start of the machine this is, where that can be known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def to_iso(us: int) -> str:
    """Microseconds since the epoch as ISO 8601 in UTC, always with six digits."""
    return f"{_seconds_to_iso(us // 1_000_000)}.{us % 1_000_000:06d}Z" if us else ""


@lru_cache(maxsize=1024)  # messages of a stream share their seconds
def _seconds_to_iso(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
