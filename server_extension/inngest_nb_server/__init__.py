"""The Jupyter server extension: the engine in the server's process, and the routes to it."""

from __future__ import annotations

from typing import Any

from inngest_nb_server.app import InngestApp

__all__ = ["InngestApp"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "inngest_nb_server", "app": InngestApp}]
