"""The channel of these tests, what is published there, and what is read."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel

import inngest_nb
from inngest_nb import realtime

T = TypeVar("T")
LIMIT_S = 10.0


class Status(BaseModel):
    text: str
    progress: int = 0


news = realtime.channel("news", topics={"status": Status, "line": str, "any": realtime.static_schema(object)})


def first(messages: Iterable[T], count: int) -> list[T]:
    return list(itertools.islice(messages, count))


def publish(client: inngest_nb.Inngest, *lines: Any) -> None:
    for line in lines:
        client.realtime.publish_sync(news.line, line)
