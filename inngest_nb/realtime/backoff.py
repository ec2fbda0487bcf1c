"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import dataclasses
import random

__all__ = ["Backoff"]

_MOST_DOUBLINGS = 32


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """From `least_ms`, doubling up to `most_ms`, with chance in between: those who lost one server return one by one.

    No delay is shorter than `least_ms` or longer than `most_ms`; where that leaves no room for chance, it is always the same.
    """

    least_ms: float = 250
    most_ms: float = 5000

    def delay_ms(self, attempt: int, chance: float | None = None) -> float:
        """Milliseconds before attempt `attempt`, from 0.

        >>> Backoff().delay_ms(0, chance=0.0), Backoff().delay_ms(9, chance=0.0), Backoff().delay_ms(9, chance=1.0)
        (250.0, 4750.0, 5000.0)
        """
        least = self.least_ms or 1.0  # nothing doubled would stay nothing
        room = min(least, max(0.0, self.most_ms - least))
        begin = min(least * 2.0 ** min(attempt, _MOST_DOUBLINGS), self.most_ms - room)
        return begin + room * (random.random() if chance is None else chance)  # noqa: S311  # not a secret
