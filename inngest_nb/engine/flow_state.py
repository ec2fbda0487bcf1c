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

    def load(self, rows: list[tuple[str, str, str, str]]) -> None:
        """Take up what the journal holds."""
        for fn_id, kind, key, value in rows:
            self._values[(fn_id, kind, key)] = orjson.loads(value)

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
        plan.undo.append(lambda: self._restore(key, before))

    def _restore(self, key: StateKey, value: dict[str, Any] | None) -> None:
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value
