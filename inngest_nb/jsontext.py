"""User values as JSON text, with the official SDK's rules: what `json` accepts, no NaN, no surrogates."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

JSON = Any  # dict, list, str, int, float, bool or None, recursively

_encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


def _make_encode() -> Callable[[object], str]:
    """`_encoder.encode`, without making its C part anew for every value: that costs more than a small value does."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    escape = json.encoder.encode_basestring
    chunks = make(None, _encoder.default, escape, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _make_encode()


def loads(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)  # white space before it, or an error to be explained
    return value if end == len(text) else json.loads(text)


def dumps(value: object) -> str:
    """Return `value` as JSON text.

    Raises:
        TypeError: it is not JSON; the message names the path and the type found there.
    """
    try:
        text = _encode(value)
        text.encode()
        return text
    except (TypeError, ValueError, RecursionError) as exc:
        raise TypeError(_first_fault(value, "$", ()) or f"not JSON: {exc}") from None


def _first_fault(value: object, path: str, seen: tuple[int, ...]) -> str | None:
    """Return where and why `value` is not JSON, or None."""
    if id(value) in seen:
        return f"{path} contains itself"
    if isinstance(value, dict):
        return _fault_in_dict(value, path, (*seen, id(value)))
    if isinstance(value, (list, tuple)):
        inner = (*seen, id(value))
        return next((f for i, v in enumerate(value) if (f := _first_fault(v, f"{path}[{i}]", inner))), None)
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{path} is {value}, which JSON cannot hold"
    if isinstance(value, str):
        return None if is_text(value) else f"{path} holds a lone surrogate, which is not text"
    if value is None or isinstance(value, (bool, int)):
        return None
    kind = (
        type(value).__qualname__
        if type(value).__module__ == "builtins"
        else f"{type(value).__module__}.{type(value).__qualname__}"
    )
    return f"{path} is of type {kind}, which is not JSON"


def _fault_in_dict(value: dict[Any, Any], path: str, seen: tuple[int, ...]) -> str | None:
    for key, item in value.items():
        if not (key is None or isinstance(key, (str, int, float, bool))):
            return f"{path} has a key of type {type(key).__qualname__}; JSON keys are strings"
        if fault := _first_fault(item, f"{path}.{key}", seen):
            return fault
    return None


def is_text(value: str) -> bool:
    """Whether it can be written: a lone surrogate, as in names of files that are not UTF-8, cannot."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
