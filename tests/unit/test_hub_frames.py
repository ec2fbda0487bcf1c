"""Messages in Inngest's own frames, and a log that an older version wrote."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from inngest_nb.clock import Clock
from inngest_nb.hub import Hub, Publish
from inngest_nb.hub.frames import encoder, notice
from inngest_nb.hub.log import Entry
from inngest_nb.realtime.tokens import ENV_ID
from tests.docs.pages import ROOT

AT = 1_787_365_537_123_456


def framed(*, streams: bool = False, offset: int = 7, **fields: Any) -> str | None:
    about: dict[str, Any] = {"channel": "c", "topic": "t", "data": '{"a":1}', "created_at": AT}
    publish = Publish(**about | fields)
    wire = encoder(3, streams=streams)(Entry(offset, publish))
    return None if wire is None else wire.decode()


def test_the_fields_are_inngests_in_its_order_and_ours_come_after_them() -> None:
    assert framed() == (
        '{"kind":"data","data":{"a":1},"created_at":"2026-08-22T02:25:37.123456Z","channel":"c",'
        f'"env_id":"{ENV_ID}","topic":"t","offset":7,"epoch":3}}'
    )
    told: dict[str, Any] = {"run_id": "01J0", "fn_id": "app-f", "step_id": "s", "attempt": 2, "metadata": '{"k":[1]}'}
    assert framed(**told) == (
        '{"kind":"data","data":{"a":1},"metadata":{"k":[1]},"created_at":"2026-08-22T02:25:37.123456Z","channel":"c",'
        f'"env_id":"{ENV_ID}","topic":"t","fn_id":"app-f","run_id":"01J0","step_id":"s","attempt":2,"offset":7,"epoch":3}}'
    )


def test_an_empty_channel_is_left_out_but_never_a_topic() -> None:
    frame = orjson.loads(framed(channel="", topic="") or "")
    assert "channel" not in frame
    assert frame["topic"] == ""


def test_nothing_is_null_but_data() -> None:
    assert [name for name, value in orjson.loads(framed(data="null") or "").items() if value is None] == ["data"]


def test_numbers_and_double_keys_pass_as_they_were_written_and_go_s_escapes_are_made() -> None:
    data = '{"a":1e3,"a":0.10,"n":12345678901234567890,"t":"<b>&\u2028\u2029é"}'
    frame = framed(data=data, channel="<&>") or ""
    assert r'"data":{"a":1e3,"a":0.10,"n":12345678901234567890,"t":"\u003cb\u003e\u0026\u2028\u2029é"}' in frame
    assert r'"channel":"\u003c\u0026\u003e"' in frame
    assert orjson.loads(frame)["data"]["t"] == "<b>&\u2028\u2029é"


def test_a_stream_is_plain_data_for_stock_clients() -> None:
    assert framed(kind="datastream-start", data='"s1"') is None
    assert framed(kind="datastream-end", data='"s1"') is None
    piece = orjson.loads(framed(data='"one "', stream_id="s1") or "")
    assert (piece["kind"], piece["data"]) == ("data", "one ")
    assert "stream_id" not in piece


def test_who_asks_for_streams_gets_inngests_kinds_with_channel_and_topic_on_each_piece() -> None:
    assert (framed(streams=True, kind="datastream-start", data='"s1"') or "").startswith(
        '{"kind":"datastream-start","data":"s1",'
    )
    piece = framed(streams=True, data='"one "', stream_id="s1") or ""
    assert piece.startswith('{"kind":"chunk","stream_id":"s1","data":"one ","created_at":')
    assert '"channel":"c"' in piece
    assert '"topic":"t"' in piece
    assert (framed(streams=True) or "").startswith('{"kind":"data",')


def test_raw_text_has_no_envelope() -> None:
    assert framed(kind="raw", topic="$stream", data='"event: x\\ndata: <1>\\n\\n"') == "event: x\ndata: <1>\n\n"


@pytest.mark.parametrize("channel", ["c", ""])
def test_a_notice_has_the_shape_of_a_message(channel: str) -> None:
    told = orjson.loads(notice("gap", {"lost": 3}, channel=channel, created_at=AT))
    assert [*told] == ["kind", "data", "created_at", *(["channel"] if channel else []), "env_id", "topic"]


async def test_a_log_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    old = sqlite3.connect(path)
    old.executescript((ROOT / "tests/data/schemas/messages-1.sql").read_text())
    old.execute("INSERT INTO meta VALUES ('schema_version', '1')")
    old.execute("INSERT INTO channels VALUES (1, 'chat', 1, 0, 0)")
    old.execute("INSERT INTO messages VALUES (1, 0, 't', 'data', '\"old\"', 'r', NULL, NULL, NULL, 5, NULL)")
    old.commit()
    old.close()
    hub = Hub(path, clock=Clock(), loop=asyncio.get_running_loop())
    try:
        assert hub.publish(Publish("chat", "t", '"new"', metadata='{"k":1}', stream_id="s")) == 1
        await hub.written()
        first, second = await hub.read(hub.log("chat"), 0, 10)
        assert (first.publish.data, first.publish.run_id, first.publish.metadata) == ('"old"', "r", None)
        assert (second.publish.metadata, second.publish.stream_id) == ('{"k":1}', "s")
    finally:
        await hub.close()
    fresh = sqlite3.connect(":memory:")
    fresh.executescript((ROOT / "inngest_nb/hub/schema.sql").read_text())
    for table in ("meta", "channels", "messages"):
        about = f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}')"
        assert sqlite3.connect(path).execute(about).fetchall() == fresh.execute(about).fetchall()
    fresh.close()
