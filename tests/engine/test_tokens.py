"""Tokens that a program hands out, and who takes them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as nb
from inngest_nb import links, realtime
from inngest_nb.engine.authority import Authority
from inngest_nb.engine.feed import Feed, Frame
from inngest_nb.errors import ChannelError, TokenError
from inngest_nb.hub.positions import Start
from inngest_nb.realtime.tokens import TopicClaim

chat = realtime.channel("chat", topics={"status": str, "tokens": str})


@pytest.fixture
def client(tmp_path: Path) -> Any:
    """A client of an embedded engine."""
    yield nb.Inngest(app_id="tokens", engine="embedded", data_dir=tmp_path)
    links.close_links()


async def test_a_token_opens_what_it_names_for_as_long_as_asked(client: nb.Inngest, tmp_path: Path) -> None:
    token = await client.realtime.token(channel=chat, topics=[chat.status], expires_in="15m")
    assert (token.channel, token.topics, token.api_base_url) == ("chat", ["status"], None)
    claims = Authority(tmp_path).verify(token.key)
    assert claims.channels() == {"chat": {"status"}}
    assert 890 < claims.expires_at - time.time() <= 900
    assert not claims.publish


def test_a_script_gets_one_too_and_all_declared_topics_are_the_default(client: nb.Inngest, tmp_path: Path) -> None:
    token = client.realtime.token_sync(channel=chat, publish=True)
    claims = Authority(tmp_path).verify(token.key)
    assert claims.channels() == {"chat": {"status", "tokens"}}
    assert claims.may_publish("chat", "tokens")
    assert not claims.may_publish("chat", "other")


async def test_what_a_page_gets(client: nb.Inngest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = await nb.get_client_subscription_token(client, channel="chat", topics=["status"])
    assert list(dict(token)) == ["key", "api_base_url"]
    assert token["key"] == token.key
    assert token.key not in repr(token)
    assert token.to_wire() == {"key": token.key}
    with pytest.raises(KeyError):
        token["to_wire"]
    monkeypatch.setenv("INNGEST_API_BASE_URL", "http://here:1")
    other = nb.Inngest(app_id="tokens", engine="embedded", data_dir=tmp_path)
    full = await realtime.get_subscription_token(other, channel="chat", topics=["status"])
    wire = {"key": full.key, "apiBaseUrl": "http://here:1", "channel": "chat", "topics": ["status"]}
    assert full.to_wire() == wire


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"channel": "chat"}, ChannelError),
        ({"channel": "chat", "topics": []}, ChannelError),
        ({"channel": "", "topics": ["t"]}, ChannelError),
        ({"channel": chat, "topics": ["stauts"]}, AttributeError),
        ({"channel": chat, "expires_in": "1y"}, ChannelError),
        ({"channel": chat, "expires_in": 5}, ChannelError),
    ],
)
def test_what_cannot_be_meant_is_refused(client: nb.Inngest, asked: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        client.realtime.token_sync(**asked)


async def test_the_secret_outlives_the_engine_and_its_end_is_the_end_of_every_token(
    client: nb.Inngest, tmp_path: Path
) -> None:
    token = await client.realtime.token(channel=chat)
    links.close_links()
    again = await client.realtime.token(channel=chat)
    for key in (token.key, again.key):
        Authority(tmp_path).verify(key)
    (tmp_path / "token.key").unlink()
    fresh = await client.realtime.token(channel=chat)
    Authority(tmp_path).verify(fresh.key)
    for key in (token.key, again.key):
        with pytest.raises(TokenError):
            Authority(tmp_path).verify(key)


async def test_a_feed_that_is_checked_ends_when_the_secret_is_replaced(client: nb.Inngest, tmp_path: Path) -> None:
    link: Any = client._link()
    authority = Authority(tmp_path)
    ended: list[str] = []

    async def follow() -> None:
        async def send(channel: str, epoch: int, frames: list[Frame]) -> None:
            pass

        feed = Feed(link.engine.core.hub, authority, send, start=Start(), recheck=True, ended=ended.append)
        feed.admit(authority.mint([TopicClaim(channel="chat", name="status", kind="run")]))
        feed.check()
        assert feed.channels == {"chat"}
        (tmp_path / "token.key").unlink()
        feed.check()
        assert feed.channels == frozenset()
        feed.close()

    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(follow(), link._engine_loop))
    (reason,) = ended
    assert "revoked" in reason
