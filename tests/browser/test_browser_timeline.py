"""A timeline in JupyterLab: invoked runs, many siblings, what a step published, running again, two runs, keys."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Open
from tests.browser.notebook import Notebook
from tests.support.jupyter import JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DEFINE = """
import asyncio
import inngest_nb as nb
from inngest_nb import realtime

class Lane(realtime.Channel, name="lane:{lane}"):
    lane: str
    words: realtime.Topic[str]

client = nb.Inngest(app_id="lines")
broken = True

@client.create_function(fn_id="inner", trigger=nb.TriggerEvent(event="lines/inner"))
async def inner(ctx: nb.Context) -> int:
    return await ctx.step.run("count", lambda: 3)

@client.create_function(fn_id="outer", trigger=nb.TriggerEvent(event="lines/outer"), retries=0)
async def outer(ctx: nb.Context) -> list:
    async def speak() -> str:
        for word in ("one", "two"):
            await ctx.publish(Lane(lane="a").words, word)
        return "spoken"

    async def check(value: str) -> str:
        if broken:
            raise ValueError("not yet")
        return value.upper()

    said = await ctx.step.run("speak", speak)
    parts = [await ctx.step.run(f"part-{i}", lambda i=i: i) for i in range(40)]
    found = await ctx.step.invoke("call", function=inner)
    return [await ctx.step.run("check", check, said), len(parts), found]
"""
SHOW = """
run = outer.start()
display(nb.RunTimeline(run))
"""


@pytest.fixture
def failed(lab: JupyterServer, open_notebook: Open) -> Notebook:
    """A notebook with the timeline of a run whose last step failed."""
    notebook = open_notebook(lab, DEFINE, SHOW)
    notebook.run(0, 1)
    notebook.wait_for_status("timeline", "failed")
    return notebook


def labels(notebook: Notebook) -> list[str]:
    """The names of the rows that are in the document."""
    return [text.split("\n")[0] for text in notebook.view("timeline").locator(".row .t").all_inner_texts()]


def test_many_siblings_are_one_row_and_an_invoked_run_is_loaded_when_it_is_opened(failed: Notebook) -> None:
    timeline = failed.view("timeline")
    names = [re.sub(r" . 40.*$", "", label) for label in labels(failed)]
    assert names == ["outer", "speak", "part", "invoke call", "check"]
    asked: list[str] = []
    failed.page.on("request", lambda request: asked.append(request.url))
    timeline.get_by_label("Show its steps").click()
    timeline.locator(".row .t", has_text="count").wait_for()
    assert any(re.search(r"inngest/api/runs/[0-9A-Z]{26}$", url) for url in asked)
    timeline.get_by_label("Unfold").click()
    timeline.locator(".row .t", has_text="part-39").wait_for()
    assert len(labels(failed)) == 5 + 1 + 40


def test_a_failed_step_is_opened_and_the_messages_of_another_can_be_read(failed: Notebook) -> None:
    timeline = failed.view("timeline")
    assert "ValueError: not yet" in timeline.locator(".inb-detail").inner_text()
    timeline.locator(".row", has_text="speak").click()
    timeline.get_by_role("tab", name="Messages").click()
    timeline.locator(".messages td.preview", has_text="two").wait_for()
    assert timeline.locator(".messages td.preview").all_inner_texts()[:2] == ["one", "two"]


def test_a_run_is_run_again_from_a_step_with_an_edited_output_and_compared(failed: Notebook) -> None:
    failed.run_source(2, "broken = False")
    timeline = failed.view("timeline")
    timeline.get_by_role("button", name="Rerun from here").click()
    plan = timeline.locator(".inb-rerun li")
    plan.filter(has_text="runs again").wait_for()
    row = plan.filter(has_text="speak")
    row.get_by_role("button", name="Edit output").click()
    row.locator("textarea").fill('"whispered')
    row.get_by_text("Not JSON").or_(row.get_by_text("ends too early")).wait_for()
    row.locator("textarea").fill('"whispered"')
    row.get_by_text("Valid JSON.").wait_for()
    failed.until_true(lambda: "edited" in row.locator(".what").inner_text())
    timeline.locator(".inb-rerun").get_by_role("button", name="Rerun", exact=True).click()
    timeline.get_by_role("button", name="Compare with it").click()
    timeline.get_by_text("Outlined: run").wait_for()
    failed.until_true(lambda: "Completed" in timeline.locator(".inb-note", has_text="Outlined").inner_text())
    newest = "print(client.runs(function=outer, limit=1)[0].result(timeout=20))"
    assert failed.run_source(3, newest).strip() == "['WHISPERED', 40, 3]"


def test_keys_move_find_zoom_and_fold(failed: Notebook) -> None:
    timeline = failed.view("timeline")
    page = failed.page
    timeline.locator(".row").first.focus()
    page.keyboard.press("e")
    focused = "() => document.activeElement.querySelector('.t')?.firstChild.textContent"
    failed.until(f"() => ({focused})() === 'check'")
    page.keyboard.press("f")
    timeline.get_by_role("button", name="Fit to view").wait_for()
    page.keyboard.press("0")
    timeline.get_by_role("button", name="Fit to view").wait_for(state="detached")
    page.keyboard.press("/")
    page.keyboard.type("spea")
    page.keyboard.press("Enter")
    failed.until(f"() => ({focused})() === 'speak'")
    page.keyboard.press("t")
    timeline.locator("table.inb-table", has_text="speak").wait_for()
    page.keyboard.press("t")


def test_the_wheel_zooms_with_ctrl_only_and_a_drag_pans(failed: Notebook) -> None:
    box = failed.view("timeline").locator(".inb-tl").bounding_box()
    assert box is not None
    mouse = failed.page.mouse
    mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 60)
    fit = failed.view("timeline").get_by_role("button", name="Fit to view")
    failed.page.keyboard.down("Control")
    mouse.wheel(0, -300)
    failed.page.keyboard.up("Control")
    fit.wait_for()
    pixels = "() => document.querySelector('.inb-canvas').toDataURL()"
    before = failed.page.evaluate(pixels)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.7 - 120, box["y"] + 60, steps=4)
    mouse.up()
    failed.until(f"before => ({pixels})() !== before", before)
    fit.click()
    fit.wait_for(state="detached")


def test_the_timeline_of_a_function_goes_to_its_next_run(lab: JupyterServer, open_notebook: Open) -> None:
    define = DEFINE.replace("lines", "lone")  # functions that nobody has run
    notebook = open_notebook(lab, define, "display(nb.RunTimeline(inner))", "run = inner.start()")
    notebook.run(0, 1)
    notebook.view("timeline").get_by_text("has not run yet").wait_for()
    notebook.run(2)
    notebook.wait_for_status("timeline", "completed")
    run_id = notebook.run_source(3, "print(run.id)").strip()
    assert notebook.run_id == run_id
    # The page that comes later shows the newest run as well, and so does the notebook without one.
    notebook.save()
    notebook.reload()
    notebook.wait_for_status("timeline", "completed")
    assert notebook.run_id == run_id
    saved = "".join(notebook.outputs(1)[0]["data"]["text/html"])
    assert "Completed" in saved
    assert run_id[-6:] in saved
