"""`/v1/realtime/token`: tokens for subscribers, minted for who has a key or is a user of this server."""

from __future__ import annotations

from inngest_nb.realtime.tokens import DEFAULT_LIFETIME, topics_of
from inngest_nb_server.compat.handler import CompatHandler, Refusal


class TokenHandler(CompatHandler):
    """Minting. The holder of a token cannot make others of it."""

    def post(self) -> None:
        """A token for a list of topics; with ?expires_in= for another time than a minute."""
        try:
            topics = topics_of(self.request.body)
        except ValueError:
            raise Refusal(400, "Invalid request: must provide a list of topics") from None
        key = self.engine.tokens.mint(topics, self.get_query_argument("expires_in", str(DEFAULT_LIFETIME)))
        self.set_status(201)
        self.answer({"jwt": key})


ROUTES = [(r"v1/realtime/token", TokenHandler)]
