"""Subscription tokens: exact claims, strict checks, and a secret that belongs to a data directory."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import multiprocessing
import random
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inngest_nb.errors import ChannelError, InngestError, JournalUnavailable, TokenError, TokenExpired
from inngest_nb.realtime.tokens import ACCOUNT_ID, ENV_ID, Claims, TopicClaim, mint, topics_of, verify
from inngest_nb.store.secret import Secret

SECRET = bytes(range(32))
NOW = 1_787_362_600
TOPIC = TopicClaim(channel="user:123", name="ai", kind="run")
MUTATIONS = 100_000


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def signed(claims: object, *, secret: bytes = SECRET, header: object = None, digest: str = "sha256") -> str:
    """A token made by hand, whatever is in it."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    body = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{body}.{encoded(hmac.digest(secret, body.encode(), digest))}"


def claims(**changes: Any) -> dict[str, Any]:
    """What a valid token says, with changes; `...` leaves a claim out."""
    valid = {
        "iss": "rt.inngest.com", "sub": ACCOUNT_ID, "exp": NOW + 60, "iat": NOW, "jti": "01K0000000000000000000000A",
        "env": ENV_ID, "topics": [TOPIC.to_wire() | {"env_id": ENV_ID}], "publish": False,
    }  # fmt: skip
    return {name: value for name, value in (valid | changes).items() if value is not ...}


def refusal(token: str, now: float = NOW) -> str:
    with pytest.raises(TokenError) as refused:
        verify(SECRET, token, now=now)
    return refused.value.message


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(payload)


# -- minting -------------------------------------------------------------------------------------


def test_the_claims_are_inngests_in_its_order() -> None:
    header, payload = parts(mint(SECRET, [TOPIC], now=NOW + 0.9))
    assert list(header.items()) == [("alg", "HS256"), ("typ", "JWT")]
    jti = payload["jti"]
    assert list(payload.items()) == [
        ("iss", "rt.inngest.com"),
        ("sub", "00000000-0000-4000-a000-000000000000"),
        ("exp", NOW + 60),
        ("iat", NOW),
        ("jti", jti),
        ("env", "00000000-0000-4000-b000-000000000000"),
        (
            "topics",
            [{"kind": "run", "env_id": "00000000-0000-4000-b000-000000000000", "channel": "user:123", "name": "ai"}],
        ),
        ("publish", False),
    ]
    assert len(jti) == 26
    assert jti != parts(mint(SECRET, [TOPIC], now=NOW))[1]["jti"]


def test_no_topics_an_empty_list_and_names_that_are_kept_as_they_are() -> None:
    assert parts(mint(SECRET, None))[1]["topics"] is None
    assert parts(mint(SECRET, []))[1]["topics"] == []
    odd = [TopicClaim(channel="ż <&> 🎉", name="", kind="bogus", env_id="11111111-0000-4000-b000-000000000000")]
    (topic,) = parts(mint(SECRET, odd))[1]["topics"]
    assert topic == {"kind": "bogus", "env_id": ENV_ID, "channel": "ż <&> 🎉", "name": ""}


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [("60s", 60), ("15m", 900), (1000, 1), (datetime.timedelta(hours=2), 7200), ("30d", 2_592_000)],
)
def test_a_token_lives_as_long_as_asked(expires_in: Any, seconds: int) -> None:
    token = mint(SECRET, [TOPIC], expires_in, now=NOW)
    assert verify(SECRET, token, now=NOW + seconds - 0.001).expires_at == NOW + seconds
    with pytest.raises(TokenExpired, match="ask for a new one"):
        verify(SECRET, token, now=NOW + seconds)


@pytest.mark.parametrize("expires_in", [0, 999, "31d", "soon", -5, True, 1.5, None])
def test_a_lifetime_that_is_none_is_refused(expires_in: Any) -> None:
    with pytest.raises(ChannelError, match="expires_in"):
        mint(SECRET, [TOPIC], expires_in)


# -- checking ------------------------------------------------------------------------------------


def test_what_a_token_says_is_what_was_minted() -> None:
    found = verify(SECRET, mint(SECRET, [TOPIC], publish=True, now=NOW), now=NOW)
    assert found == Claims(
        topics=(TopicClaim(channel="user:123", name="ai", kind="run", env_id=ENV_ID),),
        publish=True,
        expires_at=NOW + 60,
        issued_at=NOW,
        id=found.id,
    )
    assert found.channels() == {"user:123": {"ai"}}


