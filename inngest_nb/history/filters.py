"""What the methods of the history can be filtered by, and how that becomes parameters of SQL conditions."""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import orjson

from inngest_nb.clock import encode_ulid
from inngest_nb.durations import to_milliseconds
from inngest_nb.history.tables import MESSAGE_KINDS, RUN_STATUS, STEP_OPS, STEP_STATUS, WAIT_OUTCOMES
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
When = str | dt.date | dt.timedelta | None

#: Parameters of the `*_where_*` conditions that are in use, by name.
Filters = dict[str, Any]

F = TypeVar("F", bound=Callable[..., Any])
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Rows get their id just before or just after their time is taken.
_SLACK_US = 1_000_000


class _Times(TypedDict, total=False):
    since: When
    until: When
    limit: int | None


class _Filters(_Times, total=False):
    run_id: Some
    function: Some


class RunFilters(_Filters, total=False):
    status: Some
    event_id: Some


class StepFilters(_Filters, total=False):
    status: Some
    step_id: Some
    op: Some


class EventFilters(_Times, total=False):
    name: Some
    event_id: Some
    run_id: Some


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


#: Filters whose values are known: another one is a mistake, and no empty answer.
_CHOICES: dict[Any, dict[str, tuple[str, ...]]] = {
    RunFilters: {"status": RUN_STATUS},
    StepFilters: {"status": STEP_STATUS, "op": STEP_OPS},
    WaitFilters: {"outcome": WAIT_OUTCOMES},
    MessageFilters: {"kind": MESSAGE_KINDS},
}


def takes(filters: Any) -> Callable[[F], F]:
    """Give a method the filters in its signature, and let it refuse what is none."""
    choices = _CHOICES.get(filters, {})
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
                raise TypeError(
                    _refusal(f"{method.__name__}() has no filter", unknown, sorted(allowed - {"self"}), "takes")
                )
            return method(self, *args, **{name: _checked(name, value, choices) for name, value in given.items()})

        last = {"to": own.pop()} if own[-1].name == "to" else {}
        added = [p for name, p in known.items() if name not in {o.name for o in own}]
        checked.__signature__ = signature.replace(parameters=[*own, *added, *last.values()])  # type: ignore[attr-defined]  # what inspect, help and completion show
        return checked  # type: ignore[return-value]  # the same calls

    return decorate


def _checked(name: str, value: Any, choices: Mapping[str, tuple[str, ...]]) -> Any:
    """Return a filter's value if it can mean something."""
    if value is None:
        return None
    if name == "limit":
        return _whole(value)
    if name not in choices:
        return value
    asked = ids(value)
    if unknown := next((one for one in asked if one not in choices[name]), None):
        raise ValueError(_refusal(f"there is no {name}", unknown, list(choices[name]), "is one of"))
    return asked


def _whole(limit: Any) -> int:
    try:
        wanted = operator.index(limit)
    except TypeError:
        wanted = -1
    if wanted < 0:
        raise ValueError(f"limit is how many rows, a whole number from 0, not {limit!r}")
    return wanted


def _refusal(what: str, unknown: str, allowed: list[str], takes: str) -> str:
    close = difflib.get_close_matches(unknown, allowed, 1)
    meant = f"; did you mean {close[0]!r}?" if close else "."
    return f"{what} {unknown!r}{meant} It {takes} {', '.join(allowed)}"


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
    return list(dict.fromkeys(str(getattr(item, "id", item)) for item in _several(value)))


def _several(value: Any) -> list[Any]:
    """Return one value, or those of a list, a column of a frame or whatever else has several."""
    several = isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and not hasattr(value, "id")
    return list(value) if several else [value]


_WHEN = (
    'since and until take a datetime or a date, ISO text, or how long back from now: a timedelta or text such as "1h"'
)


def microseconds(value: object) -> int:
    """Return a point in time: a datetime (UTC if it says nothing else), a date, ISO text, or how long ago."""
    value = _moment(value)
    if isinstance(value, dt.timedelta):
        value = dt.datetime.now(dt.UTC) - value
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    if not isinstance(value, dt.datetime):
        raise TypeError(f"{_WHEN}; not {value!r}")
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return (aware - _EPOCH) // dt.timedelta(microseconds=1)


def _moment(value: object) -> object:
    """Return what text and numpy's times stand for."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in ("M", "m"):
        return value.astype(f"{kind}8[us]").item()  # type: ignore[attr-defined]  # a time of numpy
    if not isinstance(value, str):
        return value
    try:
        return dt.datetime.fromisoformat(value)
    except ValueError:
        pass
    try:
        return dt.timedelta(milliseconds=to_milliseconds(value))
    except ValueError:
        raise ValueError(f"{_WHEN}; not {value!r}") from None


_READ: dict[str, Callable[[Any], Any]] = {
    "since": microseconds,
    "until": microseconds,
    "channel": _channels,
    "topic": _topics,
}
