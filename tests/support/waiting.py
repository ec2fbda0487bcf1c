"""Waiting for a condition, with a limit, in place of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Return as soon as `condition()` holds; fail if it does not within `within_s` seconds."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s} s: {condition}")
        time.sleep(0.005)
