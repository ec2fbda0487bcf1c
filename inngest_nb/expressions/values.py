"""The values of expressions: JSON data (its numbers are doubles), CEL's own types, the unknown, and errors as values.

Inside an evaluation int is CEL's int, float its double, dict and list are JSON data, tuple is a list made by the
expression. `adapt` brings a JSON value into that form.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inngest_nb.times import Duration, Timestamp


class UInt(int):
    """CEL's unsigned 64-bit integer."""

    __slots__ = ()


class Unknown:
    """What a missing attribute evaluates to; close to null, and never an error."""

    __slots__ = ()


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a value: many operators swallow it, only what reaches the top is raised."""

    message: str

    @property
    def is_unbound(self) -> bool:
        """Whether a name was not bound at all."""
        return self.message.startswith("no such attribute")


NO_OVERLOAD = Failure("no such overload")


@dataclass(frozen=True, slots=True)
class TypeName:
    """The result of type(x), and what names such as `int` mean."""

    name: str


@dataclass(frozen=True, slots=True)
class MapValue:
    """A map written in the expression; keys are (kind, key) so that true and 1 differ."""

    entries: Mapping[object, tuple[object, object]]

    def get(self, key: object) -> object:
        """The value under `key`, or a Failure."""
        entry = self.entries.get(map_key(key))
        return Failure(f"no such key: {go_text(key)}") if entry is None else entry[1]


_TYPES: dict[type, str] = {
    bool: "bool", int: "int", UInt: "uint", float: "double", str: "string", bytes: "bytes", type(None): "null_type",
    list: "list", tuple: "list", dict: "map", MapValue: "map", Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration", TypeName: "type", Unknown: "unknown", Failure: "error",
}  # fmt: skip
NUMBERS = frozenset({"int", "uint", "double"})


def type_of(value: object) -> str:
    """CEL's name of the value's type."""
    return _TYPES.get(type(value), "error")


def adapt(value: object) -> object:
    """A JSON value as an expression value; its integers become doubles."""
    kind = type(value)
    if kind is int:
        return _to_double(value)  # type: ignore[arg-type]
    return value if kind in _TYPES else Failure(f"unsupported value of type {kind.__name__}")


def _to_double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def map_key(key: object) -> object:
    """A key that is equal for equal CEL keys: numbers by value, the rest by type; what cannot be a key is None."""
    kind = type_of(key)
    if kind in NUMBERS:
        return ("number", key)
    return (kind, key) if kind in ("bool", "string") else None


def elements(value: object) -> Iterator[object] | None:
    """The elements of a list or the keys of a map, or None for anything else."""
    if isinstance(value, list):
        return map(adapt, value)
    if isinstance(value, tuple):
        return iter(value)
    if isinstance(value, dict):
        return iter(list(value))
    if isinstance(value, MapValue):
        return (key for key, _ in value.entries.values())
    return None


def items(value: object) -> dict[object, object] | None:
    """A map as {map_key: value}, or None for anything else."""
    if isinstance(value, dict):
        return {map_key(key): adapt(item) for key, item in value.items()}
    if isinstance(value, MapValue):
        return {key: entry[1] for key, entry in value.entries.items()}
    return None


def is_truthy(value: object) -> bool:
    """JavaScript's truthiness, except that errors are false; empty lists and maps are true."""
    if value is None or value is UNKNOWN or isinstance(value, Failure):
        return False
    if isinstance(value, (bool, str)):
        return bool(value)
    return value != 0 if isinstance(value, (int, float)) else True


def equal(left: object, right: object) -> bool:
    """CEL's equality: numbers by value, other types only with themselves."""
    left_kind, right_kind = type_of(left), type_of(right)
    if left_kind in NUMBERS and right_kind in NUMBERS:
        return bool(_comparable(left, right)[0] == _comparable(left, right)[1])
    if left_kind != right_kind:
        return False
    if left_kind == "list":
        return _equal_lists(left, right)
    if left_kind == "map":
        return _equal_maps(items(left) or {}, items(right) or {})
    return bool(left == right)


