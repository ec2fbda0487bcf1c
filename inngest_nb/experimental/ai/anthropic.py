"""Anthropic."""

from __future__ import annotations

from typing import ClassVar

from inngest_nb.experimental.ai._http import HttpAdapter


class Adapter(HttpAdapter):
    """Messages. `headers` replace the default one, which names the version of the API."""

    DEFAULT_URL: ClassVar[str] = "https://api.anthropic.com/v1"
    PATH: ClassVar[str] = "/messages"
    FORMAT: ClassVar[str] = "anthropic"
    DEFAULT_HEADERS: ClassVar[dict[str, str]] = {"anthropic-version": "2023-06-01"}
