"""How much of the message log is kept."""

from __future__ import annotations

from dataclasses import dataclass

from inngest_nb.durations import Duration, to_milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is over a limit is trimmed, the oldest messages first; None is no limit. Runs and steps are not touched.

    Args:
        messages: of one channel; up to a tenth more may be there for a moment.
        bytes: of all channels together, as they lie in the file.
        age: how long a message is kept.

    Raises:
        ValueError: a limit is not a whole number from 1, or the age not a duration.
    """

    messages: int | None = 1_000_000
    bytes: int | None = 2_000_000_000
    age: Duration | None = None

    def __post_init__(self) -> None:
        for name in ("messages", "bytes"):
            limit = getattr(self, name)
            if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
                raise ValueError(
                    f"retention: {name} must be a whole number from 1, or None for no limit, not {limit!r}"
                )
        if self.age is not None and not self.age_us:
            raise ValueError(f"retention: age must be longer than nothing, or None for no limit, not {self.age!r}")

    @property
    def age_us(self) -> int | None:
        """The age in microseconds."""
        return None if self.age is None else to_milliseconds(self.age, field="retention: age") * 1000
