"""RunTable, MessageFeed and the page about the engine, in a real JupyterLab: what people see in them and do with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.notebook import LIMIT_MS, Notebook
from tests.support.jupyter import TOKEN, JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async selector => (await axe.run(selector, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})).violations
  .filter(rule => ['serious', 'critical'].includes(rule.impact)).map(rule => `${rule.id}: ${rule.nodes[0].target}`)"""
DEFINE = """\
import threading
import inngest_nb as inngest
client = inngest.Inngest(app_id="tables-%s")
tale = inngest.realtime.channel(name="tale-%s", topics={"words": dict, "status": dict})
gate = threading.Event()

@client.create_function(fn_id="tell", trigger=inngest.TriggerEvent(event="tables-%s/tell"), retries=0)
async def tell(ctx):
    words = await ctx.step.run("fetch", lambda: {"words": ctx.event.data.get("words", 3), "shelf": "kb"})
    async def speak():
        for n in range(words["words"]):
            await ctx.publish(tale().words, {"token": f"word{n} "})
        if ctx.event.data.get("hold"):
            while not gate.is_set():
                await inngest_sleep(0.02)
        if words["words"] == 13:
            raise ValueError("no tale has thirteen words")
        return words["words"]
    return await ctx.step.run("speak", speak)

from asyncio import sleep as inngest_sleep
"""


def cells(name: str, *more: str) -> tuple[str, ...]:
    """A notebook with a function and a channel of its own, and views."""
    return (DEFINE.replace("%s", name), *more)


def table(notebook: Notebook) -> Locator:
    """The table of runs."""
    return notebook.page.locator(".inb-live.inb-run-table").last


def feed(notebook: Notebook) -> Locator:
    """The feed of messages."""
    return notebook.page.locator(".inb-live.inb-message-feed").last


def rows(view: Locator, status: str = "") -> Locator:
    """The runs of a table."""
    return view.locator(f"[data-run][data-status={status}]" if status else "[data-run]")


def chip(view: Locator, text: str) -> Locator:
    """A filter with its count."""
    return view.locator(".inb-chip", has_text=text)


@pytest.fixture
def tales(lab: JupyterServer, open_notebook: Open, request: pytest.FixtureRequest) -> Notebook:
    """A notebook whose second cell shows the table of its function's runs."""
    name = str(abs(hash(request.node.name)) % 10_000)
    notebook = open_notebook(
        lab, *cells(name, "inngest.RunTable(client, function=tell)", "inngest.MessageFeed(tale())")
    )
    notebook.run(0, 1)
    return notebook


def test_runs_appear_and_end_by_themselves_and_are_filtered(tales: Notebook) -> None:
    view = table(tales)
    expect(view).to_contain_text("No runs yet", timeout=LIMIT_MS)
    tales.run_source(3, "held = tell.start({'hold': True}); _ = [tell.start({'words': n}) for n in (3, 13)]")
    expect(rows(view, "running")).to_have_count(1, timeout=LIMIT_MS)
    expect(rows(view, "completed")).to_have_count(1)
    expect(rows(view, "failed")).to_have_count(1)
    expect(chip(view, "Failed1")).to_be_visible()
    tales.run_source(3, "gate.set()")
    expect(rows(view, "completed")).to_have_count(2, timeout=LIMIT_MS)
    chip(view, "Failed1").click()
    expect(rows(view)).to_have_count(1)
    chip(view, "All3").click()
    view.get_by_label("Find a run").fill("nothing is called like this")
    expect(view).to_contain_text("No run matches")
    view.get_by_role("button", name="Show all runs").click()
    expect(rows(view)).to_have_count(3)


def test_a_run_is_cancelled_after_it_was_asked(tales: Notebook) -> None:
    tales.run_source(3, "held = tell.start({'hold': True})")
    view = table(tales)
    rows(view, "running").get_by_label("Cancel run").click()
    view.get_by_role("alertdialog").get_by_role("button", name="Keep").click()
    expect(rows(view, "running")).to_have_count(1)
    rows(view, "running").get_by_label("Cancel run").click()
    view.get_by_role("alertdialog").get_by_role("button", name="Cancel run").click()
    expect(rows(view, "cancelled")).to_have_count(1, timeout=LIMIT_MS)
    assert tales.run_source(3, "print(held.status)").strip() == "cancelled"


