"""Transcripts and latencies."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.unit.history_store import FN, T0


def test_a_transcript_joins_what_stands(history: Any) -> None:
    transcript = history.transcript("R1", topic="tokens")
    assert transcript.text.tolist() == ["Hello!"]
    row = transcript.iloc[0]
    assert (row.run_id, row.channel, row.topic, row.step_id, row.attempt, row.pieces) == (
        "R1", "ai:1", "tokens", "generate", 1, 3,
    )  # fmt: skip
    assert row.started_at == pd.Timestamp(T0 + 3_600_000, unit="us", tz="UTC")


def test_a_transcript_has_a_row_per_stream_in_the_order_of_their_begin(history: Any) -> None:
    transcript = history.transcript()
    assert transcript.text.tolist() == ["Hello!", "plain", "text\nwith \x1e"]
    assert transcript.channel.tolist() == ["ai:1", "ai:2", "ai:1"]
    assert history.transcript(channel="ai:2").text.tolist() == ["plain"]
    assert history.transcript("nobody").text.tolist() == []


def test_a_transcript_of_another_field(history: Any) -> None:
    assert history.transcript("R1", field="message").text.tolist() == ["Thinking"]


def test_latency_counts_from_the_begin_of_the_attempt(history: Any) -> None:
    latency = history.latency("R1", topic="tokens").iloc[0]
    assert (latency.function_id, latency.tokens) == (FN, 3)
    assert latency.first_token == pd.Timedelta(milliseconds=100)
    assert (latency.gap_p50, latency.gap_max) == (pd.Timedelta(milliseconds=150), pd.Timedelta(milliseconds=200))
    assert latency.duration == pd.Timedelta(milliseconds=300)
    assert latency.tokens_per_s == pytest.approx(2 / 0.3)


def test_latency_outside_a_step_counts_from_the_begin_of_the_run(history: Any) -> None:
    latency = history.latency("R1", topic="status", field="message").iloc[0]
    assert latency.first_token == pd.Timedelta(0)
    assert pd.isna(latency.tokens_per_s)
    assert latency.gap_max is pd.NaT


def test_latency_of_a_publish_from_outside_any_run_has_no_begin(history: Any) -> None:
    latency = history.latency(channel="ai:2").iloc[0]
    assert latency.first_token is pd.NaT
    assert latency.tokens == 1
