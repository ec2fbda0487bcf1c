"""The 64-bit xxHash (seed 0): what Inngest derives jitter and stored keys from."""

from __future__ import annotations

import struct

_MASK = (1 << 64) - 1
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _rotl(value: int, bits: int) -> int:
    value &= _MASK
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(acc: int, lane: int) -> int:
    return _rotl(acc + lane * _P2, 31) * _P1 & _MASK


def xxh64(data: bytes) -> int:
    """The hash of `data`."""
    lanes_end = len(data) // 32 * 32
    if lanes_end:
        accs = [_P1 + _P2 & _MASK, _P2, 0, -_P1 & _MASK]
        for lanes in struct.iter_unpack("<4Q", data[:lanes_end]):
            accs = [_round(acc, lane) for acc, lane in zip(accs, lanes, strict=True)]
        value = sum(_rotl(acc, bits) for acc, bits in zip(accs, (1, 7, 12, 18), strict=True)) & _MASK
        for acc in accs:
            value = ((value ^ _round(0, acc)) * _P1 + _P4) & _MASK
    else:
        value = _P5
    return _avalanche(_tail(value + len(data) & _MASK, data[lanes_end:]))


def _tail(value: int, rest: bytes) -> int:
    words_end = len(rest) // 8 * 8
    for (lane,) in struct.iter_unpack("<Q", rest[:words_end]):
        value = (_rotl(value ^ _round(0, lane), 27) * _P1 + _P4) & _MASK
    rest = rest[words_end:]
    if len(rest) >= 4:
        value = (_rotl(value ^ (int.from_bytes(rest[:4], "little") * _P1 & _MASK), 23) * _P2 + _P3) & _MASK
        rest = rest[4:]
    for byte in rest:
        value = _rotl(value ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    return value


def _avalanche(value: int) -> int:
    value = (value ^ (value >> 33)) * _P2 & _MASK
    value = (value ^ (value >> 29)) * _P3 & _MASK
    return value ^ (value >> 32)


def base36(value: int) -> str:
    """A whole number in base 36."""
    digits = ""
    while value:
        value, digit = divmod(value, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