def test_a_run_is_opened_and_run_again_from_a_step_with_its_input_edited(tales: Notebook) -> None:
    tales.run_source(3, "run = tell.start({'words': 13})")
    view = table(tales)
    rows(view, "failed").click(timeout=LIMIT_MS)
    expect(view.locator(".opened .inb-timeline")).to_contain_text("no tale has thirteen words", timeout=LIMIT_MS)
    rows(view, "failed").press("R")
    panel = view.locator(".inb-rerun")
    expect(panel.locator(".what")).to_have_text(["reused", "runs again"], timeout=LIMIT_MS)
    panel.get_by_role("button", name="Edit output").click()
    field = panel.locator("textarea")
    assert json.loads(field.input_value()) == {"words": 13, "shelf": "kb"}
    field.fill('{"words": 5,')
    expect(panel.get_by_role("button", name="Rerun", exact=True)).to_have_attribute("aria-disabled", "true")
    field.fill('{"words": 5, "shelf": "kb"}')
    expect(panel.locator(".what").first).to_have_text("reused, output edited", timeout=LIMIT_MS)
    panel.get_by_role("button", name="Rerun", exact=True).click()
    expect(rows(view, "completed")).to_have_count(1, timeout=LIMIT_MS)
    assert tales.run_source(3, "print(client.runs()[0].output, client.runs()[0].id != run.id)").split() == ["5", "True"]


def test_the_keyboard_alone_is_enough(tales: Notebook) -> None:
    tales.run_source(3, "_ = [tell.start({'words': n}).result() for n in (1, 2)]")
    view = table(tales)
    expect(rows(view, "completed")).to_have_count(2, timeout=LIMIT_MS)
    rows(view).first.focus()
    tales.page.keyboard.press("ArrowDown")
    expect(rows(view).nth(1)).to_be_focused()
    tales.page.keyboard.press("Enter")
    expect(view.locator(".opened .inb-timeline")).to_be_visible()
    tales.page.keyboard.press("Escape")
    tales.page.keyboard.press("x")
    expect(view.locator(".inb-selection")).to_contain_text("1 selected")
    tales.page.keyboard.press("/")
    expect(view.get_by_label("Find a run")).to_be_focused()


def test_a_feed_is_read_paused_filtered_and_opened(tales: Notebook) -> None:
    tales.run(2)
    view = feed(tales)
    tales.run_source(3, "tell.start({'words': 40}).result()")
    expect(view).to_contain_text("40 in", timeout=LIMIT_MS)
    view.get_by_label("Pause").click()
    before = view.locator("[data-offset]").count()
    tales.run_source(3, "client.realtime.publish_sync(tale().status, {'deep': {'mark': 'needle'}})")
    expect(view.locator(".inb-newer")).to_have_text("Show 1 newer message", timeout=LIMIT_MS)
    assert view.locator("[data-offset]").count() == before
    view.locator(".inb-newer").click()
    expect(view.locator("[data-offset]").last).to_contain_text("needle")
    view.locator("[data-offset]").last.locator(".twist").click()
    expect(view.get_by_role("tree")).to_contain_text('mark: "needle"')
    view.locator("[data-search]").fill("deep.mark=needle")
    expect(view.locator("[data-offset]")).to_have_count(1, timeout=LIMIT_MS)
    view.locator("[data-search]").fill("deep.mark=hay")
    expect(view).to_contain_text("No message matches", timeout=LIMIT_MS)
    view.get_by_role("button", name="Clear filters").click()
    chip(view, "status1").click()
    expect(view.locator("[data-offset]")).to_have_count(1, timeout=LIMIT_MS)


def test_tables_go_on_without_their_kernel_and_after_a_reload(tales: Notebook) -> None:
    tales.run(2)
    tales.run_source(3, "tell.start({'words': 4}).result()")
    expect(rows(table(tales), "completed")).to_have_count(1, timeout=LIMIT_MS)
    tales.save()
    tales.reload()
    expect(rows(table(tales), "completed")).to_have_count(1, timeout=LIMIT_MS)
    tales.shut_down()
    event = {"name": "inngest-tests/none", "data": {}}
    tales.server.request("inngest/api/events", method="POST", body=event)
    rows(table(tales), "completed").get_by_label("Rerun").click()
    expect(rows(table(tales), "queued")).to_have_count(1, timeout=LIMIT_MS)
    expect(feed(tales)).to_contain_text("4 in")


