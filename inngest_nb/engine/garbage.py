"""How often Python looks for cycles while an engine runs in the process."""

from __future__ import annotations

import gc

#: Objects made, less those freed, before the youngest are looked at. Python's own 700 are made by some twenty steps under
#: way at once: with a thousand runs a quarter of the processor's time went into looking at what is not garbage.
_AT_LEAST = 10_000
#: Looks at the youngest before those that have outlived one are looked at too, and such looks before all are: after Python's
#: own ten the second kind held the loop for 10 ms.
_MIDDLE, _FULL = 1, 50


def collect_less_often() -> None:
    """Raise the first threshold of the collector, unless it is off or higher already; other programs may set it again."""
    if 0 < gc.get_threshold()[0] < _AT_LEAST:
        gc.set_threshold(_AT_LEAST, _MIDDLE, _FULL)
