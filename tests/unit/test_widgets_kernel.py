"""Widgets in a real kernel, headless: the notebook that is left behind shows the last state."""

from __future__ import annotations

from typing import Any

import nbclient
import nbconvert
import nbformat
import pytest

EXPORTER: Any = nbconvert.HTMLExporter  # neither package has annotations
NBFORMAT: Any = nbformat

CELLS = [
    """\
import asyncio
import inngest_nb as inngest
from inngest_nb import Approval, RunTimeline, TokenStream, realtime
client = inngest.Inngest(app_id="lab", engine="embedded", data_dir=":memory:")
chat = realtime.channel("ai:1").add_topic(realtime.topic("tokens").type(dict))

@client.create_function(fn_id="greet", trigger=inngest.TriggerEvent(event="go"))
async def greet(ctx):
    for word in ["Hello ", "**wide** ", "world"]:
        await ctx.publish(chat.tokens, {"token": word})
        await asyncio.sleep(0.05)
""",
    "TokenStream(chat)",
    "Approval(chat)",
    "run = greet.start({})\nRunTimeline(run)",
    "run.result(timeout=30)",
]


@pytest.fixture(scope="module")
def executed() -> Any:
    cells = [NBFORMAT.v4.new_code_cell(source) for source in CELLS]
    notebook = NBFORMAT.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return notebook


@pytest.mark.kernel
def test_each_view_leaves_its_last_state(executed: Any) -> None:
    stream, approval, timeline = (cell.outputs for cell in executed.cells[1:4])
    for outputs in (stream, approval, timeline):
        assert [output.output_type for output in outputs] == ["display_data", "display_data"]
        assert "application/vnd.jupyter.widget-view+json" in outputs[1].data
    assert "Hello <strong>wide</strong> world" in stream[0].data["text/html"]
    assert "Completed" in timeline[0].data["text/html"]
    assert stream[0].data["text/plain"] == stream[1].data["text/plain"] == "TokenStream('ai:1')"


@pytest.mark.kernel
def test_an_exported_page_shows_each_view_once(executed: Any) -> None:
    bare = NBFORMAT.from_dict({**executed, "metadata": {}})  # as saved without the state of widgets
    page, _ = EXPORTER().from_notebook_node(bare)
    assert page.count('class="inb-snapshot"') == 3
    assert "<pre>TokenStream(" not in page