@pytest.mark.parametrize("theme", ["light", "dark", "hc"])
def test_nothing_serious_is_inaccessible(
    lab: JupyterServer, context: BrowserContext, tales: Notebook, theme: str
) -> None:
    tales.run_source(3, "_ = [tell.start({'words': n}) for n in (3, 13)]")
    page = context.new_page()
    page.add_init_script(path=AXE)
    page.goto(f"{lab.url}inngest?theme={theme}&token={TOKEN}")
    for place, wanted in {"": "[data-run]", "#/functions": "td a", "#/channels": "td a", "#/events": "td a"}.items():
        page.evaluate("place => { location.hash = place }", place)
        page.locator(f"main {wanted}").first.wait_for(timeout=LIMIT_MS)
        assert page.evaluate(SERIOUS, ".inb-page") == []
    page.close()


@pytest.fixture
def overview(lab: JupyterServer, context: BrowserContext) -> Iterator[Page]:
    """The page about the engine."""
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(f"{lab.url}inngest?token={TOKEN}")
    yield page
    assert problems == []  # the policy refuses nothing that the page needs
    page.close()


def test_the_page_shows_every_run_and_sends_events(overview: Page, tales: Notebook) -> None:
    overview.locator(".rail .health").get_by_text("connected").wait_for(timeout=LIMIT_MS)
    name = tales.run_source(3, "print(tell.id)").strip().removesuffix("-tell")
    overview.locator("#inb-event-name").fill(f"{name}/tell")
    overview.locator("#inb-event-data").fill('{"words": 7}')
    overview.get_by_role("button", name="Send", exact=True).click()
    expect(overview.get_by_text(f"Sent {name}/tell.")).to_be_visible(timeout=LIMIT_MS)
    expect(rows(table(tales), "completed")).to_have_count(1, timeout=LIMIT_MS)
    run_id = rows(table(tales)).first.get_attribute("data-run")
    overview.locator(f"main [data-run='{run_id}']").click(timeout=LIMIT_MS)
    expect(overview.locator(".opened .inb-timeline")).to_be_visible()
    overview.goto(f"{overview.url.partition('#')[0]}#/runs/{run_id}")
    expect(overview.locator("main .inb-timeline")).to_contain_text("speak", timeout=LIMIT_MS)


def test_a_question_is_answered_on_the_page(overview: Page, tales: Notebook) -> None:
    source = """
@client.create_function(fn_id="asks", trigger=inngest.TriggerEvent(event="asks"))
async def asks(ctx):
    decision = await ctx.step.request_approval("confirm", tale().status, message="Shall this page be trusted?", timeout="5m")
    return decision.approved
question = asks.start({})
"""
    tales.run_source(3, source)
    asked = overview.locator("aside .inb-approval", has_text="Shall this page be trusted?")
    asked.get_by_role("button", name="Approve").click(timeout=LIMIT_MS)
    assert tales.run_source(3, "print(question.result(timeout=30))").strip() == "True"


def test_the_page_is_a_tab_of_jupyterlab_in_its_theme(lab: JupyterServer, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{lab.url}lab?reset&token={TOKEN}")
    tile = page.locator(".jp-LauncherCard", has_text="Inngest Runs")
    expect(tile).to_be_visible(timeout=60_000)
    page.evaluate("() => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    tile.click()
    inside = page.frame_locator("iframe[title=Inngest]")
    expect(inside.locator(".inb-page")).to_have_attribute("data-inb-theme", "light", timeout=LIMIT_MS)
    page.evaluate("() => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    expect(inside.locator(".inb-page")).to_have_attribute("data-inb-theme", "dark", timeout=LIMIT_MS)
    page.evaluate("() => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    expect(inside.locator(".inb-page")).to_have_attribute("data-inb-theme", "light", timeout=LIMIT_MS)
    page.close()


def test_the_tab_is_there_again_where_the_reader_was(lab: JupyterServer, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{lab.url}lab/workspaces/inngest-tab?reset&token={TOKEN}")
    page.locator(".jp-LauncherCard", has_text="Inngest Runs").wait_for(timeout=60_000)
    with page.expect_response(lambda answer: "api/workspaces" in answer.url and answer.request.method == "PUT"):
        page.evaluate("() => void window.jupyterapp.commands.execute('inngest:show-runs')")
    inside = page.frame_locator("iframe[title=Inngest]")
    inside.locator(".rail a[href='#/events']").click(timeout=LIMIT_MS)
    expect(inside.locator("main h2")).to_have_text("Events")
    page.goto(f"{lab.url}lab/workspaces/inngest-tab")
    expect(inside.locator("main h2")).to_have_text("Events", timeout=60_000)
    page.close()
