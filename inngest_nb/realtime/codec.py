"""Received messages as the topics of a declared channel want them, and as JSON again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from inngest_nb.errors import SchemaError
from inngest_nb.realtime.channels import topic_configs
from inngest_nb.realtime.messages import Message
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.realtime.schemas import TopicConfig, field_errors


class Codec:
    """Knows the topics of one channel; of none where the channel was given by name or nothing is to be validated."""

    def __init__(self, channel: object, *, validate: bool) -> None:
        known = topic_configs(channel) if validate else {}
        self._configs: Mapping[str, TopicConfig[Any]] = {
            name: config for name, config in known.items() if config.validates
        }

    def load(self, wire: Mapping[str, Any]) -> Message:
        """Read a message; its data becomes the topic's type.

        Raises
        ------
        SchemaError
            If the data does not fit.
        """
        config = self._configs.get(wire["topic"]) if self._configs and wire.get("kind", "data") == "data" else None
        if config is None:
            return Message.from_wire(wire)
        try:
            return Message.from_wire(wire, load=config.load)
        except ValidationError as exc:
            ref = TopicRef(wire["channel"], wire["topic"], config)
            raise SchemaError(field_errors(ref, exc, f"message {wire.get('offset')} was left out")) from exc

    def dump(self, message: Message) -> dict[str, Any]:
        """The message as a JSON object again, with the data as it was validated."""
        config = self._configs.get(message.topic) if message.kind == "data" else None
        data = message.data if config is None else config.dump(message.data)
        return dataclasses.replace(message, data=data).to_wire()
