"""A question with a form in JupyterLab: filled in, corrected by the server and by the function, kept over a reload."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Request, Route

from tests.browser.conftest import Open
from tests.browser.looks import THEMES, set_theme, set_width
from tests.browser.notebook import Notebook
from tests.support.jupyter import JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async () => (await axe.run('.inb-live', {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})).violations
  .filter(rule => ['serious', 'critical'].includes(rule.impact)).flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target.join(' ')}`))"""
EVENTS = re.compile(r"inngest/api/events$")

DEFINE = """
from typing import Literal
import inngest_nb as nb
from inngest_nb import realtime
from pydantic import BaseModel, Field, field_validator

class Desk(realtime.Channel, name="desk:{team}"):
    team: str
    questions: realtime.Topic[dict]

class Publish(BaseModel):
    audience: Literal["everybody", "#data-help", "team", "nobody"] = Field(description="Who will see it")
    priority: int = Field(3, ge=1, le=5)
    title: str = Field(min_length=3, max_length=40)
    tags: list[str] = []
    limit: int | None = None

    @field_validator("title")
    @classmethod
    def _whole(cls, value: str) -> str:
        if value.endswith("?"):
            raise ValueError("a title is no question")
        return value

client = nb.Inngest(app_id="forms")

@client.create_function(fn_id="publish", trigger=nb.TriggerEvent(event="forms/publish"))
async def publish(ctx: nb.Context) -> dict | None:
    decision = await ctx.step.request_approval(
        "confirm", Desk(team=ctx.event.data["team"]).questions, message="Publish this answer?", schema=Publish,
        draft={"audience": "team", "title": "In three points", "tags": ["howto"]}, timeout="15m")
    if decision is None or not decision.approved:
        return {"reason": decision.reason if decision else None}
    return decision.data.model_dump()
"""
SHOW = """
team = {team!r}
run = publish.start({{"team": team}})
display(nb.Approval(Desk(team=team), topic="questions"))
"""


@pytest.fixture
def asked(lab: JupyterServer, open_notebook: Open, request: pytest.FixtureRequest) -> Notebook:
    """A notebook whose run asks for a Publish."""
    notebook = open_notebook(lab, DEFINE, SHOW.format(team=request.node.name))
    notebook.run(0, 1)
    notebook.button("Approve").wait_for()
    return notebook


def field(notebook: Notebook, path: str) -> Locator:
    """One field of the form, with its label and what is said about it."""
    return notebook.view("approval").locator(f'.inb-field[data-path="{path}"]')


def result(notebook: Notebook) -> str:
    """What the run returned."""
    return notebook.run_source(2, "print(run.result(timeout=20))").strip()


def test_a_form_is_made_from_the_model_and_its_answer_is_the_model(asked: Notebook) -> None:
    field(asked, "priority").get_by_label("Priority").fill("2")
    field(asked, "audience").get_by_label("Audience").select_option("everybody")
    field(asked, "tags").get_by_label("Tags").fill("runtime")
    field(asked, "tags").get_by_label("Tags").press("Enter")
    field(asked, "limit").get_by_role("switch").check()
    field(asked, "limit").get_by_label("Limit", exact=True).fill("7")
    assert field(asked, "priority").locator(".edited").inner_text() == "edited, was 3"
    asked.button("Approve with 4 edits").click()
    asked.view("approval").locator(".inb-answer[data-phase=approved]").wait_for()
    told = asked.view("approval").locator(".inb-answer").inner_text()
    assert "with 4 edits" in told
    assert "priority 3 → 2" in told
    assert result(asked) == str(
        {"audience": "everybody", "priority": 2, "title": "In three points", "tags": ["howto", "runtime"], "limit": 7}
    )


def test_wrong_fields_are_said_before_anything_is_sent_then_by_the_server_then_by_the_function(asked: Notebook) -> None:
    posted: list[str] = []
    asked.page.on("request", lambda request: posted.append(request.url) if EVENTS.search(request.url) else None)
    priority, title = field(asked, "priority").get_by_label("Priority"), field(asked, "title").get_by_label("Title")
    priority.fill("9")
    priority.press("Control+Enter")
    field(asked, "priority").get_by_text("At most 5.").wait_for()
    asked.until_true(lambda: priority.evaluate("input => input === document.activeElement"))
    assert posted == []

    # As a page of another version would send it: the server checks for itself, and says where.
    def spoil(route: Route) -> None:
        body: Any = route.request.post_data_json
        body["data"]["data"]["priority"] = 6
        route.continue_(post_data=body)

    asked.page.route(EVENTS, spoil, times=1)
    priority.fill("4")
    asked.button("Approve").click()
    field(asked, "priority").get_by_text("6 is greater than the maximum of 5").wait_for()

    title.fill("Published?")
    asked.button("Approve").click()
    field(asked, "title").get_by_text("A title is no question.").wait_for()
    assert asked.view("approval").locator(".inb-answer[data-phase=returned]").count() == 1
    assert priority.input_value() == "4"
    title.fill("Published")
    asked.button("Approve").click()
    asked.view("approval").locator(".inb-answer[data-phase=approved]").wait_for()
    assert "'title': 'Published'" in result(asked)


def test_what_was_filled_in_and_an_answer_on_its_way_outlive_a_reload(asked: Notebook) -> None:
    posted: list[str] = []

    def note(route: Route) -> None:
        posted.append(route.request.headers["idempotency-key"])
        route.abort()

    asked.page.route(EVENTS, note)
    field(asked, "title").get_by_label("Title").fill("Kept over a reload")
    asked.button("Approve with 1 edit").click()
    asked.view("approval").get_by_text("Approve is kept here").wait_for()
    asked.save()
    asked.reload()
    asked.view("approval").get_by_text("Approve is kept here").wait_for()
    before = len(posted)
    asked.page.unroute(EVENTS)
    asked.page.on("request", lambda request: _note_key(request, posted))
    asked.view("approval").locator(".inb-answer[data-phase=approved]").wait_for()
    assert before > 1
    assert len(set(posted)) == 1
    asked.wait_for_kernel()
    assert "'title': 'Kept over a reload'" in result(asked)


def _note_key(request: Request, posted: list[str]) -> None:
    if EVENTS.search(request.url):
        posted.append(request.headers["idempotency-key"])


def test_a_reason_reaches_the_function(asked: Notebook) -> None:
    asked.button("Give a reason").click()
    asked.page.keyboard.type("Cites the wrong version.")
    asked.page.keyboard.press("Enter")
    asked.view("approval").get_by_text("“Cites the wrong version.”").wait_for()
    assert result(asked) == str({"reason": "Cites the wrong version."})


def test_the_form_is_accessible_in_every_theme_and_fits_every_width(asked: Notebook) -> None:
    asked.page.evaluate(f"{AXE.read_text()}; undefined")
    field(asked, "priority").get_by_label("Priority").fill("9")
    asked.button("Approve").click()
    field(asked, "priority").get_by_text("At most 5.").wait_for()
    for theme in THEMES:
        set_theme(asked, theme)
        for width in (1000, 400):
            set_width(asked, width)
            assert asked.page.evaluate(SERIOUS) == []
            card = asked.view("approval")
            assert card.evaluate("card => card.scrollWidth <= card.clientWidth + 1")
