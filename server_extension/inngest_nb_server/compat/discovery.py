"""What tells clients that a server is there, and what it has."""

from __future__ import annotations

from inngest_nb import __version__
from inngest_nb_server.compat.handler import CompatHandler
from inngest_nb_server.compat.shapes import function_shape


class HealthHandler(CompatHandler):
    """Whether the engine is running."""

    def get(self) -> None:
        """OK, or 503 with the reason."""
        self.engine  # noqa: B018  # raises why there is none
        self.answer({"status": 200, "message": "OK"})


class DevHandler(CompatHandler):
    """What Inngest's server says of itself when it runs locally."""

    def get(self) -> None:
        """Its version and functions; the options of its start mean nothing here."""
        options = {"autodiscover": False, "poll": False, "poll_interval": 0, "tick": 0, "retry_interval": 0}
        more = {"queue_workers": 0, "connectGatewayPort": 0, "persist": True}
        self.answer(
            {
                "version": f"inngest-nb-{__version__}",
                "authed": True,
                "startOpts": options | more,
                "functions": [function_shape(function) for function in self.engine.core.functions.all()],
                "handlers": [],
                "isSingleNodeService": True,
                "isMissingSigningKey": not self.keys.signing,
                "isMissingEventKeys": not self.keys.event,
                "features": {},
            }
        )


ROUTES = [(r"health", HealthHandler), (r"dev", DevHandler)]
