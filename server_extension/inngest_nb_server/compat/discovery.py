"""What tells clients that a server is there."""

from __future__ import annotations

from inngest_nb_server.compat.handler import CompatHandler


class HealthHandler(CompatHandler):
    """Whether the engine is running."""

    def get(self) -> None:
        """OK, or 503 with the reason."""
        self.engine  # noqa: B018  # raises why there is none
        self.answer({"status": 200, "message": "OK"})


ROUTES = [(r"health", HealthHandler)]