def _comparable(left: object, right: object) -> tuple[object, object]:
    """Both sides as doubles when one of them is, since an int is compared as the double next to it."""
    if isinstance(left, float) or isinstance(right, float):
        return float(left), float(right)  # type: ignore[arg-type]
    return left, right


def _equal_lists(left: object, right: object) -> bool:
    assert isinstance(left, Sequence)
    assert isinstance(right, Sequence)
    if len(left) != len(right):
        return False
    return all(equal(a, b) for a, b in zip(elements(left) or (), elements(right) or (), strict=True))


def _equal_maps(left: Mapping[object, object], right: Mapping[object, object]) -> bool:
    return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())


def compare(left: object, right: object) -> int | Failure:
    """-1, 0 or 1, or a Failure where CEL has no order."""
    left_kind, right_kind = type_of(left), type_of(right)
    if left_kind in NUMBERS and right_kind in NUMBERS:
        first, second = _comparable(left, right)
    elif left_kind == right_kind and left_kind in _ORDERED:
        first, second = left, right
    else:
        return NO_OVERLOAD
    if first != first or second != second:  # noqa: PLR0124 -- the test for NaN that takes any type
        return Failure("NaN values cannot be ordered")
    return int(first > second) - int(first < second)  # type: ignore[operator]


_ORDERED = frozenset({"bool", "string", "bytes", "google.protobuf.Timestamp", "google.protobuf.Duration"})


def go_double(value: float) -> str:
    """A double as Go prints it: shortest digits, an exponent from 1e+06 (1.76e+12) and below 1e-04."""
    if not math.isfinite(value):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"  # noqa: PLR0124
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, exponent = _shortest_exponent(value)
    if -4 <= exponent < 6:
        return repr(value).removesuffix(".0")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _shortest_exponent(value: float) -> tuple[str, int]:
    """Shortest round-trip digits as d.ddd and the power of ten."""
    sign = "-" if value < 0 else ""
    text = repr(abs(value))
    digits, _, exponent = text.partition("e")
    whole, _, fraction = digits.partition(".")
    all_digits = (whole + fraction).lstrip("0")
    leading = len(whole) - 1 if whole != "0" else -(len(fraction) - len(fraction.lstrip("0"))) - 1
    power = int(exponent or 0) + leading
    kept = all_digits.rstrip("0") or "0"
    return sign + kept[0] + ("." + kept[1:] if len(kept) > 1 else ""), power


def go_text(value: object) -> str:
    """A value as Go's %v prints it: the text of a key, or of a value joined to a string."""
    if value is None:
        return "NULL_VALUE"
    if isinstance(value, tuple):
        return f"[{' '.join(map(_element_text, value))}]"
    if isinstance(value, MapValue):
        pairs = sorted((_element_text(key), _element_text(item)) for key, item in value.entries.values())
        return f"map[{' '.join(f'{key}:{item}' for key, item in pairs)}]"
    if isinstance(value, Failure):
        return value.message
    return _native_text(value)


def _native_text(value: object) -> str:
    """JSON data as Go prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return go_double(value)
    if isinstance(value, bytes):
        return f"[{' '.join(map(str, value))}]"
    if isinstance(value, TypeName):
        return value.name
    if isinstance(value, list):
        return f"[{' '.join('<nil>' if item is None else _native_text(adapt(item)) for item in value)}]"
    if isinstance(value, dict):
        inner = ("<nil>" if value[key] is None else _native_text(adapt(value[key])) for key in sorted(value))
        return f"map[{' '.join(f'{key}:{item}' for key, item in zip(sorted(value), inner, strict=True))}]"
    return str(value)


def _element_text(value: object) -> str:
    """An element of a list that the expression made; nested lists have commas there."""
    inner = elements(value)
    if inner is None:
        return "0" if value is None else go_text(value)
    if type_of(value) == "map":
        pairs = items(value) or {}
        return "{" + ", ".join(sorted(f"{key[1]}: {_element_text(item)}" for key, item in pairs.items())) + "}"  # type: ignore[index]
    return f"[{', '.join(map(_element_text, inner))}]"
