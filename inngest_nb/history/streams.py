"""What a model said and how fast: texts without what was rolled back, and the times between their pieces."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from inngest_nb.history.messages import MessageColumns
from inngest_nb.realtime.messages import standing, text_piece

__all__ = [
    "SETTLED",
    "StreamKey",
    "StreamText",
    "latency_rows",
    "stands",
    "streams_of",
    "topics_with",
    "transcript_rows",
]

#: The kinds of messages that tell which data of a stream stand.
SETTLED = ("data", "rollback", "commit")
_STEP_TOPIC = "$step"  # where rollbacks and commits are


@dataclasses.dataclass(frozen=True, slots=True)
class StreamKey:
    """What belongs together: one step's pieces on one topic."""

    run_id: str | None
    fn_id: str | None
    channel: str
    topic: str
    step_id: str | None
    attempt: int | None


@dataclasses.dataclass(slots=True)
class StreamText:
    """The pieces that stand, with their times in microseconds."""

    pieces: list[str]
    times: list[int]


def topics_with(topics: list[str] | None) -> list[str] | None:
    """Return the topics to read for these: rollbacks and commits as well."""
    return None if topics is None else [*topics, _STEP_TOPIC]


def stands(messages: MessageColumns) -> Any:
    """Return which messages are data that stands, as an array.

    `messages` must be in the order of channels and offsets and hold rollbacks and commits as well as data.
    """
    repeated = messages.repeated()
    is_data = np.array([kind == "data" for kind in repeated["kind"]], dtype=bool)
    if "rollback" not in repeated["kind"]:
        return is_data[messages.head]
    about = zip(repeated["kind"], repeated["channel"], repeated["run_id"], repeated["step_id"], strict=True)
    marks = [(kind, None if step is None else (channel, run, step)) for kind, channel, run, step in about]
    return np.array(standing(marks[code] for code in messages.head.tolist()), dtype=bool)


def streams_of(messages: MessageColumns, field: str | None) -> dict[StreamKey, StreamText]:
    """Gather the pieces of text that stand, in the order in which the streams began."""
    found: dict[StreamKey, StreamText] = {}
    repeated = messages.repeated()
    columns = [repeated[f.name] for f in dataclasses.fields(StreamKey)]
    keys = [StreamKey(*values) for values in zip(*columns, strict=True)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    kept = messages.take(stands(messages))
    streams = np.array([numbers[key] for key in keys], dtype=np.int64)[kept.head]
    order = np.argsort(streams, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(streams[order])) + 1):
        texts = [text_piece(data, field) for data in kept.data[rows].tolist()]
        times = kept.created_at[rows].tolist()
        pieces = [(text, time) for text, time in zip(texts, times, strict=True) if text is not None]
        if pieces:
            found[keys[kept.head[rows[0]]]] = StreamText(*map(list, zip(*pieces, strict=True)))
    return dict(sorted(found.items(), key=lambda item: item[1].times[0]))


def transcript_rows(streams: Mapping[StreamKey, StreamText]) -> list[tuple[Any, ...]]:
    """Return the rows of the table "transcript"."""
    return [
        (k.run_id, k.channel, k.topic, k.step_id, k.attempt, s.times[0], s.times[-1], len(s.pieces), "".join(s.pieces))
        for k, s in streams.items()
    ]


def latency_rows(
    streams: Mapping[StreamKey, StreamText], started: Mapping[tuple[str | None, str | None, int | None], int]
) -> list[tuple[Any, ...]]:
    """Return the rows of the table "latency"; `started` holds when each (run, step, attempt) began."""
    return [_latency(key, stream, started) for key, stream in streams.items()]


def _latency(key: StreamKey, stream: StreamText, started: Mapping[Any, int]) -> tuple[Any, ...]:
    begun = started.get((key.run_id, key.step_id, key.attempt), started.get((key.run_id, None, None)))
    first = None if begun is None else stream.times[0] - begun
    lasted = stream.times[-1] - stream.times[0]
    gaps = np.diff(stream.times)
    figures = [int(np.percentile(gaps, 50)), int(np.percentile(gaps, 95)), int(gaps.max())] if gaps.size else [None] * 3
    rate = (len(stream.times) - 1) / lasted * 1e6 if lasted > 0 else None
    place = (key.run_id, key.fn_id, key.channel, key.topic, key.step_id, key.attempt)
    return (*place, len(stream.times), first, *figures, lasted, rate)