@pytest.mark.parametrize("absent", ["jti", "env", "iat", "sub", "publish"])
def test_claims_that_inngest_does_not_insist_on_may_be_absent(absent: str) -> None:
    assert verify(SECRET, signed(claims(**{absent: ...})), now=NOW).channels() == {"user:123": {"ai"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"iss": "somebody.else"}, "issued"),
        ({"iss": ...}, "issued"),
        ({"iss": 5}, "issued"),
        ({"exp": ...}, "no exp"),
        ({"exp": None}, "no exp"),
        ({"exp": "tomorrow"}, "not a time"),
        ({"exp": True}, "not a time"),
        ({"exp": float("inf")}, "not a time"),
        ({"exp": float("nan")}, "not a time"),
        ({"exp": 10**400}, "not a time"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 3600}, "expired 3600 s ago"),
        ({"iat": NOW + 1}, "not valid yet"),
        ({"nbf": NOW + 1}, "not valid yet"),
        ({"iat": "now"}, "not a time"),
        ({"topics": "all"}, "topics"),
        ({"topics": ["all"]}, "topics"),
        ({"topics": 5}, "topics"),
        ({"topics": [{"channel": 5}]}, "topics"),
        ({"topics": [{"env_id": ""}]}, "topics"),
    ],
)
def test_claims_that_do_not_hold_are_refused(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(signed(claims(**changes)))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "JWT"}, {"alg": "None"}, {"alg": "hs256"}, {"alg": "HS512"}, {"alg": "RS256"}, {}, [], "HS256",
        {"alg": "HS256", "crit": ["exp"]}, {"alg": "HS256", "b64": False, "crit": ["b64"]}, {"alg": ["HS256"]}, {"alg": None},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_another_algorithm_or_header_is_refused(header: object) -> None:
    refusal(signed(claims(), header=header))


def test_a_token_without_a_signature_is_refused() -> None:
    head, body, signature = signed(claims(), header={"alg": "none"}).split(".")
    for token in (f"{head}.{body}.", f"{head}.{body}", f".{body}.{signature}", f"{head}..{signature}"):
        refusal(token)


def test_other_secrets_and_digests_are_refused() -> None:
    assert "signature" in refusal(signed(claims(), secret=b"dev-mode-is-not-secret-but-32-bytes-long"))
    assert "signature" in refusal(signed(claims(), digest="sha512"))
    head, body, _ = signed(claims()).split(".")
    assert "signature" in refusal(f"{head}.{body}.{encoded(hashlib.sha256(f'{head}.{body}'.encode()).digest())}")


def test_a_token_that_was_changed_for_another_topic_is_refused() -> None:
    head, _, signature = signed(claims()).split(".")
    for topic in ({"channel": "user:124"}, {"name": "other"}, {"kind": "event"}):
        other = encoded(json.dumps(claims(topics=[TOPIC.to_wire() | topic])).encode())
        assert "signature" in refusal(f"{head}.{other}.{signature}")


def test_one_token_has_one_spelling() -> None:
    token = signed(claims())
    verify(SECRET, token, now=NOW)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = letters.index(token[-1])  # two bits of the last letter carry nothing
    for twin in (letters[at ^ 1], letters[at ^ 2], letters[at ^ 3]):
        assert base64.urlsafe_b64decode(f"{token[-3:-1]}{twin}=") == base64.urlsafe_b64decode(f"{token[-3:]}=")
        assert "not canonical" in refusal(token[:-1] + twin)
    for spelling in (
        token + "=",
        token + "\n",
        f" {token}",
        token.replace(".", ". ", 1),
        f"{token[:20]}*{token[20:]}",
        "",
    ):
        assert "not a token" in refusal(spelling)
    assert "not a token" in refusal("a." * 40_000)


def test_only_kind_run_of_our_environment_delivers() -> None:
    topics = [
        {"kind": "run", "env_id": ENV_ID, "channel": "c", "name": "a"},
        {"kind": "event", "env_id": ENV_ID, "channel": "c", "name": "b"},
        {"kind": "run", "env_id": "11111111-0000-4000-b000-000000000000", "channel": "c", "name": "d"},
        {"kind": "run", "channel": "c", "name": "e"},
        {"kind": "run", "env_id": ENV_ID, "channel": "x", "name": "a"},
        {"kind": "run", "env_id": ENV_ID, "channel": "c", "name": "a"},
        None,
    ]
    assert verify(SECRET, signed(claims(topics=topics)), now=NOW).channels() == {"c": {"a"}, "x": {"a"}}


def test_publishing_needs_the_right_and_where_topics_are_named_keeps_to_them() -> None:
    def may(**changes: Any) -> bool:
        return verify(SECRET, signed(claims(**changes)), now=NOW).may_publish("user:123", "ai")

    assert may(publish=True)
    assert may(publish=True, topics=None)
    assert may(publish=True, topics=[])
    assert not may()
    assert not may(publish="yes")
    assert not may(publish=True, topics=[TOPIC.to_wire() | {"env_id": ENV_ID, "name": "other"}])


