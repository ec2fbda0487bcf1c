"""Tokens and what they cost, from messages in the words of several APIs."""

from __future__ import annotations

from typing import Any

import pytest

from inngest_nb.history import History
from inngest_nb.history.usage import Tokens, tokens_in
from tests.unit.history_store import FN, at

PRICES = {"m-1": {"input": 2.0, "output": 10.0, "cached": 0.5}}


def test_every_attempt_counts_and_says_whether_it_was_rolled_back(history: History) -> None:
    usage = history.usage()
    assert usage.run_id.tolist() == ["R1", "R1"]
    assert usage.attempt.tolist() == [0, 1]
    assert usage.rolled_back.tolist() == [True, False]
    assert (usage.function_id[0], usage.step_id[0], usage.model[0], usage.created_at[0]) == (
        FN,
        "generate",
        "m-1",
        at(1.9),
    )
    assert usage[["input_tokens", "output_tokens", "cached_tokens"]].to_numpy().tolist() == [
        [1000, 10, 0],
        [1000, 10, 600],
    ]
    assert usage.cost.isna().all()


def test_a_price_table_gives_the_cost_by_model(history: History) -> None:
    cost = history.usage("R1", prices=PRICES).groupby("model").cost.sum()
    first, second = 1000 * 2 + 10 * 10, 400 * 2 + 600 * 0.5 + 10 * 10
    assert cost["m-1"] == pytest.approx((first + second) / 1e6)
    assert history.usage(prices={"m-*": (1, 1)}).cost[0] == pytest.approx(1010 / 1e6)
    assert history.usage(prices={"other": (1, 1)}).cost.isna().all()


def test_a_price_without_output_is_refused(history: History) -> None:
    with pytest.raises(ValueError, match="the price of 'm-1' lacks 'output'"):
        history.usage(prices={"m-1": {"input": 1}})
    with pytest.raises(
        ValueError, match=r"the price of 'm-1' is 5; write what a million tokens cost: \(input, output\)"
    ):
        history.usage(prices={"m-1": 5})  # type: ignore[dict-item]  # what a user might write


def test_the_name_itself_goes_before_a_pattern(history: History) -> None:
    cost = history.usage(prices={"m-*": (100, 100), "m-1": (1, 1), "*": (7, 7)}).cost
    assert cost[0] == pytest.approx(1010 / 1e6)


def test_tokens_of_an_unknown_model_are_counted_and_have_no_price(history: History) -> None:
    usage = history.usage(prices={"other": (1, 1)})
    by_model = usage.groupby("model")[["input_tokens", "cost"]].sum(min_count=1)
    assert by_model.loc["m-1", "input_tokens"] == 2000
    assert by_model.cost.isna().all()


def test_other_topics_and_filters(history: History) -> None:
    assert len(history.usage(topic="tokens")) == 0
    assert len(history.usage("R2")) == 0
    assert history.usage(since=at(3)).attempt.tolist() == [1]
    assert history.usage(to="arrow")["input_tokens"].to_pylist() == [1000, 1000]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"model": "gpt", "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}},
            Tokens("gpt", 5, 2, 3, None),
        ),
        (
            {"model": "claude", "usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 100}},
            Tokens("claude", 105, 2, 100, None),
        ),
        (
            {"modelVersion": "gemini", "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1}},
            Tokens("gemini", 7, 1, 0, None),
        ),
        ({"inputTokens": 1, "outputTokens": 2, "cost": 0.25}, Tokens(None, 1, 2, 0, 0.25)),
        ({"input_tokens": True, "model": "m"}, None),
        ({"model": "m"}, None),
        ("text", None),
    ],
)  # fmt: skip
def test_the_words_of_apis(data: Any, expected: Tokens | None) -> None:
    assert tokens_in(data) == expected


def test_the_cost_that_a_message_says_comes_first() -> None:
    said = Tokens("m-1", 1, 1, 0, 0.5)
    assert said.cost_by(PRICES) == 0.5
    assert said._replace(cost=None, model=None).cost_by(PRICES) is None
