"""Cron triggers: the next tick of each, on the engine's clock. Missed ticks are not made up.

While nobody has the function, one run waits for whoever comes: a notebook that was closed for a week does not start with
a week of ticks.
"""

from __future__ import annotations

import datetime
from typing import Any

from inngest_nb.durations import to_milliseconds
from inngest_nb.engine.core import Core
from inngest_nb.engine.functions import Function
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.timers import Due
from inngest_nb.triggers import cron_jitter_ns, next_fires

TIMER_EVENT = "inngest/scheduled.timer"
_LEAST_JITTER_MS = 1000
_LATEST_US = 60_000_000  # a tick that comes later than this (the machine slept) was missed


class Schedules:
    """Keeps one timer for each cron trigger of each function."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._next: dict[tuple[str, str], int] = {}

    def registered(self, function: Function) -> None:
        """A function is new or replaced: time its ticks, forget those it no longer has."""
        crons = [trigger["cron"] for trigger in function.triggers if "cron" in trigger]
        for key in [key for key in self._next if key[0] == function.id and key[1] not in crons]:
            del self._next[key]
        for cron in crons:
            if (function.id, cron) not in self._next:
                self._time(function.id, cron, self._core.clock.now())

    def _time(self, fn_id: str, cron: str, after_us: int) -> None:
        after = datetime.datetime.fromtimestamp(after_us / 1e6, datetime.UTC)
        fires = next_fires(cron, after, 1)
        if not fires:
            self._next.pop((fn_id, cron), None)
            return
        at = int(fires[0].timestamp() * 1_000_000)
        self._next[(fn_id, cron)] = at
        self._core.timers.add(Due(at, "cron", fn_id, cron))

    def due(self, due: Due) -> None:
        """A tick: start the function, and time the next one."""
        if self._next.get((due.run_id, due.hash)) != due.at:
            return
        function = self._core.functions.get(due.run_id)
        trigger = next((t for t in function.triggers if t.get("cron") == due.hash), None) if function else None
        if function is None or trigger is None:
            return
        late = self._core.clock.now() - due.at > _LATEST_US
        self._time(due.run_id, due.hash, self._core.clock.now() if late else due.at)
        if not late and not self._core.dispatch.has_backlog(due.run_id):
            self._core.intake.keep([self.plan_tick(function, trigger, due.at)])

    def name_of(self, at_us: int) -> str:
        """The id of a tick's event: the same tick starts a function once."""
        return datetime.datetime.fromtimestamp(at_us / 1e6, datetime.UTC).isoformat().replace("+00:00", "Z")

    def plan_tick(self, function: Function, trigger: dict[str, Any], at_us: int, *, made_up: bool = False) -> Plan:
        """The run of one tick; one that is made up afterwards starts without jitter and is not held back."""
        moment = self.name_of(at_us)
        fire_at = at_us // 1000 + (0 if made_up else self._jitter_ms(function, trigger, moment))
        data = {"cron": trigger["cron"], "scheduledAt": moment, "fireAt": fire_at}
        event = {"name": TIMER_EVENT, "data": data, "id": moment, "ts": fire_at}
        return self._core.intake.plan_for(function, event, direct=made_up)

    def _jitter_ms(self, function: Function, trigger: dict[str, Any], moment: str) -> int:
        if not trigger.get("jitter"):
            return 0
        most = to_milliseconds(trigger["jitter"])
        return cron_jitter_ns(f"{function.id}:{moment}", _LEAST_JITTER_MS, max(most, _LEAST_JITTER_MS + 1)) // 1_000_000
