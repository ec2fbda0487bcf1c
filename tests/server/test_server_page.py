"""The page about the engine: who gets it, what it may load, and that nothing in it runs that is not a file of ours."""

from __future__ import annotations

import re

from tests.server.clients import Client, browser

SCRIPT = re.compile(r"<script([^>]*)>([^<]*)</script>")


async def test_the_page_loads_nothing_but_files_of_this_server(client: Client) -> None:
    page = await client.request("GET", "/inngest")
    text = bytes(page.body).decode()
    assert page.status == 200
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    for attributes, body in SCRIPT.findall(text):
        assert 'type="application/json"' in attributes or body == ""
    assert "style=" not in text
    assert "onclick" not in text
    assert 'as="fetch" crossorigin href="/a%40b/inngest/api/overview/runs?limit=60"' in text
    for url in re.findall(r'(?:src|href)="([^"]+)"', text):
        if url.startswith("/a%40b/inngest/api/overview/runs"):
            continue
        assert url.startswith("/a%40b/inngest/static/")
        asset = await client.request("GET", url.replace("/a%40b", ""))
        assert asset.status == 200
        assert asset.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in asset.headers["Cache-Control"]


async def test_visitors_are_sent_to_the_login(client: Client) -> None:
    for path in ("/inngest", "/inngest/static/page.js"):
        answer = await client.request("GET", path, headers={})
        assert answer.status == 302
        assert "/login" in answer.headers["Location"]


async def test_a_browser_that_is_logged_in_gets_it(client: Client) -> None:
    cookies = await client.log_in()
    assert (await client.request("GET", "/inngest", headers=browser(cookies))).status == 200


async def test_there_are_two_files_and_no_others(client: Client) -> None:
    for name in ("widget.js", "..%2fbundle.py", "nothing.css", "page.js%00"):
        assert (await client.request("GET", f"/inngest/static/{name}")).status in (400, 404)
