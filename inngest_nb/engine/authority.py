"""The tokens of one engine: signed with the secret of its data directory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from inngest_nb.durations import Duration
from inngest_nb.realtime.tokens import DEFAULT_LIFETIME, Claims, TopicClaim, mint, verify
from inngest_nb.store.secret import Secret


class Authority:
    """Mints and checks tokens; the secret is read again when its file changes."""

    def __init__(self, data_dir: Path) -> None:
        self._secret = Secret(data_dir)

    def mint(
        self, topics: Iterable[TopicClaim] | None, expires_in: Duration = DEFAULT_LIFETIME, *, publish: bool = False
    ) -> str:
        """A new token.

        Raises:
            ChannelError: `expires_in` is not a duration from one second to 30 days.
            JournalUnavailable: the secret cannot be read or made.
        """
        return mint(self._secret.read(), topics, expires_in, publish)

    def verify(self, token: str) -> Claims:
        """What a token allows now.

        Raises:
            TokenError: nothing.
            JournalUnavailable: the secret cannot be read or made.
        """
        return verify(self._secret.read(), token)
