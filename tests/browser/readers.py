"""A server extension for tests: how many subscriptions the hub of this server has, and an engine that is stopped for a while."""

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


class EngineHandler(APIHandler):
    """Stops the engine of this server, and starts it again: meanwhile it is as between the server's start and its own."""

    auth_resource = "inngest"

    @web.authenticated
    async def post(self) -> None:
        """{"run": whether it shall run}."""
        host = self.settings["inngest_host"]
        asked = self.get_json_body() or {}
        await (host.start([]) if asked.get("run") else host.stop())
        self.finish({})


def _load_jupyter_server_extension(app: Any) -> None:
    base = app.web_app.settings["base_url"]
    routes = {"readers": ReadersHandler, "engine": EngineHandler}
    app.web_app.add_handlers(".*$", [(url_path_join(base, "inngest-tests", name), one) for name, one in routes.items()])
