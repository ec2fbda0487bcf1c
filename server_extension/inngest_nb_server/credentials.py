"""Who may use the API that official clients speak: keys as Inngest's SDKs send them, or Jupyter's own token."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jupyter_server.auth import User

_PREFIX = re.compile(r"signkey-\w+-")
_BEARER = re.compile(r"(?:bearer|token) +(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a request comes from; `user` where Jupyter knows one, whose rights its authorizer decides.

    "token" is the server's own, which is nobody's in particular; "jupyter" is somebody whom its identity provider knows.
    """

    by: Literal["jupyter", "token", "signing key", "event key", "realtime token"]
    user: User | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys that were configured. None of them is ever empty: without keys nothing is open, and nothing opens by "" either."""

    signing: tuple[str, ...] = field(default=(), repr=False)
    event: str = field(default="", repr=False)

    @classmethod
    def of(cls, *, signing_key: str, event_key: str, environment: Mapping[str, str] = os.environ) -> Keys:
        """Configuration first, completed from the variables that Inngest's SDKs read."""
        signing = signing_key or environment.get("INNGEST_SIGNING_KEY", "")
        fallback = environment.get("INNGEST_SIGNING_KEY_FALLBACK", "")
        return cls(
            signing=tuple(key for key in (signing, fallback) if without_prefix(key)),
            event=event_key or environment.get("INNGEST_EVENT_KEY", ""),
        )

    def signs(self, given: str) -> bool:
        """Whether `given` is one of the signing keys, plain or hashed."""
        return any(is_key(key, given) for key in self.signing)

    def sends(self, given: str) -> bool:
        """Whether `given` is the event key."""
        return bool(self.event) and _same(self.event, given)


def bearer(authorization: str) -> str:
    """The credential of an Authorization header, or nothing."""
    match = _BEARER.fullmatch(authorization.strip())
    return match[1] if match else ""


def is_key(key: str, given: str) -> bool:
    """Whether `given` is this key or its hash; the prefix of either says only which environment it is for."""
    body, said = without_prefix(key), without_prefix(given)
    if not body:
        return False
    plain, hashed = _same(body, said), _same(_hash(body) or body, said)
    return plain or hashed


def without_prefix(key: str) -> str:
    """The secret part of a signing key."""
    return _PREFIX.sub("", key, count=1) if key.startswith("signkey-") else key


def _hash(body: str) -> str | None:
    """As the SDKs hash a key; what is not hexadecimal they cannot hash, or hash only its beginning."""
    try:
        return hashlib.sha256(bytes.fromhex(body)).hexdigest()
    except ValueError:
        return None


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode(errors="replace"))
