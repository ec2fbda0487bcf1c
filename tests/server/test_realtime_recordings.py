"""What Inngest's own server was recorded to do with realtime requests and sockets, asked of a running server with the extension."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import pytest_asyncio
from inngest_nb_server.host import EngineHost

from inngest_nb.realtime.tokens import ENV_ID, ISSUER, TopicClaim
from tests.server.clients import Answer, Client
from tests.server.frames import RawSocket
from tests.server.recordings import Comparison, cases, expanded
from tests.unit.test_tokens import signed

CASES = cases("realtime.json")
HEADERS = ("content-type", "x-inngest-server-kind", "allow", "vary")
#: What our messages have behind Inngest's fields.
EXTRAS = re.compile(r'(?:,"step_id":"[^"]*")?(?:,"attempt":\d+)?,"offset":\d+,"epoch":\d+\}$')

#: What differs on purpose, and why. The page on the compatible API says the same.
DIFFERENT = {
    "connect-self-signed": "there is no secret that everybody knows",
    "publish-bearer-garbage": "a key is checked; nothing is open",
    "publish-bearer-bare": "the same",
    "publish-600k-json": "413 in place of a message that was cut off",
    "publish-600k-text": "the same",
    "publish-metadata-invalid": "400 in place of a message that is lost",
    "publish-invalid-utf8-in-json": "U+FFFD in place of a frame that browsers must refuse",
    "publish-invalid-utf8": "U+FFFD itself in place of its escape",
    "subscribe-duplicate-topic": "each message once",
}
#: Bounded experiments, repeated in tests of their own, and what happens to a server that is stopped.
EXPERIMENTS = {
    "datastream-1100-writes": "test_a_stream_of_many_pieces_is_not_cut_off",
    "datastream-aborted": "test_a_stream_whose_publisher_vanishes_ends",
    "order-sequential": "test_the_order_of_publishes_is_the_order_of_frames",
    "resubscribe-race": "test_who_follows_when_the_last_one_leaves_misses_nothing",
    "stalled-subscriber": "test_who_does_not_read_delays_nobody",
    "reconnect-gap": "test_what_was_published_meanwhile_is_there_for_who_asks",
    "several-subscribers": "test_every_subscriber_sees_the_same",
    "server-shutdown": "the end of TCP there; the server closes its sockets here",
}
#: Bodies of which the recording has the value and not the spelling.
SPELLED = {
    "publish-number-float": "[1.0, 1e3, 0.10]",
    "publish-unicode": '{"a": "é", "b": "\\u00e9", "c": "😀", "ls": "\u2028"}',
    "publish-dup-keys": '{"a": 1, "a": 2}',
}
#: Topics of tokens that the frames of a case do not tell.
TOKENS = {
    ("frames-sub-unsub", "<jwt#1>"): ("sub", "a"),
    ("frames-sub-unsub", "<jwt#2>"): ("sub", "b"),
    ("frames-empty-token-then-sub", "<jwt#2>"): ("sub", "a"),
}
WITHOUT_TOPICS = {"frames-empty-token-then-sub", "frames-sub-expired"}
REPLAYED = [case for case in CASES if case not in EXPERIMENTS]


class Replay:
    """One case against a running server."""

    def __init__(self, client: Client, host: EngineHost, case: str, cases: dict[str, dict[str, Any]] = CASES) -> None:
        self.client, self.host, self.case = client, host, case
        self.comparison = Comparison()
        self.tokens: dict[str, str] = {}
        self.exchanges = cases[case]["exchanges"]
        self.sockets: list[RawSocket] = []

    def close(self) -> None:
        """Close what it has opened."""
        for socket in self.sockets:
            socket.close()

    # -- tokens ----------------------------------------------------------------------------------

    def topics(self) -> list[TopicClaim]:
        """What the subscriber's token must have named: the topics whose messages came, else those published to."""
        seen: list[tuple[str, str]] = []
        for exchange in self.exchanges:
            frames = [
                f["json"] for f in exchange.get("frames", ()) if f["dir"] == "S>C" and isinstance(f.get("json"), dict)
            ]
            seen += [(f.get("channel", ""), f["topic"]) for f in frames if "topic" in f]
        for exchange in self.exchanges:
            parts = urlsplit(exchange["request"]["path"])
            query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            if not seen and "publish" in parts.path:
                topic = "$stream" if parts.path.endswith("tee") else query.get("topic", "")
                seen.append((query.get("channel", ""), topic))
        return [TopicClaim(channel=c, name=n, kind="run") for c, n in dict.fromkeys(seen or [("auth", "t")])]

    def token(self, placeholder: str) -> str:
        if placeholder not in self.tokens:
            self.tokens[placeholder] = self._made(placeholder)
        return self.tokens[placeholder]

    def _made(self, placeholder: str) -> str:
        mint = self.host.engine.tokens.mint
        named = TOKENS.get((self.case, placeholder))
        if named is not None:
            return mint([TopicClaim(channel=named[0], name=named[1], kind="run")])
        if self.case == "publish-jwt-publish" and placeholder == "<jwt#1>":
            return mint(None, publish=True)
        if self.case == "frames-sub-expired" and placeholder == "<jwt#2>":
            return self._by_hand(iat=1, exp=2)
        changes: dict[str, dict[str, Any]] = {
            "connect-expired": {"iat": 1, "exp": 2},
            "connect-future-iat": {"iat": 2**40, "exp": 2**41},
            "connect-no-jti": {"jti": ...},
            "connect-no-env": {"env": ...},
            "connect-publish-jwt": {"publish": True},
        }
        if self.case in changes:
            return self._by_hand(**changes[self.case])
        if self.case == "connect-bad-signature":
            return self._by_hand(secret=b"another secret of 32 bytes at le")
        if self.case == "connect-self-signed":
            return self._by_hand(secret=b"dev-mode-is-not-secret")
        return mint([] if self.case in WITHOUT_TOPICS else self.topics())

    def _by_hand(self, secret: bytes | None = None, **changes: Any) -> str:
        topics = [topic.to_wire() | {"env_id": ENV_ID} for topic in self.topics()]
        made = {"iss": ISSUER, "exp": 2**40, "iat": 1, "jti": "x", "env": ENV_ID, "topics": topics, "publish": False}
        claims = {name: value for name, value in (made | changes).items() if value is not ...}
        return signed(claims, secret=secret or self.host.engine.tokens._secret.read())

    def filled(self, text: str) -> str:
        """A recorded text with what its placeholders stand for here."""
        text = re.sub(r"<jwt#\d+>", lambda match: self.token(match[0]), text)
        return self.comparison.fill(text, "01KA0000000000000000000000")

    # -- requests --------------------------------------------------------------------------------

    async def ask(self, request: dict[str, Any]) -> Answer:
        """Send a recorded request, with the server's token where there was no credential: that server was open."""
        headers = {name: self.filled(value) for name, value in request["headers"].items()}
        for_tokens = re.search(r"/(connect|sse)\b", request["path"])
        if "authorization" not in headers and not for_tokens:
            headers |= self.client.credential
        return await self.client.request(request["method"], self.filled(request["path"]), self.body(request), headers)

    def body(self, request: dict[str, Any]) -> bytes | None:
        if request["method"] not in ("POST", "PUT"):
            return None
        if self.case in SPELLED:
            return SPELLED[self.case].encode()
        if "body_bytes_b64" in request:
            return base64.b64decode(request["body_bytes_b64"])
        if "json" in request:
            text = json.dumps(expanded(request["json"]), ensure_ascii=False)
            return text.replace("<uuid#1>", "11111111-0000-4000-b000-000000000000").encode()
        return str(expanded(request.get("text", ""))).encode()

    def check(self, response: dict[str, Any], answer: Answer) -> None:
        assert answer.status == response["status"], answer
        names = [n for n in response["headers"] if n in HEADERS or n.startswith("access-control-")]
        assert {n: answer.headers.get(n, "").lower() for n in names} == {
            n: response["headers"][n].lower() for n in names
        }
        if "json" in response:
            said = json.loads(answer.raw)
            if "jwt" in said:
                assert list(said) == ["jwt"]
                self.tokens["<jwt#1>"] = said["jwt"]
            else:
                assert self.comparison.differences(response["json"], said) == []
            assert answer.raw.endswith(b"\n")
        else:
            said = answer.raw.decode().replace('header "close"', 'header ""')  # which our client always sends
            assert said == response.get("text", "")

    # -- sockets ---------------------------------------------------------------------------------

    async def connect(self, exchange: dict[str, Any], query: str = "") -> RawSocket | None:
        """Open a recorded socket, or be refused as it was."""
        request, response = exchange["request"], exchange["response"]
        if "upgrade" not in request["headers"] or response["status"] != 101:
            headers = {"Connection": "Upgrade", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
            upgrade = headers if "upgrade" in request["headers"] else {}
            self.check(response, await self.ask({**request, "headers": request["headers"] | upgrade}))
            return None
        ours = ("upgrade", "sec-websocket-version", "sec-websocket-extensions")
        headers = {n: self.filled(v) for n, v in request["headers"].items() if n not in ours}
        socket = await RawSocket.to(
            self.client.url(self.filled(request["path"]) + query).replace("http", "ws", 1), headers
        )
        self.sockets.append(socket)
        for name in ("access-control-allow-origin", "x-inngest-server-kind", "vary"):
            assert socket.handshake.get(name) == response["headers"].get(name)
        assert "Sec-WebSocket-Protocol" not in socket.handshake
        assert "Sec-WebSocket-Extensions" not in socket.handshake
        return socket

    async def frames(self, socket: RawSocket, exchange: dict[str, Any], publishes: list[dict[str, Any]]) -> None:
        """Say and hear what was said and heard, publishing in between as it was."""
        for number, frame in enumerate(exchange["frames"]):
            if frame["dir"] == "C>S" and frame["op"] in ("text", "binary"):
                if isinstance(frame.get("json"), dict) and frame["json"].get("kind") == "sub":
                    await self._publish_until(publishes, exchange["frames"][number:])
                text = frame["text"] if "text" in frame else json.dumps(expanded(frame["json"]))
                await socket.write_message(self.filled(text), binary=frame["op"] == "binary")
                await socket.settled()
            elif frame["op"] == "close" and frame["dir"] == "C>S":
                await self._publish_until(publishes, [])
                await self.silent(socket)
                socket.close(frame["code"])
            elif frame["op"] == "close":
                assert (await socket.ended())[0] == frame["code"]
            elif frame["op"] == "text" and frame["dir"] == "S>C":
                await self._publish_until(publishes, exchange["frames"][number:], including=True)
                self.compare(frame, await socket.text())

    async def _publish_until(
        self, publishes: list[dict[str, Any]], ahead: list[dict[str, Any]], *, including: bool = False
    ) -> None:
        """Publish what came before the next message that is still to be heard."""
        awaited = next((f.get("json") for f in ahead if f["op"] == "text" and f["dir"] == "S>C"), None)
        data = awaited["data"] if isinstance(awaited, dict) and "data" in awaited else ...
        while publishes and (data is ... or publishes[0]["request"].get("json", data) != data):
            self.check(publishes[0]["response"], await self.ask(publishes.pop(0)["request"]))
        if including and publishes:
            self.check(publishes[0]["response"], await self.ask(publishes.pop(0)["request"]))
        elif (
            including
            and isinstance(awaited, dict)
            and not any("publish" in e["request"]["path"] for e in self.exchanges)
        ):
            path = f"/v1/realtime/publish?channel={awaited['channel']}&topic={awaited['topic']}"
            assert (await self.client.request("POST", path, orjson.dumps(awaited["data"]))).status == 200

    def compare(self, frame: dict[str, Any], text: str) -> None:
        """The same text up to what we add behind it; raw text where there was no envelope."""
        if "text" in frame:
            assert text == frame["text"]
            return
        if "raw" not in frame and not isinstance(frame["json"].get("kind"), str):
            assert json.loads(text) == frame["json"]
            return
        theirs, extras = EXTRAS.subn("}", text)
        assert extras == 1
        if "raw" in frame:
            assert self.comparison.differences(frame["raw"], theirs) == []
        assert self.comparison.differences(expanded(frame["json"]), json.loads(theirs)) == []

    async def silent(self, socket: RawSocket) -> None:
        """Nothing else comes: what is published now is the next that is heard."""
        await socket.settled()
        followed = [topic for topic in self.topics() if self.case not in ("frames-sub-expired", *UNFOLLOWED)]
        for topic in followed[-1:]:
            path = f"/v1/realtime/publish?channel={topic.channel.replace(' ', '%20')}&topic={topic.name.replace(' ', '%20')}"
            assert (await self.client.request("POST", path, b'"the end"')).status == 200
            assert json.loads(await socket.text())["data"] == "the end"


#: Cases whose token delivers nothing.
UNFOLLOWED = ("subscribe-kind-absent", "subscribe-kind-event", "subscribe-kind-empty")


@pytest_asyncio.fixture
async def replay(client: Client, host: EngineHost, request: pytest.FixtureRequest) -> AsyncIterator[Replay]:
    with contextlib.closing(Replay(client, host, request.param)) as replay:
        yield replay


@pytest.mark.parametrize(
    "replay", [c for c in REPLAYED if c not in DIFFERENT and not c.startswith(("datastream", "sse-tee"))], indirect=True
)
async def test_as_recorded(replay: Replay) -> None:
    requests = [e for e in replay.exchanges if not _is_socket(e)]
    minted = [e for e in requests if "/token" in e["request"]["path"]]
    publishes = [e for e in requests if e not in minted]
    for exchange in minted:
        replay.check(exchange["response"], await replay.ask(exchange["request"]))
        _check_claims(exchange, replay)
    sockets = [(await replay.connect(exchange), exchange) for exchange in replay.exchanges if _is_socket(exchange)]
    if not sockets:
        await replay._publish_until(publishes, [])
    for socket, exchange in sockets:
        if socket is not None:
            await replay.frames(socket, exchange, publishes)
            assert bool(socket.pings) == any(f["op"] == "ping" for f in exchange["frames"])


def _is_socket(exchange: dict[str, Any]) -> bool:
    return "/connect" in exchange["request"]["path"]


def _check_claims(exchange: dict[str, Any], replay: Replay) -> None:
    if "jwt_claims" not in exchange:
        return
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in replay.tokens["<jwt#1>"].split(".")[:2]
    )
    times = {name: claims.pop(name) for name in ("exp", "iat")}
    recorded = {name: value for name, value in exchange["jwt_claims"].items() if name not in times}
    assert replay.comparison.differences(exchange["jwt_header"], header) == []
    assert replay.comparison.differences(recorded, claims) == []
    assert times["exp"] - times["iat"] == exchange["jwt_lifetime_s"]


