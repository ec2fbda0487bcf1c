"""Internal ids of events that are the same each time one HTTP call is repeated."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from inngest_nb.clock import encode_ulid

_HEADER = re.compile(r"([0-9]{1,15}),([A-Za-z0-9+/]{14}==)")
_MAX_MS = (1 << 48) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A parsed x-inngest-event-id-seed header."""

    ms: int
    entropy: bytes

    def ulid(self, position: int) -> str:
        """The id of the event at this position, counted from 1."""
        last = (int.from_bytes(self.entropy[6:]) + position) % (1 << 32)
        return encode_ulid(self.ms, int.from_bytes(self.entropy[:6]) << 32 | last)


def parse_seed(header: str) -> Seed | None:
    """The seed of a header `<unix ms>,<base64 of 10 bytes>`, or None when it is not one."""
    match = _HEADER.fullmatch(header)
    if match is None or int(match[1]) > _MAX_MS:
        return None
    try:
        return Seed(ms=int(match[1]), entropy=base64.b64decode(match[2], validate=True))
    except binascii.Error:
        return None
