"""Singletons: at most one run for a key at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["skip", "cancel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether the new run starts, and which run is cancelled for it."""

    starts: bool
    cancels: str | None = None
    reason: str | None = None


def decide(mode: Mode, holder: str | None) -> Decision:
    """What happens to a new run while `holder` has the key (None: nobody)."""
    if holder is None:
        return Decision(starts=True)
    if mode == "skip":
        return Decision(starts=False, reason=f"run {holder} has the singleton's key")
    return Decision(starts=True, cancels=holder)
