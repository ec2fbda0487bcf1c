"""What a person sees who may look but not act, and one whose right to look is taken away, at a server that really refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.denying import DENIED
from tests.browser.notebook import LIMIT_MS
from tests.support.jupyter import TOKEN, JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

ARGUMENTS = (
    "--ServerApp.jpserver_extensions={'inngest_nb_server': True}",
    "--ServerApp.authorizer_class=tests.browser.denying.Denying",
    "--InngestApp.functions=tests.browser.asking",
)


@pytest.fixture
def denied(tmp_path: Path) -> Path:
    """The file of what is refused; nothing yet."""
    file = tmp_path / "denied"
    file.write_text("")
    return file


@pytest.fixture
def server(tmp_path: Path, denied: Path) -> Iterator[JupyterServer]:
    """A server with a function that asks, and with one open question."""
    environment = {DENIED: str(denied)}
    with JupyterServer(tmp_path / "bare", app="server", arguments=ARGUMENTS, environment=environment) as server:
        server.request("inngest/api/events", {"name": "rights/ask", "data": {}})
        yield server


@pytest.fixture
def page(context: BrowserContext, server: JupyterServer) -> Iterator[Page]:
    """The page about the engine, not opened yet."""
    page = context.new_page()
    yield page
    page.close()


def visit(page: Page, server: JupyterServer, place: str = "") -> None:
    """Open the page as somebody who is logged in."""
    page.goto(f"{server.url}inngest?token={TOKEN}{place}")


def test_who_may_only_look_is_offered_nothing_else(server: JupyterServer, denied: Path, page: Page) -> None:
    denied.write_text("write execute")
    visit(page, server)
    asked = page.locator("aside .inb-approval", has_text="May it go on?")
    expect(asked).to_contain_text("You may read this question but not answer it", timeout=LIMIT_MS)
    expect(asked.get_by_role("button", name="Approve")).to_have_count(0)
    row = page.locator("main [data-run]")
    expect(row).to_be_visible()
    expect(row.get_by_label("Answer")).to_have_count(0)
    row.get_by_label("More actions").click()
    expect(page.get_by_role("menuitem")).to_have_text(["Open", "Copy run id"])
    page.keyboard.press("Escape")
    expect(page.locator(".inb-send")).to_contain_text("needs the right to write")
    page.locator("#inb-event-name").fill("rights/ask")
    expect(page.get_by_role("button", name="Send", exact=True)).to_have_attribute("aria-disabled", "true")
    row.focus()
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    timeline = page.locator(".opened .inb-timeline")
    expect(timeline).to_contain_text("confirm", timeout=LIMIT_MS)
    expect(timeline.get_by_label("Cancel run")).to_have_count(0)
    expect(row).to_have_count(1)  # no key has started another one


def test_who_may_act_is_offered_it_at_the_same_server(server: JupyterServer, page: Page) -> None:
    visit(page, server)
    asked = page.locator("aside .inb-approval", has_text="May it go on?")
    asked.get_by_role("button", name="Approve").click(timeout=LIMIT_MS)
    expect(page.locator("main [data-run]")).to_have_attribute("data-status", "completed", timeout=LIMIT_MS)


def test_a_right_that_is_taken_away_and_given_back_is_said(server: JupyterServer, denied: Path, page: Page) -> None:
    visit(page, server)
    expect(page.locator(".health")).to_contain_text("Engine healthy", timeout=LIMIT_MS)
    denied.write_text("read write execute")
    note = page.locator("main .inb-note", has_text="You may not see this.")
    expect(note).to_be_visible(timeout=LIMIT_MS)
    expect(page.locator(".health")).to_contain_text("Not permitted")
    denied.write_text("")
    note.get_by_role("button", name="Try again").click()
    expect(note).to_have_count(0, timeout=LIMIT_MS)
    expect(page.locator(".health")).to_contain_text("Engine healthy")
    expect(page.locator("main [data-run]")).to_be_visible()


def test_who_may_not_look_gets_no_page(server: JupyterServer, denied: Path, page: Page) -> None:
    denied.write_text("read")
    response = page.goto(f"{server.url}inngest?token={TOKEN}")
    assert response is not None
    assert response.status == 403
    assert page.locator(".inb").count() == 0
