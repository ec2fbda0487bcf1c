"""The page about the engine where something is wrong with it: what it says, and that it goes on by itself."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from inngest_nb.store import DataDirLock
from tests.browser.notebook import LIMIT_MS
from tests.support.diskfault import DiskFault
from tests.support.jupyter import TOKEN, JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

EXTENSION = "--ServerApp.jpserver_extensions={'inngest_nb_server': True, 'tests.browser.readers': True}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    """A Jupyter server without JupyterLab, not started yet."""
    server = JupyterServer(tmp_path / "bare", app="server", arguments=(EXTENSION,))
    yield server
    server.stop()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of its own."""
    page = context.new_page()
    yield page
    page.close()


def visit(page: Page, server: JupyterServer) -> None:
    """Open the page as somebody who is logged in."""
    page.goto(f"{server.url}inngest?token={TOKEN}")


def test_an_engine_that_cannot_have_its_journal_says_who_has_it(server: JupyterServer, page: Page) -> None:
    server.data_dir.mkdir()
    lock = DataDirLock(server.data_dir, "another server of this test")
    server.start()
    visit(page, server)
    note = page.locator("main .inb-note")
    expect(note).to_contain_text("Another engine has the journal.", timeout=LIMIT_MS)
    expect(note).to_contain_text("another server of this test")
    expect(page.locator(".health")).to_contain_text("Engine in trouble")
    expect(page.locator("main")).to_contain_text("Nothing is known of this engine yet")
    lock.release()


def test_an_engine_that_is_starting_is_waited_for(server: JupyterServer, page: Page) -> None:
    server.start()
    server.request("inngest/api/events", {"name": "page/before", "data": {}})
    server.request("inngest-tests/engine", {"run": False})
    visit(page, server)
    expect(page.locator("main .inb-note")).to_contain_text("The engine is starting.", timeout=LIMIT_MS)
    expect(page.locator(".health")).to_contain_text("Engine is starting")
    expect(page.locator("aside")).to_be_empty()  # nothing is known of questions
    server.request("inngest-tests/engine", {"run": True})
    expect(page.locator(".health")).to_contain_text("Engine healthy", timeout=LIMIT_MS)
    expect(page.locator("main .inb-note", has_text="starting")).to_have_count(0)
    page.locator(".rail a[href='#/events']").click()
    expect(page.locator("main td", has_text="page/before")).to_be_visible(timeout=LIMIT_MS)
    expect(page.locator(".inb-page")).to_have_attribute("data-inb-connection", "live", timeout=LIMIT_MS)


def test_an_empty_engine_says_what_to_do(server: JupyterServer, page: Page) -> None:
    server.start()
    visit(page, server)
    expect(page.locator("main .inb-note")).to_contain_text("No kernel is connected.", timeout=LIMIT_MS)
    expect(page.locator("main")).to_contain_text("No runs yet")
    for room, words in {
        "approvals": "Nobody is being asked",
        "functions": "No functions yet",
        "channels": "No channels yet",
    }.items():
        page.locator(f".rail a[href='#/{room}']").click()
        expect(page.locator("main")).to_contain_text(words)
    page.locator(".rail a[href='#/events']").click()
    expect(page.locator("main")).to_contain_text("No events yet")


def test_a_full_disk_is_said_while_it_is_full(tmp_path: Path, page: Page) -> None:
    disk = DiskFault.prepare(tmp_path)
    if disk is None:
        pytest.skip("no C compiler (gcc) to build the disk faults with")
    server = JupyterServer(tmp_path / "full", app="server", arguments=(EXTENSION,), environment=disk.environment)
    with server:
        visit(page, server)
        expect(page.locator(".health")).to_contain_text("Engine healthy", timeout=LIMIT_MS)
        page.locator("#inb-event-name").fill("page/kept")
        with disk.failing("write", errno.ENOSPC, ending=".db-wal"):
            page.get_by_role("button", name="Send", exact=True).click()
            expect(page.locator(".inb-send .said")).to_contain_text("the disk is full", timeout=LIMIT_MS)
            note = page.locator("main .inb-note", has_text="Nothing new is kept at the moment.")
            expect(note).to_contain_text("the disk is full", timeout=LIMIT_MS)
            expect(page.locator(".health")).to_contain_text("Engine in trouble")
            assert disk.hits > 0
        expect(note).to_have_count(0, timeout=LIMIT_MS)
        expect(page.locator(".health")).to_contain_text("Engine healthy")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".inb-send .said")).to_have_text("Sent page/kept.", timeout=LIMIT_MS)
        page.locator(".rail a[href='#/events']").click()
        expect(page.locator("main tr", has_text="page/kept")).to_be_visible(timeout=LIMIT_MS)


def test_a_server_that_goes_away_is_missed_and_taken_up_again(server: JupyterServer, page: Page) -> None:
    server.start()
    server.request("inngest/api/events", {"name": "page/seen", "data": {"n": 1}})
    visit(page, server)
    page.locator(".rail a[href='#/events']").click()
    expect(page.locator("main td", has_text="page/seen")).to_be_visible(timeout=LIMIT_MS)
    server.stop()
    expect(page.locator("main .inb-note")).to_contain_text("Connection lost", timeout=LIMIT_MS)
    expect(page.locator("main td", has_text="page/seen")).to_be_visible()
    server.start()
    page.goto(f"{server.url}inngest")
    expect(page.locator("main td", has_text="page/seen")).to_be_visible(timeout=LIMIT_MS)  # where the reader was
    expect(page.locator(".inb-page")).to_have_attribute("data-inb-connection", "live", timeout=LIMIT_MS)


def test_a_page_that_stays_open_over_a_restart_is_live_again(server: JupyterServer, page: Page) -> None:
    server.start()
    visit(page, server)
    expect(page.locator(".health")).to_contain_text("Engine healthy", timeout=LIMIT_MS)
    server.stop()
    expect(page.locator("main .inb-note")).to_contain_text("Connection lost", timeout=LIMIT_MS)
    server.start()
    expect(page.locator("main .inb-note", has_text="Connection lost")).to_have_count(0, timeout=LIMIT_MS)
    expect(page.locator(".health")).to_contain_text("Engine healthy", timeout=LIMIT_MS)
    server.request("inngest/api/events", {"name": "page/after", "data": {}})
    page.locator(".rail a[href='#/events']").click()
    expect(page.locator("main td", has_text="page/after")).to_be_visible(timeout=LIMIT_MS)


def test_who_may_not_read_does_not_get_the_page(server: JupyterServer, page: Page) -> None:
    server.start()
    page.context.clear_cookies()
    page.goto(f"{server.url}inngest")
    assert "/login" in page.url
