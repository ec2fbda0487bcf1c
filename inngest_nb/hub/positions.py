"""Where subscribers begin: `since` as a text, and their positions as a text to go on from later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from inngest_nb.errors import ChannelError
from inngest_nb.hub.subscription import Since, Time
from inngest_nb.times import parse_rfc3339

Position = tuple[int | None, int]  # epoch and offset
_MOST = 1 << 62  # what SQLite can compare
_MAX_CHANNELS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where to begin in each channel."""

    everywhere: Since = "now"
    epoch: int | None = None
    channels: Mapping[str, Position] = field(default_factory=dict)

    def of(self, channel: str) -> tuple[Since, int | None]:
        """Where to begin in this one, and the epoch that an offset belongs to."""
        if channel in self.channels:
            epoch, offset = self.channels[channel]
            return offset, epoch
        return self.everywhere, self.epoch


def parse_since(text: str) -> Start:
    """Read "now", "start", an offset, `epoch.offset`, an RFC 3339 time, or the positions of channels, `chat=1.42&log=1.7`.

    Raises:
        ChannelError: it is none of them.
    """
    if text in ("now", "start"):
        return Start(everywhere="start" if text == "start" else "now")
    position = _position(text)
    if position is not None:
        return Start(everywhere=position[1], epoch=position[0])
    moment = parse_rfc3339(text)
    if moment is not None:
        return Start(everywhere=Time(min(max(0, moment.ns // 1000), _MOST)))
    return Start(channels=_positions(text))


def position_text(positions: Mapping[str, tuple[int, int]]) -> str:
    """The positions of channels, as `parse_since` reads them: one line of ASCII."""
    return urlencode({channel: f"{epoch}.{offset}" for channel, (epoch, offset) in positions.items()})


def _positions(text: str) -> dict[str, Position]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_CHANNELS
        )
    except ValueError:
        pairs = []
    found = {channel: position for channel, value in pairs if (position := _position(value)) is not None}
    if not pairs or len(found) < len(pairs):
        raise ChannelError(
            'since must be "now", "start", an offset from 0 on, an RFC 3339 time or the id of a message, '
            f"not {text[:80]!r}"
        )
    return found


def _position(text: str) -> Position | None:
    epoch, dot, offset = text.rpartition(".")
    if not _is_number(offset) or not (_is_number(epoch) if dot else not epoch):
        return None
    return (int(epoch) if dot else None), int(offset)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _MOST
