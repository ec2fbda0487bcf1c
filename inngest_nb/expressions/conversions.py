"""CEL's type conversions, and the ranges of its numbers, times and spans."""

from __future__ import annotations

import re

from inngest_nb.expressions.values import NO_OVERLOAD, NUMBERS, Failure, UInt, go_double, type_of
from inngest_nb.goduration import GO_UNITS, MAX_NS, parse_ns
from inngest_nb.times import Duration, Timestamp, date_of_int, parse_date, parse_rfc3339

_INT_MIN, _INT_MAX, _UINT_MAX = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1
_FLOAT = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_BOOLEANS = {
    "1": True, "t": True, "T": True, "true": True, "TRUE": True, "True": True,
    "0": False, "f": False, "F": False, "false": False, "FALSE": False, "False": False,
}  # fmt: skip


def int_in_range(value: int) -> object:
    return value if _INT_MIN <= value <= _INT_MAX else Failure("integer overflow")


def uint_in_range(value: int) -> object:
    return UInt(value) if 0 <= value <= _UINT_MAX else Failure("unsigned integer overflow")


def span_in_range(ns: int) -> object:
    return Duration(ns) if -MAX_NS - 1 <= ns <= MAX_NS else Failure("integer overflow")


def moved(base: Timestamp, ns: int) -> object:
    moved = Timestamp(base.ns + ns, base.offset_s, base.zone)
    return moved if moved.in_range else Failure("timestamp overflow")


def to_int(value: object) -> object:
    match value:
        case bool():
            return NO_OVERLOAD
        case int():
            return int_in_range(int(value))
        case float():
            return int(value) if -(2.0**63) < value < 2.0**63 else Failure("integer overflow")
        case str():
            return (
                int_in_range(int(value))
                if _INTEGER.fullmatch(value)
                else Failure("type conversion error from string to int")
            )
        case Timestamp():
            return value.ns // 10**9
        case Duration():
            return value.ns
    return NO_OVERLOAD


def to_uint(value: object) -> object:
    match value:
        case bool():
            return NO_OVERLOAD
        case int():
            return uint_in_range(int(value))
        case float():
            return UInt(int(value)) if 0 <= value < 2.0**64 else Failure("unsigned integer overflow")
        case str():
            faulty = not (value.isascii() and value.isdigit()) or len(value) > 40
            return Failure("type conversion error from string to uint") if faulty else uint_in_range(int(value))
    return NO_OVERLOAD


def to_double(value: object) -> object:
    if isinstance(value, str):
        return float(value) if _FLOAT.fullmatch(value) else Failure("type conversion error from string to double")
    return float(value) if type_of(value) in NUMBERS else NO_OVERLOAD  # type: ignore[arg-type]


def to_string(value: object) -> object:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return go_double(value)
        case bytes():
            return _utf8(value)
        case Timestamp():
            return value.rfc3339()
        case Duration():
            return f"{_seconds(value.ns)}s"
    return NO_OVERLOAD


def _utf8(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Failure("invalid UTF-8 in bytes, cannot convert to string")


def _seconds(ns: int) -> str:
    whole, rest = divmod(abs(ns), 10**9)
    return ("-" if ns < 0 else "") + (f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole))


def to_bool(value: object) -> object:
    if isinstance(value, str):
        return _BOOLEANS.get(value, Failure("type conversion error from string to bool"))
    return value if isinstance(value, bool) else NO_OVERLOAD


def to_bytes(value: object) -> object:
    return (
        value.encode("utf-8", "replace")
        if isinstance(value, str)
        else value
        if isinstance(value, bytes)
        else NO_OVERLOAD
    )


def to_timestamp(value: object) -> object:
    match value:
        case Timestamp():
            return value
        case str():
            found = parse_rfc3339(value)
            return found if found and found.in_range else Failure(f"invalid timestamp {value!r}")
        case int() if type_of(value) == "int":
            return moved(Timestamp(0), value * 10**9)
    return NO_OVERLOAD


def to_duration(value: object) -> object:
    match value:
        case Duration():
            return value
        case str():
            ns = parse_ns(value, GO_UNITS)
            return Failure(f"invalid duration {value!r}") if ns is None else Duration(ns)
        case int() if type_of(value) == "int":
            return span_in_range(value)
    return NO_OVERLOAD


def date(value: object) -> object:
    """A date in one of many spellings, or Unix time as an int."""
    found = parse_date(value) if isinstance(value, str) else None
    if type_of(value) == "int":
        found = date_of_int(value)  # type: ignore[arg-type]
    return Failure("unknown date format") if found is None else found
