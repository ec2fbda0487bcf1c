"""The page about the whole engine, for browsers: the same views as in notebooks, without one."""

from __future__ import annotations

import hashlib
import html
import json
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from inngest_nb import errors
from inngest_nb_server.routes.base import AUTH_RESOURCE

# Beside the views, but not through them: the server needs none of what they import.
STATIC = Path(errors.__file__).parent / "widgets" / "static"
_KINDS = {"page.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8"}
# Scripts and styles of this server only, none in the page itself; frames only around it, and only of this server.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inngest</title>
<script id="jupyter-config-data" type="application/json">{config}</script>
<link rel="stylesheet" href="{base}inngest/static/page.css?v={version}">
<link rel="preload" as="fetch" crossorigin href="{base}inngest/api/overview/runs?limit=60">
<script type="module" src="{base}inngest/static/page.js?v={version}"></script>
</head>
<body><div id="inngest">{fallback}</div></body>
</html>
"""
_LOADING = "This page needs JavaScript."
_MISSING = "The views of inngest_nb are not built. From a checkout, run `make lab`; an installed package has them, so reinstall it."


class _PageHandler(JupyterHandler):
    auth_resource = AUTH_RESOURCE

    @property
    def content_security_policy(self) -> str:
        """What the page may load, and who may frame it."""
        return _POLICY

    def set_default_headers(self) -> None:
        """As Jupyter's, with a type that nobody guesses anew."""
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


class PageHandler(_PageHandler):
    """The page."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The document; everything in it is asked for with the reader's own identity."""
        self.xsrf_token  # noqa: B018  # its cookie must be there before the page sends something
        config = json.dumps({"baseUrl": self.base_url}).replace("<", "\\u003c")
        there = (STATIC / "page.js").is_file()
        text = _PAGE.format(
            config=config, base=html.escape(self.base_url), version=_version(), fallback=_LOADING if there else _MISSING
        )
        self.set_header("Cache-Control", "no-cache")
        self.finish(text)


class AssetHandler(_PageHandler):
    """The page's module and its style sheet."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """One of the two files."""
        path = STATIC / name
        if name not in _KINDS or not path.is_file():
            raise web.HTTPError(404)
        self.set_header("Content-Type", _KINDS[name])
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.finish(path.read_bytes())


def _version() -> str:
    """Changes with the files, so that they may be kept for ever."""
    return hashlib.sha1(_stamp(STATIC).encode(), usedforsecurity=False).hexdigest()[:12]


def _stamp(folder: Path) -> str:
    files = [folder / name for name in _KINDS]
    return ":".join(f"{file.stat().st_mtime_ns}:{file.stat().st_size}" for file in files if file.is_file())


PAGES = [(r"inngest/?", PageHandler), (r"inngest/static/([^/]+)", AssetHandler)]
