"""Events by the event key: POST /e/<key>."""

from __future__ import annotations

import re
from typing import Any

from inngest_nb.engine.flow.ids import parse_seed
from inngest_nb_server.compat.bodies import read_batch
from inngest_nb_server.compat.handler import CompatHandler, Refusal
from inngest_nb_server.credentials import Caller

MAX_BODY_BYTES = 64 * 1024 * 1024
SEED_HEADER = "x-inngest-event-id-seed"


class IntakeHandler(CompatHandler):
    """One event or a list of them, answered with their internal ids once they are durable."""

    content_type = "text/plain; charset=utf-8"  # as clients know it from Inngest's server, although it is JSON
    _accepted: tuple[str, ...] = ()

    def initialize(self) -> None:
        """Keep the key out of the logs."""
        self.request.uri = re.sub(r"/e/[^/?]+", "/e/[secret]", self.request.uri or "")

    async def authenticate(self) -> Caller | None:
        """The event key in the path, or what opens every other route."""
        key = self.path_args[0] if self.path_args else ""
        if self.keys.sends(key):
            return Caller(by="event key")
        return self.token_holder(key) or await super().authenticate()

    async def post(self, key: str = "") -> None:
        """Accept what comes before the first event that is refused."""
        if len(self.request.body) > MAX_BODY_BYTES:
            raise Refusal(
                413, f"the body has {len(self.request.body)} bytes; at most {MAX_BODY_BYTES} are taken at once"
            )
        batch = await read_batch(self.request.body, now_ms=self.engine.core.clock.now() // 1000)
        header = self.request.headers.get(SEED_HEADER, "")
        seed = parse_seed(header)
        if self.caller.by == "jupyter":  # somebody in particular: what comes from him says so, as on our own route
            batch.events = [{**event, "user": {"name": self.user_name}} for event in batch.events]
        if batch.events:
            ids = await self.engine.core.intake.accept(batch.events, seed=seed, key=f"seed {header}" if seed else None)
            self._accepted = tuple(ids)
        if batch.fault is not None:
            raise Refusal(400, batch.fault)
        self._say(200)

    def _say(self, status: int, **more: Any) -> None:
        self.answer({"ids": self._accepted or ("",), "status": status, **more})

    def refuse(self, status: int, text: str) -> None:
        """An error, after the ids of what was accepted before it."""
        self._say(status, error=text)


ROUTES = [(r"e/?", IntakeHandler), (r"e/([^/]+)", IntakeHandler)]
