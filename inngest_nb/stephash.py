"""How a step is known: the hash of its id, and of how often the id came up before in the same call."""

from __future__ import annotations

import hashlib
from functools import lru_cache


@lru_cache(maxsize=4096)  # the same few ids in every run: one string for all of them
def step_hash(step_id: str, repeat: int = 0) -> str:
    """The hash of a step id met for the (repeat + 1)-th time; text is hashed as UTF-8, as it is.

    >>> step_hash("step")
    'bd370d1b6f9b3580a77083b3ed3256c621f44a99'
    """
    name = f"{step_id}:{repeat}" if repeat else step_id
    return hashlib.sha1(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
