"""What tests of the compatible API share."""

from __future__ import annotations

import base64
import json
from typing import Any

from inngest_nb_server.host import EngineHost

from tests.server.clients import Answer, Client

SIGNING_KEY = "8ee2262a15e8d3c42d6a840db7af3de2aab08ef632b32a37a687f24b34dba3ff"
EVENT_KEY = "the-event-key"
GO = {"name": "app/go", "data": {"n": 1}}
SEED = f"1743130137367,{base64.b64encode(bytes(range(10))).decode()}"


async def send(client: Client, *events: Any, key: str = EVENT_KEY, **headers: str) -> dict[str, Any]:
    """POST events with the event key; the body of the answer."""
    answer = await post(client, list(events), key=key, **headers)
    body: dict[str, Any] = json.loads(answer.raw)
    assert body["status"] == answer.status
    return body


async def post(client: Client, value: Any, *, key: str = EVENT_KEY, **headers: str) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return await client.request("POST", f"/e/{key}", body, headers)


def stored(host: EngineHost) -> int:
    """How many events there are."""
    return len(host.engine.core.journal.rows("SELECT id FROM events"))
