"""How often Python looks for cycles while an engine runs in the process."""

from __future__ import annotations

import gc

#: Objects made, less those freed, before the youngest are looked at. Python's own 700 are made by some twenty steps under
#: way at once: with a thousand runs a quarter of the processor's time went into looking at what is not garbage.
_AT_LEAST = 10_000


def collect_less_often() -> None:
    """Raise the first threshold of the collector, unless it is off or higher already; other programs may set it again."""
    first, *others = gc.get_threshold()
    if 0 < first < _AT_LEAST:
        gc.set_threshold(_AT_LEAST, *others)
