"""What runs in this server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from inngest_nb import __version__
from inngest_nb.errors import InngestError
from inngest_nb_server.routes.base import Handler

if TYPE_CHECKING:
    from inngest_nb_server.compat.port import CompatPort


class StatusHandler(Handler):
    """The engine and the port of the compatible API, or why one of them is missing."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """{"version", "engine": {"running", "error"}, "compat": {"url", "error"}}."""
        port: CompatPort = self.settings["inngest_compat_port"]
        compat = {"url": port.url, "error": port.failure}
        self.answer({"version": __version__, "engine": self._engine(), "compat": compat})

    def _engine(self) -> dict[str, Any]:
        try:
            outage = self.engine.outage
        except InngestError as exc:
            return {"running": False, "error": exc.message}
        return {"running": True, "error": outage}


ROUTES = [(r"status", StatusHandler)]
