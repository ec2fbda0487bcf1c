"""Without a mouse: a feed of messages and the page about the engine, from the first press of the tab key on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.notebook import LIMIT_MS, Notebook
from tests.support.jupyter import TOKEN, JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

MOST_TABS = 40
DEFINE = """\
import inngest_nb as nb
client = nb.Inngest(app_id="keys")
desk = nb.realtime.channel(name="keys-desk", topics={"words": dict, "questions": dict})

@client.create_function(fn_id="tell", trigger=nb.TriggerEvent(event="keys/tell"), retries=0)
async def tell(ctx):
    async def speak():
        for n in range(30):
            await ctx.publish(desk().words, {"line": f"number {n}", "n": n})
    await ctx.step.run("speak", speak)

@client.create_function(fn_id="ask", trigger=nb.TriggerEvent(event="keys/ask"), retries=0)
async def ask(ctx):
    decision = await ctx.step.request_approval("confirm", desk().questions, message="Without a mouse?", timeout="5m")
    return decision.approved
"""


@pytest.fixture
def notebook(lab: JupyterServer, open_notebook: Open) -> Notebook:
    """A notebook with functions, and a feed of their channel."""
    opened = open_notebook(lab, DEFINE, "nb.MessageFeed(desk())")
    opened.run(0)
    return opened


@pytest.fixture
def overview(lab: JupyterServer, context: BrowserContext) -> Iterator[Page]:
    """The page about the engine."""
    page = context.new_page()
    page.goto(f"{lab.url}inngest?token={TOKEN}")
    page.locator(".inb-page[data-inb-connection=live]").wait_for(timeout=LIMIT_MS)
    yield page
    page.close()


def tab_to(wanted: Locator, *, key: str = "Tab") -> None:
    """Press the tab key until the place has the focus."""
    for _ in range(MOST_TABS):
        if wanted.evaluate("wanted => wanted === document.activeElement"):
            return
        wanted.page.keyboard.press(key)
    raise AssertionError(f"{wanted} is not reached with {key}")


def test_a_feed_is_read_from_end_to_beginning(notebook: Notebook) -> None:
    notebook.run_source(2, "tell.start().result()")
    notebook.run(1)
    view = notebook.page.locator(".inb-live.inb-message-feed").last
    keyboard = notebook.page.keyboard
    rows = view.locator("[data-offset]")
    expect(rows.last).to_contain_text("tell completed", timeout=LIMIT_MS)
    view.locator(".inb-chip").first.focus()  # where the tab key comes in from the cell above
    row = view.locator(".line[tabindex='0']")
    tab_to(row)
    for _ in range(40):
        keyboard.press("ArrowDown")
    expect(rows.last).to_be_focused()
    for _ in range(8):
        keyboard.press("ArrowUp")
    focused = view.locator(".line:focus")
    expect(focused).to_contain_text("number 23")
    keyboard.press("Enter")
    expect(view.get_by_role("tree")).to_contain_text("n: 23")
    notebook.server.request("inngest/api/events", {"name": "keys/tell", "data": {}})
    expect(view).to_have_attribute("data-inb-messages", "64", timeout=LIMIT_MS)
    expect(focused).to_contain_text("number 23")  # what comes does not take the focus away
    keyboard.press("Space")
    expect(view.locator(".inb-conn")).to_have_text("Paused")
    keyboard.press("Space")
    expect(view.locator(".inb-conn")).to_have_text("Live")
    keyboard.press("/")
    keyboard.type("line=never")
    expect(view).to_contain_text("No message matches", timeout=LIMIT_MS)
    keyboard.press("Escape")
    keyboard.type("n=7")
    expect(rows).to_have_count(2, timeout=LIMIT_MS)
    expect(rows.first).to_contain_text("number 7")


def test_the_page_is_worked_without_a_mouse(notebook: Notebook, overview: Page) -> None:
    notebook.run_source(2, "question = ask.start(); tell.start().result()")
    keyboard = overview.keyboard
    row = overview.locator("main [data-run][tabindex='0']")
    expect(row).to_contain_text("tell", timeout=LIMIT_MS)
    overview.locator("body").press("Tab")
    tab_to(row)
    keyboard.press("Enter")
    expect(overview.locator(".opened .inb-timeline")).to_contain_text("speak", timeout=LIMIT_MS)
    keyboard.press("Escape")
    expect(overview.locator(".opened")).to_have_count(0)
    tab_to(overview.locator(".rail a[href='#/approvals']"), key="Shift+Tab")
    keyboard.press("Enter")
    asked = overview.locator("main .inb-approval", has_text="Without a mouse?")
    tab_to(asked.get_by_role("button", name="Approve"))
    keyboard.press("Enter")
    assert notebook.run_source(3, "print(question.result(timeout=30))").strip() == "True"
    tab_to(overview.locator("#inb-event-name"))
    keyboard.type("keys/tell")
    tab_to(overview.get_by_role("button", name="Send", exact=True))
    keyboard.press("Enter")
    expect(overview.get_by_text("Sent keys/tell.")).to_be_visible(timeout=LIMIT_MS)
