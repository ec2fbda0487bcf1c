"""Events, errors and options: ours as those of the official SDK, and back."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable
from typing import Any

import inngest
from inngest._internal import errors as official_errors

from inngest_nb.durations import Duration, to_milliseconds
from inngest_nb.errors import EventInvalidError, NonRetriableError, RetryAfterError, StepError
from inngest_nb.event import Event
from inngest_nb.protocol import FunctionConfig

#: Registered name of an option → argument of `create_function`, and the class of its value.
_OPTIONS: dict[str, tuple[str, type[Any] | None]] = {
    "batchEvents": ("batch_events", inngest.Batch),
    "cancel": ("cancel", inngest.Cancel),
    "concurrency": ("concurrency", inngest.Concurrency),
    "debounce": ("debounce", inngest.Debounce),
    "idempotency": ("idempotency", None),
    "priority": ("priority", inngest.Priority),
    "rateLimit": ("rate_limit", inngest.RateLimit),
    "singleton": ("singleton", inngest.Singleton),
    "throttle": ("throttle", inngest.Throttle),
    "timeouts": ("timeouts", inngest.Timeouts),
}
_FIELDS = {"maxSize": "max_size", "if": "if_exp"}
_SPANS = frozenset({"timeout", "period", "start", "finish"})


def options_of(config: FunctionConfig) -> dict[str, Any]:
    """The arguments of the official `create_function` that a registration stands for."""
    options: dict[str, Any] = {}
    for name, value in config["options"].items():
        argument, kind = _OPTIONS[name]
        options[argument] = [_option(kind, item) for item in value] if isinstance(value, list) else _option(kind, value)
    return options


def _option(kind: type[Any] | None, value: Any) -> Any:
    if kind is None:
        return value
    return kind(**{_FIELDS.get(name) or name: span(item) if name in _SPANS else item for name, item in value.items()})


def triggers_of(config: FunctionConfig) -> list[Any]:
    """What starts a function."""
    return [
        inngest.TriggerCron(cron=trigger["cron"]) if "cron" in trigger else inngest.TriggerEvent(**trigger)
        for trigger in config["triggers"]
    ]


def span(duration: Duration) -> datetime.timedelta:
    """A duration in any of our spellings."""
    return datetime.timedelta(milliseconds=to_milliseconds(duration))


def event_here(event: inngest.Event) -> Event:
    """An event that the SDK gives."""
    return Event.model_construct(name=event.name, data=event.data, id=event.id, ts=event.ts, user=None)


def event_there(event: dict[str, Any]) -> inngest.Event:
    """An event for the SDK, from its form on the wire.

    Raises:
        EventInvalidError: it has what the SDK's events have not.
    """
    more = event.keys() - {"name", "data", "id", "ts"}
    if more:
        raise EventInvalidError(f"the official SDK sends no {', '.join(sorted(more))} of events; put it into data")
    return inngest.Event(**event)


def error_there(error: Exception) -> Exception:
    """What the SDK raises in place of an error of ours that steers retries, raised at the same place; other errors stay."""
    return _error_there(error).with_traceback(error.__traceback__)


def _error_there(error: Exception) -> Exception:
    if isinstance(error, NonRetriableError):
        return inngest.NonRetriableError(error.message, quiet=error.quiet)
    if isinstance(error, RetryAfterError):
        return inngest.RetryAfterError(error.message, error.retry_after, quiet=error.quiet)
    if isinstance(error, StepError):
        return official_errors.StepError(error.message, error.name, error.stack)
    return error


def raising_there(call: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
    """Code of users for the SDK: its errors are those that the SDK knows."""

    async def awaited(value: Awaitable[Any]) -> Any:
        try:
            return await value
        except Exception as exc:  # noqa: BLE001  # of users: anything
            raise error_there(exc) from exc.__cause__

    async def called_async(*args: Any) -> Any:
        return await awaited(call(*args))

    def called(*args: Any) -> Any:
        try:
            value = call(*args)
        except Exception as exc:  # noqa: BLE001  # of users: anything
            raise error_there(exc) from exc.__cause__
        return awaited(value) if isinstance(value, Awaitable) else value

    return called_async if is_async else called


def asking_there(call: Callable[[], Any], convert: Callable[[Any], Any] = lambda value: value) -> Any:
    """A call of one of the SDK's tools, blocking or not: its step errors are ours, and so is what it returns."""

    async def awaited(value: Awaitable[Any]) -> Any:
        try:
            return convert(await value)
        except official_errors.StepError as exc:
            raise StepError(exc.message, exc.name, exc.stack) from None

    try:
        value = call()
    except official_errors.StepError as exc:
        raise StepError(exc.message, exc.name, exc.stack) from None
    return awaited(value) if isinstance(value, Awaitable) else convert(value)
