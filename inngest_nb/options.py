"""Flow control and lifetime of functions: the options of `create_function`, their registered form and their limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

import pydantic

from inngest_nb.durations import Duration, to_milliseconds, to_wire
from inngest_nb.errors import FunctionConfigInvalidError

__all__ = [
    "Batch",
    "Cancel",
    "Concurrency",
    "Debounce",
    "Options",
    "Priority",
    "RateLimit",
    "Singleton",
    "Throttle",
    "Timeouts",
]


class _Span:
    """Marks a field that holds a duration."""


Span = Annotated[Duration, _Span(), pydantic.PlainSerializer(to_wire, return_type=str)]


class _Option(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    def spans(self) -> Iterator[tuple[str, Duration]]:
        """Every duration that is set, with the name of its field."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None and _is_span(field):
                yield name, value

    def registered(self) -> dict[str, Any]:
        """As JSON in the form that Inngest registers: its names, no nulls, durations such as "15m".

        Raises:
            ValueError: a duration is not a whole number of seconds.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _is_span(field: pydantic.fields.FieldInfo) -> bool:
    parts = (field.annotation, *getattr(field.annotation, "__args__", ()))
    marks = [*field.metadata, *(mark for part in parts for mark in getattr(part, "__metadata__", ()))]
    return any(isinstance(mark, _Span) for mark in marks)


class Batch(_Option):
    """Collect up to `max_size` events, or those of `timeout`, into one run; one batch for each `key`.

    Events for which `if_exp` is not true start a run alone, at once.
    """

    max_size: int = pydantic.Field(validation_alias=pydantic.AliasChoices("maxSize"), serialization_alias="maxSize")
    timeout: Annotated[
        Duration, _Span(), pydantic.PlainSerializer(lambda value: to_wire(value, days=False), return_type=str)
    ]
    key: str | None = None
    if_exp: str | None = pydantic.Field(
        default=None, validation_alias=pydantic.AliasChoices("if"), serialization_alias="if"
    )


class Cancel(_Option):
    """Cancel a run when `event` arrives and `if_exp` holds (`event`: what started the run, `async`: what arrived)."""

    event: str
    if_exp: str | None = pydantic.Field(
        default=None, validation_alias=pydantic.AliasChoices("if"), serialization_alias="if"
    )
    timeout: Span | None = None


class Concurrency(_Option):
    """At most `limit` steps at a time, for each `key`; in `scope` "env" or "account" across functions."""

    limit: int
    key: str | None = None
    scope: Literal["account", "env", "fn"] | None = None


class Debounce(_Option):
    """Start when no further event has come for `period`, at the latest `timeout` after the first."""

    period: Span
    key: str | None = None
    timeout: Span | None = None


class Priority(_Option):
    """Seconds by which a run overtakes others, as an expression with a whole number as its value."""

    run: str


class RateLimit(_Option):
    """Let through one event per `period` / `limit`, a tenth of `limit` and one more at once; drop the rest."""

    limit: int
    period: Span
    key: str | None = None


class Singleton(_Option):
    """At most one run for each `key`: "skip" the new one, or "cancel" the one that runs."""

    mode: Literal["cancel", "skip"]
    key: str | None = None


class Throttle(_Option):
    """Start at most `limit` + `burst` runs at once, then one per `period` / `limit`; the rest waits."""

    limit: int
    period: Span
    key: str | None = None
    burst: int | None = 1


class Timeouts(_Option):
    """Cancel a run that has not begun after `start`, or not ended `finish` after it began."""

    start: Span | None = None
    finish: Span | None = None


class Options(_Option):
    """All options of one function."""

    batch_events: Batch | None = pydantic.Field(
        default=None, validation_alias=pydantic.AliasChoices("batchEvents"), serialization_alias="batchEvents"
    )
    cancel: list[Cancel] | None = None
    concurrency: list[Concurrency] | None = None
    debounce: Debounce | None = None
    idempotency: str | None = None
    priority: Priority | None = None
    rate_limit: RateLimit | None = pydantic.Field(
        default=None, validation_alias=pydantic.AliasChoices("rateLimit"), serialization_alias="rateLimit"
    )
    singleton: Singleton | None = None
    throttle: Throttle | None = None
    timeouts: Timeouts | None = None

    @classmethod
    def from_registered(cls, registered: dict[str, Any], *, fn_id: str) -> Self:
        """Options from their registered form.

        Raises:
            FunctionConfigInvalidError: the message names the function and each wrong field.
        """
        try:
            return cls.model_validate(registered)
        except pydantic.ValidationError as exc:
            faults = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
            raise FunctionConfigInvalidError(f"function {fn_id!r}: {faults}") from None

    def effective_rate_limit(self) -> RateLimit | None:
        """The rate limit, or what `idempotency` means: one run a day for each key."""
        if self.idempotency is not None:
            return RateLimit(limit=1, period="24h", key=self.idempotency)
        return self.rate_limit


def milliseconds(fn_id: str, field: str, duration: Duration) -> int:
    """A duration in an option, as whole milliseconds.

    Raises:
        FunctionConfigInvalidError: it is not a duration; the message names function and field.
    """
    try:
        return to_milliseconds(duration, field=field)
    except ValueError as exc:
        raise FunctionConfigInvalidError(f"function {fn_id!r}: {exc}") from None
