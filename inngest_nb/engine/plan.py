"""What one accepted event causes: planned first, then written in one commit, then let happen or undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from inngest_nb.engine.records import Run, StoredEvent
from inngest_nb.engine.waits import OpenWait
from inngest_nb.store import Write


@dataclass(slots=True)
class Plan:
    """Runs to start, waits that are over, what to write, and what follows or is taken back."""

    event: StoredEvent
    runs: list[Run] = field(default_factory=list)
    claims: list[OpenWait] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    after: list[Callable[[], object]] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
