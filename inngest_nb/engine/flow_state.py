"""The state of flow control by function, kind and key: in memory, and in the journal with the event that changes it."""

from __future__ import annotations

from typing import Any

import orjson

from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.plan import Plan
from inngest_nb.store import Write

StateKey = tuple[str, str, str]  # function id, kind, key


class FlowState:
    """Values are JSON objects."""

    def __init__(self) -> None:
        self._values: dict[StateKey, dict[str, Any]] = {}

    def load(self, rows: list[tuple[str, str, str, str]], now_ns: int) -> list[StateKey]:
        """Take up what the journal holds; returns the keys of rates that have drained and mean nothing any more."""
        stale: list[StateKey] = []
        for fn_id, kind, key, text in rows:
            value = orjson.loads(text)
            if value.get("next_free_ns", now_ns) < now_ns:
                stale.append((fn_id, kind, key))
            else:
                self._values[(fn_id, kind, key)] = value
        return stale

    def of_kind(self, kind: str) -> list[tuple[StateKey, dict[str, Any]]]:
        """All values of one kind."""
        return [(key, value) for key, value in self._values.items() if key[1] == kind]

    def get(self, key: StateKey) -> dict[str, Any] | None:
        """The value of a key."""
        return self._values.get(key)

    def put(self, key: StateKey, value: dict[str, Any] | None) -> Write:
        """Change a value (None: forget it); returns what is to be written."""
        if value is None:
            self._values.pop(key, None)
            return (SQL.drop_flow, key)
        self._values[key] = value
        return (SQL.save_flow, (*key, orjson.dumps(value).decode()))

    def put_with(self, plan: Plan, key: StateKey, value: dict[str, Any] | None) -> None:
        """Change a value with a plan: written with it, taken back with it."""
        before = self._values.get(key)
        plan.writes.append(self.put(key, value))
        plan.undo.append(lambda: self._restore(key, value, before))

    def _restore(self, key: StateKey, ours: dict[str, Any] | None, before: dict[str, Any] | None) -> None:
        if self._values.get(key) is not ours:
            return  # another plan has built on it
        if before is None:
            self._values.pop(key, None)
        else:
            self._values[key] = before
