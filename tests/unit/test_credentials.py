"""Keys as Inngest's SDKs send them."""

from __future__ import annotations

import hashlib

import pytest
from inngest._internal.transforms import hash_signing_key
from inngest_nb_server.credentials import Keys, bearer, is_key, without_prefix

BODY = "8ee2262a15e8d3c42d6a840db7af3de2aab08ef632b32a37a687f24b34dba3ff"
HASH = hashlib.sha256(bytes.fromhex(BODY)).hexdigest()
OTHER = "0" * 64


@pytest.mark.parametrize("key", [BODY, f"signkey-test-{BODY}"])
@pytest.mark.parametrize("given", [BODY, f"signkey-test-{BODY}", f"signkey-prod-{BODY}", HASH, f"signkey-test-{HASH}"])
def test_a_key_opens_plain_and_hashed_with_any_prefix(key: str, given: str) -> None:
    assert is_key(key, given)


def test_the_official_hash_is_ours() -> None:
    assert is_key(f"signkey-test-{BODY}", hash_signing_key(f"signkey-test-{BODY}"))


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "signkey-test-",
        OTHER,
        BODY[:-1],
        BODY + "0",
        BODY.upper() + "x",
        hashlib.sha256(b"").hexdigest(),
        "ü",
        "\ud800",
    ],
)
def test_nothing_else_opens(given: str) -> None:
    assert not is_key(BODY, given)


@pytest.mark.parametrize("key", ["", "signkey-test-"])
@pytest.mark.parametrize("given", ["", "signkey-test-", hashlib.sha256(b"").hexdigest()])
def test_an_empty_key_opens_nothing(key: str, given: str) -> None:
    assert not is_key(key, given)
    assert not Keys.of(signing_key=key, event_key="", environment={}).signs(given)
    assert not Keys.of(signing_key=key, event_key="", environment={}).sends(given)


def test_a_key_that_is_not_hexadecimal_opens_only_as_it_is() -> None:
    """JavaScript's SDK hashes its hexadecimal beginning, often nothing at all: that hash is no secret."""
    assert is_key("my-key", "my-key")
    assert not is_key("my-key", hashlib.sha256(b"").hexdigest())
    assert not is_key("my-key", hashlib.sha256(b"my-key").hexdigest())


def test_configuration_comes_before_the_environment() -> None:
    environment = {"INNGEST_SIGNING_KEY": OTHER, "INNGEST_SIGNING_KEY_FALLBACK": "f" * 64, "INNGEST_EVENT_KEY": "e"}
    keys = Keys.of(signing_key=BODY, event_key="", environment=environment)
    assert [keys.signs(key) for key in (BODY, OTHER, "f" * 64)] == [True, False, True]
    assert keys.sends("e")
    assert not keys.signs("e")
    assert not keys.sends(BODY)


def test_keys_are_not_shown() -> None:
    assert BODY not in repr(Keys.of(signing_key=BODY, event_key="secret", environment={}))
    assert "secret" not in repr(Keys.of(signing_key=BODY, event_key="secret", environment={}))


@pytest.mark.parametrize(
    ("header", "credential"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("token abc", "abc"),
        ("Bearer", ""),
        ("Bearer a b", ""),
        ("Basic abc", ""),
        ("abc", ""),
        ("", ""),
        ("Bearer undefined", "undefined"),
    ],
)
def test_the_credential_of_a_header(header: str, credential: str) -> None:
    assert bearer(header) == credential


def test_prefixes() -> None:
    assert without_prefix("signkey-test-abc") == "abc"
    assert without_prefix("signkey-abc") == "signkey-abc"
    assert without_prefix("abc") == "abc"
