"""What the adapters have in common."""

from __future__ import annotations

from typing import ClassVar


class HttpAdapter:
    """An API of one model at one URL. Subclasses say where and in which format."""

    DEFAULT_URL: ClassVar[str]
    PATH: ClassVar[str] = "/chat/completions"
    FORMAT: ClassVar[str] = "openai-chat"
    DEFAULT_HEADERS: ClassVar[dict[str, str]] = {}

    def __init__(
        self, *, auth_key: str, base_url: str | None = None, headers: dict[str, str] | None = None, model: str
    ) -> None:
        self._auth_key, self._model = auth_key, model
        self._base_url = (base_url or self.DEFAULT_URL).rstrip("/")
        self._headers = dict(headers or self.DEFAULT_HEADERS)

    def auth_key(self) -> str:
        """The key."""
        return self._auth_key

    def format(self) -> str:
        """The kind of API."""
        return self.FORMAT

    def headers(self) -> dict[str, str]:
        """Headers besides the key."""
        return self._headers

    def on_call(self, body: dict[str, object]) -> None:
        """Put the model in, unless the body names one."""
        if not body.get("model"):
            body["model"] = self._model

    def url_infer(self) -> str:
        """Where to send it."""
        return self._base_url + self.PATH
