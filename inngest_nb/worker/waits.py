"""What a wait tells the engine: until when, for which event, or which function to invoke; `now_us` is the worker's time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inngest_nb.durations import Duration
from inngest_nb.errors import EventInvalidError
from inngest_nb.jsontext import dumps, is_text
from inngest_nb.protocol import Message
from inngest_nb.worker.usage import input_text, milliseconds

_INVOKE_MS = 365 * 86_400_000


def for_duration(step_id: str, duration: Duration, now_us: int) -> Message:
    """A sleep."""
    return {"wake_at": now_us + milliseconds(step_id, duration) * 1000}


def for_event(
    step_id: str, event: str, timeout: Duration, if_exp: str | None, now_us: int, since: str | None = None
) -> Message:
    """A wait for an event."""
    if not isinstance(event, str) or not event or not is_text(event):
        raise EventInvalidError(f"step {step_id!r} waits for an event without a name; pass event='app/name'")
    if if_exp is not None and not (isinstance(if_exp, str) and is_text(if_exp)):
        raise EventInvalidError(
            f"step {step_id!r} waits with an if_exp that is no text, {if_exp!r}; write an expression"
        )
    if since not in (None, "run"):
        raise EventInvalidError(f'step {step_id!r} waits with since={since!r}; it can be "run", or be left out')
    about: Message = {"event": event, "if_exp": if_exp, "wake_at": now_us + milliseconds(step_id, timeout) * 1000}
    return about | {"since": since} if since else about


def for_function(
    step_id: str, fn_id: str, data: Mapping[str, Any] | None, timeout: Duration | None, now_us: int
) -> Message:
    """An invoked function."""
    text = input_text(step_id, data)
    wait_ms = _INVOKE_MS if timeout is None else milliseconds(step_id, timeout)
    opts = f'{{"function":{dumps(fn_id)},"input":{text}}}'
    return {"function_id": fn_id, "data": text, "wake_at": now_us + wait_ms * 1000, "opts": opts}
