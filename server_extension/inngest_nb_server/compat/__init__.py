"""The API that official Inngest clients speak, at the server's base_url and at `compat_port`."""

from __future__ import annotations

from inngest_nb_server.compat import discovery, intake, reads, realtime

#: Below the server's base_url, and at the root of `compat_port`.
COMPAT_ROUTES = [*discovery.ROUTES, *intake.ROUTES, *reads.ROUTES, *realtime.ROUTES, *reads.UNKNOWN]