# -- requests for tokens ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "topics"),
    [
        (b"null", None),
        (b"[]", []),
        (b'[{"channel":"c","name":"t","kind":"run"}] xyz', [TopicClaim(channel="c", name="t", kind="run")]),
        (b' \n[{"channel":"","name":"t","more":1}]', [TopicClaim(name="t")]),
        (b"[null]", [TopicClaim()]),
        (b'[{"channel":null}]', [TopicClaim()]),
        (b'[{"channel":"\xff"}]', [TopicClaim(channel="\ufffd")]),
    ],
)
def test_the_body_of_a_request_is_read_as_inngest_reads_it(body: bytes, topics: list[TopicClaim] | None) -> None:
    assert topics_of(body) == topics


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{}", b'{"channel":"a"}', b'"a"', b"5", b"true", b'["a","b"]', b"[5]", b"[[]]", b"[", b'[{"channel":"a"',
        b'[{"name":5}]', b'[{"kind":[]}]', b'[{"env_id":""}]', b'[{"env_id":"x"}]', b'[{"run_id":""}]', b'[{"run_id":"x"}]',
        b"\xff", b"\xef\xbb\xbf[]", b"[" * 100_000,
    ],
    ids=lambda body: repr(body)[:30],
)  # fmt: skip
def test_what_is_no_list_of_topics_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever it is, the answer is one sentence
        topics_of(body)


# -- seeded mutations ------------------------------------------------------------------------------


def mutated(rng: random.Random, text: str) -> str:
    """The text with a few places changed, cut, doubled or swapped."""
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(6):
            case 0:
                text = text[:at] + rng.choice('.-_=AaZz09{}[]":, \x00\n\u2028ż🎉') + text[at + 1 :]
            case 1:
                text = text[:at] + text[at + rng.randrange(1, 9) :]
            case 2:
                text = text[:at] + text[at : at + rng.randrange(1, 40)] * 2 + text[at:]
            case 3:
                text = (
                    text[:at] + rng.choice(("null", "true", "-1", "1e999", "[[[[", '"\\ud800"', "ab", "..")) + text[at:]
                )
            case 4:
                other = rng.randrange(len(text) + 1)
                text = text[:at] + text[other : other + 4] + text[at + 4 :]
            case _:
                text = text[:at]
    return text


def test_no_mutation_of_a_token_is_taken_for_one() -> None:
    rng, token = random.Random(1), mint(SECRET, [TOPIC], now=NOW)
    for _ in range(MUTATIONS):
        other = mutated(rng, token)
        if other == token:
            continue
        with pytest.raises(TokenError):
            verify(SECRET, other, now=NOW)


def test_what_a_signed_token_says_is_refused_or_read_but_never_crashes() -> None:
    """Whoever has the secret is trusted, but an older or newer version of us may write what we do not know."""
    rng, text, read = random.Random(2), json.dumps(claims()), 0
    head = encoded(b'{"alg":"HS256","typ":"JWT"}')
    for _ in range(MUTATIONS // 4):
        body = f"{head}.{encoded(mutated(rng, text).encode(errors='surrogatepass'))}"
        try:
            verify(SECRET, f"{body}.{encoded(hmac.digest(SECRET, body.encode(), 'sha256'))}", now=NOW)
            read += 1
        except TokenError:
            pass
    assert read > 1000


def test_a_mutated_request_is_read_or_refused_but_never_crashes() -> None:
    rng, text, read = random.Random(3), json.dumps([TOPIC.to_wire(), {"channel": "c", "name": "t", "kind": "run"}]), 0
    for _ in range(MUTATIONS):
        try:
            topics_of(mutated(rng, text))
            read += 1
        except ValueError:
            pass
    assert read > 1000


# -- the secret ----------------------------------------------------------------------------------


def test_the_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    secret = Secret(tmp_path).read()
    assert len(secret) == 32
    assert stat.S_IMODE((tmp_path / "token.key").stat().st_mode) == 0o600
    assert Secret(tmp_path).read() == secret
    assert [path.name for path in tmp_path.iterdir()] == ["token.key"]
    (other := tmp_path / "other").mkdir()
    assert Secret(other).read() != secret


def test_a_new_secret_ends_the_tokens_of_the_old_one_at_once(tmp_path: Path) -> None:
    authority = Secret(tmp_path)
    token = mint(authority.read(), [TOPIC])
    verify(authority.read(), token)
    for new in (None, bytes(32), b"1" * 40):
        authority.path.unlink()
        if new is not None:
            authority.path.write_bytes(new)
        with pytest.raises(TokenError, match="revoked"):
            verify(authority.read(), token)
        token = mint(authority.read(), [TOPIC])
        verify(authority.read(), token)
    Secret(tmp_path).rotate()
    with pytest.raises(TokenError, match="revoked"):
        verify(authority.read(), token)


def test_a_secret_that_is_too_short_or_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "token.key").write_bytes(b"short")
    with pytest.raises(JournalUnavailable, match="5 bytes"):
        Secret(tmp_path).read()
    with pytest.raises(JournalUnavailable, match="cannot be used"):
        Secret(tmp_path / "token.key").read()


def _read(folder: str) -> bytes:
    return Secret(Path(folder)).read()


def test_many_processes_that_come_first_agree_on_one_secret(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.map(_read, [str(tmp_path)] * 32, chunksize=1)
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["token.key"]


def test_the_tokens_are_imported_without_the_library_that_signs_them() -> None:
    code = "import sys, inngest_nb, inngest_nb.realtime.tokens; print('jwt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_the_errors_are_the_packages() -> None:
    assert issubclass(TokenExpired, TokenError)
    assert issubclass(TokenError, InngestError)
