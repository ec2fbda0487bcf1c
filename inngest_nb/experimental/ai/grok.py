"""Grok, of xAI."""

from __future__ import annotations

from typing import ClassVar

from inngest_nb.experimental.ai._http import HttpAdapter


class Adapter(HttpAdapter):
    """Chat completions."""

    DEFAULT_URL: ClassVar[str] = "https://api.x.ai/v1"
