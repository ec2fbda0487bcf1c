"""Power cuts: what the disk may hold of a program's files when the power goes, from a trace that powercut.c has written.

A cut at a record keeps everything that a sync made durable before it. Of the writes that came later each one is there, is not,
or is torn at the border of a sector, by seed: that is what a disk with a cache may do, and what kill -9 cannot show.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import NamedTuple

from tests.support.preload import build

_HEAD = struct.Struct("<IIqq")
_SECTOR = 512


class Record(NamedTuple):
    """One thing that was done to a file: W(rite), S(ync), T(runcate) or U(nlink)."""

    kind: str
    name: str
    offset: int
    data: bytes


def environment(folder: Path, scratch: Path) -> dict[str, str] | None:
    """What a program must be started with to be traced in what it does under `folder`; None where there is no compiler."""
    library = build(Path(__file__).with_suffix(".c"), scratch)
    if library is None:
        return None
    return {"LD_PRELOAD": str(library), "POWERCUT_FOLDER": str(folder), "POWERCUT_TRACE": str(scratch / "trace")}


def read_trace(scratch: Path) -> list[Record]:
    """All records, in order."""
    blob, at, records = (scratch / "trace").read_bytes(), 0, []
    while at + _HEAD.size <= len(blob):
        kind, length, offset, size = _HEAD.unpack_from(blob, at)
        begin = at + _HEAD.size + length
        name = Path(blob[at + _HEAD.size : begin].decode()).name
        at = begin + (size if chr(kind) == "W" else 0)
        records.append(Record(chr(kind), name, offset, blob[begin:at]))
    return records


def cut(records: list[Record], at: int, rng: random.Random) -> dict[str, bytes]:
    """The files as they may be when the power goes just before record `at`."""
    durable: dict[str, bytearray] = {}
    pending: dict[str, list[Record]] = {}
    for record in records[:at]:
        if record.kind == "S":
            for earlier in pending.pop(record.name, ()):
                _apply(durable, earlier)
        elif record.kind == "U":  # SQLite syncs the directory as well
            durable.pop(record.name, None)
            pending.pop(record.name, None)
        else:
            pending.setdefault(record.name, []).append(record)
    for writes in pending.values():
        for write in writes:
            _apply(durable, _survives(write, rng))
    return {name: bytes(blob) for name, blob in durable.items()}


def _apply(files: dict[str, bytearray], record: Record | None) -> None:
    if record is None:
        return
    blob = files.setdefault(record.name, bytearray())
    if record.kind == "T":
        del blob[record.offset :]
        blob.extend(bytes(record.offset - len(blob)))
    else:
        end = record.offset + len(record.data)
        blob.extend(bytes(max(0, end - len(blob))))
        blob[record.offset : end] = record.data


def _survives(record: Record, rng: random.Random) -> Record | None:
    fate = rng.random()
    if fate < 0.35:
        return record
    if fate < 0.7 or record.kind == "T" or len(record.data) < _SECTOR:
        return None
    return record._replace(data=record.data[: rng.randrange(len(record.data) // _SECTOR) * _SECTOR])
