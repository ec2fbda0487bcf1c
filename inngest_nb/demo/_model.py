"""Choose the model of a notebook and hand it over as an OpenAI client."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inngest_nb.demo import _offline

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# A small model that streams without further conditions on the account.
OPENAI_DEFAULT = "gpt-4.1-mini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A language model behind an OpenAI-compatible endpoint."""

    name: str
    base_url: str
    offline: bool
    client: AsyncOpenAI = field(repr=False)


def model() -> Model:
    """Return the model to use in this process.

    With `OPENAI_API_KEY` or `OPENAI_BASE_URL` set it is that endpoint, and `OPENAI_MODEL` names the model. Otherwise a
    model of 135 million parameters is started in a process of its own, once, and ends with this one.

    Raises
    ------
    DemoUnavailable
        If a package is missing, the offline model does not start, or the endpoint does not name its models.
    """
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return _from_environment()
    address = _offline.address()
    client = _client(base_url=address.base_url, api_key=address.api_key)
    return Model(name=_offline.NAME, base_url=address.base_url, offline=True, client=client)


def _from_environment() -> Model:
    base_url = os.environ.get("OPENAI_BASE_URL") or None
    client = _client(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY") or "none")
    name = os.environ.get("OPENAI_MODEL") or (OPENAI_DEFAULT if base_url is None else _first_model(client))
    return Model(name=name, base_url=str(client.base_url), offline=False, client=client)


def _client(*, base_url: str | None, api_key: str) -> AsyncOpenAI:
    openai = _offline.require("openai")
    # One client serves cells and function bodies, which run on different event loops: a kept connection of one loop
    # would fail on the other.
    client: AsyncOpenAI = openai.AsyncOpenAI(
        base_url=base_url, api_key=api_key, default_headers={"Connection": "close"}
    )
    return client


def _first_model(client: AsyncOpenAI) -> str:
    """Ask an endpoint that is not OpenAI's what it serves."""
    openai = _offline.require("openai")
    with openai.OpenAI(base_url=client.base_url, api_key=client.api_key, max_retries=0, timeout=10) as asking:
        try:
            return str(asking.models.list().data[0].id)
        except (openai.OpenAIError, IndexError) as error:
            raise _offline.DemoUnavailable(
                f"The endpoint {client.base_url} (OPENAI_BASE_URL) did not say which models it serves: "
                f"{error or 'the list is empty'}. Check the address, or name the model with OPENAI_MODEL."
            ) from error
