"""What a wait tells the engine: until when, for which event, or which function to invoke; `now_us` is the worker's time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inngest_nb.durations import Duration, to_milliseconds
from inngest_nb.errors import EventInvalidError
from inngest_nb.jsontext import dumps
from inngest_nb.protocol import Message

_INVOKE_MS = 365 * 86_400_000


def for_duration(step_id: str, duration: Duration, now_us: int) -> Message:
    """A sleep."""
    return {"wake_at": now_us + _wait_ms(step_id, duration) * 1000}


def for_event(
    step_id: str, event: str, timeout: Duration, if_exp: str | None, now_us: int, since: str | None = None
) -> Message:
    """A wait for an event."""
    if not isinstance(event, str) or not event:
        raise EventInvalidError(f"step {step_id!r} waits for an event without a name; pass event='app/name'")
    if since not in (None, "run"):
        raise EventInvalidError(f'step {step_id!r} waits with since={since!r}; it can be "run", or be left out')
    about: Message = {"event": event, "if_exp": if_exp, "wake_at": now_us + _wait_ms(step_id, timeout) * 1000}
    return about | {"since": since} if since else about


def for_function(
    step_id: str, fn_id: str, data: Mapping[str, Any] | None, timeout: Duration | None, now_us: int
) -> Message:
    """An invoked function."""
    try:
        text = dumps({} if data is None else data)
    except TypeError as exc:
        raise EventInvalidError(f"the data of step {step_id!r} must be an object of JSON: {exc}") from None
    wait_ms = _INVOKE_MS if timeout is None else _wait_ms(step_id, timeout)
    return {"function_id": fn_id, "data": text, "wake_at": now_us + wait_ms * 1000, "opts": f'{{"input":{text}}}'}


def _wait_ms(step_id: str, duration: Duration) -> int:
    return to_milliseconds(duration, field=f"the duration of step {step_id!r}")
