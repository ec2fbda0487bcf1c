"""A time of day that was set back: what is due after a while keeps its while, in the journal as in memory.

The journal holds due times by the clock, and beside them one moment by two clocks: the time of day, and the time since the
machine was started, which nobody sets. By that moment the next engine knows what was set while there was none. After the
machine itself was started anew nothing is known, and the clock is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from inngest_nb.clock import boot_id
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.timers import SET_US
from inngest_nb.store import Write

if TYPE_CHECKING:
    from inngest_nb.engine.core import Core

_NEVER = (1, 0)  # between these two is nothing
_MARGIN_US = 1_000_000


def recall(core: Core) -> int:
    """At start: by how much the clock was set back since the last engine."""
    known = core.journal.meta("clock")
    back = 0
    if known is not None:
        boot, elapsed, now = orjson.loads(known)
        if boot is not None and boot == boot_id():
            back = (core.clock.elapsed() - elapsed) - (core.clock.now() - now)
    return back if back > SET_US else 0


def recalled(core: Core, back: int) -> None:
    """Everything that is due was read, and moved in memory: now the journal is told, and not before, or it were moved twice."""
    _move(core, back, _NEVER)


def noticed(core: Core, back: int, since: int) -> None:
    """While the engine runs; what began within `since` may have begun after the clock was set, and then it is right."""
    now = core.clock.now()
    _move(core, max(0, back), (now - since - _MARGIN_US, now))
    for run in core.runs.values():
        if run.attempt > 0 and run.wake_at is not None:
            run.wake_at -= max(0, back)


def _move(core: Core, back: int, except_begun: tuple[int, int]) -> None:
    """Whoever repeats these writes finds another moment in the journal, and moves nothing twice."""
    known, moment = core.journal.moment, orjson.dumps([boot_id(), core.clock.elapsed(), core.clock.now()]).decode()
    writes: list[Write] = [(SQL.set_meta, ("clock", moment))]
    if back:
        head: list[Write] = [
            (SQL.set_back_steps, (back, *except_begun, known)),
            (SQL.set_back_waits, (back, *except_begun, known)),
            (SQL.set_back_runs, (back, known)),
        ]
        writes = [*head, *writes]
    core.journal.moment = moment
    core.journal.keep(writes)
