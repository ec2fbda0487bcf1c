"""Subscription tokens: signed claims, in Inngest's shape, to read some topics of some channels for a while.

Pure: secret and time are given. Whoever holds the secret can make any token, so it never leaves its data directory.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from inngest_nb.clock import Clock
from inngest_nb.durations import Duration, to_milliseconds
from inngest_nb.errors import ChannelError, TokenError, TokenExpired

__all__ = ["ACCOUNT_ID", "ENV_ID", "Claims", "TopicClaim", "lifetime_s", "mint", "topics_of", "verify"]

ISSUER = "rt.inngest.com"
#: The ids that Inngest's own local server uses: there is one account with one environment here.
ACCOUNT_ID = "00000000-0000-4000-a000-000000000000"
ENV_ID = "00000000-0000-4000-b000-000000000000"
DEFAULT_LIFETIME: Duration = "60s"
MAX_LIFETIME_S = 30 * 86_400
MAX_TOKEN_BYTES = 65_536

_NO_ID = "00000000-0000-0000-0000-000000000000"
_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_ULID = re.compile(r"[0-7][0-9A-TV-Za-tv-z]{25}")
_clock = Clock()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TopicClaim:
    """A topic of a channel, as requests, tokens and frames name it."""

    channel: str = ""
    name: str = ""
    kind: str = ""
    env_id: str = _NO_ID
    run_id: str = ""

    @classmethod
    def parse(cls, value: object) -> TopicClaim:
        """Read the JSON form; unknown fields are ignored, absent ones empty.

        Raises:
            ValueError: it is not an object of texts, or an id is not one.
        """
        if value is None:
            return cls()
        if not isinstance(value, Mapping):
            raise ValueError(f"a topic is an object, not {value!r:.80}")  # noqa: TRY004  # one error for all that may be wrong
        texts = {name: _text(value, name) for name in ("channel", "name", "kind")}
        env_id = _NO_ID if value.get("env_id") is None else str(uuid.UUID(_text(value, "env_id")))
        run_id = _text(value, "run_id")
        if value.get("run_id") is not None and not _ULID.fullmatch(run_id):
            raise ValueError(f"run_id is not a ULID: {run_id!r:.80}")
        return cls(**texts, env_id=env_id, run_id=run_id)

    @property
    def delivers(self) -> bool:
        """Whether messages are ever addressed like this: everything published is of kind `run` and of our environment."""
        return self.kind == "run" and self.env_id == ENV_ID

    def to_wire(self) -> dict[str, str]:
        """The JSON form."""
        run = {"run_id": self.run_id} if self.run_id else {}
        return {"kind": self.kind, "env_id": self.env_id, **run, "channel": self.channel, "name": self.name}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token that was verified allows, and until when; times are seconds since the epoch."""

    topics: tuple[TopicClaim, ...]
    publish: bool
    expires_at: float
    issued_at: float | None
    id: str | None

    def channels(self) -> dict[str, set[str]]:
        """Channels with the names of the topics that may be read there."""
        found: dict[str, set[str]] = {}
        for topic in self.topics:
            if topic.delivers:
                found.setdefault(topic.channel, set()).add(topic.name)
        return found

    def may_publish(self, channel: str, topic: str) -> bool:
        """Whether this may be published: a token that names topics may publish to those only."""
        return self.publish and (not self.topics or topic in self.channels().get(channel, ()))


def topics_of(text: str | bytes) -> list[TopicClaim] | None:
    """Read the body of a request for a token: a JSON list, or null; what follows it is ignored.

    Raises:
        ValueError: it is neither, or an element is not a topic.
    """
    try:
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        value, _ = json.JSONDecoder().raw_decode(text.lstrip(" \t\r\n"))
    except RecursionError as exc:
        raise ValueError("a list of topics is not nested") from exc
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError("not a list of topics")  # noqa: TRY004
    return [TopicClaim.parse(item) for item in value]


