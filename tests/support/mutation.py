"""Frames that went wrong: seeded mutations of good ones, in their bytes and in their structure."""

from __future__ import annotations

import random
from typing import Any

import orjson

NASTY_BYTES = (
    b"\xff\xfe", b"\\ud800", b"1e999", b"NaN", b"-0", b"9007199254740993", b"[" * 2000, b'{"a":' * 1500, b"\x00", b'"', b"}",
    b"null", b'"op":"hello",', b"A" * 3000, "\u2028\U0001f600".encode(), b"",
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**62, 2**63, -(2**63), 2**64 - 1, 1.5, -0.0, 1e308, "", "x", "\x00", "a" * 5000, "\U0001f600",
    "../../etc", "' OR 1=1 --", "now", "start", [], {}, [[]], [{}], {"": ""}, {"us": -1}, {"us": 2**62}, {"op": "hello"}, [None], [1, "a"],
)  # fmt: skip


def mutated(rng: random.Random, good: list[bytes]) -> bytes:
    """One of the good frames, changed once or several times."""
    frame = rng.choice(good)
    for _ in range(rng.randrange(1, 4)):
        frame = _in_structure(rng, frame) if rng.random() < 0.7 else _in_bytes(rng, frame, good)
    return frame


def _in_bytes(rng: random.Random, frame: bytes, good: list[bytes]) -> bytes:
    changed = bytearray(frame)
    at = rng.randrange(len(changed) + 1)
    kind = rng.randrange(4)
    if kind == 0 and at < len(changed):
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del changed[at : at + rng.randrange(1, 8)]
    elif kind == 2:
        changed[at:at] = rng.choice(NASTY_BYTES)
    else:
        other = rng.choice(good)
        changed[at:] = other[rng.randrange(len(other)) :]
    return bytes(changed)


def _in_structure(rng: random.Random, frame: bytes) -> bytes:
    """Replace, drop, double or rename something at a random place of the JSON."""
    try:
        value = orjson.loads(frame)
        places = list(_places(value))
        if not places:
            return orjson.dumps(rng.choice(NASTY_VALUES))
        holder, key = rng.choice(places)
        kind = rng.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[rng.choice(("op", "id", "data", "since", "run_id", "functions", "params", "channel"))] = holder.pop(
                key
            )
        elif kind == 2 and isinstance(holder, list):
            holder.append(holder[key])
        else:
            holder[key] = rng.choice(NASTY_VALUES)
        return orjson.dumps(value)
    except (ValueError, TypeError, RecursionError):
        return frame


def _places(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])
