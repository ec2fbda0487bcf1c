"""What the methods of the history can be filtered by, and how that becomes parameters of SQL conditions."""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import orjson

from inngest_nb.clock import encode_ulid
from inngest_nb.realtime.channels import channel_name
from inngest_nb.realtime.refs import TopicRef

if TYPE_CHECKING:
    from inngest_nb.history.usage import Price
    from inngest_nb.realtime.channels import BoundChannel

__all__ = [
    "EventFilters",
    "Filters",
    "MessageFilters",
    "RunFilters",
    "StepFilters",
    "StreamFilters",
    "TextFilters",
    "UsageFilters",
    "WaitFilters",
    "ids",
    "make_filters",
    "names_of_topics",
    "takes",
]

#: One value or several; runs and functions may be given themselves instead of their ids.
Some = Any
When = str | dt.datetime | dt.timedelta | None

#: Parameters of the `*_where_*` conditions that are in use, by name.
Filters = dict[str, Any]

F = TypeVar("F", bound=Callable[..., Any])
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Rows get their id just before or just after their time is taken.
_SLACK_US = 1_000_000


class _Times(TypedDict, total=False):
    since: When
    until: When


class _Filters(_Times, total=False):
    run_id: Some
    function: Some
    limit: int | None


class RunFilters(_Filters, total=False):
    status: Some


class StepFilters(_Filters, total=False):
    status: Some
    step_id: Some


class EventFilters(_Times, total=False):
    name: Some
    run_id: Some
    limit: int | None


class WaitFilters(_Filters, total=False):
    outcome: Some


class MessageFilters(_Filters, total=False):
    channel: str | BoundChannel | Iterable[str | BoundChannel] | None
    topic: str | TopicRef[Any] | Iterable[str | TopicRef[Any]] | None
    kind: Some


class StreamFilters(_Times, total=False):
    function: Some
    channel: str | BoundChannel | Iterable[str | BoundChannel] | None
    topic: str | TopicRef[Any] | Iterable[str | TopicRef[Any]] | None


class TextFilters(StreamFilters, total=False):
    field: str | None


class UsageFilters(StreamFilters, total=False):
    prices: Mapping[str, Price] | None


def takes(filters: Any) -> Callable[[F], F]:
    """Give a method the filters in its signature, and let it refuse what is none."""
    known = {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint.__forward_arg__)
        for name, hint in filters.__annotations__.items()
    }

    def decorate(method: F) -> F:
        signature = inspect.signature(method)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        allowed = known.keys() | {p.name for p in own}

        @functools.wraps(method)
        def checked(self: Any, *args: Any, **given: Any) -> Any:
            if unknown := next((name for name in given if name not in allowed), None):
                raise TypeError(_refusal(method.__name__, unknown, sorted(allowed - {"self"})))
            return method(self, *args, **given)

        last = {"to": own.pop()} if own[-1].name == "to" else {}
        added = [p for name, p in known.items() if name not in {o.name for o in own}]
        checked.__signature__ = signature.replace(parameters=[*own, *added, *last.values()])  # type: ignore[attr-defined]  # what inspect, help and completion show
        return checked  # type: ignore[return-value]  # the same calls

    return decorate


def _refusal(method: str, unknown: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(unknown, allowed, 1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{method}() has no filter {unknown!r}{meant} It takes {', '.join(allowed)}"


def make_filters(given: Mapping[str, Any]) -> Filters:
    """Turn the arguments of a method into parameters of its conditions; None filters nothing."""
    filters: Filters = {}
    for name, value in given.items():
        if value is not None:
            read: Callable[[Any], Any] = _READ.get(name, _listed)
            filters[name] = read(value)
    if "since" in filters:
        filters["since_id"] = encode_ulid(max(0, (filters["since"] - _SLACK_US) // 1000), 0)
    return filters


def _listed(value: Any) -> str:
    return orjson.dumps(ids(value)).decode()


def _channels(value: Any) -> str:
    return _listed([channel_name(channel) for channel in _several(value)])


def _topics(value: Any) -> str:
    return _listed(names_of_topics(value))


def names_of_topics(topic: Any) -> list[str]:
    """Return the names of topics given by name or by reference."""
    return [item.topic if isinstance(item, TopicRef) else item for item in _several(topic)]


def ids(value: object) -> list[str]:
    """Return ids; runs and functions are known by theirs."""
    return [str(getattr(item, "id", item)) for item in _several(value)]


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def microseconds(value: object) -> int:
    """Return a point in time: a datetime (UTC if it says nothing else), ISO text, or how long ago as a timedelta."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.timedelta):
        value = dt.datetime.now(dt.UTC) - value
    if not isinstance(value, dt.datetime):
        raise TypeError(f"since and until take a datetime, ISO text or a timedelta back from now, not {value!r}")
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return (aware - _EPOCH) // dt.timedelta(microseconds=1)


_READ: dict[str, Callable[[Any], Any]] = {
    "since": microseconds,
    "until": microseconds,
    "channel": _channels,
    "topic": _topics,
}