def lifetime_s(expires_in: Duration) -> float:
    """How long a token shall live, in seconds.

    Raises:
        ChannelError: it is not a duration from one second to 30 days.
    """
    try:
        seconds = to_milliseconds(expires_in, field="expires_in") / 1000
    except ValueError as exc:
        raise ChannelError(str(exc)) from None
    if not 1 <= seconds <= MAX_LIFETIME_S:
        raise ChannelError(
            f"expires_in must be from 1 second to 30 days, not {expires_in!r}: a token cannot be taken back by itself. "
            "Subscribe with a function that fetches a new one"
        )
    return seconds


def mint(
    secret: bytes,
    topics: Iterable[TopicClaim] | None,
    expires_in: Duration = DEFAULT_LIFETIME,
    publish: bool = False,
    *,
    now: float | None = None,
) -> str:
    """Sign a token for these topics.

    Raises:
        ChannelError: `expires_in` is not a duration from one second to 30 days.
    """
    import jwt

    lifetime = lifetime_s(expires_in)
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": ISSUER,
        "sub": ACCOUNT_ID,
        "exp": issued + int(lifetime),
        "iat": issued,
        "jti": _clock.ulid(),
        "env": ENV_ID,
        "topics": None if topics is None else [dataclasses.replace(topic, env_id=ENV_ID).to_wire() for topic in topics],
        "publish": publish,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def verify(secret: bytes, token: str, *, now: float | None = None) -> Claims:
    """Read a token that was signed with `secret` and is valid now, to the second, without leeway.

    Raises:
        TokenExpired: it was valid, until a while ago.
        TokenError: it is anything else.
    """
    payload = _signed(secret, token)
    moment = time.time() if now is None else now
    if payload.get("iss") != ISSUER:
        raise TokenError(f"this token was not issued by {ISSUER}")
    expires_at, issued_at = _seconds(payload, "exp"), _seconds(payload, "iat")
    if expires_at is None:
        raise TokenError("this token has no exp: a token must end")
    if moment >= expires_at:
        raise TokenExpired(f"this token expired {moment - expires_at:.0f} s ago; ask for a new one")
    if max(issued_at or 0, _seconds(payload, "nbf") or 0) > moment:
        raise TokenError("this token is not valid yet: compare the clocks")
    try:
        topics = tuple(map(TopicClaim.parse, payload.get("topics") or ()))
    except (ValueError, TypeError) as exc:
        raise TokenError(f"the topics of this token cannot be read: {exc}") from exc
    jti = payload.get("jti")
    return Claims(
        topics=topics,
        publish=payload.get("publish") is True,
        expires_at=expires_at,
        issued_at=issued_at,
        id=jti if isinstance(jti, str) else None,
    )


def _signed(secret: bytes, token: str) -> dict[str, Any]:
    """The payload, when the signature holds. PyJWT alone takes base64 in several spellings for one token."""
    import jwt
    from jwt.utils import base64url_decode, base64url_encode

    if len(token) > MAX_TOKEN_BYTES or not _SHAPE.fullmatch(token):
        raise TokenError("this is not a token: a token is three parts of base64url with dots between them")
    unchecked: Any = dict.fromkeys(
        ("verify_exp", "verify_iat", "verify_nbf", "verify_aud", "verify_sub", "verify_jti"), False
    )
    try:
        for part in token.encode().split(b"."):
            if base64url_encode(base64url_decode(part)) != part:
                raise TokenError("this is not a token: its base64url is not canonical")
        return jwt.decode(token, secret, algorithms=["HS256"], options=unchecked)
    except jwt.InvalidSignatureError:
        raise TokenError(
            "the signature of this token does not hold: it was made elsewhere, changed, or revoked with the old secret"
        ) from None
    except (jwt.InvalidTokenError, ValueError, RecursionError) as exc:
        raise TokenError(f"this token cannot be read: {exc}") from None


def _seconds(payload: dict[str, Any], name: str) -> float | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -(2**53) < value < 2**53:
        raise TokenError(f"{name} of this token is not a time: {value!r:.40}")
    return value


def _text(value: Mapping[str, object], name: str) -> str:
    text = value.get(name)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{name} of a topic is a text, not {text!r:.80}")
    return text or ""
