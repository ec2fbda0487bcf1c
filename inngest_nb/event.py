"""Events: what functions are started with, wait for and send."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

from inngest_nb.errors import EventInvalidError


class Event(pydantic.BaseModel):
    """An event. `data` is a mapping of JSON; `ts` is milliseconds since the epoch, 0 for "now".

    An event that a handler gets always has an `id` and a `ts`. Unknown fields are ignored, as in Inngest's SDK.
    """

    model_config = pydantic.ConfigDict(strict=True)

    name: str
    data: Mapping[str, Any] = {}
    id: str = ""
    ts: int = 0
    user: Mapping[str, Any] | None = None

    @pydantic.field_validator("data", mode="before")
    @classmethod
    def _null_is_empty(cls, value: object) -> object:
        return {} if value is None else value

    def to_wire(self) -> dict[str, Any]:
        """The event as intake takes it."""
        wire: dict[str, Any] = {"name": self.name, "data": dict(self.data)}
        if self.id:
            wire["id"] = self.id
        if self.ts:
            wire["ts"] = self.ts
        if self.user:
            wire["user"] = dict(self.user)
        return wire


def as_events(events: object) -> list[Event]:
    """One event or several, as a list.

    Raises:
        EventInvalidError: something else is among them.
    """
    listed: list[Any] = [events] if not isinstance(events, Sequence) or isinstance(events, str) else list(events)
    for event in listed:
        if not isinstance(event, Event):
            raise EventInvalidError(f"an Event can be sent, not {reprlib.repr(event)}; write Event(name=…, data=…)")
    return listed


def event_from_text(value: dict[str, Any]) -> Event:
    """An event as the engine stores it."""
    return Event.model_construct(
        name=value["name"], data=value.get("data") or {}, id=value["id"], ts=value["ts"], user=value.get("user")
    )
