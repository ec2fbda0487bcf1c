"""What is seen of the whole engine: lists of runs with their counts, its health, functions, events, channels, questions."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from inngest_nb.engine.listing import Listing
from inngest_nb_server.routes.base import Handler


class RunListHandler(Handler):
    """A list of runs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """A page with counts: ?group=&function=&q=&payload=&order=&up=&offset=&limit=&upto=&from=&to=."""
        self.answer(await self.engine.listings.page(Listing.of(self.query())))


class OverviewHandler(Handler):
    """The engine as a whole."""

    @web.authenticated
    @authorized
    async def get(self, what: str) -> None:
        """One of health, functions, events, channels, questions."""
        self.answer(await self.engine.overview.of(what))


ROUTES = [(r"overview/runs", RunListHandler), (r"overview/([^/]+)", OverviewHandler)]
