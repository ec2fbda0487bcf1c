"""Gemini, of Google."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from inngest_nb.experimental.ai._http import HttpAdapter


class Adapter(HttpAdapter):
    """Generated content; model and key are parts of the URL."""

    DEFAULT_URL: ClassVar[str] = "https://generativelanguage.googleapis.com/v1beta"
    FORMAT: ClassVar[str] = "gemini"

    def url_infer(self) -> str:
        """Where to send it."""
        return f"{self._base_url}/models/{quote(self._model)}:generateContent?key={quote(self._auth_key)}"
