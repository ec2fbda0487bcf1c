"""CEL's operators and functions on known values; whatever does not fit is a Failure, nothing raises."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from itertools import chain

from inngest_nb.expressions import regex
from inngest_nb.expressions.conversions import (
    date,
    int_in_range,
    moved,
    span_in_range,
    to_bool,
    to_bytes,
    to_double,
    to_duration,
    to_int,
    to_string,
    to_timestamp,
    to_uint,
    uint_in_range,
)
from inngest_nb.expressions.values import (
    NO_OVERLOAD,
    NUMBERS,
    Failure,
    MapValue,
    TypeName,
    adapt,
    compare,
    elements,
    equal,
    go_double,
    map_key,
    type_of,
)  # fmt: skip
from inngest_nb.goduration import LONG_UNITS, parse_ns
from inngest_nb.times import Duration, Timestamp, fields_at

Function = Callable[..., object]


def ordering(accepts: Callable[[int], bool]) -> Function:
    """The operator that is true for these results of a comparison."""

    def operator(left: object, right: object) -> object:
        order = compare(left, right)
        return order if isinstance(order, Failure) else accepts(order)

    return operator


def add(left: object, right: object) -> object:
    match type_of(left), type_of(right):
        case "int", "int":
            return int_in_range(left + right)  # type: ignore[operator]
        case "uint", "uint":
            return uint_in_range(left + right)  # type: ignore[operator]
        case ("double", "double") | ("string", "string") | ("bytes", "bytes"):
            return left + right  # type: ignore[operator]
        case "list", "list":
            return (*(elements(left) or ()), *(elements(right) or ()))
    if isinstance(left, Duration) and isinstance(right, (Duration, Timestamp)):
        return span_in_range(left.ns + right.ns) if isinstance(right, Duration) else moved(right, left.ns)
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return moved(left, right.ns)
    return NO_OVERLOAD


def subtract(left: object, right: object) -> object:
    if isinstance(right, Duration) and isinstance(left, (Duration, Timestamp)):
        return span_in_range(left.ns - right.ns) if isinstance(left, Duration) else moved(left, -right.ns)
    if isinstance(left, Timestamp) and isinstance(right, Timestamp):
        return span_in_range(left.ns - right.ns)
    return _arithmetic(left, right, lambda a, b: a - b)


def multiply(left: object, right: object) -> object:
    return _arithmetic(left, right, lambda a, b: a * b)


def divide(left: object, right: object) -> object:
    if isinstance(left, float) and isinstance(right, float):
        return _divide_doubles(left, right)
    if right == 0 and type_of(left) == type_of(right) and type_of(left) in NUMBERS:
        return Failure("division by zero")
    return _arithmetic(left, right, lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))


def modulo(left: object, right: object) -> object:
    if isinstance(left, float) or isinstance(right, float):
        return NO_OVERLOAD
    if right == 0 and type_of(left) == type_of(right) and type_of(left) in NUMBERS:
        return Failure("modulus by zero")
    return _arithmetic(left, right, lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1))


def _arithmetic(left: object, right: object, operate: Callable[..., int]) -> object:
    kind = type_of(left)
    if kind != type_of(right) or kind not in NUMBERS:
        return NO_OVERLOAD
    result = operate(left, right)
    return int_in_range(result) if kind == "int" else uint_in_range(int(result)) if kind == "uint" else result


def _divide_doubles(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)


def negate(value: object) -> object:
    if type_of(value) == "int":
        return int_in_range(-value)  # type: ignore[operator]
    return -value if isinstance(value, float) else NO_OVERLOAD


def invert(value: object) -> object:
    return not value if isinstance(value, bool) else NO_OVERLOAD


def contained(value: object, where: object) -> object:
    """`value in where`, for lists and the keys of maps."""
    if isinstance(where, dict):
        return isinstance(value, str) and value in where
    if isinstance(where, MapValue):
        return map_key(value) in where.entries
    if not isinstance(where, (list, tuple)):
        return NO_OVERLOAD
    return any(equal(value, item) for item in elements(where) or ())


def size(value: object) -> object:
    if isinstance(value, (str, bytes, list, tuple, dict)):
        return len(value)
    return len(value.entries) if isinstance(value, MapValue) else NO_OVERLOAD


def texts(operate: Callable[[str, str], object]) -> Function:
    """A function of two strings."""

    def function(left: object, right: object) -> object:
        return operate(left, right) if isinstance(left, str) and isinstance(right, str) else NO_OVERLOAD

    return function


def matches(text: str, pattern: str) -> object:
    try:
        return regex.search(pattern, text)
    except regex.PatternError as exc:
        return Failure(f"error parsing regexp: {exc}")


def lowercase(value: object) -> object:
    """As Go: letter by letter, so İ becomes i."""
    text = value if isinstance(value, str) else ""
    return "".join(lower if len(lower := char.lower()) == 1 else lower[0] for char in text)


def uppercase(value: object) -> object:
    """As Go: letter by letter, so ß stays ß."""
    text = value if isinstance(value, str) else ""
    return "".join(next((form for form in (char.upper(), char.title()) if len(form) == 1), char) for char in text)


def b64decode(value: object) -> object:
    """What comes before the first fault, as Go's decoder gives it."""
    text = (value if isinstance(value, str) else "").replace("\n", "").replace("\r", "")
    whole = re.match(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text)
    return base64.b64decode(whole[0] if whole else "").decode("utf-8", "replace")


