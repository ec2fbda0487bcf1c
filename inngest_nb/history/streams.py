"""What a model said and how fast: texts without what was rolled back, and the times between their pieces."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from inngest_nb.history.messages import MessageColumns
from inngest_nb.realtime.messages import standing, text_piece

__all__ = ["StreamKey", "StreamText", "latency_rows", "streams_of", "transcript_rows"]


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

    pieces: list[str] = dataclasses.field(default_factory=list)
    times: list[int] = dataclasses.field(default_factory=list)


def streams_of(messages: MessageColumns, topics: list[str] | None, field: str | None) -> dict[StreamKey, StreamText]:
    """Gather the pieces of text that stand, in the order in which the streams began.

    `messages` must be in the order of channels and offsets and hold rollbacks and commits as well as data.
    """
    heads = [dict(zip(messages.repeated(), values, strict=True)) for values in messages.heads]
    keys = [StreamKey(**{f.name: head[f.name] for f in dataclasses.fields(StreamKey)}) for head in heads]
    wanted = [head["kind"] == "data" and (topics is None or head["topic"] in topics) for head in heads]
    found: dict[StreamKey, StreamText] = {}
    stands = standing(_marks(messages, heads))
    for head, data, time, stays in zip(
        messages.head.tolist(), messages.data, messages.created_at.tolist(), stands, strict=True
    ):
        if stays and wanted[head] and (piece := text_piece(data, field)) is not None:
            stream = found.setdefault(keys[head], StreamText())
            stream.pieces.append(piece)
            stream.times.append(time)
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
    rate = (len(stream.times) - 1) / lasted * 1e6 if lasted > 0 else float("nan")
    place = (key.run_id, key.fn_id, key.channel, key.topic, key.step_id, key.attempt)
    return (*place, len(stream.times), first, *figures, lasted, rate)


def _marks(messages: MessageColumns, heads: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    marks = [
        (head["kind"], None if head["step_id"] is None else (head["channel"], head["run_id"], head["step_id"]))
        for head in heads
    ]
    return (marks[head] for head in messages.head.tolist())
