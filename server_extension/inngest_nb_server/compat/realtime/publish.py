"""`/v1/realtime/publish`: one message or a stream of text pieces; `/tee`: raw text for the topic `$stream`."""

from __future__ import annotations

import codecs
import re
from functools import cached_property
from typing import Any

import orjson
from tornado.web import stream_request_body

from inngest_nb.engine.publishing import publish
from inngest_nb.errors import InngestError, PayloadError
from inngest_nb.hub import MAX_DATA_BYTES, Publish
from inngest_nb_server.compat.handler import CompatHandler, Refusal
from inngest_nb_server.compat.realtime.body import ADVICE, body_as_json, json_text
from inngest_nb_server.compat.realtime.credential import TokenMixin
from inngest_nb_server.credentials import Caller

STREAM_TOPIC = "$stream"
MAX_TEE_BYTES = 1_024_000
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)


class Publisher(TokenMixin, CompatHandler):
    """Who has a key, is a user of this server, or holds a token that may publish."""

    async def authenticate(self) -> Caller | None:
        """A token first; what is none may be a key."""
        caller = await super().authenticate()
        if caller is None:
            return await CompatHandler.authenticate(self)
        if self.claims is None or not self.claims.may_publish(self.channel, self.topic):
            raise Refusal(401, "Not authenticated for publishing")
        return caller

    @cached_property
    def channel(self) -> str:
        """The channel published to."""
        return self._first("channel")

    @cached_property
    def topic(self) -> str:
        """The topic published to."""
        return self._first("topic")

    def _first(self, name: str) -> str:
        values = self.get_query_arguments(name, strip=False)
        return values[0] if values else ""

    def refuse(self, status: int, text: str) -> None:
        """As Inngest's server: JSON for who is not let in, a sentence for everything else; both as text."""
        body = orjson.dumps({"error": text, "data": None, "status": status}).decode() if status == 401 else text
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{body}\n")

    def done(self) -> None:
        """200, and no body."""
        self.clear_header("Content-Type")
        self.finish()


@stream_request_body
class PublishHandler(Publisher):
    """Returns when the message is in the channel's log."""

    def initialize(self) -> None:
        """Nothing has come yet."""
        self._body = bytearray()
        self._received = 0
        self._stream_id: str | None = None
        self._fault: InngestError | None = None
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    async def prepare(self) -> None:  # type: ignore[override]
        """Say that a stream begins before its first piece is there."""
        await super().prepare()
        if self.request.method != "POST":
            return
        self._about = self._read_query()
        if self.request.headers.get("Content-Type") == "text/stream":
            self._stream_id = self.engine.core.clock.ulid().lower()
            self._mark("datastream-start")

    def _read_query(self) -> dict[str, Any]:
        run_id, metadata = self._first("run_id"), self._first("metadata")
        try:
            metadata_text = json_text(metadata) if metadata else None
        except ValueError:
            raise Refusal(400, "metadata must be JSON; nothing was published") from None
        return {"run_id": run_id.upper() if _ULID.fullmatch(run_id) else None, "metadata": metadata_text}

    async def data_received(self, chunk: bytes) -> None:
        """A piece of the body: of a stream it is a message, otherwise it is kept as long as it is not too much."""
        self._received += len(chunk)
        if self._stream_id is not None:
            try:
                await self._piece(self._text.decode(chunk))
            except InngestError as exc:  # answered at the end: here it would only break the connection
                self._fault = exc
        elif self._received <= MAX_DATA_BYTES:
            self._body += chunk

    async def post(self) -> None:
        """The body is complete."""
        if self._stream_id is not None:
            await self._piece(self._text.decode(b"", final=True))
            self._mark("datastream-end")
            self._stream_id = None
            if self._fault is not None:
                raise self._fault
        elif self._received > MAX_DATA_BYTES:
            raise Refusal(
                413, f"the body has {self._received:,} bytes; at most {MAX_DATA_BYTES:,} are published. {ADVICE}"
            )
        else:
            try:
                data = body_as_json(bytes(self._body))
            except PayloadError as exc:
                raise Refusal(400, exc.message) from None
            self._publish(data=data, **self._about)
        await self.engine.core.hub.written()
        self.done()

    def on_connection_close(self) -> None:
        """The publisher is gone in the middle: what began must end."""
        if self._stream_id is not None:
            self._mark("datastream-end")
            self._stream_id = None

    async def _piece(self, text: str) -> None:
        if text:
            self._publish(data=orjson.dumps(text).decode(), run_id=self._about["run_id"], stream_id=self._stream_id)
            await self.engine.core.hub.written()  # a publisher is not faster than the disk

    def _mark(self, kind: str) -> None:
        self._publish(kind=kind, data=orjson.dumps(self._stream_id).decode(), **self._about)

    def _publish(self, **fields: Any) -> None:
        publish(self.engine.core, Publish(self.channel, self.topic, **fields))


@stream_request_body
class TeeHandler(Publisher):
    """Forwards text as it comes, without envelope, to who follows `$stream` of the channel."""

    def initialize(self) -> None:
        """Nothing has come yet."""
        self._received = 0
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    @cached_property
    def topic(self) -> str:
        """Always the same."""
        return STREAM_TOPIC

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse what goes nowhere."""
        await super().prepare()
        if self.request.method == "POST" and not self.channel:
            raise Refusal(400, "channel query parameter required")

    async def data_received(self, chunk: bytes) -> None:
        """Forward a piece."""
        self._received += len(chunk)
        if self._received <= MAX_TEE_BYTES:
            await self._forward(self._text.decode(chunk))

    async def post(self) -> None:
        """Everything was forwarded, or too much was sent."""
        if self._received > MAX_TEE_BYTES:
            raise Refusal(413, f"the body has {self._received:,} bytes; at most {MAX_TEE_BYTES:,} are forwarded")
        await self._forward(self._text.decode(b"", final=True))
        self.done()

    async def _forward(self, text: str) -> None:
        if text:
            publish(self.engine.core, Publish(self.channel, STREAM_TOPIC, orjson.dumps(text).decode(), "raw"))
            await self.engine.core.hub.written()

    def refuse(self, status: int, text: str) -> None:
        """A sentence, always."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{text}\n")


ROUTES = [(r"v1/realtime/publish", PublishHandler), (r"v1/realtime/publish/tee", TeeHandler)]
