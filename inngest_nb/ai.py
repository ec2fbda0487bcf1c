"""`step.ai`: requests to providers of models, as adapters describe them, and their answers as JSON.

The request is made by the process that runs the function. It does not go through a proxy, and the key is in memory only:
what is recorded of a step has neither headers nor the query of the URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from inngest_nb.errors import InferError, RetryAfterError
from inngest_nb.jsontext import dumps, loads

CONNECT_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 600.0  # a long answer that is not streamed
_WORTH_RETRYING = frozenset({408, 409, 425, 429})  # and 5xx
_QUOTED = 500


class BaseAdapter(Protocol):
    """How one provider wants to be asked. Bring your own, or take one of `inngest_nb.experimental.ai`."""

    def auth_key(self) -> str:
        """The key."""
        ...

    def format(self) -> str:
        """The kind of API: "openai-chat", "anthropic" or "gemini"; decides where the key goes."""
        ...

    def headers(self) -> dict[str, str]:
        """Headers besides the key."""
        ...

    def on_call(self, body: dict[str, object]) -> None:
        """Complete the body, for example with the model."""
        ...

    def url_infer(self) -> str:
        """Where to send it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest:
    """A request that is ready to be sent."""

    url: str
    format: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    def recorded(self) -> str:
        """What is kept of it, as JSON text: no headers, no query."""
        return dumps({"input": [self.body], "url": _without_query(self.url), "format": self.format})

    async def send(self) -> Any:
        """The answer's JSON.

        Raises:
            RetryAfterError: the provider says when to come back.
            InferError: it refused, or there was no usable answer.
        """
        status, headers, text = await _post(self.url, self.headers, dumps(self.body))
        if status >= 400:
            raise _refused(_without_query(self.url), status, headers, text)
        try:
            return loads(text)
        except ValueError:
            message = f"{_without_query(self.url)} did not answer with JSON: {_quote(text)}"
            raise InferError(message, status) from None


def request_of(adapter: BaseAdapter, body: Mapping[str, Any]) -> InferRequest:
    """The request that an adapter makes of `body`, which stays as it is."""
    completed: dict[str, Any] = dict(body)
    adapter.on_call(completed)
    kind = adapter.format()
    headers = {"Content-Type": "application/json", **_key_header(kind, adapter.auth_key()), **adapter.headers()}
    return InferRequest(url=adapter.url_infer(), format=kind, headers=headers, body=completed)


def as_json(answer: Any) -> Any:
    """An answer of a provider's library: its pydantic models (and lists of them) as JSON, all else as it is."""
    if isinstance(answer, (list, tuple)):
        return [as_json(item) for item in answer]
    dump = getattr(answer, "model_dump", None)
    return dump(mode="json") if callable(dump) else answer


def _key_header(kind: str, key: str) -> dict[str, str]:
    if kind == "anthropic":
        return {"x-api-key": key}
    return {} if kind == "gemini" else {"Authorization": f"Bearer {key}"}  # Gemini's key is in the URL


def _refused(url: str, status: int, headers: Mapping[str, str], text: str) -> Exception:
    message = f"{url} answered {status}: {_quote(text)}"
    wait = headers.get("Retry-After", "")
    if (status in _WORTH_RETRYING or status >= 500) and wait.isdecimal():
        return RetryAfterError(message, int(wait) * 1000)
    return InferError(message, status, is_retriable=status in _WORTH_RETRYING or status >= 500)


def _quote(text: str) -> str:
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"


def _without_query(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()


async def _post(url: str, headers: Mapping[str, str], body: str) -> tuple[int, Mapping[str, str], str]:
    from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

    client = AsyncHTTPClient(force_instance=True)  # a shared one would let ten requests through at a time
    try:
        request = HTTPRequest(
            url, method="POST", headers=dict(headers), body=body.encode(),
            connect_timeout=CONNECT_TIMEOUT_S, request_timeout=ANSWER_TIMEOUT_S,
        )  # fmt: skip
        response = await client.fetch(request, raise_error=False)
    except (OSError, HTTPClientError) as exc:
        raise InferError(f"{_without_query(url)} could not be reached: {exc}") from exc
    finally:
        client.close()
    return response.code, response.headers, response.body.decode(errors="replace")
