"""Registered functions, and which of them an event starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from inngest_nb import expressions
from inngest_nb.engine.flow.config import PLAIN, Flow, read_flow
from inngest_nb.engine.records import StoredEvent
from inngest_nb.errors import ExpressionError, FunctionNotFoundError
from inngest_nb.protocol import FunctionConfig
from inngest_nb.registration import check_retrying
from inngest_nb.triggers import candidates

DEFAULT_RETRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One registration of a function."""

    id: str
    app_id: str
    name: str
    triggers: tuple[dict[str, Any], ...]
    max_attempts: int
    backoff: str | float | None
    code_hash: str | None
    config: FunctionConfig
    flow: Flow = PLAIN
    paused: bool = False

    @property
    def has_flow(self) -> bool:
        """Whether it asks for any flow control."""
        return self.flow is not PLAIN


def from_config(config: FunctionConfig, *, paused: bool = False) -> Function:
    """A function as its worker announced it."""
    check_retrying(config["id"], config["retries"], config["backoff"])
    return Function(
        id=config["id"],
        app_id=config["app_id"],
        name=config["name"],
        triggers=tuple(config["triggers"]),
        max_attempts=config["retries"] + 1,
        backoff=config["backoff"],
        code_hash=config["code_hash"],
        config=config,
        flow=read_flow(config["options"]),
        paused=paused,
    )


class Functions:
    """All registered functions by id and by the event patterns that start them."""

    def __init__(self) -> None:
        self._by_id: dict[str, Function] = {}
        self._by_pattern: dict[str, dict[str, None]] = {}

    def put(self, function: Function) -> bool:
        """Add or replace; returns whether anything changed."""
        old = self._by_id.get(function.id)
        if old == function:
            return False
        for pattern in _patterns(old) if old else ():
            self._by_pattern[pattern].pop(function.id, None)
        self._by_id[function.id] = function
        for pattern in _patterns(function):
            self._by_pattern.setdefault(pattern, {})[function.id] = None
        return True

    def get(self, fn_id: str) -> Function | None:
        """The function, if anybody ever registered it."""
        return self._by_id.get(fn_id)

    def all(self) -> list[Function]:
        """Every function, in the order of first registration."""
        return list(self._by_id.values())

    def require(self, fn_id: str) -> Function:
        """The function, or an error that lists what is known."""
        function = self._by_id.get(fn_id)
        if function is None:
            known = ", ".join(sorted(self._by_id)) or "none"
            raise FunctionNotFoundError(
                f"function {fn_id!r} is not registered with this engine; registered: {known}. Run the cell that defines it"
            )
        return function

    def started_by(self, event: StoredEvent) -> list[Function]:
        """Functions that the event starts, each at most once, in order of registration."""
        seen: dict[str, None] = {}
        view: dict[str, Any] | None = None
        for pattern in candidates(event.name):
            for fn_id in self._by_pattern.get(pattern, ()):
                function = self._by_id[fn_id]
                for trigger in function.triggers:
                    if trigger.get("event") != pattern or fn_id in seen:
                        continue
                    view = view or event.as_object()
                    if _admits(trigger.get("expression"), view):
                        seen[fn_id] = None
        return [self._by_id[fn_id] for fn_id in seen]


def _patterns(function: Function) -> list[str]:
    return [trigger["event"] for trigger in function.triggers if "event" in trigger]


def _admits(expression: str | None, event: dict[str, Any]) -> bool:
    if expression is None:
        return True
    try:
        return expressions.matches(expression, event)
    except ExpressionError:  # Inngest's rule: an expression that fails does not match
        return False


def encode_config(config: FunctionConfig) -> str:
    """A registration as JSON text."""
    return orjson.dumps(config).decode()
