"""The compatible API at the root of a loopback port of its own: official SDKs drop the path of the URL they are given."""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from inngest_nb_server.compat import COMPAT_ROUTES
from inngest_nb_server.compat.intake import MAX_BODY_BYTES
from inngest_nb_server.compat.reads import UnknownHandler

_IDLE_S = 75.0  # for the head of a request, the next one or the first: longer than clients keep a connection that rests
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


class CompatPort:
    """Listens on the loopback addresses only, in the Jupyter server's loop and with its settings; 0 is no port."""

    def __init__(self, port: int, log: Any) -> None:
        self._port = port
        self._log: logging.Logger = log
        self._server: HTTPServer | None = None
        self.failure: str | None = None

    @property
    def url(self) -> str | None:
        """Where it listens, if it does."""
        return f"http://127.0.0.1:{self._port}/" if self._server else None

    def open(self, settings: dict[str, Any]) -> None:
        """Listen. A port that cannot be had is told in the log and by the status; the server goes on without it."""
        if not self._port:
            return
        try:
            sockets = self._bind()
        except OSError as exc:
            self.failure = (
                f"InngestApp.compat_port {self._port} cannot be opened ({exc.strerror or exc}); the compatible API is not served "
                "there. Stop what listens on it, or configure another port"
            )
            self._log.error("inngest_nb: %s", self.failure)
            return
        routes = [(f"/{path}", handler) for path, handler in COMPAT_ROUTES]
        own = {"base_url": "/", "default_handler_class": UnknownHandler, "default_handler_args": {}}
        application = Application(routes, **{**settings, **own})
        most = 2 * MAX_BODY_BYTES
        server = HTTPServer(application, max_body_size=most, max_buffer_size=most, idle_connection_timeout=_IDLE_S)
        server.add_sockets(sockets)
        self._server = server
        self._log.info("inngest_nb: the compatible API for Inngest clients is at %s", self.url)

    def _bind(self) -> list[socket.socket]:
        """127.0.0.1, and ::1 where there is one: some clients try that first for "localhost"."""
        sockets = bind_sockets(self._port, "127.0.0.1", family=socket.AF_INET)
        if not socket.has_ipv6:
            return sockets
        try:
            return sockets + bind_sockets(self._port, "::1", family=socket.AF_INET6)
        except OSError as exc:
            if exc.errno in _NO_IPV6:
                return sockets
            for opened in sockets:
                opened.close()
            raise

    async def close(self) -> None:
        """Stop listening, and end what is connected."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            await server.close_all_connections()