def test_every_case_is_replayed_or_said_to_differ() -> None:
    assert {*DIFFERENT, *EXPERIMENTS} <= set(CASES)
    assert not {*DIFFERENT} & {*EXPERIMENTS}


# -- what differs on purpose -----------------------------------------------------------------------


async def _publish_case(client: Client, host: EngineHost, case: str) -> tuple[Answer, RawSocket]:
    replay = Replay(client, host, case)
    publish, connect = replay.exchanges
    socket = await replay.connect(connect)
    assert socket is not None
    return await replay.ask(publish["request"]), socket


async def _is_next(client: Client, socket: RawSocket, case: str) -> None:
    """Nothing came before this message."""
    assert (await client.request("POST", f"/v1/realtime/publish?channel=pub-{case}&topic=t", b"1")).status == 200
    assert json.loads(await socket.text())["data"] == 1
    socket.close()
    await socket.ended()


@pytest.mark.parametrize(
    ("case", "status", "said"),
    [
        ("bearer-garbage", 401, "Not authenticated"),
        ("bearer-bare", 401, "Not authenticated"),
        ("600k-json", 413, "at most 524,288"),
        ("600k-text", 413, "at most 524,288"),
        ("metadata-invalid", 400, "metadata must be JSON"),
    ],
)
async def test_what_is_lost_or_open_there_is_refused_here(
    client: Client, host: EngineHost, case: str, status: int, said: str
) -> None:
    answer, socket = await _publish_case(client, host, f"publish-{case}")
    assert answer.status == status
    assert said in answer.raw.decode()
    await _is_next(client, socket, case)


