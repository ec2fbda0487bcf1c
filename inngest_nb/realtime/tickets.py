"""What a subscriber may show as its token, and what can be read from it without the secret."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import inspect
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from inngest_nb.errors import ChannelError, InngestError, LinkError, TokenError, TokenExpired
from inngest_nb.loops import aside
from inngest_nb.realtime.channels import channel_name

__all__ = ["Ticket", "Token", "fetch_ticket", "named_channel", "ticket_of"]

FETCH_S = 30.0
_BASES = ("INNGEST_API_BASE_URL", "INNGEST_BASE_URL", "INNGEST_NB_URL")
#: A token, what `client.realtime.token` returns, its JSON, or a function that fetches one of those.
Token = str | Mapping[str, Any] | Callable[[], Any] | Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A token, and what came with it."""

    key: str
    api_base_url: str | None = None
    channel: object = None
    topics: list[str] | None = None

    def base_url(self, given: str | None) -> str:
        """Where to connect.

        Raises:
            ChannelError: nobody said.
        """
        base = self._base_url(given)
        if not base:
            raise ChannelError("where is the token from? Give api_base_url=…, or set INNGEST_API_BASE_URL")
        return base.rstrip("/")

    def has_base_url(self, given: str | None) -> bool:
        """Whether somebody said where to connect."""
        return bool(self._base_url(given))

    def _base_url(self, given: str | None) -> str | None:
        return given or self.api_base_url or next((url for name in _BASES if (url := os.environ.get(name))), None)

    def claims(self) -> Mapping[str, Any]:
        """What the token says of itself; nothing if it is of another make. Nobody vouches for it."""
        try:
            body = self.key.split(".")[1]
            claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (IndexError, ValueError):
            return {}
        return claims if isinstance(claims, dict) else {}

    def check(self, channel: str, topics: list[str] | None) -> None:
        """Refuse what this token says that it is not for.

        Raises:
            TokenError: it is for something else.
        """
        granted = [topic for topic in self.claims().get("topics") or () if isinstance(topic, dict)]
        allowed = {str(topic.get("name")) for topic in granted if topic.get("channel") == channel}
        if granted and not allowed:
            names = sorted({repr(topic.get("channel")) for topic in granted})
            raise TokenError(f"this token is for {', '.join(names)}, not for channel {channel!r}")
        missing = [name for name in topics or () if granted and name not in allowed and not name.startswith("$")]
        if missing:
            others = ", ".join(map(repr, sorted(allowed)))
            raise TokenError(f"this token does not allow topic {missing[0]!r} of {channel!r}; it allows {others}")

    def refused(self, where: str, status: int) -> TokenError:
        """The error for a token that the server at `where` did not take."""
        expires = self.claims().get("exp")
        what_to_do = "Give a function that fetches a new one as token: it is called for every connection"
        if isinstance(expires, (int, float)) and expires <= time.time():
            return TokenExpired(
                f"{where} refused the token ({status}): it expired {time.time() - expires:.0f} s ago. {what_to_do}"
            )
        return TokenError(
            f"{where} refused the token ({status}): it was made elsewhere, changed or revoked. {what_to_do}"
        )


def ticket_of(value: object) -> Ticket:
    """Read what stands for a token.

    Raises:
        ChannelError: it does not.
    """
    if isinstance(value, str) and value:
        return Ticket(key=value)
    key = _field(value, "key")
    if not isinstance(key, str) or not key:
        raise ChannelError(f"a token is a text or has a key, not {type(value).__name__} {value!r:.60}")
    topics = _field(value, "topics")
    return Ticket(
        key=key,
        api_base_url=_field(value, "api_base_url") or _field(value, "apiBaseUrl"),
        channel=_field(value, "channel"),
        topics=None if topics is None else list(topics),
    )


def _field(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


async def fetch_ticket(token: Token, channel: str | None = None) -> Ticket:
    """Read a token, or call for one; `channel` is what it is wanted for.

    Raises:
        LinkError: the function that fetches it raised something, or has not returned in time.
        ChannelError: what was given or returned is no token.
    """
    if not callable(token):
        return ticket_of(token)
    wanted = "no token" if channel is None else f"no token for {channel!r}"
    try:
        async with asyncio.timeout(FETCH_S):
            value = await _called(token)
    except InngestError:
        raise
    except TimeoutError as exc:
        raise LinkError(f"{wanted}: the function has not returned one in {FETCH_S:g} s") from exc
    except Exception as exc:
        raise LinkError(f"{wanted}: {type(exc).__name__}: {exc}") from exc
    if value is None:
        raise ChannelError("the function that was given as token returned nothing")
    return ticket_of(value)


async def _called(fetch: Callable[[], Any]) -> Any:
    value = fetch() if inspect.iscoroutinefunction(fetch) else await aside(fetch, "inngest-nb token")
    return await value if inspect.isawaitable(value) else value


def named_channel(ticket: Ticket) -> str | None:
    """The channel that came with a token, or the only one that it says it is for."""
    if ticket.channel is not None:
        return channel_name(ticket.channel)
    names = {topic.get("channel") for topic in ticket.claims().get("topics") or () if isinstance(topic, dict)}
    return names.pop() if len(names) == 1 else None
