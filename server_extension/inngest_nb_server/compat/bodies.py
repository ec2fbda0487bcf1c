"""The body of an intake request, read as Inngest's server reads it: event after event, until one is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from inngest_nb.engine.flow.events import MAX_EVENT_BYTES, MAX_EVENTS, validate_event
from inngest_nb.engine.slices import Slices
from inngest_nb.errors import EventInvalidError

_SPACE = re.compile(r"[ \t\r\n]*")
NO_EVENT = "Request body must contain an event object or an array of event objects"


@dataclass(slots=True)
class Batch:
    """The events before the first one that is refused, and why that is."""

    events: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None


async def read_batch(body: bytes, *, now_ms: int) -> Batch:
    """The events of one object or one array. What is not UTF-8 becomes U+FFFD, as with Inngest."""
    batch, slices = Batch(), Slices()
    try:
        for position, event in enumerate(_events(body.decode(errors="replace"))):
            if position == MAX_EVENTS:
                raise EventInvalidError(f"Cannot have more than {MAX_EVENTS} events in a batch")
            batch.events.append(validate_event(event, now_ms=now_ms, position=position))
            await slices.breathe()
    except EventInvalidError as exc:
        batch.fault = exc.message
    return batch


def _events(text: str) -> Iterator[Any]:
    begin = _after_space(text, 0)
    first = text[begin : begin + 1]
    if first == "{":
        event, end = _value(text, begin)
        _nothing_after(text, end)
        yield event
    elif first == "[":
        yield from _array(text, begin + 1)
    elif first:
        raise EventInvalidError(NO_EVENT)


def _array(text: str, at: int) -> Iterator[Any]:
    at = _after_space(text, at)
    while text[at : at + 1] != "]":
        event, at = _value(text, at)
        yield event
        at = _after_space(text, at)
        following = text[at : at + 1]
        if following == ",":
            at = _after_space(text, at + 1)
            if text[at : at + 1] == "]":
                _unexpected(text, at, "looking for beginning of value")
        elif following != "]":
            _unexpected(text, at, "after array element")
    _nothing_after(text, at + 1)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as exc:
        _unexpected(text, exc.pos, f"({exc.msg})")
    except (ValueError, RecursionError) as exc:  # a number of too many digits, or values in values without end
        raise EventInvalidError(f"the event at character {at} of the body cannot be read: {exc}") from None
    sent = text[at:end]
    size = len(sent.encode())
    if size > MAX_EVENT_BYTES:
        raise EventInvalidError(f"Event is over the max size: Max {MAX_EVENT_BYTES} bytes / Size {size} bytes")
    return _whole(value) if "\\ud" in sent.lower() else value, end


def _whole(value: Any) -> Any:
    """Half a surrogate pair is no text: it becomes U+FFFD, as with Inngest."""
    return json.loads(
        json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _nothing_after(text: str, at: int) -> None:
    at = _after_space(text, at)
    if at < len(text):
        _unexpected(text, at, "after top-level value")


def _unexpected(text: str, at: int, where: str) -> NoReturn:
    if at >= len(text) or "Unterminated" in where:
        raise EventInvalidError("unexpected end of JSON input")
    raise EventInvalidError(f"invalid character {text[at]!r} {where}, at character {at} of the body")