@pytest.mark.parametrize(
    ("case", "data"), [("invalid-utf8", "\ufffd\ufffd\x00abc"), ("invalid-utf8-in-json", {"a": "\ufffd\ufffd"})]
)
async def test_what_is_no_utf8_arrives_with_replacement_characters(
    client: Client, host: EngineHost, case: str, data: Any
) -> None:
    answer, socket = await _publish_case(client, host, f"publish-{case}")
    assert answer.status == 200
    assert json.loads(await socket.text())["data"] == data
    await _is_next(client, socket, case)


async def test_a_secret_that_everybody_knows_opens_nothing(client: Client, host: EngineHost) -> None:
    replay = Replay(client, host, "connect-self-signed")
    assert await client.refused(f"/v1/realtime/connect?token={replay.token('<jwt#1>')}", {}) == 401


async def test_a_topic_that_is_named_twice_is_delivered_once(client: Client, host: EngineHost) -> None:
    topic = TopicClaim(channel="dd", name="a", kind="run")
    token = host.engine.tokens.mint([topic, topic])
    socket = await RawSocket.to(client.url(f"/v1/realtime/connect?token={token}").replace("http", "ws", 1), {})
    for n in range(2):
        await client.request("POST", "/v1/realtime/publish?channel=dd&topic=a", str(n).encode())
    assert [json.loads(await socket.text())["data"] for _ in range(2)] == [0, 1]
    socket.close()
    await socket.ended()
