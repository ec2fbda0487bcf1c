"""A server extension for tests: how many subscriptions the hub of this server has, by channel."""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web


class ReadersHandler(APIHandler):
    """Answers {channel: number of subscriptions}, without channels that nobody follows."""

    auth_resource = "inngest"

    @web.authenticated
    def get(self) -> None:
        """Read what the hub keeps in memory: a log with a reader is never forgotten."""
        logs = self.settings["inngest_host"].engine.core.hub._logs
        self.finish({name: log.readers for name, log in logs.items() if log.readers})


def _load_jupyter_server_extension(app: Any) -> None:
    url = url_path_join(app.web_app.settings["base_url"], "inngest-tests/readers")
    app.web_app.add_handlers(".*$", [(url, ReadersHandler)])
