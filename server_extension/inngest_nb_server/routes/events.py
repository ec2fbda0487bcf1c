"""Events from browsers and other clients of this server."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from inngest_nb.errors import EventInvalidError
from inngest_nb_server.routes.base import Handler


class EventsHandler(Handler):
    """Intake over HTTP. With an Idempotency-Key, delivering again is harmless."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Accept one event or a list; answer their internal ids once they are durable."""
        body = self.json_body()
        events = body if isinstance(body, list) else [body]
        if not all(isinstance(event, dict) for event in events):
            raise EventInvalidError('an event is a JSON object such as {"name": "app/user.created", "data": {}}')
        key = self.request.headers.get("Idempotency-Key") or None
        who = {"name": self.user_name}  # whatever the event says itself: an answer to a question is signed by Jupyter
        ids = await self.engine.send([{**event, "user": who} for event in events], key=key)
        self.answer({"ids": ids, "status": 200})


ROUTES = [(r"events", EventsHandler)]