def json_parse(value: object) -> object:
    """The map that the text holds; anything else, or a faulty text, is an empty map."""
    try:
        parsed = json.loads(value if isinstance(value, str) else "", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _no_constant(name: str) -> object:
    raise ValueError(name)


def shifted(value: object, now_ns: int, sign: int) -> object:
    """now_plus and now_minus."""
    ns = parse_ns(value, LONG_UNITS) if isinstance(value, str) else None
    return (
        Failure("now_plus and now_minus take a duration such as '1h'")
        if ns is None
        else moved(Timestamp(now_ns), sign * ns)
    )


def _field(of_time: Callable[..., int], of_span: int = 0) -> Function:
    """A calendar field of a timestamp in UTC or a named zone; of a duration, how many `of_span` nanoseconds."""

    def function(value: object, zone: object = "UTC") -> object:
        if isinstance(value, Duration) and of_span:
            return value.ns // of_span if value.ns >= 0 else -(-value.ns // of_span)
        if not isinstance(value, Timestamp) or not isinstance(zone, str):
            return NO_OVERLOAD
        moment = fields_at(value, zone)
        return Failure(f"unknown time zone {zone!r}") if moment is None else of_time(moment)

    return function


UNARY: dict[str, Function] = {
    "!": invert, "-": negate, "size": size, "lowercase": lowercase, "uppercase": uppercase, "b64decode": b64decode,
    "json_parse": json_parse, "date": date, "int": to_int, "uint": to_uint, "double": to_double, "string": to_string,
    "bytes": to_bytes, "bool": to_bool, "timestamp": to_timestamp, "duration": to_duration, "dyn": lambda value: value,
    "type": lambda value: TypeName(type_of(value)),
}  # fmt: skip
BINARY: dict[str, Function] = {
    "==": equal, "!=": lambda left, right: not equal(left, right), "<": ordering(lambda order: order < 0),
    "<=": ordering(lambda order: order <= 0), ">": ordering(lambda order: order > 0), ">=": ordering(lambda order: order >= 0),
    "+": add, "-": subtract, "*": multiply, "/": divide, "%": modulo, "in": contained,
    "contains": texts(lambda text, part: part in text), "startsWith": texts(str.startswith), "endsWith": texts(str.endswith),
    "matches": texts(matches),
}  # fmt: skip
#: Fields of timestamps and durations: with a zone or without.
FIELDS: dict[str, Function] = {
    "getFullYear": _field(lambda t: t.year),
    "getMonth": _field(lambda t: t.month - 1),
    "getDayOfYear": _field(lambda t: t.timetuple().tm_yday - 1),
    "getDayOfMonth": _field(lambda t: t.day - 1),
    "getDate": _field(lambda t: t.day),
    "getDayOfWeek": _field(lambda t: t.isoweekday() % 7),
    "getHours": _field(lambda t: t.hour, 3600 * 10**9),
    "getMinutes": _field(lambda t: t.minute, 60 * 10**9),
    "getSeconds": _field(lambda t: t.second, 10**9),
    "getMilliseconds": _field(lambda t: t.microsecond // 1000, 10**6),
}
CLOCK = frozenset({"now", "now_plus", "now_minus"})
TYPE_NAMES = frozenset({"bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"})


def arities(name: str) -> frozenset[int]:
    """How many arguments the function takes; empty for an unknown function."""
    if name in FIELDS:
        return frozenset({1, 2})
    found = {1} if name in UNARY else set()
    if name in BINARY:
        found.add(2)
    if name in CLOCK:
        found.add(0 if name == "now" else 1)
    return frozenset(found)


def known_names() -> list[str]:
    """Every function by name, without operators."""
    return sorted(name for name in chain(UNARY, BINARY, FIELDS, CLOCK) if name.isidentifier() and name != "in")


def select(value: object, key: object) -> object:
    """`value.key` or `value[key]` on a known value."""
    if isinstance(value, dict):
        found = value.get(key, value) if isinstance(key, str) else value
        return (
            Failure(f"no such key: {key if isinstance(key, str) else go_key(key)}") if found is value else adapt(found)
        )
    if isinstance(value, MapValue):
        return value.get(key)
    if isinstance(value, (list, tuple)):
        return _element(value, key)
    return value if isinstance(value, Failure) else Failure(f"no such key: {go_key(key)}")


def go_key(key: object) -> str:
    """A key as it appears in an error."""
    return go_double(key) if isinstance(key, float) else str(key)


def _element(value: list[object] | tuple[object, ...], key: object) -> object:
    if type_of(key) not in NUMBERS or (isinstance(key, float) and not key.is_integer()):
        return Failure(f"unsupported index type '{type_of(key)}' in list")
    index = int(key)  # type: ignore[call-overload]
    if not 0 <= index < len(value):
        return Failure(f"index out of bounds: {index}")
    return adapt(value[index]) if isinstance(value, list) else value[index]
