"""engine="inngest": what else a client does: events, runs, publishes."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

import inngest_nb as inngest
from inngest_nb import links, realtime
from inngest_nb.errors import LinkError, RunFailed, RunNotFoundError, SendEventsError
from tests.sdk.official.server import RUN, InngestServer, link_of
from tests.sdk.official.stage import Stage
from tests.support.waiting import until


class TestClient:
    """What else a client does."""

    def test_events_go_to_the_server(self, client: inngest.Inngest, server: InngestServer) -> None:
        ids = client.send_sync([inngest.Event(name="app/a", data={"n": 1}), inngest.Event(name="app/b", id="mine")])
        assert len(ids) == 2
        ((first, second),) = server.calls("/e/NO_EVENT_KEY_SET")
        assert (first["name"], first["data"], second["id"]) == ("app/a", {"n": 1}, "mine")

    def test_a_server_that_refuses_says_so(self, client: inngest.Inngest, server: InngestServer) -> None:
        client._link()
        server.refusing = 400
        with pytest.raises(SendEventsError, match="did not take the events"):
            client.send_sync(inngest.Event(name="app/a"))

    def test_a_run_is_followed_to_its_end(self, client: inngest.Inngest, server: InngestServer) -> None:
        server.runs[RUN["run_id"]] = run = dict(RUN)
        found = client.run(RUN["run_id"])
        assert found.status == "running"
        assert [run.id for run in client.runs(event_id=RUN["event_id"])] == [found.id]
        run |= {"status": "Completed", "output": {"ok": True}}
        assert found.result(timeout=5) == {"ok": True}
        failing = server.runs["01KA0000000000000000000009"] = {**RUN, "run_id": "01KA0000000000000000000009"}
        failing |= {"status": "Failed", "output": {"code": "x", "name": "ValueError", "message": "no", "stack": ""}}
        with pytest.raises(RunFailed, match="ValueError: no"):
            client.run(failing["run_id"]).result(timeout=5)

    def test_a_run_is_cancelled(self, client: inngest.Inngest, server: InngestServer) -> None:
        server.runs[RUN["run_id"]] = dict(RUN)
        run = client.run(RUN["run_id"])
        run.cancel()
        assert run.status == "cancelled"

    def test_an_unknown_run(self, client: inngest.Inngest) -> None:
        with pytest.raises(RunNotFoundError, match="does not know this run"):
            client.run("01KA0000000000000000000000")

    def test_publishing_goes_to_the_server(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name="chat", topics={"tokens": dict})
        client.realtime.publish_sync(chat().tokens, {"text": "hi"})
        assert server.calls("/v1/realtime/publish") == [{"text": "hi"}]

    def test_what_a_server_does_not_have_is_said(self, client: inngest.Inngest) -> None:
        function = Stage(client).functions["child"]
        for call in (function.pause, lambda: function.start({}), client.runs, lambda: client.history):
            with pytest.raises(LinkError, match=r"engine=\"inngest\""):
                call()

    def test_the_hashed_signing_key_is_sent(self, server: InngestServer, tmp_path: Path) -> None:
        key = "signkey-test-8ee2262a15e8d3c42d6a840db7af3de2aab08ef632b32a37a687f24b34dba3ff"
        client = inngest.Inngest(
            app_id="keyed", engine="inngest", api_base_url=server.url, signing_key=key, data_dir=tmp_path
        )
        server.runs[RUN["run_id"]] = dict(RUN)
        client.run(RUN["run_id"])
        (headers,) = [headers for _, path, _, headers in server.asked if path.startswith("/v1/runs/")]
        assert re.fullmatch(r"Bearer [0-9a-f]{64}", headers["authorization"])
        assert key[-64:] not in headers["authorization"]
        links.close_links()

    def test_the_official_functions_are_there_for_other_servers(self, client: inngest.Inngest, tmp_path: Path) -> None:
        Stage(client)
        until(lambda: len(client.official.functions) == 3)
        assert client.official.client.app_id == "wire"
        assert {function.id for function in client.official.functions.values()} == {
            "wire-child",
            "wire-child-fails",
            "wire-child-slow",
        }
        with pytest.raises(LinkError, match="has 'embedded'"):
            _ = inngest.Inngest(app_id="other", engine="embedded", data_dir=tmp_path / "other").official

    def test_the_address_is_a_secret_and_stays(
        self, client: inngest.Inngest, server: InngestServer, tmp_path: Path
    ) -> None:
        url = link_of(client).served_at
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api/inngest/[0-9a-f]{32}", url)
        assert httpx.post(f"{url[:-32]}?fnId=wire-child&stepId=step", json={}).status_code == 404
        links.close_links()
        assert link_of(client).served_at == url
