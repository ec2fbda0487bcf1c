"""Realtime tokens as credentials of requests, where Inngest's server looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_nb.engine.feed import Feed, Send
from inngest_nb.errors import TokenError
from inngest_nb.hub.positions import Start, parse_since
from inngest_nb.realtime.tokens import Claims
from inngest_nb_server.compat.handler import CompatMixin
from inngest_nb_server.credentials import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

PING_S = 15.0
_SCHEME = len("Bearer ")
YES = ("1", "true")


class TokenMixin(CompatMixin):
    """Admits the holders of tokens, and nobody else."""

    claims: Claims | None = None

    @property
    def shown(self) -> str:
        """The token that this request brings (`token` is the server's own). As on Inngest's server a header goes before the query."""
        authorization = self.request.headers.get("Authorization", "")
        if len(authorization) > _SCHEME + 1:
            return authorization[_SCHEME:]
        tokens = self.get_query_arguments("token")
        return tokens[0] if tokens else ""

    async def authenticate(self) -> Caller | None:
        """The holder of a token that is valid now."""
        try:
            self.claims = self.engine.tokens.verify(self.shown)
        except TokenError:
            return None
        return Caller(by="realtime token")


class FeedMixin(TokenMixin):
    """Follows what the token allows, from where the query says."""

    def feed(self, send: Send, ended: Callable[[str], None]) -> Feed:
        """A feed that follows nothing yet."""
        return Feed(
            self.engine.core.hub,
            self.engine.tokens,
            send,
            start=self._start,
            streams=self.get_query_argument("datastreams", "") in YES,
            recheck=self.settings["inngest_recheck"] or self.get_query_argument("recheck", "") in YES,
            ended=ended,
        )

    async def prepare(self) -> None:  # type: ignore[override]
        """Read the query where it can still be refused."""
        await super().prepare()
        self._start = self._asked() if self.request.method == "GET" else Start()

    def _asked(self) -> Start:
        last = self.request.headers.get("Last-Event-ID", "")
        return parse_since(last or self.get_query_argument("since", "") or "now")
