"""Inngest's realtime API: tokens, the socket, Server-Sent Events, publishing."""

from __future__ import annotations

from inngest_nb_server.compat.realtime import connect, publish, sse, token

ROUTES = [*token.ROUTES, *connect.ROUTES, *sse.ROUTES, *publish.ROUTES]
